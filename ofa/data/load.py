"""The images of a recipe, divided into splits that never mix."""

from dataclasses import dataclass
from pathlib import Path

from ofa.data.fashion_mnist import load_fashion_mnist
from ofa.data.image_folder import load_image_folder
from ofa.data.images import ImageSet, Normalization, measure_normalization
from ofa.data.splits import calibration_indices, split_training_images
from ofa.errors import BadData
from ofa.recipe import Data
from ofa.space import AnySpace


@dataclass(frozen=True, kw_only=True, eq=False)
class Splits:
    """Images by use, at the largest resolution.

    Attributes:
        train: They train the supernet.
        calibration: The part of ``train`` that recalibrates batch norm.
        search: Held out of the training images: they score subnets.
        test: Reported once.
        normalization: Measured on ``train``.
    """

    train: ImageSet
    calibration: ImageSet
    search: ImageSet
    test: ImageSet
    normalization: Normalization


def load_splits(data: Data, space: AnySpace) -> Splits:
    """Load and divide images.

    Raises:
        BadData: If they are missing or unreadable, or do not fit the space.
    """
    size = max(space.resolutions)
    if data.name == "fashion_mnist" and data.root is None:
        if (size, space.in_channels) != (28, 1):
            raise BadData(
                f"Fashion-MNIST images have 28 px and 1 channel, but the space wants {size} px and "
                f"{space.in_channels}: set space.resolutions up to 28 and space.in_channels to 1"
            )
        whole = load_fashion_mnist("train", download=data.download)
        test = load_fashion_mnist("test", download=data.download)
    else:
        if data.root is None:
            raise BadData("data.root: not set; give the folder that holds train/ and test/")
        root = Path(data.root)
        whole, test = (
            load_image_folder(root, part=part, channels=space.in_channels, size=size)
            for part in ("train", "test")
        )
        if whole.classes != test.classes:
            strange = sorted(set(whole.classes) ^ set(test.classes))
            raise BadData(f"{root}: class {strange[0]!r} is in only one of train/ and test/")
    if len(whole.classes) != space.num_classes:
        raise BadData(
            f"the images have {len(whole.classes)} classes, but space.num_classes is "
            f"{space.num_classes}; set it to {len(whole.classes)}"
        )
    train, search = split_training_images(
        len(whole), num_search=data.num_search, seed=data.split_seed
    )
    calibration = calibration_indices(
        train, num_calibration=data.num_calibration, seed=data.split_seed
    )
    return Splits(
        train=whole.take(train),
        calibration=whole.take(calibration),
        search=whole.take(search),
        test=test,
        normalization=measure_normalization(whole.images[train]),
    )
