"""The processes of a run, and what they add up.

Every rank visits the same subnets, so a step needs one message: its gradients, in one flat tensor.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """This process among all.

    Attributes:
        rank: Position of this process.
        world: Number of processes.
    """

    rank: int = 0
    world: int = 1

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of every rank's tensor, the same on all."""
        if self.world > 1:
            dist.all_reduce(tensor)
        return tensor


def current_ranks() -> Ranks:
    """The ranks of the process group that runs, or one alone."""
    if dist.is_available() and dist.is_initialized():
        return Ranks(rank=dist.get_rank(), world=dist.get_world_size())
    return Ranks()


@torch.no_grad()
def average_gradients_(parameters: Iterable[nn.Parameter], ranks: Ranks, *, batches: int) -> None:
    """Replace gradients by their average over ``batches`` batches of each rank.

    All parameters travel, whatever the subnets touched, so messages always fit; those that no
    subnet touched stay without a gradient, and the optimizer passes over them.
    """
    parameters = list(parameters)
    if ranks.world > 1:
        flat = torch.cat([_flat_gradient(parameter) for parameter in parameters])
        ranks.sum(flat)
        sizes = [parameter.numel() for parameter in parameters]
        for parameter, reduced in zip(parameters, flat.split(sizes), strict=True):
            if parameter.grad is not None:
                parameter.grad.copy_(reduced.view_as(parameter))
    if batches * ranks.world > 1:
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad /= batches * ranks.world


def _flat_gradient(parameter: nn.Parameter) -> Tensor:
    if parameter.grad is None:
        return torch.zeros(parameter.numel(), dtype=parameter.dtype, device=parameter.device)
    return parameter.grad.reshape(-1)
