"""ONNX Runtime: the default, on the CPU, and on CUDA where its package for that is installed.

An engine is the portable ONNX file, and beside it the same graph as ``.ort``, which is what builds
for phones read. The session waits without spinning, so that a busy neighbor costs it little, and
optimizes the graph fully, since anything less is 3 to 6 times slower on these networks.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32

from ofa import artifacts
from ofa.errors import BadArtifact, MissingHardware
from ofa.runtime.engine import (
    AbstractSession,
    Engine,
    EngineFiles,
    Runtime,
    Source,
    check_images,
    check_interface,
    engine_file,
)
from ofa.runtime.onnx_check import check_onnx
from ofa.runtime.quantization import UNSIGNED

ONNX_FILE = "engine.onnx"
MOBILE_FILE = "engine.ort"

Provider = Literal["CPUExecutionProvider", "CUDAExecutionProvider"]

_NUMPY_TYPES = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}


class OrtSession(AbstractSession):
    """A loaded ONNX file, ready to run.

    Args:
        is_ours: Whether it was made here, so that nobody has to judge it; an ``.ort`` nobody can.

    Raises:
        BadArtifact: If ``check_onnx`` refuses the bytes, ONNX Runtime cannot load them, or they do
            not map images to logits.
        MissingHardware: If ONNX Runtime falls back from the provider asked for.
    """

    is_thread_safe = True

    def __init__(
        self,
        model: bytes,
        *,
        threads: int = 1,
        provider: Provider = "CPUExecutionProvider",
        is_ours: bool = False,
    ) -> None:
        import onnxruntime

        if not is_ours:
            check_onnx(model)
        options = session_options(threads=threads)
        # x86 without VNNI adds pairs of 8-bit products in 16 bits, which overflow; not so this way.
        options.add_session_config_entry("session.x64quantprecision", "1")
        session = ort_session(model, options, providers=[provider])
        if (computing := session.get_providers()[0]) != provider:
            raise MissingHardware(
                f"onnxruntime: {provider} finds no GPU that it can use, and {computing} would "
                "compute in its place; look at nvidia-smi, or choose --runtime onnxruntime"
            )
        self._session = session
        self._engine = describe_session(session, threads=threads, version=onnxruntime.__version__)
        self._input_name = session.get_inputs()[0].name

    def run(self, images: np.ndarray) -> Float32[np.ndarray, "n classes"]:
        """Logits of images given as ``input_type[n, in_channels, resolution, resolution]``."""
        check_images(images, self._engine)
        try:
            return np.asarray(self._session.run(None, {self._input_name: images})[0])
        except _errors() as error:
            reason = " ".join(str(error).split())
            raise BadArtifact(f"engine: cannot be run ({reason}); deploy it again") from error

    def describe(self) -> Engine:
        """What the engine is, for manifests and reports."""
        return self._engine


def session_options(*, threads: int) -> Any:
    """Options of a session that is fast alone and harmless beside others."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors; what fails is raised as well
    return options


def ort_session(model: bytes, options: Any, *, providers: list[str] | None = None) -> Any:
    """A session of the library itself.

    Raises:
        BadArtifact: If ONNX Runtime cannot load the bytes.
    """
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(model, options, providers=providers)
    except _errors() as error:
        reason = " ".join(str(error).split())
        raise BadArtifact(
            f"engine: ONNX Runtime {onnxruntime.__version__} cannot load it ({reason}); "
            "deploy it again"
        ) from error


def _errors() -> tuple[type[Exception], ...]:
    """What the library raises over a file at fault."""
    from onnxruntime.capi import onnxruntime_pybind11_state as errors  # type: ignore[attr-defined]

    return (
        errors.EPFail,
        errors.Fail,
        errors.InvalidArgument,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.NotImplemented,
        errors.RuntimeException,
    )


def describe_session(
    session: Any, *, threads: int, version: str, is_emulated: bool = False
) -> Engine:
    """What a session of the library runs.

    Raises:
        BadArtifact: If it does not map images to logits.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    check_interface([port.shape for port in inputs], [port.shape for port in outputs])
    images, logits = inputs[0], outputs[0]
    if images.type not in _NUMPY_TYPES:
        raise BadArtifact(
            f"engine: takes {images.type}, neither pixels nor shares; give an engine of ofa"
        )
    return Engine(
        runtime="onnxruntime",
        version=version,
        provider=session.get_providers()[0],
        threads=threads,
        input_type=_NUMPY_TYPES[images.type],
        in_channels=images.shape[1],
        resolution=images.shape[2],
        num_classes=logits.shape[1],
        metadata=dict(session.get_modelmeta().custom_metadata_map),
        is_emulated=is_emulated,
    )


def _build(source: Source, capability: str | None) -> EngineFiles:
    """The file itself, and the same graph, optimized for any processor, as ``.ort``."""
    import onnxruntime

    options = session_options(threads=1)
    options.add_session_config_entry("session.save_model_format", "ORT")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MOBILE_FILE
        options.optimized_model_filepath = str(path)
        # The last level lays weights out for the processor that optimizes; .ort has to travel.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        ort_session(source.onnx, options, providers=["CPUExecutionProvider"])
        return {ONNX_FILE: source.onnx, MOBILE_FILE: artifacts.read_bytes(path)}


def _load(files: EngineFiles, threads: int, *, provider: Provider) -> OrtSession:
    import onnxruntime

    if provider not in onnxruntime.get_available_providers():
        raise MissingHardware(
            f"onnxruntime: this build offers no {provider}; "
            "pip uninstall onnxruntime, then pip install onnxruntime-gpu"
        )
    return OrtSession(engine_file(files, ONNX_FILE), threads=threads, provider=provider)


def _load_forms(files: EngineFiles, threads: int) -> dict[str, AbstractSession]:
    return {MOBILE_FILE: OrtSession(files[MOBILE_FILE], threads=threads, is_ours=True)}


ONNXRUNTIME = Runtime(
    name="onnxruntime",
    distribution="onnxruntime",
    alternatives=("onnxruntime-gpu",),
    requirement="onnxruntime",
    profile=UNSIGNED,
    builder=_build,
    loader=partial(_load, provider="CPUExecutionProvider"),
    forms_loader=_load_forms,
)

ONNXRUNTIME_CUDA = Runtime(
    name="onnxruntime_cuda",
    distribution="onnxruntime-gpu",
    requirement="onnxruntime-gpu",
    profile=UNSIGNED,
    builder=_build,
    loader=partial(_load, provider="CUDAExecutionProvider"),
    forms_loader=_load_forms,
)
