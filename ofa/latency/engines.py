"""The engine of an arch as it is timed: exported as it is deployed, weights at random.

Latency does not depend on the weights, nor on the ranges of 8-bit activations, so nobody has to
train a network, or to have images, to know how fast it is.
"""

import numpy as np

from ofa.errors import OfaError
from ofa.runtime import RUNTIMES, EngineFiles, Precision, Source, with_precision
from ofa.runtime.quantization import MIN_CALIBRATION_IMAGES
from ofa.space import AnyNetwork

_ONNX = "onnxruntime"


def engine_of(
    network: AnyNetwork, *, runtime: str = _ONNX, batch: int = 1, precision: Precision = "fp32"
) -> EngineFiles:
    """The engine of a network on uint8 images, normalization included, for a fixed batch.

    Args:
        runtime: What runs it, key of ``RUNTIMES``.

    Raises:
        OfaError: If nothing builds engines of the runtime, or of this batch or precision.
    """
    from ofa.runtime.onnx_export import FromPixels, export_onnx, for_batch
    from ofa.subnet import build_subnet, fold_batchnorm_

    if runtime not in RUNTIMES:
        raise OfaError(
            f"runtime: {runtime!r} builds no engines here; use one of {', '.join(sorted(RUNTIMES))}"
        )
    if runtime != _ONNX and batch != 1:
        raise OfaError(f"batch: {runtime} is timed with one image a run, not {batch}; set batch: 1")
    RUNTIMES[runtime].check_precision(precision)
    channels, size = network.in_channels, network.resolution
    net, mean, std = build_subnet(network).eval(), (0.5,) * channels, (0.25,) * channels
    onnx = export_onnx(net, in_channels=channels, resolution=size, mean=mean, std=std)
    noise = np.random.default_rng(0).integers(
        0, 256, (MIN_CALIBRATION_IMAGES, channels, size, size), dtype=np.uint8
    )
    if RUNTIMES[runtime].lowers_graph(precision):
        profile = RUNTIMES[runtime].profile
        onnx = with_precision(onnx, precision, profile=profile, calibration=noise)
    if runtime == _ONNX:  # its builder writes the form for phones as well, which takes no batch
        return {"engine.onnx": for_batch(onnx, batch)}
    fold_batchnorm_(net)
    pixels = FromPixels(net, mean=mean, std=std, input_type="uint8").eval()
    return RUNTIMES[runtime].build(Source(onnx=onnx, precision=precision, net=pixels, images=noise))
