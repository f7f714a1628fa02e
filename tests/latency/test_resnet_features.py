"""A bottleneck costs what its convolutions cost, in the features all layers share."""

import numpy as np
import pytest

from ofa.latency import FEATURES, layer_features, layer_key, network_features
from ofa.space import BottleneckLayer, ResNetSpace, encoding_of, macs, network, params

SPACE = ResNetSpace(resolutions=(128, 224))
MACS = ("project_macs", "expand_macs", "conv_macs", "linear_macs")


def _feature(vector, name):
    return vector[list(FEATURES).index(name)]


def test_the_macs_of_all_kinds_are_the_macs_of_the_network():
    encoding = encoding_of(SPACE)
    for arch in encoding.decode(encoding.sample(20, np.random.default_rng(0))):
        net = network(SPACE, arch)

        features = network_features(net.layers)

        assert 1e6 * sum(_feature(features, name) for name in MACS) == pytest.approx(macs(net))


def test_the_weights_of_a_block_are_its_parameters_without_norms():
    block = BottleneckLayer(
        in_size=28, in_channels=512, mid_channels=128, out_channels=512, stride=1, projects=False
    )

    features = layer_features(block)

    assert 1e6 * _feature(features, "weights") == params(block) - 4 * 128 - 2 * 512
    assert 1e6 * _feature(features, "skip_elements") == 512 * 28**2
    assert layer_key(block) == "bottleneck-28-512x128x512-s1"


def test_different_layers_have_different_keys():
    encoding = encoding_of(SPACE)
    archs = encoding.decode(encoding.sample(50, np.random.default_rng(0)))
    layers = {layer for arch in archs for layer in network(SPACE, arch).layers}

    assert len({layer_key(layer) for layer in layers}) == len(layers)
