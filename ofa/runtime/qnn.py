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
    check_images,
    engine_file,
    optional_module,
)
from ofa.runtime.onnxruntime import describe_session, ort_session, session_options
from ofa.runtime.quantization import UNSIGNED

GRAPH_FILE = "engine.onnx"
CONTEXT_FILE = "engine.context.onnx"


class QnnSession(AbstractSession):
    """The graph of an engine on the emulated Hexagon, one image at a time, wholly on it.

    Raises:
        BadArtifact: If it cannot be loaded, or does not map images to logits.
    """

    def __init__(self, model: bytes) -> None:
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


def _build(onnx: bytes, capability: str | None) -> EngineFiles:
    graph = _for_one_image(onnx)
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
                "choose --precision fp16"
            ) from error
        return {GRAPH_FILE: graph, CONTEXT_FILE: artifacts.read_bytes(path)}


def _load(files: EngineFiles, threads: int) -> QnnSession:
    return QnnSession(engine_file(files, GRAPH_FILE))


def _for_one_image(onnx: bytes) -> bytes:
    """The graph with its batch fixed to 1, which the compiler of contexts wants."""
    import onnx as onnx_format
    from onnxruntime.tools.onnx_model_utils import make_dim_param_fixed

    model = onnx_format.load_from_string(onnx)
    make_dim_param_fixed(model.graph, "batch", 1)
    return model.SerializeToString(deterministic=True)


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
