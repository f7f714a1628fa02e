"""Bottleneck residual networks: their space, archs and layer arithmetic.

They differ from inverted-residual networks in what is elastic: the width of every stage, and with
it the input of the next, a residual convolution in the stem, and no kernel sizes. So they have a
space and archs of their own, with the same members where the meaning is the same.

Source: He et al., "Bag of Tricks", CVPR 2019, arXiv:1812.01187 (ResNet-D); made elastic as in
mit-han-lab/once-for-all @ f03b267, ``OFAResNets``.
"""

import hashlib
import itertools
import json
import math
from dataclasses import asdict, dataclass

from ofa.errors import IllegalArch, IllegalSpace
from ofa.space.choices import check_choices
from ofa.space.extent import check_extent, check_width
from ofa.space.layers import ConvLayer, LinearLayer, PoolLayer, make_divisible


@dataclass(frozen=True, kw_only=True)
class StemChoice:
    """Choices of the three convolutions before the stages."""

    middle_width_ratio: float
    """Width of the first and second, over the largest."""
    width_ratio: float
    """Width of the third, over the largest."""
    residual: bool
    """Whether the second is run; it adds to its input."""


@dataclass(frozen=True, kw_only=True)
class StageChoice:
    """Choices of one stage; its depth is the number of expand ratios."""

    width_ratio: float
    """Output channels over the largest."""
    expand_ratios: tuple[float, ...]
    """Middle over output channels, block by block."""


@dataclass(frozen=True, kw_only=True)
class ResNetArch:
    """One subnet of a bottleneck space.

    Attributes:
        resolution: Input height and width, px.
        stem: Choices of the stem.
        stages: Choices of each stage.
    """

    resolution: int
    stem: StemChoice
    stages: tuple[StageChoice, ...]

    @property
    def depths(self) -> tuple[int, ...]:
        """Number of blocks of each stage."""
        return tuple(len(stage.expand_ratios) for stage in self.stages)

    @property
    def path(self) -> tuple[tuple[float, ...], ...]:
        """What the stem and each block choose, in order of execution.

        Archs whose paths start alike have the same layers so far.
        """
        stem = self.stem
        blocks = (
            (i, j, stage.width_ratio, ratio)
            for i, stage in enumerate(self.stages)
            for j, ratio in enumerate(stage.expand_ratios)
        )
        start = (self.resolution, stem.middle_width_ratio, stem.width_ratio, stem.residual)
        return (start, *blocks)

    @property
    def id(self) -> str:
        """Ten hexadecimal digits that name this arch, the same on every machine."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:10]

    def to_json(self) -> str:
        """The arch as one line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))

    def describe(self) -> str:
        """The arch in one short line: ``224px  w1/1+ | w0.8 e0.2 e0.35``; + is the residual."""
        stem = f"w{self.stem.middle_width_ratio:g}/{self.stem.width_ratio:g}"
        stages = (
            f"w{stage.width_ratio:g} " + " ".join(f"e{ratio:g}" for ratio in stage.expand_ratios)
            for stage in self.stages
        )
        return f"{self.resolution}px  " + " | ".join(
            [stem + ("+" if self.stem.residual else ""), *stages]
        )


@dataclass(frozen=True, kw_only=True)
class ResNetStage:
    """A run of bottleneck blocks; its first block carries the stride and a projected skip."""

    width: int
    """Largest output channels."""
    stride: int
    """Stride of the first block."""
    depths: tuple[int, ...]
    """Numbers of blocks to choose from."""


