"""Precision as part of the graph: float16 weights, or 8-bit weights and activations."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx as onnx_format
from jaxtyping import UInt8

from ofa import artifacts
from ofa.errors import OfaError
from ofa.runtime.onnx_export import INPUT_NAME


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How an 8-bit graph looks to suit a runtime."""

    symmetric_activations: bool = False


def with_precision(
    onnx: bytes,
    precision: Literal["fp32", "fp16", "int8"],
    *,
    profile: Profile,
    calibration: UInt8[np.ndarray, "n c h w"] | None,
) -> bytes:
    """The graph in another precision; images and logits keep their types."""
    if precision == "fp32":
        return onnx
    if precision == "fp16":
        from onnxruntime.transformers.float16 import convert_float_to_float16

        model = convert_float_to_float16(
            onnx_format.load_from_string(onnx), keep_io_types=True, op_block_list=["Cast"]
        )
        return model.SerializeToString(deterministic=True)
    if calibration is None or not len(calibration):
        raise OfaError("int8: needs calibration images; give a checkpoint that has some")
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.chunks = iter(calibration[i : i + 32] for i in range(0, len(calibration), 32))

        def get_next(self) -> dict[str, np.ndarray] | None:  # type: ignore[override]
            chunk = next(self.chunks, None)
            return None if chunk is None else {INPUT_NAME: chunk}

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        quantize_static(
            onnx_format.load_from_string(onnx), str(path), Reader(),
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, per_channel=True,
        )  # fmt: skip
        return artifacts.read_bytes(path)
