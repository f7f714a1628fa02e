import multiprocessing
from dataclasses import replace

import torch

from ofa.data import ImageSet, image_transform
from ofa.recipe import Augment
from ofa.train import Ranks
from ofa.train.loader import EpochOrder, epochs_loader


def batches(**settings):
    order = EpochOrder(num_images=50, batch_size=4, seed=1, **settings)
    return [batch.indices for batch in order.batches()]


def test_ranks_share_the_batches_that_one_process_would_accumulate():
    alone = batches(batches_per_step=2)

    first, second = (batches(ranks=Ranks(rank=rank, world=2)) for rank in (0, 1))

    assert len(alone) == 12
    assert [batch for pair in zip(first, second, strict=True) for batch in pair] == alone


def test_an_epoch_is_taken_up_where_it_was_left():
    assert batches(first_step=7) == batches()[7:]


def test_epochs_differ_and_repeat():
    assert batches(epoch=1) != batches(epoch=2)
    assert batches(epoch=1) == batches(epoch=1)


def test_worker_processes_change_no_image():
    images = torch.randint(0, 256, (12, 3, 16, 16), dtype=torch.uint8)
    data = ImageSet(images=images, labels=torch.arange(12) % 2, classes=("a", "b"))
    transform = image_transform(Augment(color_jitter=0.5), 16)

    def two_epochs(workers: int):
        found, epoch = [], 0
        order = EpochOrder(num_images=12, batch_size=4)
        loader = epochs_loader(
            data, lambda: replace(order, epoch=epoch), transform=transform, workers=workers
        )
        for epoch in range(2):  # noqa: B007
            found += loader
        return found

    here, there = two_epochs(0), two_epochs(1)

    assert len(here) == 6
    assert not torch.equal(here[0][0], here[3][0])
    for (one, label), (other, same) in zip(here, there, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(label, same)


def test_workers_stay_from_epoch_to_epoch():
    data = ImageSet(
        images=torch.zeros(12, 3, 16, 16, dtype=torch.uint8),
        labels=torch.zeros(12, dtype=torch.int64),
        classes=("a", "b"),
    )
    order = EpochOrder(num_images=12, batch_size=4)
    loader = epochs_loader(data, lambda: order, transform=None, workers=1)

    def workers():
        list(loader)
        return {process.pid for process in multiprocessing.active_children()}

    assert workers() == workers() != set()