@dataclass(frozen=True, kw_only=True)
class ResNetSpace:
    """Every arch of one bottleneck supernet.

    Raises:
        IllegalSpace: If no network can be built from it; the message names the field to change.
    """

    family: str = "resnet50d"
    """Name of the supernet in ``ofa.supernets.SUPERNETS``."""
    in_channels: int = 3
    """Image channels."""
    num_classes: int = 1000
    """Number of labels."""
    resolutions: tuple[int, ...] = tuple(range(128, 225, 4))
    """Input heights and widths, px."""
    expand_ratios: tuple[float, ...] = (0.2, 0.25, 0.35)
    """Middle over output channels of a block."""
    width_ratios: tuple[float, ...] = (0.65, 0.8, 1.0)
    """Widths of stem and stages, over the largest."""
    stem_width: int = 64
    """Largest output channels of the stem."""
    stages: tuple[ResNetStage, ...] = (
        ResNetStage(width=256, stride=1, depths=(2, 3, 4)),
        ResNetStage(width=512, stride=2, depths=(2, 3, 4)),
        ResNetStage(width=1024, stride=2, depths=(4, 5, 6)),
        ResNetStage(width=2048, stride=2, depths=(2, 3, 4)),
    )
    """Stages, in order."""
    dropout: float = 0.0
    """Share of the classifier's inputs that training drops."""
    batchnorm_eps: float = 1e-5
    """Added to every variance before its root is taken."""

    def __post_init__(self) -> None:
        for name, choices in (
            ("resolutions", self.resolutions),
            ("expand_ratios", self.expand_ratios),
            ("width_ratios", self.width_ratios),
            *((f"stages.{i}.depths", stage.depths) for i, stage in enumerate(self.stages)),
        ):
            check_choices(name, choices)
        if not self.stages:
            raise IllegalSpace("space.stages: there are none; add at least one stage")
        if max(self.width_ratios) > 1:
            raise IllegalSpace("space.width_ratios: the largest width is 1; scale stages instead")
        if not 0 <= self.dropout < 1:
            raise IllegalSpace(f"space.dropout: {self.dropout} is not in 0 to below 1")
        if not 0 < self.batchnorm_eps < 1:
            raise IllegalSpace(f"space.batchnorm_eps: {self.batchnorm_eps} is not between 0 and 1")
        if self.num_classes < 2:
            raise IllegalSpace(f"space.num_classes: {self.num_classes} is too few; use 2 or more")
        check_width("in_channels", self.in_channels, least=1)
        check_width("stem_width", self.stem_width, least=8)
        for i, stage in enumerate(self.stages):
            check_width(f"stages.{i}.width", stage.width, least=8)
            if stage.stride not in (1, 2):
                raise IllegalSpace(f"space.stages.{i}.stride: {stage.stride} is neither 1 nor 2")
        widths = len(self.width_ratios)
        check_extent(
            num_blocks=sum(max(stage.depths) for stage in self.stages),
            choices=(len(self.resolutions), widths, widths, len(self.expand_ratios)),
        )

    @property
    def stage_depths(self) -> tuple[tuple[int, ...], ...]:
        """Depth choices of each stage."""
        return tuple(stage.depths for stage in self.stages)

    @property
    def num_subnets(self) -> int:
        """Exact number of distinct subnets."""
        widths = len(self.width_ratios)
        stages = (
            widths * sum(len(self.expand_ratios) ** depth for depth in depths)
            for depths in self.stage_depths
        )
        return len(self.resolutions) * 2 * widths**2 * math.prod(stages)

    def largest(self) -> ResNetArch:
        """The arch of largest resolution, depth, width and expand ratio, and the residual."""
        return self._uniform(-1, residual=True)

    def smallest(self) -> ResNetArch:
        """The arch of smallest resolution, depth, width and expand ratio, without the residual."""
        return self._uniform(0, residual=False)

    def check(self, arch: ResNetArch) -> None:
        """Refuse an arch that this space does not hold.

        Raises:
            IllegalArch: Names the gene, its value, and the legal choices.
        """
        if len(arch.stages) != len(self.stages):
            raise IllegalArch(
                f"arch has {len(arch.stages)} stages, but the space has {len(self.stages)}"
            )
        genes: list[tuple[str, float, tuple[float, ...]]] = [
            ("resolution", arch.resolution, self.resolutions),
            ("stem middle_width_ratio", arch.stem.middle_width_ratio, self.width_ratios),
            ("stem width_ratio", arch.stem.width_ratio, self.width_ratios),
        ]
        for i, (stage, depths) in enumerate(zip(arch.stages, self.stage_depths, strict=True)):
            genes.append((f"stages.{i} depth", len(stage.expand_ratios), depths))
            genes.append((f"stages.{i} width_ratio", stage.width_ratio, self.width_ratios))
            for j, ratio in enumerate(stage.expand_ratios):
                genes.append((f"stages.{i}.{j} expand_ratio", ratio, self.expand_ratios))
        for gene, value, legal in genes:
            if value not in legal:
                raise IllegalArch(f"arch {gene}: {value!r} is not one of {list(legal)}")

    def to_dict(self) -> dict[str, object]:
        """The space as plain data, ready for JSON or YAML."""
        return asdict(self)

    def _uniform(self, choice: int, *, residual: bool) -> ResNetArch:
        width, expand = self.width_ratios[choice], self.expand_ratios[choice]
        stages = tuple(
            StageChoice(width_ratio=width, expand_ratios=(expand,) * stage.depths[choice])
            for stage in self.stages
        )
        stem = StemChoice(middle_width_ratio=width, width_ratio=width, residual=residual)
        return ResNetArch(resolution=self.resolutions[choice], stem=stem, stages=stages)


