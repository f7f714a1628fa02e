"""Which processors measure subnets."""

from typing import Literal

import torch

from ofa.errors import OfaError

Accelerator = Literal["auto", "cpu", "gpu"]


def measuring_devices(accelerator: Accelerator) -> tuple[str, ...]:
    """Devices by torch's names: every GPU it finds, or else the CPU.

    Raises:
        OfaError: If a GPU is asked for and there is none.
    """
    # Apple's GPUs are not among them: statistics are accumulated in float64, which those lack.
    found = tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))
    if accelerator == "cpu" or (accelerator == "auto" and not found):
        return ("cpu",)
    if not found:
        raise OfaError(
            "accelerator: gpu is asked for, but torch finds none that computes by CUDA or ROCm; "
            "measure on the CPU: --accelerator cpu"
        )
    return found
