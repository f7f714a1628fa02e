"""Specialised networks of the reference as fixed subnets."""

import copy

import pytest

from ofa.errors import BadArtifact
from ofa.reference.netconfig import read_netconfig


def _conv(in_channels, out_channels, kernel_size, stride, act, use_bn=True):
    return {
        "name": "ConvLayer", "kernel_size": kernel_size, "stride": stride, "dilation": 1,
        "groups": 1, "bias": False, "has_shuffle": False, "use_se": False,
        "in_channels": in_channels, "out_channels": out_channels, "use_bn": use_bn,
        "act_func": act, "dropout_rate": 0, "ops_order": "weight_bn_act",
    }  # fmt: skip


def _block(width, out, kernel_size, stride, ratio, middle, act="relu", se=False, skip=False):
    conv = {
        "name": "MBConvLayer", "in_channels": width, "out_channels": out,
        "kernel_size": kernel_size, "stride": stride, "expand_ratio": ratio,
        "mid_channels": middle, "act_func": act, "use_se": se, "groups": None,
    }  # fmt: skip
    return {"name": "ResidualBlock", "conv": conv, "shortcut": {"name": "x"} if skip else None}


MOBILENET = {
    "name": "MobileNetV3",
    "bn": {"momentum": 0.1, "eps": 1e-5, "ws_eps": None},
    "first_conv": _conv(3, 16, 3, 2, "h_swish"),
    "blocks": [
        _block(16, 16, 3, 1, 1, None, skip=True),
        _block(16, 24, 7, 2, 3, 48),
        _block(24, 24, 5, 1, 6, 144, skip=True),
        _block(24, 40, 3, 2, 4, 96, act="h_swish", se=True),
    ],
    "final_expand_layer": _conv(40, 240, 1, 1, "h_swish"),
    "feature_mix_layer": _conv(240, 320, 1, 1, "h_swish", use_bn=False),
    "classifier": {"name": "LinearLayer", "in_features": 320, "out_features": 10,
                   "bias": True, "dropout_rate": 0.1},
}  # fmt: skip


def test_blocks_gather_into_stages():
    net = read_netconfig(MOBILENET, resolution=64, where="net.config")

    assert net.arch.describe() == "64px  k7e3 k5e6 | k3e4"
    assert [stage.width for stage in net.space.stages] == [24, 40]
    assert net.space.stages[1].squeeze_excite
    assert net.space.head.feature_width == 320
    assert net.space.num_subnets > 1 and net.positions == (1, 2, 3)
    assert net.network.stages[1][0].mid_channels == 96


def test_older_files_omit_fields_and_keep_removed_blocks_as_zero_layers():
    def plain(entry):
        conv = {
            key: value
            for key, value in entry["conv"].items()
            if key not in ("mid_channels", "act_func", "use_se", "groups")
        }
        shortcut = entry["shortcut"]
        return {"mobile_inverted_conv": conv, "shortcut": shortcut}

    zero = {"mobile_inverted_conv": {"name": "ZeroLayer", "stride": 1}, "shortcut": {"name": "x"}}
    old = {
        "name": "ProxylessNASNets",
        "first_conv": _conv(3, 32, 3, 2, "relu6"),
        "blocks": [
            plain(_block(32, 16, 3, 1, 1, None)),
            plain(_block(16, 24, 5, 2, 3, None)),
            zero,
            plain(_block(24, 24, 3, 1, 6, None, skip=True)),
        ],
        "feature_mix_layer": _conv(24, 64, 1, 1, "relu6"),
        "classifier": {"in_features": 64, "out_features": 10, "dropout_rate": 0},
    }

    net = read_netconfig(old, resolution=64, where="net.config")

    assert net.positions == (1, 3)
    assert net.arch.describe() == "64px  k5e3 k3e6"
    assert net.space.batchnorm_eps == 1e-3
    assert not net.network.first_block.skip
    assert net.space.head.expand_width == 64 and net.space.head.feature_width == 0


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("name",), "ResNets", "name 'ResNets' is not one of"),
        (("blocks", 1, "conv", "mid_channels"), 50, "block 1 has mid_channels 50, but .* have 48"),
        (("blocks", 2, "shortcut"), None, "block 2 has skip False"),
        (("blocks", 1, "conv", "act_func"), "gelu", "activation 'gelu' is not one of"),
        (("blocks", 1, "conv"), {}, "no 'name' as a net.config has it"),
        (("blocks", 1, "conv", "kernel_size"), 4, r"illegal network: space.kernel_sizes: \[4\]"),
        (("blocks",), 3, "as a net.config has it"),
        (("classifier", "out_features"), 1, "num_classes: 1 is too few"),
    ],
)
def test_a_file_that_describes_no_network_of_ours_is_refused(path, value, problem):
    config = copy.deepcopy(MOBILENET)
    *parents, last = path
    entry = config
    for key in parents:
        entry = entry[key]
    entry[last] = value

    with pytest.raises(BadArtifact, match=problem):
        read_netconfig(config, resolution=64, where="net.config")
