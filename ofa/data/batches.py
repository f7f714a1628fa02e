"""Batches of training images: all that a process which reads them has to load."""

import atexit
import os
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ofa.data.load import TrainingImages
from ofa.data.transform import ImageTransform


class Batch(NamedTuple):
    """Which images a batch holds.

    Attributes:
        key: Seed and epoch, on which random changes depend.
        indices: Of the images.
    """

    key: tuple[int, int]
    indices: tuple[int, ...]


class ImageBatches(Dataset[tuple[Tensor, Tensor]]):
    """Batches of an image set."""

    def __init__(self, data: TrainingImages, *, transform: ImageTransform | None) -> None:
        self.data = data
        self.transform = transform

    def __getitem__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Images ``uint8[b, c, h, w]`` and labels ``int64[b]``."""
        index = torch.tensor(batch.indices)
        labels = self.data.labels[index]
        if self.transform is None:
            return self.data.batch(index), labels
        # Each image has a generator of its own, so workers and ranks change nothing.
        images = [self.transform(self.data.image(i), (*batch.key, i)) for i in batch.indices]
        return torch.stack(images), labels


def end_at_once(worker: int) -> None:
    """Let a process that reads images end without Python's clean-up, once it is told to end.

    Clean-up takes the interpreter away from the thread that is sending a batch. Where that is in
    torch's code, of 2.14 at least, the process aborts.
    """
    del worker
    atexit.register(os._exit, 0)
