"""Archs of the ResNet50D space as the reference project writes them.

``{"d": [...], "e": [...], "w": [...]}``: ``d`` is 2 for the stem's residual, then extra blocks of
each stage beyond the fewest; ``e`` has an entry for each block slot; ``w`` has indices into the
widths of the stem's first convolutions, its last, and each stage. ``image_size`` may name the input
size.

Source: mit-han-lab/once-for-all @ f03b267, ``OFAResNets.sample_active_subnet``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ofa.errors import IllegalArch
from ofa.space import ResNetArch, ResNetSpace, StageChoice, StemChoice

_RESIDUAL = 2


def read_resnet_arch(
    choices: Mapping[str, Any], space: ResNetSpace, *, resolution: int | None = None
) -> ResNetArch:
    """The arch that a dictionary of the reference project names.

    A single number stands for all entries; those of absent blocks are ignored.

    Args:
        resolution: Input size for a dictionary that names none, px.

    Raises:
        IllegalArch: Names the entry at fault and what would be legal.
    """
    if unknown := sorted(set(choices) - {"d", "e", "w", "image_size"}):
        raise IllegalArch(f"arch: unknown key {unknown[0]!r}; legal keys are d, e, w, image_size")
    size = choices.get("image_size", resolution)
    if not isinstance(size, int):
        raise IllegalArch("arch: no input size is given; add 'image_size'")
    slots = [max(depths) for depths in space.stage_depths]
    residual, *extra = _entries(choices, "d", 1 + len(slots))
    expand_ratios = _entries(choices, "e", sum(slots))
    middle, stem, *widths = (
        _width(index, space.width_ratios) for index in _entries(choices, "w", 2 + len(slots))
    )
    stages: list[StageChoice] = []
    first = 0
    for blocks, depths, width, most in zip(extra, space.stage_depths, widths, slots, strict=True):
        used = slice(first, first + min(depths[0] + int(blocks), most))
        stages.append(StageChoice(width_ratio=width, expand_ratios=tuple(expand_ratios[used])))
        first += most
    arch = ResNetArch(
        resolution=size,
        stem=StemChoice(
            middle_width_ratio=middle, width_ratio=stem, residual=residual == _RESIDUAL
        ),
        stages=tuple(stages),
    )
    space.check(arch)
    return arch


def write_resnet_arch(arch: ResNetArch, space: ResNetSpace) -> dict[str, Any]:
    """The arch as a dictionary of the reference; unused slots repeat their stage's last block.

    Raises:
        IllegalArch: If the space does not hold the arch.
    """
    space.check(arch)
    ratios = [arch.stem.middle_width_ratio, arch.stem.width_ratio]
    ratios += [stage.width_ratio for stage in arch.stages]
    depths = zip(arch.depths, space.stage_depths, strict=True)
    return {
        "d": [_RESIDUAL * arch.stem.residual, *(depth - legal[0] for depth, legal in depths)],
        "e": [
            ratio
            for stage, depths in zip(arch.stages, space.stage_depths, strict=True)
            for ratio in (
                *stage.expand_ratios,
                *[stage.expand_ratios[-1]] * (max(depths) - len(stage.expand_ratios)),
            )
        ],
        "w": [space.width_ratios.index(ratio) for ratio in ratios],
        "image_size": arch.resolution,
    }


def _entries(choices: Mapping[str, Any], key: str, num: int) -> list[float]:
    value = choices.get(key)
    entries = [value] * num if isinstance(value, int | float) else value
    if not isinstance(entries, Sequence) or len(entries) != num:
        raise IllegalArch(f"arch {key}: {value!r} is neither a number nor a list of {num} numbers")
    for entry in entries:
        if not isinstance(entry, int | float) or isinstance(entry, bool):
            raise IllegalArch(f"arch {key}: {entry!r} is not a number")
    return list(entries)


def _width(index: float, ratios: tuple[float, ...]) -> float:
    if index not in range(len(ratios)):
        raise IllegalArch(f"arch w: {index!r} is not an index of the widths {list(ratios)}")
    return ratios[int(index)]
