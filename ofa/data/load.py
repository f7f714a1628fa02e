"""The images of a recipe, divided into splits that never mix."""

import logging
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import torch

from ofa.data.cifar import load_cifar
from ofa.data.fashion_mnist import load_fashion_mnist
from ofa.data.image_folder import FolderImages, class_names, index_image_folder, passed_over
from ofa.data.images import ImageSet, Normalization, measure_normalization
from ofa.data.splits import calibration_indices, split_training_images
from ofa.errors import BadData
from ofa.recipe import Data
from ofa.space import AnySpace

TrainingImages = ImageSet | FolderImages

_log = logging.getLogger(__name__)

_NAMED = {
    "fashion_mnist": ("Fashion-MNIST", 28, 1, 10),
    "cifar10": ("CIFAR-10", 32, 3, 10),
    "cifar100": ("CIFAR-100", 32, 3, 100),
}
"""Title, side in px, channels and classes of each named data set."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingSplits:
    """Images that training uses, at the largest resolution.

    Attributes:
        train: They train the supernet.
        calibration: The part of ``train`` that recalibrates batch norm.
        search: Held out of the training images: they score subnets.
        normalization: Measured on ``train``; on ``calibration`` where training images are streamed.
        files: Digest of names and sizes of the files that ``train`` and ``search`` divide; ``None``
            for a named data set, and where training images are streamed.
    """

    train: TrainingImages
    calibration: ImageSet
    search: ImageSet
    normalization: Normalization
    files: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Splits(TrainingSplits):
    """All images by use.

    Attributes:
        test: Reported once.
    """

    test: ImageSet


def count_classes(data: Data) -> int:
    """Number of labels, without reading an image.

    Raises:
        BadData: If a folder of images is missing or has none, or train/ and test/ differ in
            classes.
    """
    if _is_named(data):
        return _NAMED[data.name][3]
    root = _root(data)
    train, test = class_names(root, part="train"), class_names(root, part="test")
    if strange := sorted(set(train) ^ set(test)):
        raise BadData(
            f"{root}: class {strange[0]!r} is in only one of train/ and test/; give both the same "
            "class folders"
        )
    return len(train)


def tell_passed_over(data: Data) -> None:
    """Log how many files of which endings are left out, where images lie in a folder."""
    if _is_named(data):
        return
    if found := passed_over(_root(data)):
        endings = ", ".join(f"{count} {ending}" for ending, count in found.items())
        _log.warning("%s: files that end as no image does are passed over: %s", data.root, endings)


def load_splits(data: Data, space: AnySpace) -> Splits:
    """Load and divide all images.

    Raises:
        BadData: If they are missing or unreadable, or do not fit the space.
    """
    count_classes(data)  # classes that differ show before an image is decoded
    training = load_training_splits(data, space)
    test = load_test_images(data, space)
    parts = {field.name: getattr(training, field.name) for field in fields(training)}
    return Splits(**parts, test=test)


def load_training_splits(data: Data, space: AnySpace) -> TrainingSplits:
    """Load and divide the training images.

    Raises:
        BadData: If they are missing or unreadable, or do not fit the space.
    """
    whole = _open(data, space, "train")
    if len(whole.classes) != space.num_classes:
        raise BadData(
            f"the images have {len(whole.classes)} classes, but space.num_classes is "
            f"{space.num_classes}; set it to {len(whole.classes)}"
        )
    held_out = data.num_search
    trained, search = split_training_images(
        len(whole),
        num_search=min(max(len(whole) // 10, 2), 10_000) if held_out is None else held_out,
        seed=data.split_seed,
    )
    # Divided first and decoded part by part, no image is in memory twice.
    train = whole.take(trained) if data.stream else _in_memory(whole.take(trained))
    chosen = calibration_indices(
        trained, num_calibration=data.num_calibration, seed=data.split_seed
    )
    calibration = _in_memory(train.take(torch.searchsorted(trained, chosen)))
    return TrainingSplits(
        train=train,
        calibration=calibration,
        search=_in_memory(whole.take(search)),
        normalization=measure_normalization(
            train.images if isinstance(train, ImageSet) else calibration.images
        ),
        files=None if data.stream or isinstance(whole, ImageSet) else whole.digest(),
    )


def digest_of_files(data: Data, space: AnySpace) -> str | None:
    """Digest of names and sizes of the training images; ``None`` for a named data set.

    Raises:
        BadData: If they are missing.
    """
    folder = None if _is_named(data) else _open(data, space, "train")
    return folder.digest() if isinstance(folder, FolderImages) else None


def load_test_images(data: Data, space: AnySpace) -> ImageSet:
    """Load the images of the number that is reported.

    Raises:
        BadData: If they are missing or unreadable, or do not fit the space.
    """
    return _in_memory(_open(data, space, "test"))


def _open(data: Data, space: AnySpace, part: Literal["train", "test"]) -> TrainingImages:
    """The images of a part; those of a folder are not decoded yet."""
    size = max(space.resolutions)
    if not _is_named(data):
        return index_image_folder(_root(data), part=part, channels=space.in_channels, size=size)
    title, native, channels, _ = _NAMED[data.name]
    if (size, space.in_channels) != (native, channels):
        raise BadData(
            f"{title} images have {native} px and {channels} channel{'s' * (channels > 1)}, but "
            f"the space wants {size} px and {space.in_channels}: set space.resolutions up to "
            f"{native} and space.in_channels to {channels}"
        )
    if data.name == "fashion_mnist":
        return load_fashion_mnist(part, download=data.download)
    assert data.name != "image_folder"
    return load_cifar(data.name, part, download=data.download)


def _in_memory(images: TrainingImages) -> ImageSet:
    return images if isinstance(images, ImageSet) else images.load()


def _is_named(data: Data) -> bool:
    return data.root is None and data.name in _NAMED


def _root(data: Data) -> Path:
    if data.folder is None:
        raise BadData("data.root: not set; give the folder that holds train/ and test/")
    return data.folder
