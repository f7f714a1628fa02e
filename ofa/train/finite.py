"""Steps whose loss or gradient is not finite: found before they change a weight.

Every step is looked at once, after its gradients are averaged, so that all ranks judge alike and
every checkpoint is a good one. Looking reads the gradients and changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from ofa.space import AnyArch
from ofa.train.ranks import Ranks

Losses = Mapping[AnyArch, Float[Tensor, ""]]
"""Loss of each subnet on one batch."""

MAX_SKIPPED = 20
"""Steps in a row that may be skipped: more are no accident of a batch."""


@torch.no_grad()
def is_finite_step(
    batches: Sequence[Losses], parameters: Iterable[nn.Parameter], ranks: Ranks, *, scaled: bool
) -> bool:
    """Whether a step may be taken; the same on every rank.

    Args:
        batches: Losses of this rank's batches.
        parameters: Their gradients are averaged over ranks already.
        scaled: Whether gradients are scaled for half precision: then they overflow now and then,
            which the scaler sees to, and losses alone are judged.
    """
    total = ranks.sum(torch.stack([loss for losses in batches for loss in losses.values()]).sum())
    if not scaled:
        gradients = [one.grad for one in parameters if one.grad is not None]
        total = total + get_total_norm(gradients)
    return bool(torch.isfinite(total))


def culprit(batches: Sequence[Losses]) -> str:
    """What is not finite, and in which subnet."""
    for losses in batches:
        for arch, loss in losses.items():
            if not torch.isfinite(loss):
                return f"the loss of subnet {arch.id} ({arch.describe()}) is {float(loss)}"
    archs = ", ".join(dict.fromkeys(arch.id for losses in batches for arch in losses))
    return f"the losses of subnets {archs} are finite here, but their gradient is not"


def reset_spoiled_statistics_(net: nn.Module) -> None:
    """Start batch-norm statistics anew that a step left not finite; those used are recalibrated."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            statistics = (module.running_mean, module.running_var)
            if not all(one is None or torch.isfinite(one).all() for one in statistics):
                module.reset_running_stats()
