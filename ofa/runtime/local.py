"""This machine as a target."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ofa.errors import TargetFailure
from ofa.runtime.machine import Provenance
from ofa.runtime.runner import Run, measure, onnxruntime_provenance, onnxruntime_run
from ofa.runtime.target import AbstractTarget
from ofa.runtime.timing import Timing


@dataclass(frozen=True, kw_only=True)
class LocalTarget(AbstractTarget):
    """This machine, under ONNX Runtime on the CPU unless told otherwise.

    Attributes:
        load: Makes one synchronous run of an ONNX file with so many threads; another runtime, such
            as TensorRT, is another function.
        describe_runtime: The circumstances under that runtime, now.
    """

    load: Callable[[bytes, int], Run] = onnxruntime_run
    describe_runtime: Callable[[], Provenance] = onnxruntime_provenance

    def describe(self) -> Provenance:
        """What this machine is, and its state now."""
        return self.describe_runtime()

    def measure(
        self, engines: Mapping[str, bytes], *, threads: int, warmup: int, repeats: int
    ) -> dict[str, Timing]:
        """Interleaved timings of engines, by name.

        Raises:
            TargetFailure: If the runtime cannot load one of them.
        """
        try:
            return measure(engines, threads=threads, warmup=warmup, repeats=repeats, load=self.load)
        except RuntimeError as error:
            raise TargetFailure(f"this machine: {' '.join(str(error).split())}") from error
