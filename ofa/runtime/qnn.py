"""Qualcomm's Hexagon, the NPU of Snapdragon phones, through ONNX Runtime's QNN plugin.

An engine holds the graph for one image, and for a named Hexagon version the compiled context beside
it, which is what a phone loads. On this machine the graph runs on the emulator of the package: its
logits check the engine, its time says nothing. The plugin serves only sessions that ask for it.
"""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

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
from ofa.runtime.onnx_check import check_onnx
from ofa.runtime.onnxruntime import describe_session, ort_session, session_options
from ofa.runtime.quantization import UNSIGNED

GRAPH_FILE = "engine.onnx"
CONTEXT_FILE = "engine.context.onnx"


class QnnSession(AbstractSession):
    """The graph of an engine on the emulated Hexagon, one image at a time, wholly on it.

    Raises:
        BadArtifact: If ``check_onnx`` refuses the bytes, they cannot be loaded, or they do not map
            images to logits.
    """

    def __init__(self, model: bytes) -> None:
        check_onnx(model)
        options = _options()
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        self._session = ort_session(model, options)
        self._engine = describe_session(
            self._session, threads=1, version=QNN.version(), is_emulated=True
        )
        self._input_name = self._session.get_inputs()[0].name

    def run(self, images: np.ndarray) -> Float32[np.ndarray, "n classes"]:
        """Logits of images given as ``input_type[n, in_channels, resolution, resolution]``."""
        check_images(images, self._engine)
        singles = (images[i : i + 1] for i in range(len(images)))
        return np.concatenate(
            [np.asarray(self._session.run(None, {self._input_name: one})[0]) for one in singles]
        )

    def describe(self) -> Engine:
        """What the engine is, for manifests and reports."""
        return self._engine


def _build(source: Source, capability: str | None) -> EngineFiles:
    graph = _for_hexagon(source.onnx)
    if capability is None:
        return {GRAPH_FILE: graph}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / CONTEXT_FILE
        options = _options(htp_arch=capability.removeprefix("v"))
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        options.add_session_config_entry("ep.context_enable", "1")
        options.add_session_config_entry("ep.context_embed_mode", "1")
        options.add_session_config_entry("ep.context_file_path", str(path))
        try:
            ort_session(graph, options)
        except BadArtifact as error:
            raise EngineRefused(
                f"qnn: Hexagon {capability} does not take the whole network ({error.__cause__}); "
                "choose --precision fp16 or int8, since Hexagon computes nothing in float32"
            ) from error
        return {GRAPH_FILE: graph, CONTEXT_FILE: artifacts.read_bytes(path)}


def _load(files: EngineFiles, threads: int) -> QnnSession:
    return QnnSession(engine_file(files, GRAPH_FILE))


def _for_hexagon(onnx: bytes) -> bytes:
    """The graph with its batch fixed to 1, and its pixels normalized by a batch norm.

    QNN 2.7.0 cannot finalize a float32 ``Sub`` that a ``Mul`` follows, alone or before an 8-bit
    convolution (QNN_COMMON_ERROR_MEM_ALLOC); the same arithmetic as one batch norm it can.
    """
    import onnx as onnx_format
    from onnxruntime.tools.onnx_model_utils import make_dim_param_fixed

    model = onnx_format.load_from_string(onnx)
    make_dim_param_fixed(model.graph, "batch", 1)
    _merge_normalization_(model)
    return model.SerializeToString(deterministic=True)


def _merge_normalization_(model: Any) -> None:
    from onnx import helper, numpy_helper

    nodes, values = model.graph.node, {entry.name: entry for entry in model.graph.initializer}
    shift = next((node for node in nodes if node.op_type == "Sub"), None)
    scale = next((node for node in nodes if shift and shift.output[0] in node.input), None)
    if shift is None or scale is None or scale.op_type != "Mul":
        return  # not a graph that takes pixels
    mean, factor = (numpy_helper.to_array(values[node.input[1]]) for node in (shift, scale))
    facts = {
        "scale": factor.reshape(-1),
        "bias": np.zeros(factor.size, factor.dtype),
        "mean": mean.reshape(-1),
        "variance": np.ones(factor.size, factor.dtype),
    }
    names = [f"normalization.{name}" for name in facts]
    for name, value in zip(names, facts.values(), strict=True):
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    merged = helper.make_node(
        "BatchNormalization", [shift.input[0], *names], scale.output, epsilon=0.0
    )
    index = list(nodes).index(shift)
    nodes.remove(scale)
    nodes.remove(shift)
    nodes.insert(index, merged)


def _options(**settings: str) -> Any:
    options = session_options(threads=1)
    plugin = optional_module("onnxruntime_qnn")
    options.add_provider_for_devices(
        [_device()], {"backend_path": plugin.get_qnn_htp_path(), **settings}
    )
    return options


@cache
def _device() -> Any:
    """The plugin's device; ONNX Runtime takes a plugin once a process."""
    import onnxruntime

    plugin = optional_module("onnxruntime_qnn")
    onnxruntime.register_execution_provider_library("QNN", plugin.get_library_path())
    return next(device for device in onnxruntime.get_ep_devices() if device.ep_name == "QNN")


QNN = Runtime(
    name="qnn",
    distribution="onnxruntime-qnn",
    requirement="ofa-toolkit[qnn]",
    profile=UNSIGNED,
    capabilities=("v73", "v75", "v79", "v81"),
    builder=_build,
    loader=_load,
)
