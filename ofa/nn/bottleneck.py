"""The elastic bottleneck block, and the convolution of its stem."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ofa.nn.elastic import ElasticBatchNorm2d, ElasticConv2d
from ofa.space import BottleneckLayer, ConvLayer


class ElasticConvBatchNorm(nn.Module):
    """A dense convolution of elastic width, batch norm, relu."""

    def __init__(self, largest: ConvLayer) -> None:
        super().__init__()
        self.conv = ElasticConv2d(
            largest.in_channels,
            largest.out_channels,
            kernel_size=largest.kernel_size,
            stride=largest.stride,
        )
        self.bn = ElasticBatchNorm2d(largest.out_channels)

    def forward(self, x: Float[Tensor, "b c h w"], layer: ConvLayer) -> Tensor:
        return F.relu(self.bn(self.conv(x, out_channels=layer.out_channels)))


class ElasticBottleneck(nn.Module):
    """A bottleneck block that runs as any narrower one.

    Args:
        largest: Sizes of the largest block.
    """

    def __init__(self, largest: BottleneckLayer) -> None:
        super().__init__()
        mid, width = largest.mid_channels, largest.out_channels
        self.reduce = ElasticConv2d(largest.in_channels, mid)
        self.reduce_bn = ElasticBatchNorm2d(mid)
        self.middle = ElasticConv2d(mid, mid, kernel_size=3, stride=largest.stride)
        self.middle_bn = ElasticBatchNorm2d(mid)
        self.expand = ElasticConv2d(mid, width)
        self.expand_bn = ElasticBatchNorm2d(width)
        if largest.projects:
            self.project = ElasticConv2d(largest.in_channels, width)
            self.project_bn = ElasticBatchNorm2d(width)

    def forward(self, x: Float[Tensor, "b c h w"], layer: BottleneckLayer) -> Tensor:
        """Run as ``layer``, which must be one of the blocks this one was made to hold."""
        mid, width = layer.mid_channels, layer.out_channels
        y = F.relu(self.reduce_bn(self.reduce(x, out_channels=mid)))
        y = F.relu(self.middle_bn(self.middle(y, out_channels=mid)))
        y = self.expand_bn(self.expand(y, out_channels=width))
        if layer.projects:
            pooled = F.avg_pool2d(x, layer.stride, ceil_mode=True) if layer.stride > 1 else x
            x = self.project_bn(self.project(pooled, out_channels=width))
        return F.relu(x + y)
