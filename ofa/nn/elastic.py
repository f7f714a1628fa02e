"""Elastic layers: each owns the largest weights and runs with any leading slice of them.

The choice arrives as an argument, or is read off the incoming tensor; a layer remembers nothing
else.

Source: Cai et al., "Once-for-All", ICLR 2020, arXiv:1908.09791, section 3.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class ElasticConv2d(nn.Conv2d):
    """``Conv2d`` without bias that runs with any leading slice of its input and output channels."""

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel_size: int = 1, stride: int = 1
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False
        )

    def forward(self, x: Float[Tensor, "b c_in h w"], *, out_channels: int) -> Tensor:  # type: ignore[override]
        weight = self.weight[:out_channels, : x.shape[1]]
        return F.conv2d(x, weight, stride=self.stride, padding=self.padding)


class ElasticDepthwiseConv2d(nn.Module):
    """Depthwise convolution that runs with any leading slice of channels and any kernel size.

    It stores the largest kernel. Each smaller one is the center of the next larger, flattened and
    multiplied by a learned square matrix that all channels share; the matrices start as identity.

    Args:
        channels: Most channels.
        kernel_sizes: Odd sides, px, ascending.
        stride: Stride.
    """

    def __init__(self, channels: int, *, kernel_sizes: tuple[int, ...], stride: int = 1) -> None:
        super().__init__()
        largest = kernel_sizes[-1]
        self.kernel_sizes = kernel_sizes
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(channels, 1, largest, largest))
        nn.init.kaiming_normal_(self.weight, mode="fan_out")
        self.transforms = nn.ParameterDict(
            {
                _transform_name(larger, smaller): nn.Parameter(torch.eye(smaller**2))
                for smaller, larger in pairwise(kernel_sizes)
            }
        )

    def kernel(self, *, channels: int, kernel_size: int) -> Float[Tensor, "{channels} 1 k k"]:
        """The kernel of one choice, derived from the largest."""
        weight = self.weight[:channels]
        descending = self.kernel_sizes[self.kernel_sizes.index(kernel_size) :][::-1]
        for larger, smaller in pairwise(descending):
            edge = (larger - smaller) // 2
            center = weight[..., edge : edge + smaller, edge : edge + smaller]
            matrix = self.transforms[_transform_name(larger, smaller)]
            weight = F.linear(center.reshape(channels, -1), matrix).view_as(center)
        return weight

    def forward(self, x: Float[Tensor, "b c h w"], *, kernel_size: int) -> Tensor:
        channels = x.shape[1]
        weight = self.kernel(channels=channels, kernel_size=kernel_size)
        return F.conv2d(x, weight, stride=self.stride, padding=kernel_size // 2, groups=channels)


class ElasticBatchNorm2d(nn.BatchNorm2d):
    """``BatchNorm2d`` that runs with any leading slice of its channels.

    In training it normalizes by the statistics of the batch and updates the slice of its running
    statistics. Those mix all subnets and suit none: recalibrate a subnet before it is evaluated.
    """

    def forward(self, x: Float[Tensor, "b c h w"]) -> Tensor:  # type: ignore[override]
        channels = x.shape[1]
        assert self.running_mean is not None and self.running_var is not None
        if self.training:
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
        return F.batch_norm(
            x,
            self.running_mean[:channels],
            self.running_var[:channels],
            self.weight[:channels],
            self.bias[:channels],
            self.training,
            self.momentum or 0.0,
            self.eps,
        )


class ElasticLinear(nn.Linear):
    """``Linear`` that runs with any leading slice of its input features."""

    def forward(self, x: Float[Tensor, "b features"]) -> Float[Tensor, "b out"]:  # type: ignore[override]
        return F.linear(x, self.weight[:, : x.shape[1]], self.bias)


class ElasticSqueezeExcite(nn.Module):
    """Squeeze-and-excitation over any leading slice of its channels.

    Source: Hu et al., CVPR 2018, arXiv:1709.01507, with the hard sigmoid of MobileNetV3.
    """

    def __init__(self, channels: int, se_channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, se_channels, 1)
        self.expand = nn.Conv2d(se_channels, channels, 1)

    def forward(self, x: Float[Tensor, "b c h w"], *, se_channels: int) -> Tensor:
        channels = x.shape[1]
        pooled = x.mean((2, 3), keepdim=True)
        reduced = F.conv2d(
            pooled,
            self.reduce.weight[:se_channels, :channels],
            self._bias(self.reduce, se_channels),
        )
        expanded = F.conv2d(
            F.relu(reduced),
            self.expand.weight[:channels, :se_channels],
            self._bias(self.expand, channels),
        )
        return x * _hard_sigmoid(expanded)

    @staticmethod
    def _bias(conv: nn.Conv2d, channels: int) -> Tensor:
        assert conv.bias is not None
        return conv.bias[:channels]


def _transform_name(larger: int, smaller: int) -> str:
    return f"{larger}to{smaller}"


def _hard_sigmoid(x: Tensor) -> Tensor:
    # The gradient of torch's own takes 1/6 in float32, even of a float64 tensor (torch 2.14).
    return F.relu6(x + 3) / 6 if x.dtype == torch.float64 else F.hardsigmoid(x)
