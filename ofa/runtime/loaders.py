"""How an engine is loaded where it is timed, by runtime, and what is one run of it.

This module runs on devices too (see ``ofa.runtime.bundle``): it imports numpy and the standard
library, and the library of the one runtime that it is asked for. Every run takes zeros; a batch
that an engine leaves open is 1; threads wait without spinning where a library lets them.
"""

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

Run = Callable[[], object]
Files = Mapping[str, bytes]


def version_of(runtime: str) -> str:
    """Version of the library of a runtime that is installed here."""
    return str(_library(runtime).__version__)


def load(runtime: str, files: Files, threads: int) -> Run:
    """One synchronous run of an engine.

    Args:
        runtime: Key of ``LOADERS``.
        files: Its files by name; the first is the one that is loaded.

    Raises:
        RuntimeError: If the library cannot load them.
    """
    return LOADERS[runtime](files, threads)


def _onnxruntime(files: Files, threads: int) -> Run:
    """The graph is optimized fully, as where subnets are deployed."""
    onnxruntime = _library("onnxruntime")
    from onnxruntime.capi import onnxruntime_pybind11_state as errors  # type: ignore[attr-defined]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.x64quantprecision", "1")  # as where accuracy is told
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            _first(files), options, providers=["CPUExecutionProvider"]
        )
    except (errors.Fail, errors.InvalidArgument, errors.InvalidGraph, errors.InvalidProtobuf,
            errors.NotImplemented, errors.RuntimeException) as error:  # fmt: skip
        raise _refusal("ONNX Runtime", onnxruntime, error) from error
    inputs = {}
    for node in session.get_inputs():
        shape = [size if isinstance(size, int) else 1 for size in node.shape]
        inputs[node.name] = np.zeros(shape, _NUMPY_TYPES[node.type])
    return lambda: session.run(None, inputs)


def _openvino(files: Files, threads: int) -> Run:
    openvino = _library("openvino")
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    try:
        core = openvino.Core()
        model = core.read_model(*files.values())
        request = core.compile_model(model, "CPU", settings).create_infer_request()
    except RuntimeError as error:
        raise _refusal("OpenVINO", openvino, error) from error
    sides = [side.get_length() if side.is_static else 1 for side in model.inputs[0].partial_shape]
    image = np.zeros(sides, model.inputs[0].element_type.to_dtype())
    return lambda: request.infer([image])


def _tflite(files: Files, threads: int) -> Run:
    litert = _library("tflite")
    try:
        interpreter = litert.interpreter.Interpreter(
            model_content=_first(files), num_threads=threads
        )
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise _refusal("LiteRT", litert, error) from error
    for image in interpreter.get_input_details():
        interpreter.set_tensor(image["index"], np.zeros(image["shape"], image["dtype"]))
    return interpreter.invoke


def _ncnn(files: Files, threads: int) -> Run:
    graph, weights = files.values()
    _, shape = ncnn_image(graph)
    classify, image = ncnn_classifier(graph, weights, threads), np.zeros(shape, np.float32)
    return lambda: classify(image)


NCNN_INPUT, _NCNN_OUTPUT = "in0", "out0"  # as pnnx names them
_NCNN_INPUT_LINE = re.compile(
    rf"^Input +(?P<type>uint8|float32) +0 1 {NCNN_INPUT} 0=(?P<width>\d+) 1=(?P<height>\d+) "
    r"2=(?P<channels>\d+)$",
    flags=re.MULTILINE,
)
_NCNN_LOWER_PRECISIONS = (
    "use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic",
    "use_bf16_packed", "use_bf16_storage",
)  # fmt: skip


def ncnn_image(graph: bytes) -> tuple[str, tuple[int, int, int]]:
    """Type and shape of the image that an ncnn graph takes.

    Raises:
        RuntimeError: If its first line does not tell.
    """
    found = _NCNN_INPUT_LINE.search(graph.decode("ascii", errors="replace"))
    if found is None:
        raise RuntimeError("is no ncnn graph of ofa")
    channels, height, width = (int(found[side]) for side in ("channels", "height", "width"))
    return found["type"], (channels, height, width)


def ncnn_classifier(
    graph: bytes, weights: bytes, threads: int
) -> Callable[[np.ndarray], np.ndarray]:
    """What maps a float32 image to logits: an ncnn network that computes in float32.

    Raises:
        RuntimeError: If ncnn cannot load it, or, of the function, cannot run it.
    """
    ncnn = _library("ncnn")
    net = ncnn.Net()
    net.opt.num_threads = threads
    for option in _NCNN_LOWER_PRECISIONS:
        setattr(net.opt, option, False)
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "param", Path(folder) / "bin"
        for path, content in zip(paths, (graph, weights)):
            path.write_bytes(content)
        if net.load_param(str(paths[0])) or net.load_model(str(paths[1])):
            raise RuntimeError(f"ncnn {ncnn.__version__} cannot load an engine")

    def classify(image: np.ndarray) -> np.ndarray:
        extractor = net.create_extractor()
        # A copy that ncnn owns: layers that compute in place end the process on any other memory.
        extractor.input(NCNN_INPUT, ncnn.Mat(np.ascontiguousarray(image)).clone())
        failed, logits = extractor.extract(_NCNN_OUTPUT)
        if failed:
            raise RuntimeError(f"ncnn {ncnn.__version__} cannot run an engine")
        return np.array(logits)

    return classify


LOADERS: dict[str, Callable[[Files, int], Run]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "tflite": _tflite,
    "ncnn": _ncnn,
}
"""What can be timed wherever Python runs, by the name that ``device.yaml`` uses."""


def _library(runtime: str) -> Any:
    """The library of a runtime; its OpenMP reads, as it is loaded, that threads shall not spin.

    Where they are more than the cores that are free, spinning makes a run ten times as slow.
    """
    name = "OMP_WAIT_POLICY"
    before = os.environ.get(name)
    os.environ.setdefault(name, "PASSIVE")
    try:
        module = _MODULES.get(runtime, runtime)
        import_module(module)
        return import_module(module.partition(".")[0])
    finally:
        if before is None:
            del os.environ[name]


def _first(files: Files) -> bytes:
    return next(iter(files.values()))


def _refusal(name: str, library: Any, error: Exception) -> RuntimeError:
    return RuntimeError(f"{name} {library.__version__} cannot load an engine ({error})")


_MODULES = {"tflite": "ai_edge_litert.interpreter"}  # where it is not named as the runtime is
_NUMPY_TYPES = {
    "tensor(uint8)": np.uint8,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}
