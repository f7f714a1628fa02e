"""Published families at any width and input size."""

from dataclasses import replace

import pytest

from ofa.space import FAMILIES, SearchSpace, macs, mobilenet_v3, network, params, proxyless


@pytest.mark.parametrize(
    ("family", "num_macs", "num_params"),
    [
        ("ofa_mbv3_w1.0", 566_170_656, 7_664_760),
        ("ofa_mbv3_w1.2", 843_101_040, 10_701_632),
        ("ofa_proxyless_w1.3", 1_004_908_032, 7_942_056),
    ],
)
def test_the_largest_subnets_cost_what_was_published(family, num_macs, num_params):
    space = FAMILIES[family]()
    net = network(space, space.largest())

    assert macs(net) == num_macs
    assert params(net) == num_params


def test_the_default_space_is_the_reference_at_four_sizes():
    assert replace(mobilenet_v3(), resolutions=(128, 160, 192, 224)) == SearchSpace()


def test_the_reference_trains_every_multiple_of_four():
    assert mobilenet_v3().resolutions == tuple(range(128, 225, 4))


@pytest.mark.parametrize("family", [mobilenet_v3, proxyless])
@pytest.mark.parametrize(("input_size", "last_map"), [(28, 4), (32, 4), (64, 4), (224, 7)])
def test_smaller_inputs_keep_a_feature_map_worth_pooling(family, input_size, last_map):
    space = family(input_size=input_size, in_channels=1, num_classes=10)

    assert max(space.resolutions) == input_size
    assert network(space, space.largest()).pool.in_size == last_map
    assert network(space, space.smallest()).pool.in_size >= 2


@pytest.mark.parametrize("width", [0.25, 0.5, 1.0, 1.4])
def test_any_width_makes_channels_that_are_multiples_of_eight(width):
    for family in (mobilenet_v3, proxyless):
        space = family(width=width)
        widths = [space.stem.width, space.first_block.width, *(s.width for s in space.stages)]
        assert all(channels % 8 == 0 for channels in widths)


def test_the_first_block_of_proxyless_has_no_skip_even_where_shapes_agree():
    space = proxyless(width=0.25)
    first = network(space, space.largest()).first_block

    assert first.in_channels == first.out_channels
    assert not first.skip
