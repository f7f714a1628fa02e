"""Batches of an image set that lives in memory, gathered whole, in a planned order."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ofa.data import ImageSet


class ImageBatches(Dataset[tuple[Tensor, Tensor]]):
    """Batches of an image set, addressed by tuples of indices."""

    def __init__(self, data: ImageSet) -> None:
        self.data = data

    def __getitem__(self, indices: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        index = torch.tensor(indices)
        return self.data.images[index], self.data.labels[index]


class EpochBatches(Sampler[tuple[int, ...]]):
    """Batches of one epoch, in an order set by ``(seed, epoch)``; a short last one is left out."""

    def __init__(self, num_images: int, *, batch_size: int, seed: int, epoch: int) -> None:
        self.num_images = num_images
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_images // self.batch_size

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(self.num_images, generator=generator)
        for batch in order[: len(self) * self.batch_size].view(-1, self.batch_size):
            yield tuple(batch.tolist())


def epoch_loader(data: ImageSet, *, batch_size: int, seed: int, epoch: int) -> DataLoader:
    """Batches of one epoch as ``(images uint8[b, c, h, w], labels int64[b])``."""
    order = EpochBatches(len(data), batch_size=batch_size, seed=seed, epoch=epoch)
    return DataLoader(ImageBatches(data), sampler=order, batch_size=None)
