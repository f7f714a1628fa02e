"""TensorRT and TensorRT-RTX, one code path: networks are strongly typed, as their ONNX graph says.

TensorRT builds on the machine that holds the GPU. TensorRT-RTX builds ahead of time, for kinds of
GPU that are named, on a machine that has none. Members that only some versions have (10 and 11 of
TensorRT, RTX) are asked for by name.
"""

from functools import cache, partial
from typing import Any, Literal

from ofa.errors import BadArtifact, EngineRefused, MissingHardware
from ofa.runtime.engine import EngineFiles, Runtime, Source, engine_file, optional_module
from ofa.runtime.quantization import SYMMETRIC
from ofa.runtime.tensorrt_session import TensorRtSession, gpu_name, has_cuda

Module = Literal["tensorrt", "tensorrt_rtx"]

PLAN_FILE = "engine.plan"
MAX_BATCH = 256

_KNOWN_REASONS = {
    "FP32 GEMM is not supported": "its matrix products are half precision only; "
    "choose --precision fp16",
    "input has type Int32 but must have type": "it takes no int32 bias; quantize with the profile "
    "of this runtime",
    "BFloat16": "it reads no bfloat16 graphs; choose --precision fp16",
}


def _build(source: Source, capability: str | None, *, module: Module) -> EngineFiles:
    trt = optional_module(module)
    if module == "tensorrt" and not has_cuda():
        raise MissingHardware(
            "tensorrt: builds only where the GPU is, and here is none; deploy on the target, or "
            "choose runtime tensorrt_rtx"
        )
    logger = _logger(module)
    del logger.messages[:]
    builder = trt.Builder(logger)
    network = builder.create_network(_network_flags(trt))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(source.onnx):
        reasons = [parser.get_error(i).desc() for i in range(parser.num_errors)]
        raise _refusal(module, capability, reasons + logger.messages)
    config = builder.create_builder_config()
    if capability is not None:
        config.num_compute_capabilities = 1
        wanted = getattr(trt.ComputeCapability, capability.upper())
        config.set_compute_capability(wanted, 0)
    images = network.get_input(0)
    batches = builder.create_optimization_profile()
    sides = tuple(images.shape)[1:]
    batches.set_shape(images.name, (1, *sides), (1, *sides), (MAX_BATCH, *sides))
    config.add_optimization_profile(batches)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise _refusal(module, capability, logger.messages)
    return {PLAN_FILE: bytes(plan)}


def _load(files: EngineFiles, threads: int, *, module: Module) -> TensorRtSession:
    plan = engine_file(files, PLAN_FILE)
    if not has_cuda():
        raise MissingHardware(
            f"{module}: runs engines only on an NVIDIA GPU, and here is none; load it on the target"
        )
    trt = optional_module(module)
    logger = _logger(module)
    del logger.messages[:]
    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
    if engine is None:
        reason = logger.messages[-1] if logger.messages else "it gives no reason"
        raise BadArtifact(
            f"engine: {module} {trt.__version__} cannot load it ({reason}); "
            "deploy it again with this version on this GPU"
        )
    return TensorRtSession(engine, trt=trt, runtime=module, max_batch=MAX_BATCH)


def _network_flags(trt: Any) -> int:
    """Strong typing is a flag in version 10, and all there is in 11 and RTX."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _refusal(module: Module, capability: str | None, messages: list[str]) -> EngineRefused:
    where = f" for {capability}" if capability else ""
    for sign, reason in _KNOWN_REASONS.items():
        if any(sign in message for message in messages):
            return EngineRefused(f"{module}: refuses the network{where}: {reason}")
    last = " ".join(messages[-1].split()) if messages else "it gives no reason"
    return EngineRefused(
        f"{module}: refuses the network{where}: {last}; choose another precision or capability"
    )


@cache
def _logger(module: Module) -> Any:
    """The one logger that a process may give to the library; it keeps errors."""
    trt = optional_module(module)

    class Errors(trt.ILogger):
        """Keeps what goes wrong."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.messages: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self.messages.append(message)

    return Errors()


TENSORRT = Runtime(
    name="tensorrt",
    distribution="tensorrt",
    requirement="ofa-toolkit[tensorrt]",
    profile=SYMMETRIC,
    builder=partial(_build, module="tensorrt"),
    loader=partial(_load, module="tensorrt"),
    bound_to=gpu_name,
)

TENSORRT_RTX = Runtime(
    name="tensorrt_rtx",
    distribution="tensorrt-rtx-cu13",
    requirement="ofa-toolkit[tensorrt-rtx]",
    profile=SYMMETRIC,
    capabilities=("sm75", "sm80", "sm86", "sm89", "sm120", "sm121"),
    builder=partial(_build, module="tensorrt_rtx"),
    loader=partial(_load, module="tensorrt_rtx"),
)
