"""Images in memory, their splits, and random changes to them."""

from ofa.data.augment import augmented
from ofa.data.fashion_mnist import load_fashion_mnist
from ofa.data.image_folder import load_image_folder
from ofa.data.images import ImageSet, Normalization, measure_normalization, resized
from ofa.data.load import Splits, load_splits
from ofa.data.splits import calibration_indices, split_training_images

__all__ = [
    "ImageSet",
    "Normalization",
    "Splits",
    "augmented",
    "calibration_indices",
    "load_fashion_mnist",
    "load_image_folder",
    "load_splits",
    "measure_normalization",
    "resized",
    "split_training_images",
]
