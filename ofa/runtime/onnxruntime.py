"""Engines run by ONNX Runtime on the CPU.

The session waits without spinning, so that a busy neighbor costs it little, and optimizes the graph
fully, since anything less is 3 to 6 times slower on these networks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32

from ofa.errors import BadArtifact, OfaError

_NUMPY_TYPES = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}


@dataclass(frozen=True, kw_only=True)
class OrtEngine:
    """What a loaded engine is.

    Attributes:
        runtime: Library.
        version: Version of the library.
        provider: Part of the library that computes.
        threads: Threads of one run.
        input_type: ``uint8`` or ``float32``.
        in_channels: Channels of an image.
        resolution: Height and width of an image, px.
        num_classes: Logits of an image.
        metadata: What the exporter recorded in the file.
    """

    runtime: str
    version: str
    provider: str
    threads: int
    input_type: str
    in_channels: int
    resolution: int
    num_classes: int
    metadata: Mapping[str, str]


class OrtSession:
    """A loaded ONNX file, ready to run.

    Raises:
        BadArtifact: If ONNX Runtime cannot load the bytes, or they do not map images to logits.
    """

    def __init__(self, model: bytes, *, threads: int = 1) -> None:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as errors  # type: ignore[attr-defined]

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # errors; what fails is raised as well
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except (errors.Fail, errors.InvalidArgument, errors.InvalidGraph, errors.InvalidProtobuf,
                errors.NotImplemented, errors.RuntimeException) as error:  # fmt: skip
            reason = " ".join(str(error).split())
            raise BadArtifact(
                f"engine: ONNX Runtime {onnxruntime.__version__} cannot load it ({reason}); "
                "deploy it again"
            ) from error
        self._engine = _engine(self._session, threads=threads, version=onnxruntime.__version__)
        self._input_name = self._session.get_inputs()[0].name
        self._dtype = np.dtype(self._engine.input_type)
        side = self._engine.resolution
        self._image_shape = (self._engine.in_channels, side, side)

    def run(self, images: np.ndarray) -> Float32[np.ndarray, "n classes"]:
        """Logits of images given as ``input_type[n, in_channels, resolution, resolution]``.

        Raises:
            OfaError: If the images are of another type or shape.
        """
        if images.dtype != self._dtype or images.ndim != 4 or images.shape[1:] != self._image_shape:
            expected = ", ".join(str(size) for size in self._image_shape)
            raise OfaError(
                f"engine: takes {self._dtype}[n, {expected}], but the images are "
                f"{images.dtype}{list(images.shape)}; resize them to {self._image_shape[-1]} px "
                f"and convert them to {self._dtype}"
            )
        return np.asarray(self._session.run(None, {self._input_name: images})[0])

    def describe(self) -> OrtEngine:
        """What the engine is, for manifests and reports."""
        return self._engine


def _engine(session: Any, *, threads: int, version: str) -> OrtEngine:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shapes = [node.shape for node in (*inputs, *outputs)]
    if [len(shape) for shape in shapes] != [4, 2] or inputs[0].type not in _NUMPY_TYPES:
        raise BadArtifact(
            "engine: does not map one batch of images to one batch of logits; give an engine of ofa"
        )
    (_, in_channels, height, width), (_, num_classes) = shapes
    if (
        not all(isinstance(size, int) for size in (in_channels, height, num_classes))
        or height != width
    ):
        raise BadArtifact(
            f"engine: takes images of {in_channels}x{height}x{width}; give an engine of ofa"
        )
    return OrtEngine(
        runtime="onnxruntime",
        version=version,
        provider=session.get_providers()[0],
        threads=threads,
        input_type=_NUMPY_TYPES[inputs[0].type],
        in_channels=in_channels,
        resolution=height,
        num_classes=num_classes,
        metadata=dict(session.get_modelmeta().custom_metadata_map),
    )
