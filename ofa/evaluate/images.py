"""The images that judge subnets: packed beside a shipped checkpoint, or loaded as its recipe says.

Packed images are kept apart from the weights and named by split; they are the recipe's own, in its
order, so both sources give the same numbers. Images that changed after training would be divided
anew, so that some of those trained on would judge: they are refused.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ofa import artifacts
from ofa.checkpoint import IMAGES, SPLITS, SupernetNotes
from ofa.data import ImageSet, load_splits
from ofa.data.packed import pack_images, unpack_images
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
        test: Images for the number that is reported.
    """

    calibration: ImageSet
    search: ImageSet
    test: ImageSet


def load_judges(folder: Path, notes: SupernetNotes) -> Judges:
    """The images of a checkpoint folder, or else those its recipe names.

    Raises:
        BadData: If the recipe's images are not on this machine, or no longer those of training.
        BadArtifact: If packed images are corrupt, or do not fit the supernet.
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
            owner=folder,
        )
    return Judges(**{split: _read(folder / IMAGES, split, notes) for split in SPLITS})


def find_judges(
    data: Data,
    space: AnySpace,
    *,
    classes: tuple[str, ...],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    owner: Path,
) -> Judges:
    """The images that ``data`` names, known by their classes and pixels.

    Args:
        owner: What was trained on them.

    Raises:
        BadData: If they are missing or unreadable, or others.
    """
    splits = load_splits(data, space)
    found = (*splits.normalization.mean, *splits.normalization.std)
    has_classes = splits.test.classes == classes
    if not has_classes or not np.allclose(found, (*mean, *std), rtol=0, atol=_ROUNDING):
        what = "mean and standard deviation of pixels" if has_classes else "classes"
        raise BadData(
            f"{data.folder or data.name}: these are not the images that {owner} was trained on, "
            f"their {what} differ; bring those back, or train on yours"
        )
    return Judges(calibration=splits.calibration, search=splits.search, test=splits.test)


def write_judges(folder: Path, judges: Judges) -> None:
    """Pack images into a checkpoint folder, one file a split."""
    for split in SPLITS:
        data: ImageSet = getattr(judges, split)
        tensors = {
            "images": np.frombuffer(pack_images(data.images.numpy()), np.uint8),
            "labels": data.labels.numpy().astype(np.uint16),
        }
        artifacts.write_tensors(folder / IMAGES / f"{split}.safetensors", tensors, {"split": split})


def _read(folder: Path, split: str, notes: SupernetNotes) -> ImageSet:
    path = folder / f"{split}.safetensors"
    tensors, _ = artifacts.read_tensors(path)
    if set(tensors) != {"images", "labels"} or tensors["images"].dtype != np.uint8:
        raise BadArtifact(f"{path}: does not hold packed images and their labels; copy it again")
    images = unpack_images(tensors["images"].tobytes(), where=str(path))
    size = max(notes.space.resolutions)
    if images.shape[1:] != (notes.space.in_channels, size, size):
        raise BadArtifact(f"{path}: images of shape {images.shape[1:]} do not fit the supernet")
    return ImageSet(
        images=torch.from_numpy(images),
        labels=torch.from_numpy(tensors["labels"].astype(np.int64)),
        classes=notes.classes,
    )
