"""The static network of a bottleneck arch: plain torch modules, named as in the supernet."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ofa.nn import ConvBatchNorm, set_batchnorm_eps_
from ofa.space import BottleneckLayer, ResNetNetwork
from ofa.subnet.segment import Segment


class Bottleneck(nn.Module):
    """Bottleneck block of fixed sizes."""

    def __init__(self, layer: BottleneckLayer) -> None:
        super().__init__()
        mid, width = layer.mid_channels, layer.out_channels
        self.reduce = nn.Conv2d(layer.in_channels, mid, 1, bias=False)
        self.reduce_bn = nn.BatchNorm2d(mid)
        self.middle = nn.Conv2d(mid, mid, 3, layer.stride, padding=1, bias=False)
        self.middle_bn = nn.BatchNorm2d(mid)
        self.expand = nn.Conv2d(mid, width, 1, bias=False)
        self.expand_bn = nn.BatchNorm2d(width)
        if layer.projects:
            self.project = nn.Conv2d(layer.in_channels, width, 1, bias=False)
            self.project_bn = nn.BatchNorm2d(width)
        self.layer = layer

    def forward(self, x: Float[Tensor, "b c h w"]) -> Tensor:
        y = F.relu(self.reduce_bn(self.reduce(x)))
        y = F.relu(self.middle_bn(self.middle(y)))
        y = self.expand_bn(self.expand(y))
        if self.layer.projects:
            stride = self.layer.stride
            pooled = F.avg_pool2d(x, stride, ceil_mode=True) if stride > 1 else x
            x = self.project_bn(self.project(pooled))
        return F.relu(x + y)


class StaticResNet(nn.Module):
    """The network of one arch; ``forward`` takes normalized images at the arch's resolution."""

    def __init__(self, network: ResNetNetwork) -> None:
        super().__init__()
        self.stem_in = ConvBatchNorm(network.stem_in)
        self.stem_residual = ConvBatchNorm(network.stem_residual) if network.stem_residual else None
        self.stem_out = ConvBatchNorm(network.stem_out)
        self.stages = nn.Sequential(
            *(nn.Sequential(*(Bottleneck(layer) for layer in stage)) for stage in network.stages)
        )
        self.classifier = nn.Linear(network.classifier.in_features, network.classifier.out_features)
        set_batchnorm_eps_(self, network.batchnorm_eps)

    def forward(self, images: Float[Tensor, "b c r r"]) -> Float[Tensor, "b classes"]:
        return self.tail(self.stages(self.stem(images)))

    def stem(self, images: Float[Tensor, "b c r r"]) -> Float[Tensor, "b c2 h w"]:
        """What comes before the first block."""
        x = self.stem_in(images)
        if self.stem_residual is not None:
            x = x + self.stem_residual(x)
        return F.max_pool2d(self.stem_out(x), 3, 2, 1)

    def tail(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes"]:
        """What follows the last block: mean over the map, classifier."""
        return self.classifier(x.mean((2, 3)))

    def segments(self) -> list[nn.Module]:
        """Stem, each block, tail: run in order they are the whole net."""
        convs = (self.stem_in, self.stem_residual, self.stem_out)
        stem = Segment(self.stem, [conv for conv in convs if conv is not None])
        blocks = [block for stage in self.stages for block in stage.children()]
        return [stem, *blocks, Segment(self.tail, [self.classifier])]