@dataclass(frozen=True, kw_only=True)
class BottleneckLayer:
    """1x1 reduction, 3x3, 1x1 expansion, added to the input or to its projection, then relu."""

    in_size: int
    """Input height and width, px."""
    in_channels: int
    mid_channels: int
    out_channels: int
    stride: int
    projects: bool
    """Whether the skip is average-pooled by the stride and projected by a 1x1 convolution."""

    @property
    def out_size(self) -> int:
        """Output height and width, px."""
        return (self.in_size - 1) // self.stride + 1


@dataclass(frozen=True, kw_only=True)
class MaxPoolLayer:
    """Largest of 3x3 values, stride 2."""

    in_size: int
    """Input height and width, px."""
    channels: int

    @property
    def out_size(self) -> int:
        """Output height and width, px."""
        return (self.in_size - 1) // 2 + 1


ResNetLayer = ConvLayer | MaxPoolLayer | BottleneckLayer | PoolLayer | LinearLayer


@dataclass(frozen=True, kw_only=True)
class ResNetNetwork:
    """All layers of one arch, in order of execution."""

    stem_in: ConvLayer
    stem_residual: ConvLayer | None
    stem_out: ConvLayer
    max_pool: MaxPoolLayer
    stages: tuple[tuple[BottleneckLayer, ...], ...]
    pool: PoolLayer
    classifier: LinearLayer
    batchnorm_eps: float = 1e-5

    @property
    def layers(self) -> tuple[ResNetLayer, ...]:
        """Every layer, in order of execution."""
        residual = (self.stem_residual,) if self.stem_residual else ()
        stem = (self.stem_in, *residual, self.stem_out, self.max_pool)
        return (*stem, *self.blocks, self.pool, self.classifier)

    @property
    def blocks(self) -> tuple[BottleneckLayer, ...]:
        """What lies between stem and pooling; each passes one feature map on to the next."""
        return tuple(itertools.chain(*self.stages))

    @property
    def in_channels(self) -> int:
        """Image channels."""
        return self.stem_in.in_channels

    @property
    def resolution(self) -> int:
        """Input height and width, px."""
        return self.stem_in.in_size


def resnet_network(space: ResNetSpace, arch: ResNetArch) -> ResNetNetwork:
    """The layers of ``arch``.

    Raises:
        IllegalArch: If the space does not hold the arch.
    """
    space.check(arch)
    middle = make_divisible(make_divisible(space.stem_width * arch.stem.middle_width_ratio) // 2)
    width = make_divisible(space.stem_width * arch.stem.width_ratio)
    stem_in = _conv(arch.resolution, space.in_channels, middle, stride=2)
    residual = _conv(stem_in.out_size, middle, middle) if arch.stem.residual else None
    stem_out = _conv(stem_in.out_size, middle, width)
    max_pool = MaxPoolLayer(in_size=stem_out.out_size, channels=width)
    stages: list[tuple[BottleneckLayer, ...]] = []
    previous: MaxPoolLayer | BottleneckLayer = max_pool
    in_channels = width
    for stage, choice in zip(space.stages, arch.stages, strict=True):
        width = make_divisible(stage.width * choice.width_ratio)
        layers: list[BottleneckLayer] = []
        for index, ratio in enumerate(choice.expand_ratios):
            previous = BottleneckLayer(
                in_size=previous.out_size,
                in_channels=width if index else in_channels,
                mid_channels=make_divisible(round(width * ratio)),
                out_channels=width,
                stride=1 if index else stage.stride,
                projects=index == 0,
            )
            layers.append(previous)
        in_channels = width
        stages.append(tuple(layers))
    return ResNetNetwork(
        stem_in=stem_in,
        stem_residual=residual,
        stem_out=stem_out,
        max_pool=max_pool,
        stages=tuple(stages),
        pool=PoolLayer(in_size=previous.out_size, channels=width),
        classifier=LinearLayer(in_features=width, out_features=space.num_classes),
        batchnorm_eps=space.batchnorm_eps,
    )


def _conv(in_size: int, in_channels: int, out_channels: int, *, stride: int = 1) -> ConvLayer:
    return ConvLayer(
        in_size=in_size,
        in_channels=in_channels,
        out_channels=out_channels,
        kernel_size=3,
        stride=stride,
        activation="relu",
    )
