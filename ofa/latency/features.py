"""What a layer asks of a device, in physical units: arithmetic, memory traffic and dispatches.

Latency models are linear in these features, so the features of a network are the sum over its
layers and a model tabulates over any space. Every coefficient is milliseconds per unit of work and
never negative, which is what lets a model reach layers that nobody measured.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from ofa.latency import resnet_features
from ofa.space import (
    AnyLayer,
    BottleneckLayer,
    ConvLayer,
    LinearLayer,
    MaxPoolLayer,
    MBConvLayer,
    PoolLayer,
    macs,
)

FEATURES: dict[str, str] = {
    "expand_macs": "multiply-accumulates of 1x1 convolutions that widen, millions",
    "project_macs": "multiply-accumulates of 1x1 convolutions that narrow, millions",
    "depthwise_k": "depthwise outputs times kernel side, millions",
    "depthwise_k2": "depthwise multiply-accumulates, millions",
    "conv_macs": "multiply-accumulates of dense convolutions larger than 1x1, millions",
    "linear_macs": "multiply-accumulates of linear layers and convolutions on 1x1 maps, millions",
    "wide_elements": "elements read and written inside blocks, millions",
    "edge_elements": "elements read and written at edges of blocks and by other layers, millions",
    "weights": "convolution weights read, millions",
    "hardswish_elements": "elements through a hard swish, millions",
    "squeeze_elements": "elements pooled and scaled by squeeze-excite, millions",
    "squeeze_macs": "multiply-accumulates of squeeze-excite's linear layers, millions",
    "skip_elements": "elements added to a skip, millions",
    "blocks": "inverted-residual blocks",
    "expansions": "1x1 convolutions that widen",
    "convs": "dense convolutions larger than 1x1",
    "linears": "linear layers and 1x1 convolutions on 1x1 maps",
    "hardswishes": "blocks and layers with hard swish",
    "squeezes": "squeeze-excite layers",
    "skips": "skips",
    "networks": "whole networks; only a network has it, no layer",
}
"""Name and meaning of each feature, in the order of feature vectors."""

_INDEX = {name: index for index, name in enumerate(FEATURES)}
_MILLION = 1e6


def layer_features(layer: AnyLayer) -> Float[np.ndarray, "features"]:
    """Features of one layer for one image."""
    match layer:
        case MBConvLayer():
            return _vector(**_block_features(layer))
        case ConvLayer():
            return _vector(**_conv_features(layer))
        case LinearLayer():
            return _vector(linear_macs=macs(layer) / _MILLION, linears=1)
        case PoolLayer():
            return _vector(edge_elements=layer.in_size**2 * layer.channels / _MILLION)
        case BottleneckLayer() | MaxPoolLayer():
            return _vector(**resnet_features.work(layer))


def network_features(layers: Iterable[AnyLayer]) -> Float[np.ndarray, "features"]:
    """Features of a whole network: the sum over its layers, and one network."""
    return np.sum([layer_features(layer) for layer in layers], axis=0) + _vector(networks=1)


def layer_key(layer: AnyLayer) -> str:
    """A short text, one for each layer, e.g. ``mbconv-14-24x96x40-k5-s2-relu-se24``."""
    match layer:
        case MBConvLayer():
            widths = f"{layer.in_channels}x{layer.mid_channels}x{layer.out_channels}"
            kind = f"k{layer.kernel_size}-s{layer.stride}-{layer.activation}-se{layer.se_channels}"
            skip = "-skip" if layer.skip else ""
            plain = "" if layer.expands else "-plain"
            return f"mbconv-{layer.in_size}-{widths}-{kind}{skip}{plain}"
        case ConvLayer():
            widths = f"{layer.in_channels}x{layer.out_channels}"
            kind = f"k{layer.kernel_size}-s{layer.stride}-{layer.activation}"
            norm = "" if layer.batchnorm else "-plain"
            return f"conv-{layer.in_size}-{widths}-{kind}{norm}"
        case LinearLayer():
            return f"linear-{layer.in_features}x{layer.out_features}"
        case PoolLayer():
            return f"pool-{layer.in_size}-{layer.channels}"
        case BottleneckLayer() | MaxPoolLayer():
            return resnet_features.key(layer)


def _block_features(layer: MBConvLayer) -> dict[str, float]:
    pixels_in, pixels_out = layer.in_size**2, layer.out_size**2
    mid, squeeze = layer.mid_channels, layer.se_channels
    widened = pixels_in * mid if layer.expands else 0
    depthwise = pixels_out * mid
    edges = pixels_in * layer.in_channels + pixels_out * layer.out_channels
    expand_weights = layer.in_channels * mid if layer.expands else 0
    weights = expand_weights + (layer.kernel_size**2 + layer.out_channels) * mid
    hardswish = layer.activation == "hardswish"
    return {
        "expand_macs": widened * layer.in_channels / _MILLION,
        "project_macs": depthwise * layer.out_channels / _MILLION,
        "depthwise_k": depthwise * layer.kernel_size / _MILLION,
        "depthwise_k2": depthwise * layer.kernel_size**2 / _MILLION,
        "wide_elements": (widened + pixels_in * mid + 2 * depthwise) / _MILLION,
        "edge_elements": edges / _MILLION,
        "weights": weights / _MILLION,
        "hardswish_elements": hardswish * (widened + depthwise) / _MILLION,
        "squeeze_elements": bool(squeeze) * depthwise / _MILLION,
        "squeeze_macs": 2 * mid * squeeze / _MILLION,
        "skip_elements": layer.skip * pixels_out * layer.out_channels / _MILLION,
        "blocks": 1,
        "expansions": layer.expands,
        "hardswishes": hardswish,
        "squeezes": bool(squeeze),
        "skips": layer.skip,
    }


def _conv_features(layer: ConvLayer) -> dict[str, float]:
    if layer.kernel_size == 1 and layer.in_size == 1:
        kind, count = "linear_macs", "linears"
    elif layer.kernel_size == 1:
        kind, count = "expand_macs", "expansions"
    else:
        kind, count = "conv_macs", "convs"
    elements_out = layer.out_size**2 * layer.out_channels
    elements = layer.in_size**2 * layer.in_channels + elements_out
    hardswish = layer.activation == "hardswish"
    weights = layer.kernel_size**2 * layer.in_channels * layer.out_channels
    return {
        kind: macs(layer) / _MILLION,
        count: 1,
        "edge_elements": elements / _MILLION,
        "weights": 0 if kind == "linear_macs" else weights / _MILLION,
        "hardswish_elements": hardswish * elements_out / _MILLION,
        "hardswishes": hardswish,
    }


def _vector(**values: float) -> Float[np.ndarray, "features"]:
    vector = np.zeros(len(FEATURES))
    for name, value in values.items():
        vector[_INDEX[name]] = value
    return vector
