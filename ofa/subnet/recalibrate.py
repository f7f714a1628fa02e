"""Batch-norm recalibration: a subnet's own statistics, over fixed images in a fixed partition.

Images pass in their recorded order, cut into chunks of a recorded size, so loader batch size,
loading order and process count cannot change the result. Statistics are accumulated in float64.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

Average = Literal["pooled", "reference"]

CHUNK_SIZE = 128
"""Images a chunk; each is normalized by its own statistics, so the size is part of the result."""


def recalibrate_batchnorm_(
    net: nn.Module,
    chunks: Iterable[Float[Tensor, "_ c r r"]],
    *,
    average: Average = "pooled",
    reduce: Callable[[Tensor], Tensor] = lambda sums: sums,
) -> None:
    """Replace the running statistics of every batch norm by those of images.

    Args:
        net: A static net; changed in place, left in evaluation mode.
        chunks: Normalized images at the net's resolution, in their recorded order, ``CHUNK_SIZE``
            at a time.
        average: See ``recalibrating``.
        reduce: See ``recalibrating``.
    """
    with recalibrating([net], average=average, reduce=reduce):
        for chunk in chunks:
            net(chunk)


@contextmanager
def recalibrating(
    nets: Iterable[nn.Module],
    *,
    average: Average = "pooled",
    reduce: Callable[[Tensor], Tensor] = lambda sums: sums,
) -> Iterator[None]:
    """Let the forward passes made inside become the statistics of every batch norm in ``nets``.

    Each pass is normalized by its own statistics, as in training.

    Args:
        nets: Changed in place, left in evaluation mode.
        average: ``pooled`` is the variance over all passes; ``reference`` is the mean of their
            variances, which leaves out the variance between their means, as the reference project
            does.
        reduce: Sums float64 tensors over processes; with several, each passes its own chunks,
            of which some may have none.
    """
    nets = list(nets)
    norms = [
        module for net in nets for module in net.modules() if isinstance(module, nn.BatchNorm2d)
    ]
    sums: dict[nn.Module, Tensor] = {
        norm: torch.zeros(3, norm.num_features, dtype=torch.float64, device=norm.weight.device)
        for norm in norms
    }

    def accumulate(module: nn.Module, args: tuple[Tensor], output: Tensor) -> None:
        x = args[0]
        assert isinstance(module, nn.BatchNorm2d)
        assert module.running_mean is not None and module.running_var is not None
        mean, variance = module.running_mean.double(), module.running_var.double()
        values = x.numel() // x.shape[1]
        variance *= (values - 1) / values  # running statistics hold the unbiased variance
        second = variance + mean**2 if average == "pooled" else variance
        sums[module] += torch.stack([mean, second, torch.ones_like(mean)]) * x.shape[0]

    handles = [norm.register_forward_hook(accumulate) for norm in norms]
    momenta = [norm.momentum for norm in norms]
    try:
        for net in nets:
            net.train()
        for norm in norms:
            norm.momentum = 1.0  # leaves each pass's own statistics, which the norm needs anyway
        with torch.no_grad():
            yield
    finally:
        for handle, norm, momentum in zip(handles, norms, momenta, strict=True):
            handle.remove()
            norm.momentum = momentum
        for net in nets:
            net.eval()
    for norm in norms:
        mean, second, count = reduce(sums[norm])
        mean, second = mean / count, second / count
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(second - mean**2 if average == "pooled" else second)
