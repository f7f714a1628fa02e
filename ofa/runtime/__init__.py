"""What runs a network: engines and the only clock.

``ofa.runtime.onnx_export`` is imported by its own name, since it loads torch and the rest does not.
"""

from ofa.runtime.onnxruntime import OrtEngine, OrtSession
from ofa.runtime.timing import Timing, measure_ms, stopwatch

__all__ = ["OrtEngine", "OrtSession", "Timing", "measure_ms", "stopwatch"]
