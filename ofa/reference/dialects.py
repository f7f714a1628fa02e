"""Archs as the reference project writes them: an entry for each block slot, masked by depths.

Its parts spell the same choices differently. All are read; one is named to write::

    supernet   {"ks": [...], "e": [...], "d": [...]}
    nas        the same, and "image_size": 160
    tutorial   {"wid": None, "ks": [...], "e": [...], "d": [...], "r": [160]}

Source: mit-han-lab/once-for-all @ f03b267, ``sample_active_subnet``, ``ofa/nas`` and
``ofa/tutorial``.
"""

from collections.abc import Mapping
from typing import Any, Literal

from ofa import artifacts
from ofa.errors import BadArtifact, IllegalArch
from ofa.space import Arch, Block, SearchSpace

Dialect = Literal["supernet", "nas", "tutorial"]

_KEYS = {"ks", "e", "d", "r", "image_size", "wid"}


def read_arch(
    choices: Mapping[str, Any], space: SearchSpace, *, resolution: int | None = None
) -> Arch:
    """The arch that a dictionary of the reference project names, in any dialect.

    A single number stands for all slots. Entries of slots beyond a stage's depth are ignored, so
    dictionaries that name one subnet give equal archs. A depth beyond the slots of its stage means
    all.

    Args:
        resolution: Input size for a dictionary that names none, px.

    Raises:
        IllegalArch: Names the entry at fault and what would be legal.
    """
    unknown = sorted(set(choices) - _KEYS)
    if unknown:
        raise IllegalArch(f"arch: unknown key {unknown[0]!r}; legal keys are {sorted(_KEYS)}")
    slots = [max(depths) for depths in space.stage_depths]
    kernel_sizes = _entries(choices, "ks", sum(slots), "block slots")
    expand_ratios = _entries(choices, "e", sum(slots), "block slots")
    depths = _entries(choices, "d", len(slots), "stages")
    stages: list[tuple[Block, ...]] = []
    first = 0
    for depth, most in zip(depths, slots, strict=True):
        used = range(first, first + min(int(depth), most))
        stages.append(
            tuple(
                Block(kernel_size=int(kernel_sizes[slot]), expand_ratio=expand_ratios[slot])
                for slot in used
            )
        )
        first += most
    arch = Arch(resolution=_resolution(choices, resolution), stages=tuple(stages))
    space.check(arch)
    return arch


def read_arch_json(text: str, space: SearchSpace, *, resolution: int | None = None) -> Arch:
    """As ``read_arch``, from JSON, the form of the keys in the reference's accuracy tables."""
    try:
        choices = artifacts.parse_json(text, where="arch")
    except BadArtifact as error:
        raise IllegalArch(str(error)) from error
    return read_arch(choices, space, resolution=resolution)


def write_arch(arch: Arch, space: SearchSpace, *, dialect: Dialect) -> dict[str, Any]:
    """The arch as a dictionary of the reference; unused slots repeat their stage's last block.

    Raises:
        IllegalArch: If the space does not hold the arch.
    """
    space.check(arch)
    padded = [
        block
        for stage, depths in zip(arch.stages, space.stage_depths, strict=True)
        for block in (*stage, *[stage[-1]] * (max(depths) - len(stage)))
    ]
    choices: dict[str, Any] = {
        "ks": [block.kernel_size for block in padded],
        "e": [block.expand_ratio for block in padded],
        "d": list(arch.depths),
    }
    match dialect:
        case "supernet":
            return choices
        case "nas":
            return {**choices, "image_size": arch.resolution}
        case "tutorial":
            return {"wid": None, **choices, "r": [arch.resolution]}


def _entries(choices: Mapping[str, Any], key: str, num: int, of: str) -> list[float]:
    value = choices.get(key)
    entries = [value] * num if isinstance(value, int | float) else value
    if not isinstance(entries, list | tuple) or not all(_is_number(entry) for entry in entries):
        raise IllegalArch(f"arch {key}: {value!r} is neither a number nor a list of {num} numbers")
    if len(entries) != num:
        raise IllegalArch(f"arch {key}: {len(entries)} entries, but the space has {num} {of}")
    return list(entries)


def _is_number(entry: object) -> bool:
    return isinstance(entry, int | float) and not isinstance(entry, bool)


def _resolution(choices: Mapping[str, Any], default: int | None) -> int:
    named = [choices[key] for key in ("image_size", "r") if choices.get(key) is not None]
    sizes = [size for entry in named for size in (entry if isinstance(entry, list) else [entry])]
    if not sizes and default is not None:
        return default
    if not all(_is_number(size) for size in sizes) or len(set(sizes)) != 1:
        raise IllegalArch(
            f"arch: {len(sizes)} input sizes are given, but one is needed; add 'image_size'"
        )
    return int(sizes.pop())
