"""What runs a network: engines, the devices that time them, and the only clock.

``ofa.runtime.onnx_export`` is imported by its own name, since it loads torch and the rest does not.
"""

from ofa.runtime.machine import Provenance, describe_machine
from ofa.runtime.onnxruntime import OrtEngine, OrtSession
from ofa.runtime.target import AbstractTarget, open_target
from ofa.runtime.timing import Timing, measure_ms, stopwatch

__all__ = [
    "AbstractTarget",
    "OrtEngine",
    "OrtSession",
    "Provenance",
    "Timing",
    "describe_machine",
    "measure_ms",
    "open_target",
    "stopwatch",
]
