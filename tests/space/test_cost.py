"""MACs, parameters and activation memory, against published figures and hand counts."""

from dataclasses import replace

import pytest

from ofa.space import (
    BottleneckLayer,
    ConvLayer,
    FirstBlock,
    Head,
    LinearLayer,
    MBConvLayer,
    PoolLayer,
    SearchSpace,
    Stage,
    Stem,
    activation_bytes,
    macs,
    network,
    params,
)

WIDE_STAGES = (
    Stage(width=32, stride=2),
    Stage(width=48, stride=2, squeeze_excite=True),
    Stage(width=96, stride=2, activation="hardswish"),
    Stage(width=136, activation="hardswish", squeeze_excite=True),
    Stage(width=192, stride=2, activation="hardswish", squeeze_excite=True),
)
MBCONV = MBConvLayer(
    in_size=8,
    in_channels=16,
    mid_channels=48,
    out_channels=16,
    kernel_size=5,
    stride=1,
    activation="hardswish",
    expands=True,
    se_channels=16,
)


def test_the_largest_subnet_of_the_reference_space_costs_what_was_published():
    space = SearchSpace()
    net = network(space, space.largest())

    assert macs(net) == 566_170_656
    assert params(net) == 7_664_760


def test_the_largest_subnet_at_width_1_2_has_the_published_parameters():
    # 10,715,752 of the supernet, less its 20 pairs of kernel transforms.
    space = SearchSpace(
        stem=Stem(width=24),
        first_block=FirstBlock(width=24),
        stages=WIDE_STAGES,
        head=Head(expand_width=1152, feature_width=1536),
    )

    assert params(network(space, space.largest())) == 10_715_752 - 20 * (25**2 + 9**2)


@pytest.mark.parametrize(
    ("layer", "num_macs", "num_params"),
    [
        (
            ConvLayer(
                in_size=8,
                in_channels=3,
                out_channels=16,
                kernel_size=3,
                stride=2,
                activation="relu",
            ),
            4 * 4 * 9 * 3 * 16,
            9 * 3 * 16 + 2 * 16,
        ),
        (
            MBCONV,
            64 * 16 * 48 + 64 * 25 * 48 + 2 * 48 * 16 + 64 * 48 * 16,
            (16 * 48 + 96) + (25 * 48 + 96) + (2 * 48 * 16 + 16 + 48) + (48 * 16 + 32),
        ),
        (PoolLayer(in_size=4, channels=8), 0, 0),
        (LinearLayer(in_features=8, out_features=10), 80, 90),
    ],
)
def test_a_layer_costs_what_a_hand_counts(layer, num_macs, num_params):
    assert macs(layer) == num_macs
    assert params(layer) == num_params


def test_a_skipping_block_holds_its_input_besides_the_two_wide_maps_of_its_depthwise():
    assert activation_bytes(MBCONV) == 4 * 64 * (16 + 48 + 48)


def test_a_projected_skip_is_held_beside_what_it_is_added_to():
    block = BottleneckLayer(
        in_size=8, in_channels=16, mid_channels=8, out_channels=64, stride=1, projects=True
    )
    halving = replace(block, stride=2, mid_channels=32, out_channels=32)

    assert activation_bytes(block) == 4 * 64 * (16 + 64 + 64)  # input, expansion, projection
    # Input and both sides of the 3x3; what is projected is pooled to a quarter of the input.
    assert activation_bytes(halving) == 4 * (64 * 16 + 64 * 32 + 16 * 32)


def test_a_network_needs_the_memory_of_its_hungriest_layer():
    space = SearchSpace()
    net = network(space, space.largest())

    assert activation_bytes(net) == max(activation_bytes(layer) for layer in net.layers)
