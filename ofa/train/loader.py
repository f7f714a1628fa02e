"""Batches in an order that depends on the seed alone, shared out among ranks, taken up anywhere."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ofa.data import ImageTransform, TrainingImages
from ofa.train.ranks import Ranks


class ImageBatches(Dataset[tuple[Tensor, Tensor]]):
    """Batches of an image set, addressed by tuples of indices."""

    def __init__(
        self, data: TrainingImages, *, transform: ImageTransform | None, seed: int, epoch: int
    ) -> None:
        self.data = data
        self.transform = transform
        self.key = (seed, epoch)

    def __getitem__(self, indices: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        index = torch.tensor(indices)
        labels = self.data.labels[index]
        if self.transform is None:
            return self.data.batch(index), labels
        # Each image has a generator of its own, so workers and ranks change nothing.
        images = [self.transform(self.data.image(i), (*self.key, i)) for i in indices]
        return torch.stack(images), labels


@dataclass(frozen=True, kw_only=True)
class EpochOrder:
    """Which batches a rank gets in an epoch, in an order set by ``(seed, epoch)``.

    The epoch's batches are dealt out to ranks in turn, so ranks together see what one process would
    that accumulates as many; what does not fill a step is left out.

    Attributes:
        batches_per_step: Batches of a rank to each step.
        first_step: Steps of the epoch that are done.
    """

    num_images: int
    batch_size: int
    batches_per_step: int = 1
    ranks: Ranks = field(default_factory=Ranks)
    seed: int = 0
    epoch: int = 0
    first_step: int = 0

    @property
    def num_steps(self) -> int:
        """Steps of the whole epoch."""
        return self.num_images // (self.batch_size * self.batches_per_step * self.ranks.world)

    def batches(self) -> Iterator[tuple[int, ...]]:
        """Image indices, batch by batch, from the first step that is not done."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(self.num_images, generator=generator)
        a_step = self.batches_per_step * self.ranks.world
        whole = order[: self.num_steps * a_step * self.batch_size].view(-1, self.batch_size)
        for batch in whole[self.first_step * a_step :][self.ranks.rank :: self.ranks.world]:
            yield tuple(batch.tolist())


class EpochBatches(Sampler[tuple[int, ...]]):
    """An order as torch's loader takes it; its length is that of the whole epoch."""

    def __init__(self, order: EpochOrder) -> None:
        self.order = order

    def __len__(self) -> int:
        return self.order.num_steps * self.order.batches_per_step

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        return self.order.batches()


def epoch_loader(
    data: TrainingImages, order: EpochOrder, *, transform: ImageTransform | None, workers: int
) -> DataLoader:
    """Batches of one epoch as ``(images uint8[b, c, h, w], labels int64[b])``."""
    return DataLoader(
        ImageBatches(data, transform=transform, seed=order.seed, epoch=order.epoch),
        sampler=EpochBatches(order),
        batch_size=None,
        num_workers=workers,
        # Forked copies of a process that has used torch's threads can hang.
        multiprocessing_context="spawn" if workers else None,
        prefetch_factor=2 if workers else None,
        pin_memory=torch.cuda.is_available(),
    )
