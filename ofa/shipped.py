"""Where the toolkit's own files lie: beside the package in a clone, inside it in a wheel."""

from pathlib import Path
from typing import Literal


def shipped(kind: Literal["checkpoints", "devices", "recipes"]) -> Path:
    """Folder of the shipped checkpoints, devices or recipes."""
    package = Path(__file__).resolve().parent
    clone = package.parent
    root = clone if (clone / "pyproject.toml").is_file() else package / "share"
    return root / kind


def recipe_file(given: Path) -> Path:
    """The file of a recipe: at a path, or shipped, by its name or as ``recipes/<name>.yaml``.

    What is neither comes back as it is.
    """
    name = given.name.removesuffix(".yaml")  # a stem would lose the dot and more of w1.0
    own = shipped("recipes") / f"{name}.yaml"
    names = (Path(name), Path("recipes", own.name))
    return own if given in names and own.is_file() and not given.exists() else given
