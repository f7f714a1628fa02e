"""Layer arithmetic: the sizes of every layer of an arch, worked out once, here.

Static networks, elastic networks, MACs, parameters, latency features and profiles are all derived
from these records, so no two of them can disagree.
"""

from dataclasses import dataclass

from ofa.space.arch import Arch
from ofa.space.search_space import Activation, SearchSpace


@dataclass(frozen=True, kw_only=True)
class ConvLayer:
    """A dense convolution with "same" padding, then batch norm if it has one, then activation."""

    in_size: int
    """Input height and width, px."""
    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    activation: Activation
    batchnorm: bool = True

    @property
    def out_size(self) -> int:
        """Output height and width, px."""
        return (self.in_size - 1) // self.stride + 1


@dataclass(frozen=True, kw_only=True)
class MBConvLayer:
    """An inverted-residual block: expansion, depthwise, squeeze-excite, projection, skip."""

    in_size: int
    """Input height and width, px."""
    in_channels: int
    mid_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    activation: Activation
    expands: bool
    """Whether there is a 1x1 expansion; without it ``mid_channels`` equals ``in_channels``."""
    se_channels: int
    """Channels inside the squeeze-excite layer; 0 where there is none."""
    skips: bool = True
    """Whether the input is added to the output where their shapes agree."""

    @property
    def out_size(self) -> int:
        """Output height and width, px."""
        return (self.in_size - 1) // self.stride + 1

    @property
    def skip(self) -> bool:
        """Whether the input is added to the output."""
        return self.skips and self.stride == 1 and self.in_channels == self.out_channels


@dataclass(frozen=True, kw_only=True)
class PoolLayer:
    """Mean over height and width."""

    in_size: int
    """Input height and width, px."""
    channels: int


@dataclass(frozen=True, kw_only=True)
class LinearLayer:
    """The classifier, with bias."""

    in_features: int
    out_features: int


Layer = ConvLayer | MBConvLayer | PoolLayer | LinearLayer


@dataclass(frozen=True, kw_only=True)
class Network:
    """All layers of one arch, in order of execution."""

    stem: ConvLayer
    first_block: MBConvLayer
    stages: tuple[tuple[MBConvLayer, ...], ...]
    head: ConvLayer | None
    pool: PoolLayer
    feature: ConvLayer | None
    classifier: LinearLayer
    batchnorm_eps: float = 1e-5

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer, in order of execution."""
        tail = (self.head, self.pool, self.feature, self.classifier)
        return (self.stem, *self.blocks, *(layer for layer in tail if layer))

    @property
    def blocks(self) -> tuple[MBConvLayer, ...]:
        """What lies between stem and head; each passes one feature map on to the next."""
        return (self.first_block, *(block for stage in self.stages for block in stage))

    @property
    def in_channels(self) -> int:
        """Image channels."""
        return self.stem.in_channels

    @property
    def resolution(self) -> int:
        """Input height and width, px."""
        return self.stem.in_size


def make_divisible(channels: float) -> int:
    """``channels`` rounded to a multiple of 8, never below 90 % of it.

    Source: MobileNetV2, arXiv:1801.04381, as used by the reference Once-for-All networks.
    """
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def mid_channels(in_channels: int, expand_ratio: float) -> int:
    """Channels between expansion and projection of an inverted-residual block."""
    return make_divisible(round(in_channels * expand_ratio))


def squeeze_channels(channels: int) -> int:
    """Channels inside a squeeze-excite layer over ``channels`` channels."""
    return make_divisible(channels // 4)


def network(space: SearchSpace, arch: Arch) -> Network:
    """The layers of ``arch``.

    Raises:
        IllegalArch: If the space does not hold the arch.
    """
    space.check(arch)
    stem = ConvLayer(
        in_size=arch.resolution,
        in_channels=space.in_channels,
        out_channels=space.stem.width,
        kernel_size=3,
        stride=space.stem.stride,
        activation=space.stem.activation,
    )
    first_block = MBConvLayer(
        in_size=stem.out_size,
        in_channels=stem.out_channels,
        mid_channels=stem.out_channels,
        out_channels=space.first_block.width,
        kernel_size=3,
        stride=space.first_block.stride,
        activation=space.first_block.activation,
        expands=False,
        se_channels=0,
        skips=space.first_block.skip,
    )
    stages: list[tuple[MBConvLayer, ...]] = []
    previous = first_block
    for stage, blocks in zip(space.stages, arch.stages, strict=True):
        layers: list[MBConvLayer] = []
        for index, block in enumerate(blocks):
            mid = mid_channels(previous.out_channels, block.expand_ratio)
            previous = MBConvLayer(
                in_size=previous.out_size,
                in_channels=previous.out_channels,
                mid_channels=mid,
                out_channels=stage.width,
                kernel_size=block.kernel_size,
                stride=stage.stride if index == 0 else 1,
                activation=stage.activation,
                expands=True,
                se_channels=squeeze_channels(mid) if stage.squeeze_excite else 0,
            )
            layers.append(previous)
        stages.append(tuple(layers))
    size, channels = previous.out_size, previous.out_channels
    head = _pointwise(size, channels, space.head.expand_width, space, batchnorm=True)
    channels = head.out_channels if head else channels
    feature = _pointwise(1, channels, space.head.feature_width, space, batchnorm=False)
    return Network(
        stem=stem,
        first_block=first_block,
        stages=tuple(stages),
        head=head,
        pool=PoolLayer(in_size=size, channels=channels),
        feature=feature,
        classifier=LinearLayer(
            in_features=feature.out_channels if feature else channels,
            out_features=space.num_classes,
        ),
        batchnorm_eps=space.batchnorm_eps,
    )


def _pointwise(
    size: int, in_channels: int, out_channels: int, space: SearchSpace, *, batchnorm: bool
) -> ConvLayer | None:
    if not out_channels:
        return None
    return ConvLayer(
        in_size=size,
        in_channels=in_channels,
        out_channels=out_channels,
        kernel_size=1,
        stride=1,
        activation=space.head.activation,
        batchnorm=batchnorm,
    )
