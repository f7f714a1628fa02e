"""Importance sorting: the expansion channels that matter most come first, so slices keep them.

A largest net computes the same function before and after; a narrower one is made of better
channels.

Source: Cai et al., ICLR 2020, arXiv:1908.09791, section 3.2. Unlike the reference, bands that
earlier phases already use are sorted one by one, inside squeeze-and-excitation as well, instead of
by large offsets, which lose float32 precision.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from ofa.nn import ElasticBatchNorm2d, ElasticBottleneck, ElasticMBConv
from ofa.space import (
    AnySpace,
    ResNetSpace,
    SearchSpace,
    make_divisible,
    mid_channels,
    network,
    resnet_network,
    squeeze_channels,
)


def sort_channels_(supernet: nn.Module, space: AnySpace, *, trained: AnySpace) -> None:
    """Sort the inner channels of every elastic block of a supernet of any family.

    Args:
        supernet: Changed in place.
        trained: The part of the space already trained: channels stay within the bands between its
            widths, so that its subnets keep their channels.
    """
    if isinstance(space, ResNetSpace):
        assert isinstance(trained, ResNetSpace)
        sort_bottleneck_channels_(
            supernet,
            space,
            expand_ratios=trained.expand_ratios,
            width_ratios=trained.width_ratios,
        )
    else:
        sort_expansion_channels_(supernet, space, expand_ratios=trained.expand_ratios)


def sort_expansion_channels_(
    supernet: nn.Module, space: SearchSpace, *, expand_ratios: tuple[float, ...]
) -> None:
    """Sort the middle channels of every elastic block by the L1 norm of their projection.

    Args:
        supernet: Changed in place.
        expand_ratios: Ratios already trained; see ``sort_channels_``.
    """
    largest = network(space, space.largest())
    stages = supernet.get_submodule("stages")
    for blocks, layers in zip(stages.children(), largest.stages, strict=True):
        for block, layer in zip(blocks.children(), layers, strict=True):
            assert isinstance(block, ElasticMBConv)
            widths = {mid_channels(layer.in_channels, ratio) for ratio in expand_ratios}
            bounds = sorted({0, *widths, layer.mid_channels})
            importance = block.project.weight.detach().abs().sum((0, 2, 3))
            order = _order_within_bands(importance, bounds)
            _permute_mid_channels_(block, order)
            if layer.se_channels:
                squeezed = sorted({0, *map(squeeze_channels, bounds[1:])})
                _sort_squeeze_channels_(block, squeezed)


@torch.no_grad()
def sort_bottleneck_channels_(
    supernet: nn.Module,
    space: ResNetSpace,
    *,
    expand_ratios: tuple[float, ...],
    width_ratios: tuple[float, ...],
) -> None:
    """Sort both inner widths of every bottleneck block by the L1 norm of what reads them.

    Args:
        supernet: Changed in place.
        expand_ratios: Ratios already trained; see ``sort_channels_``.
        width_ratios: Stage widths already trained.
    """
    largest = resnet_network(space, space.largest())
    stages = supernet.get_submodule("stages")
    for stage, blocks, layers in zip(space.stages, stages.children(), largest.stages, strict=True):
        outer = [make_divisible(stage.width * ratio) for ratio in width_ratios]
        inner = {make_divisible(round(w * ratio)) for w in outer for ratio in expand_ratios}
        for block, layer in zip(blocks.children(), layers, strict=True):
            assert isinstance(block, ElasticBottleneck)
            bounds = sorted({0, *inner, layer.mid_channels})
            for writer, norm, reader in (
                (block.middle, block.middle_bn, block.expand),
                (block.reduce, block.reduce_bn, block.middle),
            ):
                order = _order_within_bands(reader.weight.abs().sum((0, 2, 3)), bounds)
                reader.weight.copy_(reader.weight[:, order])
                writer.weight.copy_(writer.weight[order])
                _permute_norm_(norm, order)


def _order_within_bands(importance: Tensor, bounds: list[int]) -> Tensor:
    bands = [
        low + importance[low:high].argsort(descending=True, stable=True)
        for low, high in pairwise(bounds)
    ]
    return torch.cat(bands)


@torch.no_grad()
def _permute_mid_channels_(block: ElasticMBConv, order: Tensor) -> None:
    block.project.weight.copy_(block.project.weight[:, order])
    block.depthwise.weight.copy_(block.depthwise.weight[order])
    block.expand.weight.copy_(block.expand.weight[order])
    for norm in (block.expand_bn, block.depthwise_bn):
        _permute_norm_(norm, order)
    if hasattr(block, "squeeze_excite"):
        gate = block.squeeze_excite
        gate.reduce.weight.copy_(gate.reduce.weight[:, order])
        gate.expand.weight.copy_(gate.expand.weight[order])
        assert gate.expand.bias is not None
        gate.expand.bias.copy_(gate.expand.bias[order])


@torch.no_grad()
def _sort_squeeze_channels_(block: ElasticMBConv, bounds: list[int]) -> None:
    gate = block.squeeze_excite
    order = _order_within_bands(gate.expand.weight.abs().sum((0, 2, 3)), bounds)
    gate.expand.weight.copy_(gate.expand.weight[:, order])
    gate.reduce.weight.copy_(gate.reduce.weight[order])
    assert gate.reduce.bias is not None
    gate.reduce.bias.copy_(gate.reduce.bias[order])


@torch.no_grad()
def _permute_norm_(norm: ElasticBatchNorm2d, order: Tensor) -> None:
    for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        assert values is not None
        values.copy_(values[order])
