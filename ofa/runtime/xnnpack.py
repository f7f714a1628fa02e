"""Networks as XNNPACK is fast on: no depthwise kernel of more than 25 taps.

LiteRT and ExecuTorch compute by XNNPACK. Its depthwise kernels are of 3, 4, 9 and 25 taps
(google/XNNPACK, ``src/configs/dwconv-config.c``); a wider one runs as a general convolution of one
channel each, many times as slow.
"""

import copy
from typing import TypeGuard

import torch
from torch import Tensor, nn

_SIZE = 7  # 49 taps, which three kernels of three rows hold: 21 each
_APART = (1, 2, 3)


class ThreeRowsEach(nn.Module):
    """A depthwise 7 x 7 as the sum of three kernels of three rows.

    The rows of a kernel lie one, two or three apart around the middle one, so that each kernel is
    padded evenly; the middle row counts in the first alone.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.parts = nn.ModuleList(self._part(conv, apart) for apart in _APART)

    def forward(self, x: Tensor) -> Tensor:
        first, second, third = self.parts
        return first(x) + second(x) + third(x)

    @staticmethod
    def _part(conv: nn.Conv2d, apart: int) -> nn.Conv2d:
        middle, is_first = _SIZE // 2, apart == _APART[0]
        part = nn.Conv2d(
            conv.in_channels,
            conv.out_channels,
            (3, _SIZE),
            (conv.stride[0], conv.stride[1]),
            (apart, middle),
            (apart, 1),
            groups=conv.groups,
            bias=is_first and conv.bias is not None,
        )
        part.weight.copy_(conv.weight[:, :, middle - apart : middle + apart + 1 : apart])
        if not is_first:
            part.weight[:, :, 1] = 0
        if part.bias is not None and conv.bias is not None:
            part.bias.copy_(conv.bias)
        return part


@torch.no_grad()
def narrowed(net: nn.Module) -> nn.Module:
    """A copy of a network without wide depthwise kernels; its logits are equal to rounding."""
    narrow = copy.deepcopy(net)
    for name, module in list(narrow.named_modules()):
        if _is_wide(module):
            parent, _, child = name.rpartition(".")
            setattr(narrow.get_submodule(parent), child, ThreeRowsEach(module))
    return narrow


def _is_wide(module: nn.Module) -> TypeGuard[nn.Conv2d]:
    return (
        isinstance(module, nn.Conv2d)
        and 1 < module.in_channels == module.groups == module.out_channels
        and module.kernel_size == (_SIZE, _SIZE)
        and module.padding == (_SIZE // 2, _SIZE // 2)
        and module.dilation == (1, 1)
        and module.padding_mode == "zeros"
    )
