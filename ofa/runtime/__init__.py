"""What runs a network: engines, the devices that time them, and the only clock.

``ofa.runtime.onnx_export`` is imported by its own name, since it loads torch and the rest does not.
"""

from ofa.runtime.engine import (
    AbstractSession,
    Engine,
    EngineFiles,
    Precision,
    Runtime,
    Source,
)
from ofa.runtime.machine import Provenance, describe_machine
from ofa.runtime.onnxruntime import OrtSession
from ofa.runtime.precision import PRECISIONS, with_precision
from ofa.runtime.quantization import Profile
from ofa.runtime.runtimes import RUNTIMES
from ofa.runtime.target import AbstractTarget, open_target
from ofa.runtime.timing import Timing, measure_ms, stopwatch

__all__ = [
    "PRECISIONS",
    "RUNTIMES",
    "AbstractSession",
    "AbstractTarget",
    "Engine",
    "EngineFiles",
    "OrtSession",
    "Precision",
    "Profile",
    "Provenance",
    "Runtime",
    "Source",
    "Timing",
    "describe_machine",
    "measure_ms",
    "open_target",
    "stopwatch",
    "with_precision",
]
