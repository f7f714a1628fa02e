"""Batch norm and activation folded into the convolution before them, once statistics are final.

What is counted afterwards passes over every activation once, in place of three times. The logits
are those of the unfolded network to rounding.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_FUSED: dict[Callable[..., Tensor], tuple[str, list[float]]] = {
    F.relu: ("relu", []),
    F.hardswish: ("hardswish", []),
    F.relu6: ("hardtanh", [0.0, 6.0]),
}
"""Names and bounds of activations as oneDNN knows them."""
_LAST_NORM = "project_bn"  # a block's sum is not activated


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


@torch.no_grad()
def fold_batchnorm_(net: nn.Module) -> None:
    """Fold every batch norm of a static network in evaluation mode, and what activates it.

    Layers are told by name, as everywhere in ``ofa.subnet``: ``bn`` follows ``conv``, and ``x_bn``
    follows ``x``; ``activation`` follows all norms of its module but ``project_bn``.
    """
    for module in list(net.modules()):
        activation: Any = getattr(module, "activation", None)
        for name, norm in list(module.named_children()):
            if not isinstance(norm, nn.BatchNorm2d):
                continue
            conv_name = "conv" if name == "bn" else name.removesuffix("_bn")
            conv = fuse_conv_bn_eval(getattr(module, conv_name), norm)
            is_activated = activation in _FUSED and name != _LAST_NORM and _can_fuse(conv)
            setattr(module, conv_name, ActivatedConv(conv, activation) if is_activated else conv)
            setattr(module, name, nn.Identity())
        if any(isinstance(child, ActivatedConv) for child in module.children()):
            module.activation = nn.Identity()


def _can_fuse(conv: nn.Conv2d) -> bool:
    return conv.weight.device.type == "cpu" and torch.backends.mkldnn.is_available()
