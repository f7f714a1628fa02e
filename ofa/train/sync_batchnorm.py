"""Batch norm over the images of all ranks.

torch's own ``SyncBatchNorm`` knows no slices of channels and no CPUs; this one is made of
differentiable sums, and takes both.
"""

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from ofa.nn import ElasticBatchNorm2d


class SyncBatchNorm2d(ElasticBatchNorm2d):
    """``ElasticBatchNorm2d`` that normalizes by the statistics of all ranks' batches."""

    def forward(self, x: Float[Tensor, "b c h w"]) -> Tensor:
        if not (self.training and dist.is_initialized()):
            return super().forward(x)
        channels = x.shape[1]
        wide = x.float()
        count = torch.full((1,), float(x.numel() // channels), device=x.device)
        sums = all_reduce(torch.cat([wide.sum((0, 2, 3)), count]))
        mean = sums[:-1] / sums[-1]
        centered = wide - mean.view(-1, 1, 1)
        variance = all_reduce(centered.square().sum((0, 2, 3))) / sums[-1]
        self._update(mean, variance, sums[-1])
        scale = self.weight[:channels] * torch.rsqrt(variance + self.eps)
        shifted = centered * scale.view(-1, 1, 1) + self.bias[:channels].view(-1, 1, 1)
        return shifted.to(x.dtype)

    @torch.no_grad()
    def _update(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        unbiased = variance * (count / (count - 1))
        self.running_mean[: len(mean)].lerp_(mean, self.momentum or 0.0)
        self.running_var[: len(mean)].lerp_(unbiased, self.momentum or 0.0)


def synchronize_batchnorm_(net: nn.Module) -> None:
    """Let every batch norm of a network normalize over all ranks."""
    for parent in list(net.modules()):
        for name, norm in parent.named_children():
            if isinstance(norm, nn.BatchNorm2d):
                synced = SyncBatchNorm2d(norm.num_features, eps=norm.eps, momentum=norm.momentum)
                synced.load_state_dict(norm.state_dict())
                setattr(parent, name, synced)
