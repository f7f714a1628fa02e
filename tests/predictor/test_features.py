"""One-hot features of genotypes."""

import numpy as np

from ofa.predictor import OneHot
from ofa.space import Arch, Block, Encoding


def test_a_column_is_set_for_every_choice_made_and_none_for_absent_blocks(tiny_space):
    encoding = Encoding(tiny_space)
    block = Block(kernel_size=5, expand_ratio=3)
    arch = Arch(resolution=16, stages=((block,), (block, block)))

    (row,) = OneHot(encoding)(encoding.encode([arch]))

    resolution, depths, kernels, expands = np.split(row, [2, 6, 14])
    assert resolution.tolist() == [0, 1]
    assert depths.tolist() == [1, 0, 0, 1]
    assert kernels.reshape(4, 2).tolist() == [[0, 1], [0, 0], [0, 1], [0, 1]]
    assert expands.reshape(4, 3).tolist() == [[0, 1, 0], [0, 0, 0], [0, 1, 0], [0, 1, 0]]


def test_distinct_archs_have_distinct_features_of_the_promised_width(tiny_space):
    encoding = Encoding(tiny_space)
    features = OneHot(encoding)

    rows = features(encoding.enumerate())

    assert rows.dtype == np.float32 and rows.shape == (
        tiny_space.num_subnets,
        features.num_features,
    )
    assert len(np.unique(rows, axis=0)) == tiny_space.num_subnets


def test_making_features_leaves_the_genotypes_alone(tiny_space):
    encoding = Encoding(tiny_space)
    genotypes = encoding.sample(20, np.random.default_rng(0))
    before = genotypes.copy()

    OneHot(encoding)(genotypes)

    np.testing.assert_array_equal(genotypes, before)
