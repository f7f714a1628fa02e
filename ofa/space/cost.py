"""What a layer costs, in exact integers: multiply-accumulates, parameters, activation memory.

Costs that are no integers, as milliseconds, are rounded to a grid on which sums are exact as well.
"""

import math

from ofa.space.layers import ConvLayer, Layer, LinearLayer, MBConvLayer, Network, PoolLayer
from ofa.space.resnet import BottleneckLayer, MaxPoolLayer, ResNetLayer, ResNetNetwork

AnyLayer = Layer | ResNetLayer
AnyNetwork = Network | ResNetNetwork

_BYTES = 4  # float32
_GRID, _EXACT = 2.0**30, 2.0**23


def kept_by(latency_ms: float) -> float:
    """The least budget of whole microseconds, ms, that a latency keeps."""
    return math.ceil(latency_ms * 1000) / 1000


def on_grid(cost: float) -> float:
    """A cost rounded to a multiple of 2**-30, about 1e-9.

    Sums of such costs below 2**23 are exact in float64, so they come out alike to the last bit in
    whatever order and groups they are added: a network alone costs what its row of a table does,
    and meets a budget that equals its own cost.
    """
    return cost if not abs(cost) < _EXACT else round(cost * _GRID) / _GRID


def macs(layer: AnyLayer | AnyNetwork) -> int:
    """Multiply-accumulates of convolutions and linear layers for one image.

    Batch norm, activations, pooling, biases and the squeeze-excite product are not counted.

    Source: the counting rule of the reference project, with which published figures agree.
    """
    match layer:
        case Network() | ResNetNetwork():
            return sum(macs(part) for part in layer.layers)
        case ConvLayer():
            kernel = layer.kernel_size**2
            return layer.out_size**2 * kernel * layer.in_channels * layer.out_channels
        case MBConvLayer():
            pixels = layer.out_size**2
            expansion = layer.in_size**2 * layer.in_channels if layer.expands else 0
            depthwise = pixels * layer.kernel_size**2
            squeeze = 2 * layer.se_channels
            projection = pixels * layer.out_channels
            return layer.mid_channels * (expansion + depthwise + squeeze + projection)
        case BottleneckLayer():
            pixels, mid = layer.out_size**2, layer.mid_channels
            reduction = layer.in_size**2 * layer.in_channels * mid
            skip = layer.in_channels * layer.out_channels if layer.projects else 0
            return reduction + pixels * (9 * mid**2 + mid * layer.out_channels + skip)
        case LinearLayer():
            return layer.in_features * layer.out_features
        case PoolLayer() | MaxPoolLayer():
            return 0


def params(layer: AnyLayer | AnyNetwork) -> int:
    """Trainable parameters of the static layer, batch norm's scale and shift included."""
    match layer:
        case Network() | ResNetNetwork():
            return sum(params(part) for part in layer.layers)
        case ConvLayer():
            norm = 2 * layer.out_channels if layer.batchnorm else 0
            return layer.in_channels * layer.out_channels * layer.kernel_size**2 + norm
        case MBConvLayer():
            mid, squeeze = layer.mid_channels, layer.se_channels
            expansion = (layer.in_channels + 2) * mid if layer.expands else 0
            depthwise = (layer.kernel_size**2 + 2) * mid
            squeeze_excite = 2 * mid * squeeze + mid + squeeze if squeeze else 0
            projection = (mid + 2) * layer.out_channels
            return expansion + depthwise + squeeze_excite + projection
        case BottleneckLayer():
            mid, width = layer.mid_channels, layer.out_channels
            skip = (layer.in_channels + 2) * width if layer.projects else 0
            return (layer.in_channels + 9 * mid + 4) * mid + (mid + 2) * width + skip
        case LinearLayer():
            return (layer.in_features + 1) * layer.out_features
        case PoolLayer() | MaxPoolLayer():
            return 0


def weight_bytes(layer: AnyLayer | AnyNetwork) -> int:
    """Float32 bytes of the trainable parameters: what a model file holds besides its graph."""
    return _BYTES * params(layer)


def activation_bytes(layer: AnyLayer | AnyNetwork) -> int:
    """Peak float32 bytes of activations alive at once while one image passes.

    An operation holds its input and its output; a block with a skip holds its own input as well.
    Activations and batch norm work in place. Of a network, the largest layer counts.
    """
    match layer:
        case Network() | ResNetNetwork():
            return max(activation_bytes(part) for part in layer.layers)
        case ConvLayer():
            input_size = layer.in_size**2 * layer.in_channels
            return _BYTES * (input_size + layer.out_size**2 * layer.out_channels)
        case MBConvLayer():
            block_in = layer.in_size**2 * layer.in_channels
            wide_in = layer.in_size**2 * layer.mid_channels
            wide_out = layer.out_size**2 * layer.mid_channels
            block_out = layer.out_size**2 * layer.out_channels
            kept = block_in if layer.skip else 0
            expansion = block_in + wide_in if layer.expands else 0
            depthwise = wide_in + wide_out + (kept if layer.expands else 0)
            projection = wide_out + block_out + kept
            return _BYTES * max(expansion, depthwise, projection)
        case BottleneckLayer():
            block_in = layer.in_size**2 * layer.in_channels
            narrow_in = layer.in_size**2 * layer.mid_channels
            narrow_out = layer.out_size**2 * layer.mid_channels
            block_out = layer.out_size**2 * layer.out_channels
            convolutions = block_in + max(narrow_in + narrow_out, narrow_out + block_out)
            # A projection follows the other convolutions, and pooling at stride 2 precedes it.
            pooled = layer.out_size**2 * layer.in_channels
            skip = pooled + block_out + max(block_out, block_in if layer.stride > 1 else 0)
            return _BYTES * max(convolutions, skip if layer.projects else 0)
        case MaxPoolLayer():
            return _BYTES * (layer.in_size**2 + layer.out_size**2) * layer.channels
        case PoolLayer():
            return _BYTES * (layer.in_size**2 + 1) * layer.channels
        case LinearLayer():
            return _BYTES * (layer.in_features + layer.out_features)
