"""The elastic ResNet50D: elastic stem, elastic bottleneck stages, elastic classifier."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ofa.nn import ElasticBottleneck, ElasticConvBatchNorm, ElasticLinear, set_batchnorm_eps_
from ofa.space import ResNetArch, ResNetSpace, resnet_network


class ResNet50DSupernet(nn.Module):
    """Every subnet of a bottleneck space, in one set of weights.

    Source: He et al., CVPR 2019, arXiv:1812.01187; made elastic as in Cai et al., ICLR 2020,
    arXiv:1908.09791.
    """

    def __init__(self, space: ResNetSpace) -> None:
        super().__init__()
        self.space = space
        largest = resnet_network(space, space.largest())
        assert largest.stem_residual is not None
        self.stem_in = ElasticConvBatchNorm(largest.stem_in)
        self.stem_residual = ElasticConvBatchNorm(largest.stem_residual)
        self.stem_out = ElasticConvBatchNorm(largest.stem_out)
        self.stages = nn.ModuleList(
            nn.ModuleList(ElasticBottleneck(layer) for layer in stage) for stage in largest.stages
        )
        self.dropout = nn.Dropout(space.dropout) if space.dropout else nn.Identity()
        self.classifier = ElasticLinear(
            largest.classifier.in_features, largest.classifier.out_features
        )
        set_batchnorm_eps_(self, space.batchnorm_eps)
        _initialize_(self)

    def forward(
        self, images: Float[Tensor, "b c r r"], arch: ResNetArch
    ) -> Float[Tensor, "b classes"]:
        """Logits of one subnet.

        Args:
            images: Normalized images at the arch's resolution.
            arch: The subnet to run.

        Raises:
            IllegalArch: If the space does not hold the arch.
        """
        layers = resnet_network(self.space, arch)
        x = self.stem_in(images, layers.stem_in)
        if layers.stem_residual:
            x = x + self.stem_residual(x, layers.stem_residual)
        x = F.max_pool2d(self.stem_out(x, layers.stem_out), 3, 2, 1)
        for blocks, stage in zip(self.stages, layers.stages, strict=True):
            for block, layer in zip(blocks, stage, strict=False):  # type: ignore[call-overload]
                x = block(x, layer)
        return self.classifier(self.dropout(x.mean((2, 3))))


def _initialize_(supernet: ResNet50DSupernet) -> None:
    """He initialization over the fan-out; every block starts near its skip."""
    for module in supernet.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
    with torch.no_grad():
        for module in supernet.modules():
            if isinstance(module, ElasticBottleneck):
                module.expand_bn.weight.fill_(0.2)
