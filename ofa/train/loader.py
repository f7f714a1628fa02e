"""Batches in an order that depends on the seed alone, shared out among ranks, taken up anywhere."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch.utils.data import DataLoader, Sampler

from ofa.data import Batch, ImageBatches, ImageTransform, TrainingImages, end_at_once
from ofa.recipe import Train
from ofa.train.ranks import Ranks


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

    def batches(self) -> Iterator[Batch]:
        """Batch by batch, from the first step that is not done."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(self.num_images, generator=generator)
        a_step = self.batches_per_step * self.ranks.world
        whole = order[: self.num_steps * a_step * self.batch_size].view(-1, self.batch_size)
        for batch in whole[self.first_step * a_step :][self.ranks.rank :: self.ranks.world]:
            yield Batch(key=(self.seed, self.epoch), indices=tuple(batch.tolist()))


def order_at(step: int, train: Train, *, num_images: int, ranks: Ranks) -> EpochOrder:
    """The order of the epoch in hand after so many steps of a run, from where it is.

    Lightning's count of epochs would not do: when a resumed run asks, it lags behind.
    """
    order = EpochOrder(
        num_images=num_images,
        batch_size=train.batch_size,
        batches_per_step=train.accumulate,
        ranks=ranks,
        seed=train.seed,
    )
    epoch, first_step = divmod(step, order.num_steps)
    return replace(order, epoch=epoch, first_step=first_step)


class EpochBatches(Sampler[Batch]):
    """Orders as torch's loader takes them; the length is that of a whole epoch.

    Args:
        order: Of the epoch that begins; asked anew whenever the loader starts over.
    """

    def __init__(self, order: Callable[[], EpochOrder]) -> None:
        self.order = order

    def __len__(self) -> int:
        order = self.order()
        return order.num_steps * order.batches_per_step

    def __iter__(self) -> Iterator[Batch]:
        return self.order().batches()


def epochs_loader(
    data: TrainingImages,
    order: Callable[[], EpochOrder],
    *,
    transform: ImageTransform | None,
    workers: int,
) -> DataLoader:
    """Batches of an epoch at a time as ``(images uint8[b, c, h, w], labels int64[b])``.

    Workers stay from epoch to epoch: a large set takes them seconds to begin with.
    """
    return DataLoader(
        ImageBatches(data, transform=transform),
        sampler=EpochBatches(order),
        batch_size=None,
        num_workers=workers,
        # Forked copies of a process that has used torch's threads can hang.
        multiprocessing_context="spawn" if workers else None,
        prefetch_factor=2 if workers else None,
        persistent_workers=workers > 0,
        worker_init_fn=end_at_once,
        pin_memory=torch.cuda.is_available(),
    )
