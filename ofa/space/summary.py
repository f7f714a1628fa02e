"""What a space or an arch amounts to, in figures and as a table of layers."""

from dataclasses import dataclass

from ofa.space.arch import Arch
from ofa.space.cost import AnyLayer, AnyNetwork, activation_bytes, macs, params
from ofa.space.layers import ConvLayer, LinearLayer, MBConvLayer, PoolLayer, network
from ofa.space.resnet import (
    BottleneckLayer,
    MaxPoolLayer,
    ResNetArch,
    ResNetSpace,
    resnet_network,
)
from ofa.space.search_space import SearchSpace


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One layer of a network, for reading."""

    name: str
    in_size: int
    """Input height and width, px."""
    channels: str
    """Channels in, between and out, e.g. ``24>96>40``."""
    detail: str
    """Kernel size, stride, activation and the like."""
    macs: int
    params: int


@dataclass(frozen=True, kw_only=True)
class NetworkSummary:
    """One network in figures, for a batch of one."""

    arch: Arch | ResNetArch
    macs: int
    """Multiply-accumulates."""
    params: int
    """Trainable parameters."""
    activation_bytes: int
    """Peak float32 bytes of activations."""
    layers: tuple[LayerRow, ...]

    def __str__(self) -> str:
        rows = [("layer", "px", "channels", "", "MACs", "params")]
        rows += [
            (
                row.name,
                f"{row.in_size}",
                row.channels,
                row.detail,
                f"{row.macs:,}",
                f"{row.params:,}",
            )
            for row in self.layers
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        right = (False, True, False, False, True, True)
        table = (
            "  ".join(
                cell.rjust(width) if numeric else cell.ljust(width)
                for cell, width, numeric in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in rows
        )
        return "\n".join([self.figures, self.arch.describe(), "", *table])

    @property
    def figures(self) -> str:
        """MACs, parameters and activation memory in one line."""
        memory = f"{self.activation_bytes / 2**20:.2f} MiB of activations"
        return f"{self.macs / 1e6:.2f} M MACs, {self.params / 1e6:.2f} M parameters, {memory}"


@dataclass(frozen=True, kw_only=True)
class SpaceSummary:
    """One space in figures."""

    space: SearchSpace | ResNetSpace
    largest: NetworkSummary
    smallest: NetworkSummary

    def __str__(self) -> str:
        space = self.space
        ratios = ", ".join(f"{ratio:g}" for ratio in space.expand_ratios)
        depths = [list(depths) for depths in space.stage_depths]
        return "\n".join(
            [
                f"{space.family} space of {space.num_subnets:.3g} subnets",
                f"resolutions {list(space.resolutions)}",
                f"{_elastic_sizes(space)}, expand ratios [{ratios}]",
                f"depths {depths}",
                f"smallest  {self.smallest.figures}",
                f"largest   {self.largest}",
            ]
        )


def summarize(space: SearchSpace | ResNetSpace, arch: Arch | ResNetArch) -> NetworkSummary:
    """Figures and layers of one arch.

    Raises:
        IllegalArch: If the space does not hold the arch.
    """
    net, named = _named_layers(space, arch)
    return NetworkSummary(
        arch=arch,
        macs=macs(net),
        params=params(net),
        activation_bytes=activation_bytes(net),
        layers=tuple(_row(name, layer) for name, layer in named if layer),
    )


def summarize_space(space: SearchSpace | ResNetSpace) -> SpaceSummary:
    """Figures of a space and of its largest and smallest subnet."""
    return SpaceSummary(
        space=space,
        largest=summarize(space, space.largest()),
        smallest=summarize(space, space.smallest()),
    )


def _named_layers(
    space: SearchSpace | ResNetSpace, arch: Arch | ResNetArch
) -> tuple[AnyNetwork, list[tuple[str, AnyLayer | None]]]:
    """The network of an arch, and its layers by the names of their modules."""
    if isinstance(space, ResNetSpace):
        assert isinstance(arch, ResNetArch)
        net: AnyNetwork = resnet_network(space, arch)
        ends = (("stem_in", "stem_residual", "stem_out", "max_pool"), ("pool", "classifier"))
    else:
        assert isinstance(arch, Arch)
        net = network(space, arch)
        ends = (("stem", "first_block"), ("head", "pool", "feature", "classifier"))
    before, after = ([(name, getattr(net, name)) for name in names] for names in ends)
    blocks = [
        (f"stages.{i}.{j}", layer)
        for i, stage in enumerate(net.stages)
        for j, layer in enumerate(stage)
    ]
    return net, [*before, *blocks, *after]


def _row(name: str, layer: AnyLayer) -> LayerRow:
    match layer:
        case ConvLayer():
            in_size, channels = layer.in_size, (layer.in_channels, layer.out_channels)
            detail = _convolution(layer)
        case MBConvLayer():
            in_size = layer.in_size
            channels = (layer.in_channels, layer.mid_channels, layer.out_channels)
            gate = f" se{layer.se_channels}" if layer.se_channels else ""
            detail = f"{_convolution(layer)}{gate}{' skip' if layer.skip else ''}"
        case BottleneckLayer():
            in_size = layer.in_size
            channels = (layer.in_channels, layer.mid_channels, layer.out_channels)
            detail = f"k3 s{layer.stride} relu {'projected ' if layer.projects else ''}skip"
        case MaxPoolLayer():
            in_size, channels, detail = layer.in_size, (layer.channels,), "largest of k3 s2"
        case PoolLayer():
            in_size, channels, detail = layer.in_size, (layer.channels,), "mean"
        case LinearLayer():
            in_size, channels, detail = 1, (layer.in_features, layer.out_features), "linear"
    return LayerRow(
        name=name,
        in_size=in_size,
        channels=">".join(map(str, channels)),
        detail=detail,
        macs=macs(layer),
        params=params(layer),
    )


def _convolution(layer: ConvLayer | MBConvLayer) -> str:
    return f"k{layer.kernel_size} s{layer.stride} {layer.activation}"


def _elastic_sizes(space: SearchSpace | ResNetSpace) -> str:
    if isinstance(space, ResNetSpace):
        return f"width ratios {list(space.width_ratios)}"
    return f"kernel sizes {list(space.kernel_sizes)}"
