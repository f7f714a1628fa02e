"""Batch norm folded into the convolution before it, once statistics are final."""

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


@torch.no_grad()
def fold_batchnorm_(net: nn.Module) -> list[tuple[nn.Module, str]]:
    """Fold every batch norm of a static network in evaluation mode; logits are equal to rounding.

    Layers are told by name, as everywhere in ``ofa.subnet``: ``bn`` follows ``conv``, and ``x_bn``
    follows ``x``.

    Returns:
        Each module that had a norm, with the name of the convolution before it; once a norm.
    """
    folded: list[tuple[nn.Module, str]] = []
    for module in list(net.modules()):
        for name, norm in list(module.named_children()):
            if not isinstance(norm, nn.BatchNorm2d):
                continue
            conv = "conv" if name == "bn" else name.removesuffix("_bn")
            setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), norm))
            setattr(module, name, nn.Identity())
            folded.append((module, conv))
    return folded
