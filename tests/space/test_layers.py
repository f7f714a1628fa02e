"""Layer arithmetic: every size of a network, worked out once."""

from itertools import pairwise

import pytest

from ofa.errors import IllegalArch
from ofa.space import Arch, SearchSpace, make_divisible, mid_channels, network, squeeze_channels


@pytest.mark.parametrize(
    ("channels", "rounded"), [(3, 8), (12, 16), (16 * 1.2, 24), (40 * 1.2, 48), (112 * 1.2, 136)]
)
def test_channels_are_rounded_as_mobilenet_v2_does(channels, rounded):
    assert make_divisible(channels) == rounded


def test_middle_and_squeeze_channels_are_those_of_the_reference_project():
    # First and later blocks of stage 4 at width 1.0, expand ratios 3, 4 and 6.
    first, later = ([mid_channels(width, e) for e in (3, 4, 6)] for width in (80, 112))

    assert first == [240, 320, 480] and later == [336, 448, 672]
    assert [squeeze_channels(c) for c in (*first, *later)] == [64, 80, 120, 88, 112, 168]


def test_each_layer_takes_what_its_predecessor_gives(tiny_space):
    net = network(tiny_space, tiny_space.largest())
    blocks = [block for stage in net.stages for block in stage]
    chain = [net.stem, net.first_block, *blocks, net.head]

    for before, after in pairwise(chain):
        assert (after.in_size, after.in_channels) == (before.out_size, before.out_channels)
    assert (net.pool.in_size, net.pool.channels) == (4, 48)
    assert (net.classifier.in_features, net.classifier.out_features) == (48, 4)


def test_only_the_first_block_of_a_stage_strides_and_only_the_others_skip(tiny_space):
    net = network(tiny_space, tiny_space.largest())

    assert [[block.stride for block in stage] for stage in net.stages] == [[2, 1], [2, 1]]
    assert [[block.skip for block in stage] for stage in net.stages] == [[False, True]] * 2


def test_heads_of_width_0_are_left_out(tiny_space):
    assert network(tiny_space, tiny_space.largest()).feature is None
    assert len(network(SearchSpace(), SearchSpace().smallest()).layers) == 2 + 10 + 4


def test_a_network_is_made_only_of_an_arch_of_the_space(tiny_space):
    with pytest.raises(IllegalArch, match="the space has 2"):
        network(tiny_space, Arch(resolution=16, stages=()))
