"""Cutting a subnet out of its supernet: its tensors are slices of the supernet's."""

from contextlib import nullcontext
from typing import Any, no_type_check, overload

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ofa.nn import ElasticDepthwiseConv2d
from ofa.space import AnyArch, AnySpace, Arch, ResNetArch, ResNetSpace, SearchSpace, network
from ofa.subnet.build import Subnet, build_subnet
from ofa.subnet.static import StaticNet
from ofa.subnet.static_resnet import StaticResNet


@overload
def extract(supernet: nn.Module, space: SearchSpace, arch: Arch) -> StaticNet: ...


@overload
def extract(supernet: nn.Module, space: ResNetSpace, arch: ResNetArch) -> StaticResNet: ...


@overload
def extract(supernet: nn.Module, space: AnySpace, arch: AnyArch) -> Subnet: ...


def extract(supernet: nn.Module, space: AnySpace, arch: AnyArch) -> Subnet:
    """The static network of ``arch`` with the supernet's weights.

    In evaluation mode it gives the supernet's logits. Its batch-norm statistics are slices of the
    supernet's, which mix all subnets: recalibrate before measuring accuracy.

    Raises:
        IllegalArch: If the space does not hold the arch.
    """
    # Every tensor is overwritten below, so none is initialized first. Empty memory costs less than
    # the meta device, which would have every call pass through a second function mode.
    example = next(supernet.parameters())
    is_usual = example.device == torch.get_default_device()
    with _WithoutInitialization(), nullcontext() if is_usual else example.device:
        net = build_subnet(network(space, arch))
    if example.dtype != torch.get_default_dtype():
        net.to(dtype=example.dtype)
    with torch.no_grad():
        _fill_(net, supernet)
    return net.eval()


def _fill_(module: nn.Module, source: nn.Module) -> None:
    """Copy slices of the source's tensors into those of the same names, and so for all parts."""
    if isinstance(source, ElasticDepthwiseConv2d):
        assert isinstance(module, nn.Conv2d)
        size = module.kernel_size[0]
        module.weight.copy_(source.kernel(channels=module.out_channels, kernel_size=size))
        return
    for key, tensor in module.named_parameters(recurse=False):
        tensor.copy_(_slice(getattr(source, key), tensor))
    for key, tensor in module.named_buffers(recurse=False):
        tensor.copy_(_slice(getattr(source, key), tensor))
    if isinstance(module, nn.BatchNorm2d):
        assert isinstance(source, nn.BatchNorm2d)
        module.momentum = source.momentum
    parts = dict(source.named_children())
    for name, part in module.named_children():
        if name in parts:  # the others, as identities, have no tensors
            _fill_(part, parts[name])


def _slice(tensor: Tensor, like: Tensor) -> Tensor:
    if tensor.shape == like.shape:
        return tensor
    return tensor[tuple(slice(size) for size in like.shape)]


class _WithoutInitialization(TorchFunctionMode):
    """Leaves tensors that layers would fill at random as they are."""

    @no_type_check  # called for every function of torch
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is nn.init.kaiming_uniform_:
            return kwargs["tensor"]
        return args[0] if func is Tensor.uniform_ else func(*args, **(kwargs or {}))
