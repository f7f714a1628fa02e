"""The images that judge subnets: packed beside a shipped checkpoint, or loaded as its recipe says.

Packed images are kept apart from the weights and named by split; they are the recipe's own, in its
order, so both sources give the same numbers. Images that changed after training would be divided
anew, so that some of those trained on would judge: they are refused. A folder is known by the names
and sizes of its files, or else by the pixels of all its images.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch

from ofa import artifacts
from ofa.checkpoint import IMAGES, SPLITS, SupernetNotes
from ofa.data import (
    ImageSet,
    count_classes,
    digest_of_files,
    load_test_images,
    load_training_splits,
)
from ofa.data.packed import pack_in_blocks, unpack_blocks
from ofa.errors import BadArtifact, BadData
from ofa.recipe import Data
from ofa.space import AnySpace

_ROUNDING = 1.5e-4  # decoders and resizers of two machines may differ in the last of 4 digits


@dataclass(frozen=True, kw_only=True, eq=False)
class Judges:
    """Images that recalibrate and score subnets.

    Attributes:
        calibration: Training images that recalibrate batch norm.
        search: Held-out training images that score subnets.
        load_test: Reads ``test``, which many commands have no use for.
    """

    calibration: ImageSet
    search: ImageSet
    load_test: Callable[[], ImageSet]

    @cached_property
    def test(self) -> ImageSet:
        """Images for the number that is reported."""
        return self.load_test()


def load_judges(folder: Path, notes: SupernetNotes) -> Judges:
    """The images of a checkpoint folder, or else those its recipe names.

    Raises:
        BadData: If the recipe's images are not on this machine, or no longer those of training.
        BadArtifact: If packed images are corrupt, or do not fit the supernet. Both show of test
            images when they are used.
    """
    if not (folder / IMAGES).is_dir():
        if notes.data is None:
            raise BadArtifact(
                f"{folder}: imported weights name no images to judge them by; import them again "
                "with --images FOLDER"
            )
        root = notes.data.folder
        if root is not None and not root.is_dir():
            raise BadData(
                f"{folder}: the images it was trained on are not in {str(root)!r}, where its "
                f"recipe says; pack them: ofa pack --checkpoint {folder} --images FOLDER"
            )
        return find_judges(
            notes.data,
            notes.space,
            classes=notes.classes,
            mean=notes.mean,
            std=notes.std,
            files=notes.files,
            owner=folder,
        )
    calibration, search, test = (partial(_read, folder / IMAGES, name, notes) for name in SPLITS)
    return Judges(calibration=calibration(), search=search(), load_test=test)


def find_judges(
    data: Data,
    space: AnySpace,
    *,
    classes: tuple[str, ...],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    files: str | None,
    owner: Path,
) -> Judges:
    """The images that ``data`` names, known by their classes, and by their files or pixels.

    Args:
        files: Digest of the files that were trained on, if they lay in a folder.
        owner: What was trained on them.

    Raises:
        BadData: If they are missing or unreadable, or others.
    """
    count_classes(data)  # classes that differ between train/ and test/ show first
    is_known = files is not None and files == digest_of_files(data, space)
    # As streamed images, those that judge nothing stay undecoded.
    splits = load_training_splits(replace(data, stream=True) if is_known else data, space)
    found = (*splits.normalization.mean, *splits.normalization.std)
    is_like = is_known or np.allclose(found, (*mean, *std), rtol=0, atol=_ROUNDING)
    has_classes = splits.search.classes == classes
    if not has_classes or not is_like:
        what = "mean and standard deviation of pixels" if has_classes else "classes"
        raise BadData(
            f"{data.folder or data.name}: these are not the images that {owner} was trained on, "
            f"their {what} differ; bring those back, or train on yours"
        )
    return Judges(
        calibration=splits.calibration,
        search=splits.search,
        load_test=partial(load_test_images, data, space),
    )


def write_judges(folder: Path, judges: Judges) -> None:
    """Pack images into a checkpoint folder, one file a split."""
    for split in SPLITS:
        data: ImageSet = getattr(judges, split)
        blocks = pack_in_blocks(data.images.numpy())
        tensors: artifacts.Tensors = {
            _block(i): np.frombuffer(block, np.uint8) for i, block in enumerate(blocks)
        } | {"labels": data.labels.numpy().astype(np.uint16)}
        artifacts.write_tensors(folder / IMAGES / f"{split}.safetensors", tensors, {"split": split})


def _block(index: int) -> str:
    """Name of a block of packed images; there is one alone where all are small."""
    return f"images.{index}" if index else "images"


def _read(folder: Path, split: str, notes: SupernetNotes) -> ImageSet:
    path = folder / f"{split}.safetensors"
    tensors, _ = artifacts.read_tensors(path)
    names = [_block(index) for index in range(max(len(tensors) - 1, 1))]
    if set(tensors) != {*names, "labels"} or any(tensors[n].dtype != np.uint8 for n in names):
        raise BadArtifact(f"{path}: does not hold packed images and their labels; copy it again")
    images = unpack_blocks([tensors[name].tobytes() for name in names], where=str(path))
    size = max(notes.space.resolutions)
    if images.shape[1:] != (notes.space.in_channels, size, size):
        raise BadArtifact(f"{path}: images of shape {images.shape[1:]} do not fit the supernet")
    return ImageSet(
        images=torch.from_numpy(images),
        labels=torch.from_numpy(tensors["labels"].astype(np.int64)),
        classes=notes.classes,
    )
