"""Tensor names of the reference project beside ours.

One table per network answers both directions: it lists the reference's names in the reference's
order, each with our name for the same tensor. Elastic layers of the reference wrap the plain ones,
which doubles parts of their names (``conv.conv``, ``bn.bn``); its static networks have the plain
names.

Source: mit-han-lab/once-for-all @ f03b267, state dictionaries of its networks.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from ofa.space import (
    MBConvLayer,
    Network,
    ResNetNetwork,
    ResNetSpace,
    SearchSpace,
    network,
    resnet_network,
)

_BATCHNORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
Pairs = Iterator[tuple[str, str]]


def supernet_keys(space: SearchSpace | ResNetSpace, *, elastic: bool = True) -> dict[str, str]:
    """Our name of each tensor of a supernet, by the reference's name.

    Args:
        elastic: Whether to use the names of the reference's elastic network, which alone has kernel
            transforms, or those of its static network of the largest arch.
    """
    if isinstance(space, ResNetSpace):
        return dict(_resnet(resnet_network(space, space.largest()), elastic=elastic))
    largest = network(space, space.largest())
    sizes = space.kernel_sizes
    transforms = [f"{big}to{small}" for small, big in pairwise(sizes)]
    return _keys(largest, elastic=elastic, transforms=transforms if elastic else [])


def subnet_keys(
    net: Network | ResNetNetwork, *, positions: Sequence[int] | None = None
) -> dict[str, str]:
    """Our name of each tensor of a static network, by the reference's name.

    Args:
        positions: Number of each elastic block among the blocks of the file; without it they follow
            one another from 1.
    """
    if isinstance(net, ResNetNetwork):
        return dict(_resnet(net, elastic=False))
    return _keys(net, elastic=False, transforms=[], positions=positions)


def _keys(
    net: Network,
    *,
    elastic: bool,
    transforms: Iterable[str],
    positions: Sequence[int] | None = None,
) -> dict[str, str]:
    blocks = [
        (f"stages.{i}.{j}", layer)
        for i, stage in enumerate(net.stages)
        for j, layer in enumerate(stage)
    ]
    numbers = positions or range(1, 1 + len(blocks))
    head = "final_expand_layer" if net.feature else "feature_mix_layer"
    pairs = [*_convolution("first_conv", "stem.conv", "stem.bn")]
    pairs += _block("blocks.0.conv", "first_block", net.first_block, elastic=False)
    for number, (name, layer) in zip(numbers, blocks, strict=True):
        pairs += _block(
            f"blocks.{number}.conv", name, layer, elastic=elastic, transforms=transforms
        )
    if net.head:
        pairs += _convolution(head, "head.conv", "head.bn")
    if net.feature:
        pairs += _convolution("feature_mix_layer", "feature.conv")
    pairs += [(f"classifier.linear.{part}", f"classifier.{part}") for part in ("weight", "bias")]
    return dict(pairs)


def _resnet(net: ResNetNetwork, *, elastic: bool) -> Pairs:
    stem = [("", "stem_in")]
    if net.stem_residual:
        stem.append((".conv", "stem_residual"))  # wrapped with its skip
    stem.append(("", "stem_out"))
    for number, (wrapped, ours) in enumerate(stem):
        theirs = f"input_stem.{number}{wrapped}"
        yield from _convolution(theirs, f"{ours}.conv", f"{ours}.bn", elastic=elastic)
    blocks = [
        (f"stages.{i}.{j}", layer)
        for i, stage in enumerate(net.stages)
        for j, layer in enumerate(stage)
    ]
    names = {"conv1": "reduce", "conv2": "middle", "conv3": "expand", "downsample": "project"}
    for number, (block, layer) in enumerate(blocks):
        for theirs, ours in names.items():
            if ours != "project" or layer.projects:
                conv = f"{block}.{ours}"
                theirs = f"blocks.{number}.{theirs}"
                yield from _convolution(theirs, conv, f"{conv}_bn", elastic=elastic)
    linear = "linear.linear" if elastic else "linear"
    for part in ("weight", "bias"):
        yield f"classifier.{linear}.{part}", f"classifier.{part}"


def _block(
    theirs: str,
    ours: str,
    layer: MBConvLayer,
    *,
    elastic: bool,
    transforms: Iterable[str] = (),
) -> Pairs:
    if layer.expands:
        expand, norm = f"{ours}.expand", f"{ours}.expand_bn"
        yield from _convolution(f"{theirs}.inverted_bottleneck", expand, norm, elastic=elastic)
    depthwise = f"{ours}.depthwise"
    for transform in transforms:
        yield f"{theirs}.depth_conv.conv.{transform}_matrix", f"{depthwise}.transforms.{transform}"
    yield from _convolution(f"{theirs}.depth_conv", depthwise, f"{depthwise}_bn", elastic=elastic)
    if layer.se_channels:
        for conv in ("reduce", "expand"):
            for part in ("weight", "bias"):
                key = f"{conv}.{part}"
                yield f"{theirs}.depth_conv.se.fc.{key}", f"{ours}.squeeze_excite.{key}"
    project, norm = f"{ours}.project", f"{ours}.project_bn"
    yield from _convolution(f"{theirs}.point_linear", project, norm, elastic=elastic)


def _convolution(
    theirs: str, conv: str, batchnorm: str | None = None, *, elastic: bool = False
) -> Pairs:
    yield f"{theirs}.{'conv.conv' if elastic else 'conv'}.weight", f"{conv}.weight"
    for part in _BATCHNORM if batchnorm else ():
        yield f"{theirs}.{'bn.bn' if elastic else 'bn'}.{part}", f"{batchnorm}.{part}"
