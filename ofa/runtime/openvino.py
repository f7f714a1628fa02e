"""OpenVINO, for Intel's processors: the graph as its own XML and weights.

Its default is to compute in bfloat16 where the processor can, at 2 to 3 % error; the precision
here is the graph's alone, so that it is told to compute floats in float32.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.runtime.engine import (
    AbstractSession,
    Engine,
    EngineFiles,
    Runtime,
    Source,
    check_images,
    check_interface,
    engine_file,
    optional_module,
)
from ofa.runtime.quantization import UNSIGNED

GRAPH_FILE = "engine.xml"
WEIGHTS_FILE = "engine.bin"

_NUMPY_TYPES = {"u8": "uint8", "f32": "float32"}


class OpenVinoSession(AbstractSession):
    """An OpenVINO graph, compiled for the CPU.

    Raises:
        BadArtifact: If OpenVINO cannot read the files, or they do not map images to logits.
    """

    def __init__(self, files: EngineFiles, *, threads: int = 1) -> None:
        openvino = optional_module("openvino")
        graph, weights = (engine_file(files, name) for name in (GRAPH_FILE, WEIGHTS_FILE))
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        core = openvino.Core()
        try:
            model = core.read_model(graph, weights)
            self._compiled = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise BadArtifact(
                f"engine: OpenVINO {openvino.__version__} cannot load it ({reason}); "
                "deploy it again"
            ) from error
        self._request = self._compiled.create_infer_request()
        self._engine = _describe(model, threads=threads)

    def run(self, images: np.ndarray) -> Float32[np.ndarray, "n classes"]:
        """Logits of images given as ``input_type[n, in_channels, resolution, resolution]``."""
        check_images(images, self._engine)
        return np.array(self._request.infer([images])[0])

    def describe(self) -> Engine:
        """What the engine is, for manifests and reports."""
        return self._engine


def _describe(model: Any, *, threads: int) -> Engine:
    inputs, outputs = (
        [_sizes(port.partial_shape) for port in ports] for ports in (model.inputs, model.outputs)
    )
    check_interface(inputs, outputs)
    element = model.inputs[0].element_type.get_type_name()
    if element not in _NUMPY_TYPES:
        raise BadArtifact(f"engine: takes {element}, neither pixels nor shares; deploy it again")
    return Engine(
        runtime="openvino",
        version=OPENVINO.version(),
        provider="CPU",
        threads=threads,
        input_type=_NUMPY_TYPES[element],
        in_channels=inputs[0][1],
        resolution=inputs[0][2],
        num_classes=outputs[0][1],
        metadata={},
    )


def _sizes(shape: Any) -> list[Any]:
    return [side.get_length() if side.is_static else None for side in shape]


def _build(source: Source, capability: str | None) -> EngineFiles:
    openvino = optional_module("openvino")
    model = openvino.Core().read_model(source.onnx, b"")
    with tempfile.TemporaryDirectory() as folder:
        graph, weights = Path(folder) / GRAPH_FILE, Path(folder) / WEIGHTS_FILE
        openvino.save_model(model, graph, compress_to_fp16=False)
        return {path.name: artifacts.read_bytes(path) for path in (graph, weights)}


def _load(files: EngineFiles, threads: int) -> OpenVinoSession:
    return OpenVinoSession(files, threads=threads)


OPENVINO = Runtime(
    name="openvino",
    distribution="openvino",
    requirement="ofa-toolkit[openvino]",
    profile=UNSIGNED,
    builder=_build,
    loader=_load,
    loaded_with=(WEIGHTS_FILE,),
)
