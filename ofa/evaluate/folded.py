"""Batch norm folded into the convolution before it, once its statistics are final.

What is counted afterwards then passes over every activation once less. The logits are those of the
unfolded network to rounding.
"""

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


@torch.no_grad()
def fold_batchnorm_(net: nn.Module) -> None:
    """Fold every batch norm of a static network in evaluation mode.

    Layers are told by name, as everywhere in ``ofa.subnet``: ``bn`` follows ``conv``, and ``x_bn``
    follows ``x``.
    """
    for module in net.modules():
        for name, norm in list(module.named_children()):
            if isinstance(norm, nn.BatchNorm2d):
                conv_name = "conv" if name == "bn" else name.removesuffix("_bn")
                conv = getattr(module, conv_name)
                setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(module, name, nn.Identity())
