"""Specialised networks of the reference project: ``net.config`` describes one fixed subnet.

The file lists blocks one by one. They are gathered into stages again, which gives an arch, and a
space that holds that arch alone; from there on it is a subnet like any other.

Source: mit-han-lab/once-for-all @ f03b267, ``get_active_net_config`` and the published specialised
networks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ofa.errors import BadArtifact, IllegalSpace
from ofa.space import (
    Activation,
    Arch,
    Block,
    FirstBlock,
    Head,
    Network,
    SearchSpace,
    Stage,
    Stem,
    network,
)

_FAMILIES = {"MobileNetV3": "mobilenet_v3", "ProxylessNASNets": "proxyless"}
_ACTIVATIONS: dict[object, Activation] = {"relu": "relu", "relu6": "relu6", "h_swish": "hardswish"}
_DEFAULT_EPS = {"mobilenet_v3": 1e-5, "proxyless": 1e-3}


@dataclass(frozen=True, kw_only=True)
class Specialised:
    """One fixed network.

    Attributes:
        space: A space that holds it alone.
        arch: The network.
        positions: Number of each elastic block among the blocks of the file, removed ones included.
    """

    space: SearchSpace
    arch: Arch
    positions: tuple[int, ...]

    @property
    def network(self) -> Network:
        """Its layers."""
        return network(self.space, self.arch)


@dataclass(frozen=True, kw_only=True)
class _MBConv:
    """One entry of ``blocks``."""

    in_channels: int
    mid_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    expand_ratio: float
    activation: Activation
    squeeze_excite: bool
    skip: bool


def read_netconfig(config: Mapping[str, Any], *, resolution: int, where: str) -> Specialised:
    """The network that a ``net.config`` describes.

    Blocks that the reference removed (``ZeroLayer``) are left out. Every width is compared with
    what this project's layer arithmetic gives, so that a network is either the same or refused.

    Args:
        resolution: Input size, px, which the reference keeps in ``run.config``.
        where: Name of the source in messages.

    Raises:
        BadArtifact: If an entry is missing, or describes what no inverted-residual network here
            has.
    """
    try:
        blocks = _read_blocks(config["blocks"])
        specialised = _specialised(config, blocks, resolution)
        _check(specialised.network, [block for _, block in blocks])
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise BadArtifact(
            f"{where}: no {error} as a net.config has it; copy the file again"
        ) from error
    except IllegalSpace as error:
        raise BadArtifact(f"{where}: describes an illegal network: {error}") from error
    except BadArtifact as error:
        raise BadArtifact(f"{where}: {error}") from error
    return specialised


def _specialised(
    config: Mapping[str, Any], blocks: list[tuple[int, _MBConv]], resolution: int
) -> Specialised:
    if config["name"] not in _FAMILIES:
        raise BadArtifact(f"name {config['name']!r} is not one of {sorted(_FAMILIES)}")
    family = _FAMILIES[config["name"]]
    stem, classifier = config["first_conv"], config["classifier"]
    if len(blocks) < 2:
        raise BadArtifact("blocks: one fixed block and one elastic block or more are needed")
    (_, first), *elastic = blocks
    groups = _stages([block for _, block in elastic])
    head, feature = config.get("final_expand_layer"), config["feature_mix_layer"]
    if head is None:  # a single 1x1 convolution before pooling
        head, feature = feature, None
    space = SearchSpace(
        family=family,
        in_channels=stem["in_channels"],
        num_classes=classifier["out_features"],
        resolutions=(resolution,),
        kernel_sizes=tuple(sorted({block.kernel_size for _, block in elastic})),
        expand_ratios=tuple(sorted({block.expand_ratio for _, block in elastic})),
        depths=tuple(sorted({len(group) for group in groups})),
        stem=Stem(
            width=stem["out_channels"],
            stride=stem["stride"],
            activation=_activation(stem["act_func"]),
        ),
        first_block=FirstBlock(
            width=first.out_channels,
            stride=first.stride,
            activation=first.activation,
            skip=first.skip,
        ),
        stages=tuple(
            Stage(
                width=group[0].out_channels,
                stride=group[0].stride,
                activation=group[0].activation,
                squeeze_excite=group[0].squeeze_excite,
                depths=(len(group),),
            )
            for group in groups
        ),
        head=Head(
            expand_width=head["out_channels"],
            feature_width=feature["out_channels"] if feature else 0,
            activation=_activation(head["act_func"]),
            dropout=classifier["dropout_rate"],
        ),
        batchnorm_eps=(config.get("bn") or {}).get("eps", _DEFAULT_EPS[family]),
    )
    stages = tuple(
        tuple(
            Block(kernel_size=block.kernel_size, expand_ratio=block.expand_ratio) for block in group
        )
        for group in groups
    )
    return Specialised(
        space=space,
        arch=Arch(resolution=resolution, stages=stages),
        positions=tuple(position for position, _ in elastic),
    )


def _read_blocks(entries: list[Mapping[str, Any]]) -> list[tuple[int, _MBConv]]:
    blocks = []
    for position, entry in enumerate(entries):
        conv = entry["conv"] if "conv" in entry else entry["mobile_inverted_conv"]
        if conv["name"] != "ZeroLayer":
            blocks.append((position, _read_block(conv, skip=bool(entry["shortcut"]))))
    return blocks


def _read_block(conv: Mapping[str, Any], *, skip: bool) -> _MBConv:
    width, expand_ratio = conv["in_channels"], conv["expand_ratio"]
    middle = conv.get("mid_channels")
    return _MBConv(
        in_channels=width,
        mid_channels=round(width * expand_ratio) if middle is None else middle,
        out_channels=conv["out_channels"],
        kernel_size=conv["kernel_size"],
        stride=conv["stride"],
        expand_ratio=expand_ratio,
        activation=_activation(conv.get("act_func", "relu6")),
        squeeze_excite=bool(conv.get("use_se", False)),
        skip=skip,
    )


def _stages(blocks: list[_MBConv]) -> list[list[_MBConv]]:
    """Runs of blocks of one width and kind, of which only the first may stride."""
    groups: list[list[_MBConv]] = []
    for block in blocks:
        last = groups[-1][-1] if groups else None
        continues = (
            last is not None
            and block.stride == 1
            and block.in_channels == block.out_channels == last.out_channels
            and block.activation == last.activation
            and block.squeeze_excite == last.squeeze_excite
        )
        if continues:
            groups[-1].append(block)
        else:
            groups.append([block])
    return groups


def _check(net: Network, blocks: list[_MBConv]) -> None:
    """Whether the network's blocks have the sizes that the file gives."""
    layers = (net.first_block, *(layer for stage in net.stages for layer in stage))
    for number, (layer, block) in enumerate(zip(layers, blocks, strict=True)):
        for name in ("in_channels", "mid_channels", "out_channels", "stride", "skip"):
            ours, theirs = getattr(layer, name), getattr(block, name)
            if ours != theirs:
                raise BadArtifact(
                    f"block {number} has {name} {theirs}, but blocks of its kind have {ours} here"
                )


def _activation(name: object) -> Activation:
    if name not in _ACTIVATIONS:
        raise BadArtifact(f"activation {name!r} is not one of {sorted(map(str, _ACTIVATIONS))}")
    return _ACTIVATIONS[name]
