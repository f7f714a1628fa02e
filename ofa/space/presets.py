"""Spaces of the published families, at any width and input size.

The widths are those of the networks at 224 px; smaller inputs keep them and drop strides, so that
the last feature map stays about 4x4 or larger.

Source: mit-han-lab/once-for-all @ f03b267, ``OFAMobileNetV3`` and ``OFAProxylessNASNets``; Cai et
al., "ProxylessNAS", ICLR 2019, arXiv:1812.00332.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ofa.space.layers import make_divisible
from ofa.space.resnet import ResNetSpace
from ofa.space.search_space import FirstBlock, Head, SearchSpace, Stage, Stem


def mobilenet_v3(
    *, width: float = 1.0, input_size: int = 224, in_channels: int = 3, num_classes: int = 1000
) -> SearchSpace:
    """The MobileNetV3 space.

    Args:
        width: Multiplies every number of channels, which is then rounded to a multiple of 8.
        input_size: Largest resolution, px; 224, 64, 32 and 28 are usual.
        in_channels: Image channels.
        num_classes: Number of labels.
    """
    stem_stride, first_stride = _early_strides(input_size)
    stages = (
        Stage(width=24, stride=first_stride),
        Stage(width=40, stride=2, squeeze_excite=True),
        Stage(width=80, stride=2, activation="hardswish"),
        Stage(width=112, activation="hardswish", squeeze_excite=True),
        Stage(width=160, stride=2, activation="hardswish", squeeze_excite=True),
    )
    return SearchSpace(
        family="mobilenet_v3",
        in_channels=in_channels,
        num_classes=num_classes,
        resolutions=_resolutions(input_size),
        stem=Stem(width=make_divisible(16 * width), stride=stem_stride),
        first_block=FirstBlock(width=make_divisible(16 * width)),
        stages=_scaled(stages, width),
        head=Head(
            expand_width=make_divisible(960 * width), feature_width=make_divisible(1280 * width)
        ),
    )


def proxyless(
    *, width: float = 1.3, input_size: int = 224, in_channels: int = 3, num_classes: int = 1000
) -> SearchSpace:
    """The ProxylessNAS space; arguments as for ``mobilenet_v3``."""
    stem_stride, first_stride = _early_strides(input_size)
    stages = (
        Stage(width=24, stride=first_stride, activation="relu6"),
        Stage(width=40, stride=2, activation="relu6"),
        Stage(width=80, stride=2, activation="relu6"),
        Stage(width=96, activation="relu6"),
        Stage(width=192, stride=2, activation="relu6"),
        Stage(width=320, activation="relu6", depths=(1,)),
    )
    return SearchSpace(
        family="proxyless",
        in_channels=in_channels,
        num_classes=num_classes,
        resolutions=_resolutions(input_size),
        stem=Stem(width=make_divisible(32 * width), stride=stem_stride, activation="relu6"),
        first_block=FirstBlock(width=make_divisible(16 * width), activation="relu6", skip=False),
        stages=_scaled(stages, width),
        head=Head(expand_width=make_divisible(1280 * width), feature_width=0, activation="relu6"),
        batchnorm_eps=1e-3,
    )


FAMILIES: dict[str, Callable[[], SearchSpace]] = {
    "ofa_mbv3_w1.0": partial(mobilenet_v3, width=1.0),
    "ofa_mbv3_w1.2": partial(mobilenet_v3, width=1.2),
    "ofa_proxyless_w1.3": partial(proxyless, width=1.3),
}
"""Spaces of the published inverted-residual supernets, by family."""

RESNET_FAMILIES: dict[str, Callable[[], ResNetSpace]] = {"ofa_resnet50": ResNetSpace}
"""Spaces of the published bottleneck supernets, by family."""


def _resolutions(input_size: int) -> tuple[int, ...]:
    """Multiples of 4 from four sevenths of the input size up, as the reference trains."""
    lowest = -(-input_size // 7)
    return tuple(size for size in range(4 * lowest, input_size + 1, 4)) or (input_size,)


def _early_strides(input_size: int) -> tuple[int, int]:
    """Strides of stem and first stage."""
    if input_size >= 96:
        return 2, 2
    return (1, 2) if input_size >= 48 else (1, 1)


def _scaled(stages: tuple[Stage, ...], width: float) -> tuple[Stage, ...]:
    return tuple(replace(stage, width=make_divisible(stage.width * width)) for stage in stages)
