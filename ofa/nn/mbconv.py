"""The elastic inverted-residual block: expansion, depthwise, squeeze-excite, projection, skip."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ofa.nn.elastic import (
    ElasticBatchNorm2d,
    ElasticConv2d,
    ElasticDepthwiseConv2d,
    ElasticSqueezeExcite,
)
from ofa.space import ConvLayer, MBConvLayer

ACTIVATIONS = {"relu": F.relu, "relu6": F.relu6, "hardswish": F.hardswish}


class ElasticMBConv(nn.Module):
    """An inverted-residual block that runs as any smaller one.

    Args:
        largest: Sizes of the largest block.
        kernel_sizes: Kernel sizes it can run with, px, ascending.
    """

    def __init__(self, largest: MBConvLayer, *, kernel_sizes: tuple[int, ...]) -> None:
        super().__init__()
        mid = largest.mid_channels
        if largest.expands:
            self.expand = ElasticConv2d(largest.in_channels, mid)
            self.expand_bn = ElasticBatchNorm2d(mid)
        self.depthwise = ElasticDepthwiseConv2d(
            mid, kernel_sizes=kernel_sizes, stride=largest.stride
        )
        self.depthwise_bn = ElasticBatchNorm2d(mid)
        if largest.se_channels:
            self.squeeze_excite = ElasticSqueezeExcite(mid, largest.se_channels)
        self.project = ElasticConv2d(mid, largest.out_channels)
        self.project_bn = ElasticBatchNorm2d(largest.out_channels)

    def forward(self, x: Float[Tensor, "b c h w"], layer: MBConvLayer) -> Tensor:
        """Run as ``layer``, which must be one of the blocks this one was made to hold."""
        activation = ACTIVATIONS[layer.activation]
        y = x
        if layer.expands:
            y = activation(self.expand_bn(self.expand(y, out_channels=layer.mid_channels)))
        y = activation(self.depthwise_bn(self.depthwise(y, kernel_size=layer.kernel_size)))
        if layer.se_channels:
            y = self.squeeze_excite(y, se_channels=layer.se_channels)
        y = self.project_bn(self.project(y, out_channels=layer.out_channels))
        return x + y if layer.skip else y


class ConvBatchNorm(nn.Module):
    """A fixed convolution, batch norm where the layer has it, and activation.

    Elastic networks and static ones share it, since stem and head are the same in every subnet.
    """

    def __init__(self, layer: ConvLayer) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,
            layer.stride,
            padding=layer.kernel_size // 2,
            bias=False,
        )
        self.bn = nn.BatchNorm2d(layer.out_channels) if layer.batchnorm else nn.Identity()
        self.activation = ACTIVATIONS[layer.activation]

    def forward(self, x: Float[Tensor, "b c h w"]) -> Tensor:
        return self.activation(self.bn(self.conv(x)))


def set_batchnorm_eps_(net: nn.Module, eps: float) -> None:
    """Give every batch norm of a network the same ``eps``."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = eps
