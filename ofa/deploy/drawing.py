"""A subnet as a report draws it: what comes first, stages of blocks, what comes last."""

from dataclasses import dataclass
from itertools import zip_longest

from ofa.space import (
    AnyArch,
    AnySpace,
    BottleneckLayer,
    MBConvLayer,
    Network,
    ResNetArch,
    SearchSpace,
    network,
)

AnyBlock = MBConvLayer | BottleneckLayer


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One place for a block: the block there, or none, and how wide to draw it, as shares of 1."""

    lines: tuple[str, ...]
    """What to say of the block; of an empty place, that it is left out."""
    kernel_size: int
    """Side of the kernel, px; 0 where there is no block."""
    in_share: float
    mid_share: float
    out_share: float


@dataclass(frozen=True, kw_only=True)
class DrawnStage:
    """The blocks of a stage, followed by the places left empty."""

    caption: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A whole subnet."""

    legend: str
    """What the shapes mean."""
    largest_kernel: int
    """Side of the largest kernel of the space, px."""
    before: tuple[str, ...]
    stages: tuple[DrawnStage, ...]
    after: tuple[str, ...]


def draw_subnet(space: AnySpace, arch: AnyArch) -> Drawing:
    """The drawing of one arch of a space.

    Raises:
        IllegalArch: If the space does not hold the arch.
    """
    net, largest = network(space, arch), network(space, space.largest())
    widest = max(
        max(block.in_channels, block.mid_channels, block.out_channels)
        for stage in largest.stages
        for block in stage
    )
    stages = []
    for blocks, choices, places in zip(net.stages, _ratios(arch), largest.stages, strict=True):
        slots = tuple(
            _slot(block, ratio, place, widest)
            for block, ratio, place in zip_longest(blocks, choices, places)
        )
        stages.append(DrawnStage(caption=_caption(blocks[0]), slots=slots))
    if isinstance(net, Network):
        first = net.first_block
        side = f"{first.out_size}×{first.out_size} px"
        start = [
            f"convolution {net.stem.kernel_size}×{net.stem.kernel_size}, "
            f"{net.stem.out_channels} channels",
            f"first block 3×3, {first.out_channels} channels, {side}",
        ]
        end = [f"convolution 1×1, {net.head.out_channels} channels"] if net.head else []
        features = [f"features, {net.feature.out_channels} channels"] if net.feature else []
        middle = "widens its channels, filters each with one kernel, and narrows them again"
    else:
        convs = [net.stem_in, *([net.stem_residual] if net.stem_residual else []), net.stem_out]
        start = [f"convolution 3×3, {conv.out_channels} channels" for conv in convs]
        start.append(f"largest of 3×3, {net.max_pool.out_size}×{net.max_pool.out_size} px")
        end, features = [], []
        middle = (
            "narrows its channels, filters them together with one kernel, and widens them again"
        )
    return Drawing(
        legend=(
            f"A block {middle}. Height shows channels, the squares show the kernel, dashes a block "
            "that the supernet has and this subnet does not need."
        ),
        largest_kernel=max(space.kernel_sizes) if isinstance(space, SearchSpace) else 3,
        before=(f"input {net.in_channels} × {net.resolution} × {net.resolution}", *start),
        stages=tuple(stages),
        after=(
            *end,
            f"mean over {net.pool.in_size}×{net.pool.in_size} px",
            *features,
            f"classifier, {net.classifier.out_features} classes",
        ),
    )


def _ratios(arch: AnyArch) -> tuple[tuple[float, ...], ...]:
    """Expand ratios, stage by stage."""
    if isinstance(arch, ResNetArch):
        return tuple(stage.expand_ratios for stage in arch.stages)
    return tuple(tuple(block.expand_ratio for block in stage) for stage in arch.stages)


def _slot(block: AnyBlock | None, ratio: float | None, place: AnyBlock, widest: int) -> Slot:
    drawn = block or place
    kernel_size = 0
    lines: tuple[str, ...] = ("left out",)
    if block:
        kernel_size = block.kernel_size if isinstance(block, MBConvLayer) else 3
        widths = f"{block.in_channels} → {block.mid_channels} (×{ratio:g})"
        lines = (f"kernel {kernel_size}×{kernel_size}", widths)
    return Slot(
        lines=lines,
        kernel_size=kernel_size,
        in_share=drawn.in_channels / widest,
        mid_share=drawn.mid_channels / widest,
        out_share=drawn.out_channels / widest,
    )


def _caption(block: AnyBlock) -> str:
    facts = [f"{block.out_channels} channels", f"{block.out_size}×{block.out_size} px"]
    if isinstance(block, MBConvLayer):
        facts.append(block.activation)
        if block.se_channels:
            facts.append("squeeze-and-excitation")
    return ", ".join(facts)
