"""ncnn, for the CPUs and GPUs of phones and boards: the graph as text, the weights beside it.

Its converter, pnnx, reads the ONNX file. Floats are computed in float32 here; a half-precision
engine holds the weights in half precision. ncnn knows no types of inputs, so that the first line of
the graph says what the numbers of an image are: ``uint8`` from 0 to 255, ``float32`` from 0 to 1.
"""

import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from ofa import artifacts
from ofa.errors import BadArtifact, EngineRefused
from ofa.runtime.engine import (
    AbstractSession,
    Engine,
    EngineFiles,
    Runtime,
    Source,
    check_images,
    engine_file,
    optional_module,
)
from ofa.runtime.loaders import NCNN_INPUT, ncnn_classifier, ncnn_image
from ofa.runtime.quantization import UNSIGNED
from ofa.runtime.quiet import silent_stderr

GRAPH_FILE = "engine.param"
WEIGHTS_FILE = "engine.bin"

_MAX_ELEMENTS = 2**26  # of an image


class NcnnSession(AbstractSession):
    """A loaded network, run one image at a time.

    Raises:
        BadArtifact: If ncnn cannot load the files, or they do not map images to logits.
    """

    def __init__(self, files: EngineFiles, *, threads: int = 1) -> None:
        graph, weights = (engine_file(files, name) for name in (GRAPH_FILE, WEIGHTS_FILE))
        input_type, shape = _image_of(graph)
        with silent_stderr():
            try:
                self._classify = ncnn_classifier(graph, weights, threads)
                logits = self._classify(np.zeros(shape, np.float32))
            except RuntimeError as error:
                raise _refusal() from error
        if logits.ndim != 1:
            raise _refusal()
        self._engine = Engine(
            runtime="ncnn",
            version=NCNN.version(),
            provider="CPU",
            threads=threads,
            input_type=input_type,
            in_channels=shape[0],
            resolution=shape[1],
            num_classes=len(logits),
            metadata={},
        )

    def run(self, images: np.ndarray) -> Float32[np.ndarray, "n classes"]:
        """Logits of images given as ``input_type[n, in_channels, resolution, resolution]``."""
        check_images(images, self._engine)
        return np.stack([self._classify(image) for image in images.astype(np.float32)])

    def describe(self) -> Engine:
        """What the engine is, for manifests and reports."""
        return self._engine


def _refusal() -> BadArtifact:
    return BadArtifact(
        f"engine: ncnn {NCNN.version()} cannot run it as a classifier; deploy it again"
    )


def _image_of(graph: bytes) -> tuple[str, tuple[int, int, int]]:
    """Type and shape of the image that a graph takes.

    Raises:
        BadArtifact: If its first line does not tell.
    """
    try:
        input_type, (channels, height, width) = ncnn_image(graph)
    except RuntimeError as error:
        raise BadArtifact(f"engine: {GRAPH_FILE} {error}; deploy it again") from error
    if height != width or not 0 < channels * height * width <= _MAX_ELEMENTS:
        raise BadArtifact(
            f"engine: takes images of {channels}x{height}x{width}; give an engine of ofa"
        )
    return input_type, (channels, height, width)


def _build(source: Source, capability: str | None) -> EngineFiles:
    model, input_type, (channels, height, width) = _in_float32(source.onnx)
    with tempfile.TemporaryDirectory() as folder:
        artifacts.write_atomically(Path(folder) / "engine.onnx", model)
        converter = optional_module("pnnx").EXEC_PATH
        done = subprocess.run(
            [converter, "engine.onnx", f"fp16={int(source.precision == 'fp16')}"],
            cwd=folder,
            capture_output=True,
            check=False,
        )
        graph, weights = (Path(folder) / f"engine.ncnn.{kind}" for kind in ("param", "bin"))
        if done.returncode or not graph.exists() or not weights.exists():
            raise EngineRefused(
                f"ncnn: pnnx does not convert the network (exit {done.returncode}); "
                "choose --runtime onnxruntime"
            )
        text = artifacts.read_bytes(graph).decode("ascii")
        image = f"{input_type} 0 1 {NCNN_INPUT} 0={width} 1={height} 2={channels}"
        text = re.sub(rf"{NCNN_INPUT} +0 1 {NCNN_INPUT}$", image, text, count=1, flags=re.MULTILINE)
        return {GRAPH_FILE: text.encode(), WEIGHTS_FILE: artifacts.read_bytes(weights)}


def _in_float32(onnx: bytes) -> tuple[bytes, str, tuple[int, int, int]]:
    """The graph for one image with every number a float32, and the image that it took before.

    ncnn has neither types nor casts; weights of half precision keep their values.
    """
    import onnx as onnx_format
    from onnx import TensorProto, helper, numpy_helper

    from ofa.runtime.onnx_export import for_batch

    model = onnx_format.load_from_string(for_batch(onnx, 1))
    (image,) = (value.type.tensor_type for value in model.graph.input)
    input_type = helper.tensor_dtype_to_np_dtype(image.elem_type).name
    _, channels, height, width = (side.dim_value for side in image.shape.dim)
    image.elem_type = TensorProto.FLOAT
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for node in model.graph.node:
        if node.op_type == "Cast":
            node.op_type = "Identity"
            del node.attribute[:]
    del model.graph.value_info[:]  # of the types before
    return model.SerializeToString(), input_type, (channels, height, width)


def _load(files: EngineFiles, threads: int) -> NcnnSession:
    return NcnnSession(files, threads=threads)


NCNN = Runtime(
    name="ncnn",
    distribution="ncnn",
    requirement="ofa-toolkit[ncnn]",
    builds_with=("pnnx",),
    profile=UNSIGNED,
    precisions=("fp32", "fp16"),  # its tools for 8 bits come with no package
    builder=_build,
    loader=_load,
    loaded_with=(WEIGHTS_FILE,),
)
