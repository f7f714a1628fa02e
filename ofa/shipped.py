"""Where the toolkit's own files lie: beside the package in a clone, inside it in a wheel."""

from pathlib import Path
from typing import Literal


def shipped(kind: Literal["checkpoints", "devices", "recipes"]) -> Path:
    """Folder of the shipped checkpoints, devices or recipes."""
    package = Path(__file__).resolve().parent
    clone = package.parent
    root = clone if (clone / "pyproject.toml").is_file() else package / "share"
    return root / kind
