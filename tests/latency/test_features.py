"""Features count the work of a layer, and add up."""

import dataclasses

import numpy as np
import pytest

from ofa.latency import FEATURES, layer_features, layer_key, network_features
from ofa.space import (
    ConvLayer,
    Layer,
    LinearLayer,
    MBConvLayer,
    PoolLayer,
    SearchSpace,
    macs,
    network,
)

BLOCK = MBConvLayer(
    in_size=14,
    in_channels=24,
    mid_channels=96,
    out_channels=40,
    kernel_size=5,
    stride=2,
    activation="hardswish",
    expands=True,
    se_channels=24,
)
CONV = ConvLayer(
    in_size=28, in_channels=1, out_channels=16, kernel_size=3, stride=1, activation="relu"
)
WORK = ("expand_macs", "project_macs", "depthwise_k2", "squeeze_macs", "conv_macs", "linear_macs")


@pytest.mark.parametrize(
    "layer",
    [
        BLOCK,
        dataclasses.replace(BLOCK, mid_channels=24, expands=False, se_channels=0),
        CONV,
        dataclasses.replace(CONV, kernel_size=1),
        dataclasses.replace(CONV, kernel_size=1, in_size=1),
        PoolLayer(in_size=7, channels=320),
        LinearLayer(in_features=320, out_features=10),
    ],
)
def test_the_multiply_accumulates_of_a_layer_are_shared_out_exactly(layer):
    features = named(layer)

    assert sum(features[name] for name in WORK) * 1e6 == pytest.approx(macs(layer))


def test_a_block_without_hard_swish_or_squeeze_excite_has_none_of_their_features():
    plain = named(dataclasses.replace(BLOCK, activation="relu", se_channels=0))

    assert all(plain[name] == 0 for name in FEATURES if name.startswith(("hardswish", "squeeze")))


def test_a_worked_block_reads_and_writes_its_elements():
    features = named(BLOCK)

    assert features["edge_elements"] * 1e6 == 14 * 14 * 24 + 7 * 7 * 40
    assert features["wide_elements"] * 1e6 == 2 * 14 * 14 * 96 + 2 * 7 * 7 * 96
    assert features["weights"] * 1e6 == 24 * 96 + 25 * 96 + 96 * 40
    assert features["skips"] == features["skip_elements"] == 0


def test_features_of_a_network_are_those_of_its_layers_and_one_network():
    space = SearchSpace()
    layers = network(space, space.smallest()).layers

    total = network_features(layers) - np.sum([layer_features(layer) for layer in layers], axis=0)

    assert dict(zip(FEATURES, total)) == pytest.approx(
        {name: float(name == "networks") for name in FEATURES}
    )


@pytest.mark.parametrize(
    "layer",
    [
        dataclasses.replace(BLOCK, stride=1, out_channels=24),
        CONV,
        PoolLayer(in_size=7, channels=320),
        LinearLayer(in_features=8, out_features=9),
    ],
)
def test_layers_that_differ_in_any_field_have_different_keys(layer):
    variants = [layer]
    for field in dataclasses.fields(layer):
        value = getattr(layer, field.name)
        other = {"hardswish": "relu", "relu": "hardswish", True: False}.get(value, value)
        changed = other if other != value else value + 1
        variants.append(dataclasses.replace(layer, **{field.name: changed}))

    assert len({layer_key(variant) for variant in variants}) == len(variants)


def named(layer: Layer) -> dict[str, float]:
    return dict(zip(FEATURES, layer_features(layer), strict=True))
