"""The precision of a network, which lives in its ONNX graph and nowhere else.

No runtime is asked to lower the precision on its own: what is checked on one machine is then what
computes on another. Pixels go in and float32 logits come out whatever the precision.
"""

from collections.abc import Callable
from typing import get_args

import numpy as np

from ofa.errors import OfaError
from ofa.runtime.engine import Precision
from ofa.runtime.quantization import Profile, best_quantized, quantize

PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def with_precision(
    onnx: bytes,
    precision: Precision,
    *,
    profile: Profile,
    calibration: np.ndarray | None = None,
    top1: Callable[[bytes], float] | None = None,
) -> bytes:
    """A float32 network in another precision.

    Args:
        onnx: As ``export_onnx`` writes it.
        profile: How the 8-bit graphs of the target look.
        calibration: Images as the network takes them; needed for ``int8``.
        top1: Accuracy of an ONNX file, which chooses among the methods of calibration; without it
            every activation keeps the whole range that was seen.

    Raises:
        OfaError: If there are no images to calibrate on.
    """
    if precision == "fp32":
        return _recorded(onnx, precision=precision)
    if precision == "fp16":
        return _recorded(_half(onnx), precision=precision)
    if calibration is None:
        raise OfaError("int8: needs calibration images; give the calibration images recorded")
    if top1 is None:
        quantized = quantize(onnx, profile=profile, calibration=calibration, method="minmax")
        return _recorded(quantized, precision=precision, calibration="minmax")
    quantized, accuracies = best_quantized(
        onnx, profile=profile, calibration=calibration, top1=top1
    )
    best = max(accuracies, key=lambda method: accuracies[method])
    return _recorded(quantized, precision=precision, calibration=best)


def _half(onnx: bytes) -> bytes:
    import onnx as onnx_format
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = convert_float_to_float16(onnx_format.load_from_string(onnx), keep_io_types=True)
    return model.SerializeToString(deterministic=True)


def _recorded(onnx: bytes, **facts: str) -> bytes:
    """The file with facts added to its metadata; equal files give equal bytes."""
    import onnx as onnx_format

    model = onnx_format.load_from_string(onnx)
    known = {entry.key: entry.value for entry in model.metadata_props}
    onnx_format.helper.set_model_props(model, dict(sorted((known | facts).items())))
    return model.SerializeToString(deterministic=True)
