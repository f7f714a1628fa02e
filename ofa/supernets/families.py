"""Supernets by family: a plain dict, to which a new family adds one line."""

from collections.abc import Callable

from torch import nn

from ofa.errors import IllegalSpace
from ofa.space import ResNetSpace, SearchSpace
from ofa.supernets.mobilenet_v3 import MobileNetV3Supernet
from ofa.supernets.resnet50d import ResNet50DSupernet

SUPERNETS: dict[str, Callable[..., nn.Module]] = {
    "mobilenet_v3": MobileNetV3Supernet,
    "proxyless": MobileNetV3Supernet,
    "resnet50d": ResNet50DSupernet,
}
"""What builds the supernet of a space, by the space's family."""


def build_supernet(space: SearchSpace | ResNetSpace) -> nn.Module:
    """The untrained supernet of a space.

    Raises:
        IllegalSpace: If no supernet goes by the space's family.
    """
    if space.family not in SUPERNETS:
        raise IllegalSpace(f"space.family: {space.family!r} is not one of {sorted(SUPERNETS)}")
    return SUPERNETS[space.family](space)
