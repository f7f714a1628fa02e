"""What the pictures of a predictor show."""

import numpy as np
import pytest

from ofa.predictor.plots import gene_effects
from ofa.space import Encoding, SearchSpace, Stage

ENCODING = Encoding(
    SearchSpace(
        resolutions=(32,),
        kernel_sizes=(3, 5, 7),
        expand_ratios=(2,),
        depths=(1, 2, 3),
        stages=(Stage(width=16), Stage(width=24)),
    )
)


def test_a_greater_depth_brings_blocks_as_they_are_drawn_and_not_the_smallest():
    def accuracy(genotypes):
        """A block gives 1 point, and 1 more for each step of its kernel size."""
        worth = 1 + genotypes[:, ENCODING.kernel_genes].astype(float)
        return (worth * ENCODING.active_slots(genotypes)).sum(axis=1)

    effects = dict(gene_effects(accuracy, ENCODING, seed=0))

    np.testing.assert_allclose(effects["depth of stage 1"], [0, 2, 4], atol=0.1)
    np.testing.assert_allclose(effects["kernel size 1.1"], [0, 1, 2])
    assert effects["resolution"] == pytest.approx([0])
