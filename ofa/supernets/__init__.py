"""Whole elastic networks: ``supernet(images, arch)``."""

from ofa.supernets.families import SUPERNETS, build_supernet
from ofa.supernets.mobilenet_v3 import MobileNetV3Supernet
from ofa.supernets.resnet50d import ResNet50DSupernet
from ofa.supernets.sorting import (
    sort_bottleneck_channels_,
    sort_channels_,
    sort_expansion_channels_,
)

__all__ = [
    "SUPERNETS",
    "MobileNetV3Supernet",
    "ResNet50DSupernet",
    "build_supernet",
    "sort_bottleneck_channels_",
    "sort_channels_",
    "sort_expansion_channels_",
]
