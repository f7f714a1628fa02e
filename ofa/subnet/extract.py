"""Cutting a subnet out of its supernet: its tensors are slices of the supernet's."""

from typing import Any, overload

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
    # Every tensor is replaced below, so none is initialized first. Empty memory costs less than the
    # meta device, which would have every call pass through a second function mode.
    with _WithoutInitialization():
        net = build_subnet(network(space, arch))
    _fill_(net, supernet)
    return net.eval()


@torch.no_grad()
def _fill_(net: nn.Module, supernet: nn.Module) -> None:
    """Give a net slices of the supernet's tensors of the same names."""
    elastic = dict(supernet.named_modules())
    for name, module in net.named_modules():
        source = elastic.get(name)
        for key, empty in module.named_parameters(recurse=False):
            if isinstance(source, ElasticDepthwiseConv2d):
                assert isinstance(module, nn.Conv2d)
                size = module.kernel_size[0]
                cut = source.kernel(channels=module.out_channels, kernel_size=size)
            else:
                cut = _slice(getattr(source, key), empty)
            setattr(module, key, nn.Parameter(_owned(cut)))
        for key, empty in module.named_buffers(recurse=False):
            setattr(module, key, _owned(_slice(getattr(source, key), empty)))
        if isinstance(module, nn.BatchNorm2d):
            assert isinstance(source, nn.BatchNorm2d)
            module.momentum = source.momentum


def _slice(tensor: Tensor, like: Tensor) -> Tensor:
    return tensor[tuple(slice(size) for size in like.shape)]


def _owned(tensor: Tensor) -> Tensor:
    return tensor.detach().clone(memory_format=torch.contiguous_format)


class _WithoutInitialization(TorchFunctionMode):
    """Leaves tensors that layers would fill at random as they are."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is nn.init.kaiming_uniform_:
            return kwargs["tensor"]
        return args[0] if func is Tensor.uniform_ else func(*args, **(kwargs or {}))
