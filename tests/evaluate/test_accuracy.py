import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from ofa.data import ImageSet, Normalization
from ofa.evaluate import Evaluator, in_sharing_order, partings
from ofa.space import Arch, Block, Encoding
from ofa.supernets import build_supernet

NORMALIZATION = Normalization(mean=(0.5,) * 3, std=(0.25,) * 3)


def image_set(num: int, seed: int) -> ImageSet:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (num, 3, 16, 16), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 4, (num,), generator=generator)
    return ImageSet(images=images, labels=labels, classes=tuple("abcd"))


@pytest.fixture
def evaluator(supernet, tiny_space):
    def make(memory_bytes: int, threads: int = 1) -> Evaluator:
        return Evaluator(
            supernet=supernet,
            space=tiny_space,
            normalization=NORMALIZATION,
            calibration=image_set(60, seed=1),
            images=image_set(300, seed=2),
            memory_bytes=memory_bytes,
            threads=threads,
        )

    return make


def one_after_another(judge: Evaluator, archs) -> list[float]:
    steps = zip(archs, partings(archs), strict=True)
    return [judge.top1(arch, keep=keep) for arch, keep in steps]


def test_sharing_prefixes_changes_no_accuracy(evaluator, tiny_space):
    encoding = Encoding(tiny_space)
    archs = in_sharing_order(encoding.decode(encoding.sample(40, np.random.default_rng(0))))
    shared = evaluator(memory_bytes=10**9)

    together = one_after_another(shared, archs)

    assert together == [evaluator(memory_bytes=0).top1(arch) for arch in archs]
    assert len(set(together)) > 5


def test_the_number_of_threads_changes_nothing(evaluator, tiny_space):
    encoding = Encoding(tiny_space)
    archs = in_sharing_order(encoding.decode(encoding.sample(12, np.random.default_rng(2))))
    alone, together = (evaluator(10**9, threads=threads) for threads in (1, 3))

    assert one_after_another(together, archs) == one_after_another(alone, archs)
    for one, other in zip(alone._levels, together._levels, strict=True):
        assert all(map(torch.equal, one.images, other.images))
    net = alone.subnet(archs[0])
    assert torch.equal(*(judge.predict(net, archs[0].resolution) for judge in (alone, together)))


def test_a_memory_bound_too_small_for_some_activations_changes_nothing(evaluator, tiny_space):
    encoding = Encoding(tiny_space)
    archs = encoding.decode(encoding.sample(10, np.random.default_rng(1)))
    bounded = evaluator(memory_bytes=3_000_000)

    assert one_after_another(bounded, archs) == [evaluator(0).top1(a) for a in archs]


def test_archs_part_where_one_to_come_can_go_on():
    def arch(*kernel_sizes: int) -> Arch:
        stage = tuple(Block(kernel_size=size, expand_ratio=2) for size in kernel_sizes)
        return Arch(resolution=16, stages=(stage,))

    # Stem and first block come before them.
    archs = [arch(3, 3, 3), arch(3, 3, 5), arch(5, 3, 3), arch(5, 5, 3), arch(5, 5, 3)]

    assert partings(archs) == [(2, 4), (2,), (3,), (5,), ()]
    assert partings([]) == []


def test_top1_is_that_of_the_recalibrated_subnet(evaluator, tiny_space):
    arch = tiny_space.smallest()
    alone = evaluator(memory_bytes=0)

    predicted = alone.predict(alone.subnet(arch), arch.resolution)

    share = float((predicted == alone.images.labels).double().mean())
    assert alone.top1(arch) == pytest.approx(100 * share)


def test_prefix_sharing_tells_blocks_of_like_stages_apart(evaluator, tiny_space):
    # Blocks of equal choices, which belong to different stages.
    archs = [
        tiny_space.uniform(resolution=16, depths=depths, kernel_size=3, expand_ratio=2)
        for depths in ((1, 2), (2, 1), (1, 2))
    ]
    shared = evaluator(memory_bytes=10**9)

    assert one_after_another(shared, archs) == [evaluator(0).top1(a) for a in archs]


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
def test_a_supernet_on_a_gpu_is_measured_there(tiny_space):
    # Tensors without numbers know their device, and torch refuses to mix two: what needs no GPU.
    calibration, images = image_set(60, seed=1), image_set(300, seed=2)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        mode.__deepcopy__ = lambda memo: mode  # folded layers are copies
        with torch.device("cuda"):
            supernet = build_supernet(tiny_space).eval()
        judge = Evaluator(
            supernet=supernet,
            space=tiny_space,
            normalization=NORMALIZATION,
            calibration=calibration,
            images=images,
            memory_bytes=10**9,
        )

        with pytest.raises(DataDependentOutputException):  # the count, which has no number
            judge.top1(tiny_space.smallest(), keep=(2,))

        assert {level.images[0].device.type for level in judge._levels} == {"cuda"}
        assert next(judge.subnet(tiny_space.largest()).parameters()).is_cuda


@pytest.mark.gpu
def test_a_gpu_finds_the_accuracy_that_a_cpu_finds(evaluator, tiny_space):
    here = evaluator(memory_bytes=0)
    there = replace(here, supernet=copy.deepcopy(here.supernet).to("cuda"))

    for arch in (tiny_space.smallest(), tiny_space.largest()):
        image = 100 / len(here.images)
        assert there.top1(arch) == pytest.approx(here.top1(arch), abs=2 * image)
        assert there.top1(arch) == there.top1(arch)
