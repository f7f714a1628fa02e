import multiprocessing
import pickle
import subprocess
import sys

import torch

from ofa.data import ImageSet, end_at_once, image_transform
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


def image_set():
    generator = torch.Generator().manual_seed(0)
    return ImageSet(
        images=torch.randint(0, 256, (12, 3, 16, 16), generator=generator, dtype=torch.uint8),
        labels=torch.arange(12) % 2,
        classes=("a", "b"),
    )


def loaded(workers: int, *, transform=None):
    return epochs_loader(
        image_set(),
        lambda: EpochOrder(num_images=12, batch_size=4),
        transform=transform,
        workers=workers,
    )


def test_worker_processes_change_no_image():
    transform = image_transform(Augment(color_jitter=0.5), 16)

    here, there = (list(loaded(workers, transform=transform)) for workers in (0, 1))

    assert len(here) == len(there) == 3
    for (one, label), (other, same) in zip(here, there, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(label, same)


def test_worker_processes_stay_from_epoch_to_epoch():
    loader = loaded(1)

    def workers():
        list(loader)
        return multiprocessing.active_children()

    assert workers() == workers() != []


def test_worker_processes_end_before_the_clean_up_that_aborts():
    program = (
        "import atexit; from ofa.data import end_at_once\n"
        "atexit.register(print, 'cleaned up'); end_at_once(0)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert loaded(1).worker_init_fn is end_at_once
    assert done.stdout == b""


def test_a_worker_process_loads_nothing_that_only_training_needs(tmp_path):
    sent = tmp_path / "sent"
    sent.write_bytes(pickle.dumps(loaded(1).dataset))
    program = "import pickle, sys; pickle.load(open(sys.argv[1], 'rb')); print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", program, str(sent)], capture_output=True, text=True, check=True
    )

    assert "ofa.data.batches" in done.stdout.split()
    assert not {"ofa.train", "pytorch_lightning"} & {*done.stdout.split()}
