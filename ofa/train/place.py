"""Where the ``Trainer`` of a recipe runs steps, for those who run a few without it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pytorch_lightning as lightning
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException

from ofa.errors import OfaError
from ofa.recipe import Train


@dataclass(frozen=True, kw_only=True)
class Place:
    """A device, and what computes on it.

    Attributes:
        device: The first of the recipe's devices.
        precision: Within it, forward passes compute in the recipe's precision.
    """

    device: torch.device
    precision: Callable[[], AbstractContextManager]

    def wait(self) -> None:
        """Wait until the device has done what it was given."""
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)


def place_of(train: Train) -> Place:
    """Where Lightning would run the recipe's steps.

    Raises:
        OfaError: If the recipe's devices are not there.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with devices_told():
        trainer = lightning.Trainer(
            accelerator=train.accelerator,
            devices=1,
            precision=train.precision,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    return Place(
        device=trainer.strategy.root_device,
        precision=trainer.precision_plugin.forward_context,
    )


@contextmanager
def devices_told() -> Iterator[None]:
    """Turn what Lightning says of devices that are not there into an error that a user can mend."""
    try:
        yield
    except (MisconfigurationException, ValueError) as error:
        raise OfaError(f"train.accelerator and train.devices: {error}") from error
