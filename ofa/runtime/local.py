"""This machine as a target."""

from collections.abc import Mapping
from dataclasses import dataclass

from ofa.errors import TargetFailure
from ofa.runtime.engine import EngineFiles
from ofa.runtime.loaders import load
from ofa.runtime.machine import Provenance
from ofa.runtime.quiet import silent_stderr
from ofa.runtime.runner import circumstances
from ofa.runtime.runtimes import RUNTIMES
from ofa.runtime.target import AbstractTarget
from ofa.runtime.timing import Timing, measure_ms


@dataclass(frozen=True, kw_only=True)
class LocalTarget(AbstractTarget):
    """This machine, on the CPU.

    Attributes:
        runtime: What runs the engines.
    """

    runtime: str

    def describe(self) -> Provenance:
        """What this machine is, and its state now.

        Raises:
            TargetFailure: If the runtime is not installed.
        """
        try:
            return circumstances(self.runtime)
        except ModuleNotFoundError as error:
            raise TargetFailure(
                f"this machine: {self.runtime} is not installed; pip install "
                f"'{RUNTIMES[self.runtime].requirement}'"
            ) from error

    def measure(
        self, engines: Mapping[str, EngineFiles], *, threads: int, warmup: int, repeats: int
    ) -> dict[str, Timing]:
        """Interleaved timings of engines, by name.

        Raises:
            TargetFailure: If the runtime cannot load one of them.
        """
        try:
            with silent_stderr():  # libraries tell there what they compute with
                runs = [load(self.runtime, files, threads) for files in engines.values()]
        except RuntimeError as error:
            raise TargetFailure(f"this machine: {' '.join(str(error).split())}") from error
        return dict(zip(engines, measure_ms(runs, warmup=warmup, repeats=repeats), strict=True))
