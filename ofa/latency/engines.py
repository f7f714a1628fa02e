"""The engine of an arch as it is timed: exported as it is deployed, weights at random.

Latency does not depend on the weights, nor on the ranges of 8-bit activations, so nobody has to
train a network, or to have images, to know how fast it is.
"""

import numpy as np

from ofa.runtime import RUNTIMES, Precision, with_precision
from ofa.runtime.quantization import MIN_CALIBRATION_IMAGES
from ofa.space import AnyNetwork


def engine_of(network: AnyNetwork, *, batch: int = 1, precision: Precision = "fp32") -> bytes:
    """The ONNX file of a network on uint8 images, normalization included, for a fixed batch."""
    from ofa.runtime.onnx_export import export_onnx, for_batch
    from ofa.subnet import build_subnet

    channels = network.in_channels
    engine = export_onnx(
        build_subnet(network).eval(),
        in_channels=channels,
        resolution=network.resolution,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
    )
    if precision != "fp32":
        size = (MIN_CALIBRATION_IMAGES, channels, network.resolution, network.resolution)
        noise = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
        profile = RUNTIMES["onnxruntime"].profile
        engine = with_precision(engine, precision, profile=profile, calibration=noise)
    return for_batch(engine, batch)
