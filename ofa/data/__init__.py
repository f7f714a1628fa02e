"""Images, their splits, and random changes to them."""

from ofa.data.augment import augmented
from ofa.data.batches import Batch, ImageBatches, end_at_once
from ofa.data.cifar import load_cifar
from ofa.data.fashion_mnist import load_fashion_mnist
from ofa.data.image_folder import FolderImages, class_names, index_image_folder
from ofa.data.images import ImageSet, Normalization, measure_normalization, resized
from ofa.data.load import (
    Splits,
    TrainingImages,
    TrainingSplits,
    count_classes,
    digest_of_files,
    load_splits,
    load_test_images,
    load_training_splits,
    tell_passed_over,
)
from ofa.data.splits import calibration_indices, split_training_images
from ofa.data.transform import ImageTransform, drawing, image_transform, mixed

__all__ = [
    "Batch",
    "FolderImages",
    "ImageBatches",
    "ImageSet",
    "ImageTransform",
    "Normalization",
    "Splits",
    "TrainingImages",
    "TrainingSplits",
    "augmented",
    "calibration_indices",
    "class_names",
    "count_classes",
    "digest_of_files",
    "drawing",
    "end_at_once",
    "image_transform",
    "index_image_folder",
    "load_cifar",
    "load_fashion_mnist",
    "load_splits",
    "load_test_images",
    "load_training_splits",
    "measure_normalization",
    "mixed",
    "resized",
    "split_training_images",
    "tell_passed_over",
]
