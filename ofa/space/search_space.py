"""Every arch that a supernet holds, as data.

A ``SearchSpace`` says what is elastic and what is fixed; the networks themselves follow from it by
the arithmetic of ``layers.py``. It checks itself when it is made, so that whoever holds one holds a
legal one.
"""

import math
from dataclasses import asdict, dataclass, field
from typing import Literal

from ofa.errors import IllegalArch, IllegalSpace
from ofa.space.arch import Arch, Block
from ofa.space.choices import check_choices
from ofa.space.extent import check_extent, check_width

Activation = Literal["relu", "relu6", "hardswish"]


@dataclass(frozen=True, kw_only=True)
class Stem:
    """The first convolution, 3x3."""

    width: int = 16
    """Output channels."""
    stride: int = 2
    """1 for inputs of about 32 px, 2 for larger ones."""
    activation: Activation = "hardswish"
    """Activation after the convolution."""


@dataclass(frozen=True, kw_only=True)
class FirstBlock:
    """The fixed block after the stem: depthwise 3x3, then 1x1, without expansion."""

    width: int = 16
    """Output channels."""
    stride: int = 1
    """Stride of the depthwise convolution."""
    activation: Activation = "relu"
    """Activation after the depthwise convolution."""
    skip: bool = True
    """Whether the input is added to the output where their shapes agree."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A run of blocks of one width; its first block carries the stride, the others a skip."""

    width: int
    """Output channels."""
    stride: int = 1
    """Stride of the first block."""
    activation: Activation = "relu"
    """Activation inside the blocks."""
    squeeze_excite: bool = False
    """Whether the blocks carry a squeeze-and-excitation layer."""
    depths: tuple[int, ...] | None = None
    """Numbers of blocks to choose from; ``None`` takes the space's."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """What follows the last stage."""

    expand_width: int = 960
    """Output channels of the 1x1 convolution before pooling; 0 leaves it out."""
    feature_width: int = 1280
    """Output channels of the 1x1 convolution after pooling; 0 leaves it out."""
    activation: Activation = "hardswish"
    """Activation of both convolutions."""
    dropout: float = 0.0
    """Share of the classifier's inputs that training drops."""


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """Every arch of one supernet.

    Raises:
        IllegalSpace: If no network can be built from it; the message names the field to change.
    """

    family: str = "mobilenet_v3"
    """Name of the supernet in ``ofa.supernets.SUPERNETS``."""
    in_channels: int = 3
    """Image channels."""
    num_classes: int = 1000
    """Number of labels."""
    resolutions: tuple[int, ...] = (128, 160, 192, 224)
    """Input heights and widths, px."""
    kernel_sizes: tuple[int, ...] = (3, 5, 7)
    """Sides of the depthwise kernels, px; odd."""
    expand_ratios: tuple[float, ...] = (3, 4, 6)
    """Middle channels over input channels."""
    depths: tuple[int, ...] = (2, 3, 4)
    """Blocks a stage."""
    stem: Stem = field(default_factory=Stem)
    """First convolution."""
    first_block: FirstBlock = field(default_factory=FirstBlock)
    """Fixed block after the stem."""
    stages: tuple[Stage, ...] = (
        Stage(width=24, stride=2),
        Stage(width=40, stride=2, squeeze_excite=True),
        Stage(width=80, stride=2, activation="hardswish"),
        Stage(width=112, activation="hardswish", squeeze_excite=True),
        Stage(width=160, stride=2, activation="hardswish", squeeze_excite=True),
    )
    """Elastic stages, in order."""
    head: Head = field(default_factory=Head)
    """Layers after the last stage."""
    batchnorm_eps: float = 1e-5
    """Added to every variance before its root is taken."""

    def __post_init__(self) -> None:
        check_choices("resolutions", self.resolutions)
        check_choices("kernel_sizes", self.kernel_sizes)
        check_choices("expand_ratios", self.expand_ratios)
        check_choices("depths", self.depths)
        for index, stage in enumerate(self.stages):
            if stage.depths is not None:
                check_choices(f"stages.{index}.depths", stage.depths)
        even = [size for size in self.kernel_sizes if size % 2 == 0]
        if even:
            raise IllegalSpace(
                f"space.kernel_sizes: {even} are even, but center-cropping needs odd kernels; "
                f"use {[size + 1 for size in even]}"
            )
        if not self.stages:
            raise IllegalSpace("space.stages: there are none; add at least one stage")
        if not 0 <= self.head.dropout < 1:
            raise IllegalSpace(f"space.head.dropout: {self.head.dropout} is not in 0 to below 1")
        if not 0 < self.batchnorm_eps < 1:
            raise IllegalSpace(f"space.batchnorm_eps: {self.batchnorm_eps} is not between 0 and 1")
        if self.num_classes < 2:
            raise IllegalSpace(f"space.num_classes: {self.num_classes} is too few; use 2 or more")
        for name, value, least in (
            ("in_channels", self.in_channels, 1),
            ("head.expand_width", self.head.expand_width, 0),
            ("head.feature_width", self.head.feature_width, 0),
            ("stem.width", self.stem.width, 8),
            ("first_block.width", self.first_block.width, 8),
            *((f"stages.{i}.width", stage.width, 8) for i, stage in enumerate(self.stages)),
        ):
            check_width(name, value, least=least)
        check_extent(
            num_blocks=sum(max(depths) for depths in self.stage_depths),
            choices=(len(self.resolutions), len(self.kernel_sizes), len(self.expand_ratios)),
        )
        self._check_feature_maps()

    def _check_feature_maps(self) -> None:
        strides = {"stem.stride": self.stem.stride, "first_block.stride": self.first_block.stride}
        strides |= {f"stages.{i}.stride": stage.stride for i, stage in enumerate(self.stages)}
        size = smallest = min(self.resolutions)
        for name, stride in strides.items():
            if stride not in (1, 2):
                raise IllegalSpace(f"space.{name}: {stride} is not a stride of 1 or 2")
            size = (size - 1) // stride + 1
            if size < 2:
                last = [key for key, value in strides.items() if value == 2][-1]
                raise IllegalSpace(
                    f"space.{last}: at {smallest} px the last feature map is 1x1 before pooling, "
                    f"which leaves nothing to pool; set space.{last} to 1"
                )

    @property
    def stage_depths(self) -> tuple[tuple[int, ...], ...]:
        """Depth choices of each stage."""
        return tuple(stage.depths or self.depths for stage in self.stages)

    @property
    def num_subnets(self) -> int:
        """Exact number of distinct subnets."""
        choices = len(self.kernel_sizes) * len(self.expand_ratios)
        stages = (sum(choices**depth for depth in depths) for depths in self.stage_depths)
        return len(self.resolutions) * math.prod(stages)

    def largest(self) -> Arch:
        """The arch of largest resolution, depth, kernel size and expand ratio."""
        return self.uniform(
            resolution=max(self.resolutions),
            depths=tuple(max(depths) for depths in self.stage_depths),
            kernel_size=max(self.kernel_sizes),
            expand_ratio=max(self.expand_ratios),
        )

    def smallest(self) -> Arch:
        """The arch of smallest resolution, depth, kernel size and expand ratio."""
        return self.uniform(
            resolution=min(self.resolutions),
            depths=tuple(min(depths) for depths in self.stage_depths),
            kernel_size=min(self.kernel_sizes),
            expand_ratio=min(self.expand_ratios),
        )

    def uniform(
        self, *, resolution: int, depths: tuple[int, ...], kernel_size: int, expand_ratio: float
    ) -> Arch:
        """The arch whose blocks are all alike."""
        block = Block(kernel_size=kernel_size, expand_ratio=expand_ratio)
        return Arch(resolution=resolution, stages=tuple((block,) * depth for depth in depths))

    def check(self, arch: Arch) -> None:
        """Refuse an arch that this space does not hold.

        Raises:
            IllegalArch: Names the gene, its value, and the legal choices.
        """
        if len(arch.stages) != len(self.stages):
            raise IllegalArch(
                f"arch has {len(arch.stages)} stages, but the space has {len(self.stages)}"
            )
        genes: list[tuple[str, object, tuple[object, ...]]] = [
            ("resolution", arch.resolution, self.resolutions)
        ]
        for i, (stage, depths) in enumerate(zip(arch.stages, self.stage_depths, strict=True)):
            genes.append((f"stages.{i} depth", len(stage), depths))
            for j, block in enumerate(stage):
                where = f"stages.{i}.{j}"
                genes.append((f"{where} kernel_size", block.kernel_size, self.kernel_sizes))
                genes.append((f"{where} expand_ratio", block.expand_ratio, self.expand_ratios))
        for gene, value, legal in genes:
            if value not in legal:
                raise IllegalArch(f"arch {gene}: {value!r} is not one of {list(legal)}")

    def to_dict(self) -> dict[str, object]:
        """The space as plain data, ready for JSON or YAML."""
        return asdict(self)

    def difference(self, other: "SearchSpace") -> str:
        """Fields in which two spaces differ, in one line; empty for equal spaces."""
        mine, theirs = asdict(self), asdict(other)
        return "; ".join(
            f"{key}: {mine[key]} against {theirs[key]}" for key in mine if mine[key] != theirs[key]
        )
