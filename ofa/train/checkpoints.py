"""``last.ckpt``: Lightning's checkpoint, written and read by this project's rules.

Lightning's own writer moves a finished file over from the system's temporary folder: where that is
on another disk, a kill or a full disk in the middle of the move costs the run its only checkpoint.
"""

import io
import pickle
import struct
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.recipe import Recipe
from ofa.train.identity import check_recipe

IDENTITY = "ofa_run"


class WholeCheckpoints(CheckpointIO):
    """Checkpoints that appear whole or not at all, and from which tensors and numbers alone come.

    Lightning's arguments are taken as it gives them.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint."""
        data = io.BytesIO()
        torch.save(checkpoint, data)
        artifacts.write_atomically(Path(path), data.getvalue())

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint.

        Raises:
            BadArtifact: If it is damaged, or holds more than data.
        """
        place = map_location or (lambda storage, location: storage)
        try:
            return torch.load(Path(path), map_location=place, weights_only=True)
        except (
            OSError, RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError,
            EOFError, AssertionError, struct.error, pickle.UnpicklingError,
        ) as error:  # fmt: skip
            raise BadArtifact(
                f"{path}: is no readable checkpoint; remove it, or start anew with another --out"
            ) from error

    def remove_checkpoint(self, path: Any) -> None:
        """Remove a checkpoint."""
        Path(path).unlink(missing_ok=True)


def check_settings(path: Path, recipe: Recipe) -> None:
    """Refuse to go on from a checkpoint of other settings.

    Raises:
        BadArtifact: If it is damaged, or names each setting that differs.
    """
    check_recipe(WholeCheckpoints().load_checkpoint(path).get(IDENTITY, {}), recipe)
