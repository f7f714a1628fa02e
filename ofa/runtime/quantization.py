"""8-bit graphs: ONNX with QuantizeLinear and DequantizeLinear, calibrated on recorded images.

What a target wants differs (its profile); how it is made does not. The range of every activation is
found by one of three methods, and which of them is best differs from network to network, so that
the caller's measure of accuracy decides.
"""

import contextlib
import io
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ofa import artifacts
from ofa.errors import OfaError

Method = Literal["minmax", "entropy", "percentile"]

METHODS: tuple[Method, ...] = ("minmax", "entropy", "percentile")
MIN_CALIBRATION_IMAGES = 16

_BATCH_SIZE = 32
_ACTIVATION_BYTES = 2 * 2**30  # the library holds those of all images at once, unless told
_PREPARED = "onnx.quant.pre_process"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How the 8-bit graphs of a target look; weights are int8 per output channel everywhere.

    Attributes:
        activation: Type of activations.
        is_symmetric: Whether the zero of activations is 0.
        quantizes_bias: Whether biases become int32.
    """

    activation: Literal["uint8", "int8"]
    is_symmetric: bool
    quantizes_bias: bool


UNSIGNED = Profile(activation="uint8", is_symmetric=False, quantizes_bias=True)
"""ONNX Runtime, OpenVINO and QNN: with int8 activations half of the convolutions stay float."""

SYMMETRIC = Profile(activation="int8", is_symmetric=True, quantizes_bias=False)
"""TensorRT and TensorRT-RTX: nothing else parses, an int32 bias least of all."""


def quantize(onnx: bytes, *, profile: Profile, calibration: np.ndarray, method: Method) -> bytes:
    """The 8-bit form of a float network.

    Args:
        onnx: As ``export_onnx`` writes it.
        calibration: Images as the network takes them.
        method: How to find the range of an activation.

    Raises:
        OfaError: If there are too few images to calibrate on.
    """
    import onnx as onnx_format
    from onnxruntime import quantization as ort

    if len(calibration) < MIN_CALIBRATION_IMAGES:
        raise OfaError(
            f"int8: {len(calibration)} calibration images do not tell the range of an activation; "
            f"give {MIN_CALIBRATION_IMAGES} or more"
        )
    model = onnx_format.load_from_string(onnx)
    types = {"uint8": ort.QuantType.QUInt8, "int8": ort.QuantType.QInt8}
    methods = {
        "minmax": ort.CalibrationMethod.MinMax,
        "entropy": ort.CalibrationMethod.Entropy,
        "percentile": ort.CalibrationMethod.Percentile,
    }
    # Says that the graph is as it should be: the library's own preparation takes hard-swish apart.
    model.metadata_props.add(key=_PREPARED, value="onnxruntime.quant")
    reader = _reader(calibration, input_name=model.graph.input[0].name)
    # The library prints the progress of its histograms.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "int8.onnx"
        ort.quantize_static(
            model,
            str(path),
            reader,
            quant_format=ort.QuantFormat.QDQ,
            activation_type=types[profile.activation],
            weight_type=ort.QuantType.QInt8,
            per_channel=True,
            calibrate_method=methods[method],
            nodes_to_exclude=_normalization(model),
            extra_options={
                "ActivationSymmetric": profile.is_symmetric,
                "WeightSymmetric": True,
                "QuantizeBias": profile.quantizes_bias,
                # Of every method, whatever it is called.
                "CalibStridedMinMax": _batches_at_once(model, len(reader)),
            },
        )
        quantized = onnx_format.load_from_string(artifacts.read_bytes(path))
    facts = {entry.key: entry.value for entry in quantized.metadata_props if entry.key != _PREPARED}
    onnx_format.helper.set_model_props(quantized, facts)
    return quantized.SerializeToString(deterministic=True)


def best_quantized(
    onnx: bytes,
    *,
    profile: Profile,
    calibration: np.ndarray,
    top1: Callable[[bytes], float],
) -> tuple[bytes, dict[Method, float]]:
    """The 8-bit form that ``top1`` likes best, and what it says of each method."""
    quantized: dict[Method, bytes] = {
        method: quantize(onnx, profile=profile, calibration=calibration, method=method)
        for method in METHODS
    }
    accuracies: dict[Method, float] = {method: top1(model) for method, model in quantized.items()}
    best = max(METHODS, key=lambda method: accuracies[method])
    return quantized[best], accuracies


def _normalization(model: Any) -> list[str]:
    """Nodes before the first convolution: pixels are whole numbers, which 8 bits would distort."""
    names = []
    for node in model.graph.node:
        if node.op_type == "Conv":
            break
        names.append(node.name)
    return names


def _batches_at_once(model: Any, num_batches: int) -> int | None:
    """How many batches' activations fit the bound; it divides their number. ``None`` for all."""
    from onnx.shape_inference import infer_shapes

    values = infer_shapes(model).graph.value_info
    # Every dimension but that of the images is known.
    sizes = (math.prod(d.dim_value or 1 for d in v.type.tensor_type.shape.dim) for v in values)
    batch_bytes = 4 * _BATCH_SIZE * sum(sizes)
    if batch_bytes * num_batches <= _ACTIVATION_BYTES:
        return None
    fitting = (n for n in range(1, num_batches) if batch_bytes * n <= _ACTIVATION_BYTES)
    return max((n for n in fitting if num_batches % n == 0), default=1)


def _reader(images: np.ndarray, *, input_name: str) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        """Hands out the calibration images, batch by batch."""

        def __init__(self) -> None:
            # The calibrator stacks outputs, so all batches must be of one size.
            whole = max(len(images) - len(images) % _BATCH_SIZE, 1)
            starts = range(0, whole, _BATCH_SIZE)
            self._batches = [images[start : start + _BATCH_SIZE] for start in starts]
            self._left = iter(self._batches)

        def __len__(self) -> int:
            return len(self._batches)

        def set_range(self, start_index: int, end_index: int) -> None:
            self._left = iter(self._batches[start_index:end_index])

        def get_next(self) -> Any:
            batch = next(self._left, None)
            return None if batch is None else {input_name: batch}

    return Reader()
