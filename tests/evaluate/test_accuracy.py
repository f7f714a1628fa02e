import numpy as np
import pytest
import torch

from ofa.data import ImageSet, Normalization
from ofa.evaluate import Evaluator, in_sharing_order
from ofa.space import Encoding

NORMALIZATION = Normalization(mean=(0.5,) * 3, std=(0.25,) * 3)


def image_set(num: int, seed: int) -> ImageSet:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (num, 3, 16, 16), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 4, (num,), generator=generator)
    return ImageSet(images=images, labels=labels, classes=tuple("abcd"))


@pytest.fixture
def evaluator(supernet, tiny_space):
    def make(memory_bytes: int) -> Evaluator:
        return Evaluator(
            supernet=supernet,
            space=tiny_space,
            normalization=NORMALIZATION,
            calibration=image_set(60, seed=1),
            images=image_set(300, seed=2),
            memory_bytes=memory_bytes,
        )

    return make


def test_sharing_prefixes_changes_no_accuracy(evaluator, tiny_space):
    encoding = Encoding(tiny_space)
    archs = in_sharing_order(encoding.decode(encoding.sample(40, np.random.default_rng(0))))
    shared = evaluator(memory_bytes=10**9)

    together = [shared.top1(arch) for arch in archs]

    assert together == [evaluator(memory_bytes=0).top1(arch) for arch in archs]
    assert len(set(together)) > 5


def test_a_memory_bound_too_small_for_some_activations_changes_nothing(evaluator, tiny_space):
    encoding = Encoding(tiny_space)
    archs = encoding.decode(encoding.sample(10, np.random.default_rng(1)))
    bounded = evaluator(memory_bytes=3_000_000)

    assert [bounded.top1(a) for a in archs] == [evaluator(0).top1(a) for a in archs]


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

    assert [shared.top1(a) for a in archs] == [evaluator(0).top1(a) for a in archs]
