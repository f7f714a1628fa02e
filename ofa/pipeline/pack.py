"""Checkpoint to a checkpoint that needs no data set: the images that judge it lie beside it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ofa import artifacts
from ofa import checkpoint as files
from ofa.errors import BadArtifact
from ofa.opened import find_checkpoint, judges, open_supernet

if TYPE_CHECKING:
    from ofa.evaluate import Judges

_KEPT = (files.SUPERNET, files.PREDICTOR, files.PREDICTOR_REPORT)
_PACKED = tuple(f"{files.IMAGES}/{split}.safetensors" for split in files.SPLITS)


def pack(*, checkpoint: str, out: Path, images: Path | None = None) -> Path:
    """Copy a checkpoint, and pack the images that recalibrate and score its subnets.

    Args:
        checkpoint: Folder or shipped name.
        out: The new checkpoint: weights, packed images, and accuracy data and predictor where
            there are any. It replaces an older one that was packed there.
        images: Where the images that it was trained on lie now; ``None`` where its recipe says.

    Returns:
        ``out``.

    Raises:
        BadArtifact: If it was imported and so was trained on no images that are known, or ``out``
            is the checkpoint itself or holds something else than a packed one.
        BadData: If images are missing, or not those that it was trained on.
    """
    from ofa.evaluate import write_judges

    folder = find_checkpoint(checkpoint)
    _refuse_to_replace(out, folder)
    judging = judges(folder) if images is None else _judges(folder, images)
    with artifacts.new_folder(out) as new:
        kept = [folder / name for name in _KEPT if (folder / name).is_file()]
        for path in (*kept, *files.accuracy_files(folder / files.ACCURACY)):
            artifacts.write_atomically(new / path.relative_to(folder), artifacts.read_bytes(path))
        write_judges(new, judging)
    return out


def _refuse_to_replace(out: Path, folder: Path) -> None:
    """Refuse a place that holds more than an older packed checkpoint, since it would be lost."""
    if out.exists() and out.samefile(folder):
        raise BadArtifact(f"{out}: is the checkpoint to pack; choose another --out")
    known = {out / name for name in (*_KEPT, *_PACKED)}
    known |= set(files.accuracy_files(out / files.ACCURACY))
    found = (path for path in out.rglob("*") if path.is_symlink() or not path.is_dir())
    if strange := min(set(found) - known, default=None):
        raise BadArtifact(
            f"{out}: holds {strange.relative_to(out)}, which is no part of a packed checkpoint and "
            "would be lost; choose another --out"
        )


def _judges(folder: Path, images: Path) -> "Judges":
    from ofa.evaluate import find_judges

    notes = open_supernet(folder)[1]
    if notes.data is None:
        raise BadArtifact(
            f"{folder}: imported weights were trained on images that are not known; import them "
            "again with --images"
        )
    return find_judges(
        replace(notes.data, name="image_folder", root=str(images)),
        notes.space,
        classes=notes.classes,
        mean=notes.mean,
        std=notes.std,
        files=notes.files,
        owner=folder,
    )
