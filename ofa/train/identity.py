"""What must not change between a run and its resumption."""

from collections.abc import Mapping
from dataclasses import asdict

from ofa.errors import BadArtifact
from ofa.recipe import Recipe

_FREE = (
    "train.checkpoint_every", "train.validate_random", "train.accelerator", "train.on_nan",
    "data.workers", "data.download",
)  # fmt: skip
"""Settings that change no weight, and that a resumed run may set anew."""


_IMAGES, _PROCESSES = "training images", "number of processes"


def identity(recipe: Recipe, *, images: str, world: int) -> dict[str, str]:
    """Every setting that weights depend on, by its dotted name, as text.

    Args:
        images: Digest of the training images.
        world: Number of ranks.
    """
    return {**_settings(recipe), _IMAGES: images, _PROCESSES: str(world)}


def check_identity(saved: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Refuse a checkpoint of another run.

    Raises:
        BadArtifact: Names each setting that differs, and both values.
    """
    different = [
        f"{name} was {saved.get(name, 'absent')}, is now {wanted.get(name, 'absent')}"
        for name in sorted(saved.keys() | wanted.keys())
        if saved.get(name) != wanted.get(name)
    ]
    if different:
        more = f", and {len(different) - 3} more" if len(different) > 3 else ""
        raise BadArtifact(
            f"the run to resume was started with other settings: {'; '.join(different[:3])}{more}; "
            "resume with its own recipe and images, or start anew with another --out"
        )


def check_recipe(saved: Mapping[str, str], recipe: Recipe) -> None:
    """Refuse a checkpoint of another recipe, before images and processes are known.

    Raises:
        BadArtifact: As ``check_identity``.
    """
    unknown = {name: saved[name] for name in (_IMAGES, _PROCESSES) if name in saved}
    check_identity(saved, {**_settings(recipe), **unknown})


def _settings(recipe: Recipe) -> dict[str, str]:
    settings = _flat("", asdict(recipe))
    return {name: text for name, text in settings if name not in _FREE}


def _flat(prefix: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [pair for key, part in value.items() for pair in _flat(f"{prefix}.{key}", part)]
    if isinstance(value, (tuple, list)) and any(isinstance(part, Mapping) for part in value):
        return [pair for i, part in enumerate(value) for pair in _flat(f"{prefix}.{i}", part)]
    return [(prefix.removeprefix("."), repr(value))]
