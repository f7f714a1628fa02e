"""The elastic MobileNetV3: fixed stem and head, elastic inverted-residual stages between.

ProxylessNAS nets are of the same build, without squeeze-excite and with other widths and
activations, so their spaces (``ofa.space.proxyless``) make the same supernet.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ofa.nn import ConvBatchNorm, ElasticBatchNorm2d, ElasticMBConv, set_batchnorm_eps_
from ofa.space import Arch, SearchSpace, network


class MobileNetV3Supernet(nn.Module):
    """Every subnet of a MobileNetV3 space, in one set of weights.

    Source: Howard et al., "Searching for MobileNetV3", ICCV 2019, arXiv:1905.02244; made elastic as
    in Cai et al., ICLR 2020, arXiv:1908.09791.
    """

    def __init__(self, space: SearchSpace) -> None:
        super().__init__()
        self.space = space
        largest = network(space, space.largest())
        self.stem = ConvBatchNorm(largest.stem)
        self.first_block = ElasticMBConv(largest.first_block, kernel_sizes=(3,))
        self.stages = nn.ModuleList(
            nn.ModuleList(ElasticMBConv(layer, kernel_sizes=space.kernel_sizes) for layer in stage)
            for stage in largest.stages
        )
        self.head = ConvBatchNorm(largest.head) if largest.head else nn.Identity()
        self.feature = ConvBatchNorm(largest.feature) if largest.feature else nn.Identity()
        self.classifier = nn.Linear(largest.classifier.in_features, largest.classifier.out_features)
        self.dropout = nn.Dropout(space.head.dropout) if space.head.dropout else nn.Identity()
        set_batchnorm_eps_(self, space.batchnorm_eps)
        _initialize_(self)

    def forward(self, images: Float[Tensor, "b c r r"], arch: Arch) -> Float[Tensor, "b classes"]:
        """Logits of one subnet.

        Args:
            images: Normalized images at the arch's resolution.
            arch: The subnet to run.

        Raises:
            IllegalArch: If the space does not hold the arch.
        """
        layers = network(self.space, arch)
        x = self.first_block(self.stem(images), layers.first_block)
        for blocks, stage in zip(self.stages, layers.stages, strict=True):
            for block, layer in zip(blocks, stage, strict=False):  # type: ignore[call-overload]
                x = block(x, layer)
        x = self.head(x).mean((2, 3), keepdim=True)
        return self.classifier(self.dropout(self.feature(x).flatten(1)))


def _initialize_(supernet: nn.Module) -> None:
    """He initialization over the fan-out; blocks with a skip start near the identity."""
    for module in supernet.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
    stages = supernet.get_submodule("stages")
    for stage in stages.children():
        for block in list(stage.children())[1:]:
            norm = block.get_submodule("project_bn")
            assert isinstance(norm, ElasticBatchNorm2d)
            # A block that starts near the identity lets every depth learn from the first step.
            with torch.no_grad():
                norm.weight.fill_(0.2)
