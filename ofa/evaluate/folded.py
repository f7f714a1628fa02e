"""Batch norm and activation folded into the convolution before them, once statistics are final.

What is counted afterwards passes over every activation once, in place of three times. The logits
are those of the unfolded network to rounding.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ofa.subnet import fold_batchnorm_

_FUSED: dict[Callable[..., Tensor], tuple[str, list[float]]] = {
    F.relu: ("relu", []),
    F.hardswish: ("hardswish", []),
    F.relu6: ("hardtanh", [0.0, 6.0]),
}
"""Names and bounds of activations as oneDNN knows them."""
_LAST = "project"  # a block's sum is not activated


class ActivatedConv(nn.Module):
    """A convolution and its activation as one operation of oneDNN, the one of torch's compiler.

    Args:
        conv: On the CPU.
        activation: Key of ``_FUSED``.
    """

    def __init__(self, conv: nn.Conv2d, activation: Callable[..., Tensor]) -> None:
        super().__init__()
        self.conv = conv
        self.name, self.bounds = _FUSED[activation]

    def forward(self, x: Tensor) -> Tensor:
        conv = self.conv
        return torch.ops.mkldnn._convolution_pointwise(
            x, conv.weight, conv.bias, conv.padding, conv.stride, conv.dilation, conv.groups,
            self.name, self.bounds, "",
        )  # fmt: skip


def fuse_layers_(net: nn.Module) -> None:
    """Fold every batch norm of a static network in evaluation mode, and what activates it.

    ``activation`` follows all norms of its module but that of ``project``.
    """
    for module, name in fold_batchnorm_(net):
        conv = getattr(module, name)
        activation: Any = getattr(module, "activation", None)
        if activation in _FUSED and name != _LAST and _can_fuse(conv):
            setattr(module, name, ActivatedConv(conv, activation))
    for module in net.modules():
        if any(isinstance(child, ActivatedConv) for child in module.children()):
            module.activation = nn.Identity()


def _can_fuse(conv: nn.Conv2d) -> bool:
    return conv.weight.device.type == "cpu" and torch.backends.mkldnn.is_available()
