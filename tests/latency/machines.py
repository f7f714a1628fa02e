"""Machines whose latencies are known, for profiles that take no time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ofa.runtime import AbstractTarget, EngineFiles, Provenance, Timing
from ofa.space import Network, macs


def latency_ms(net: Network) -> float:
    """Linear in MACs and depth, but kernels of 5 cost more than their share."""
    blocks = [block for stage in net.stages for block in stage]
    odd_ms = 0.01 * sum(block.kernel_size == 5 for block in blocks)
    return 0.05 + 0.02 * len(blocks) + 0.03 * macs(net) / 1e6 + odd_ms


@dataclass
class Machine(AbstractTarget):
    """Knows the latency of every engine by its name.

    Attributes:
        known_ms: Latency of each engine by name.
        noise: Factor on all latencies of a round, given how many rounds came before.
        runtime_version: Version of its runtime.
    """

    known_ms: Mapping[str, float]
    noise: Callable[[int], float] = lambda _: 1.0
    runtime_version: str = "1.0"
    rounds: list[list[str]] = field(default_factory=list)

    def describe(self) -> Provenance:
        return Provenance(
            machine="a desk, 1 CPUs, Linux",
            system="Linux",
            runtime="onnxruntime",
            runtime_version=self.runtime_version,
        )

    def measure(
        self, engines: Mapping[str, EngineFiles], *, threads: int, warmup: int, repeats: int
    ) -> dict[str, Timing]:
        factor = self.noise(len(self.rounds))
        self.rounds.append(list(engines))
        medians_ms = {name: factor * self.known_ms[name] for name in engines}
        return {
            name: Timing(median_ms=ms, p10_ms=0.98 * ms, p90_ms=1.05 * ms, repeats=repeats)
            for name, ms in medians_ms.items()
        }
