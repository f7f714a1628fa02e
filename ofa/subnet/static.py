"""The static network of an arch: plain torch modules, nothing elastic, ready to ship.

Module names are those of the supernet, so that weights are copied name by name.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ofa.nn import ACTIVATIONS, ConvBatchNorm, set_batchnorm_eps_
from ofa.space import MBConvLayer, Network
from ofa.subnet.segment import Segment


class SqueezeExcite(nn.Module):
    """Squeeze-and-excitation with a hard sigmoid."""

    def __init__(self, channels: int, se_channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, se_channels, 1)
        self.expand = nn.Conv2d(se_channels, channels, 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Tensor:
        reduced = F.relu(self.reduce(x.mean((2, 3), keepdim=True)))
        return x * F.hardsigmoid(self.expand(reduced))


class MBConv(nn.Module):
    """Inverted-residual block of fixed sizes."""

    def __init__(self, layer: MBConvLayer) -> None:
        super().__init__()
        mid = layer.mid_channels
        if layer.expands:
            self.expand = nn.Conv2d(layer.in_channels, mid, 1, bias=False)
            self.expand_bn = nn.BatchNorm2d(mid)
        self.depthwise = nn.Conv2d(
            mid,
            mid,
            layer.kernel_size,
            layer.stride,
            layer.kernel_size // 2,
            groups=mid,
            bias=False,
        )
        self.depthwise_bn = nn.BatchNorm2d(mid)
        self.squeeze_excite = (
            SqueezeExcite(mid, layer.se_channels) if layer.se_channels else nn.Identity()
        )
        self.project = nn.Conv2d(mid, layer.out_channels, 1, bias=False)
        self.project_bn = nn.BatchNorm2d(layer.out_channels)
        self.layer = layer
        self.activation = ACTIVATIONS[layer.activation]

    def forward(self, x: Float[Tensor, "b c h w"]) -> Tensor:
        y = x
        if self.layer.expands:
            y = self.activation(self.expand_bn(self.expand(y)))
        y = self.activation(self.depthwise_bn(self.depthwise(y)))
        y = self.project_bn(self.project(self.squeeze_excite(y)))
        return x + y if self.layer.skip else y


class StaticNet(nn.Module):
    """The network of one arch; ``forward`` takes normalized images at the arch's resolution."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.stem = ConvBatchNorm(network.stem)
        self.first_block = MBConv(network.first_block)
        self.stages = nn.Sequential(
            *(nn.Sequential(*(MBConv(layer) for layer in stage)) for stage in network.stages)
        )
        self.head = ConvBatchNorm(network.head) if network.head else nn.Identity()
        self.feature = ConvBatchNorm(network.feature) if network.feature else nn.Identity()
        self.classifier = nn.Linear(network.classifier.in_features, network.classifier.out_features)
        set_batchnorm_eps_(self, network.batchnorm_eps)

    def forward(self, images: Float[Tensor, "b c r r"]) -> Float[Tensor, "b classes"]:
        return self.tail(self.stages(self.first_block(self.stem(images))))

    def tail(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes"]:
        """What follows the last block: head, mean over the map, features, classifier."""
        pooled = self.head(x).mean((2, 3), keepdim=True)
        return self.classifier(self.feature(pooled).flatten(1))

    def segments(self) -> list[nn.Module]:
        """Stem, first block, each further block, tail: run in order they are the whole net."""
        blocks = [block for stage in self.stages for block in stage.children()]
        tail = Segment(self.tail, (self.head, self.feature, self.classifier))
        return [self.stem, self.first_block, *blocks, tail]
