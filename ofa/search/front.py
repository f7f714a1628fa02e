"""What a search returns: the archs that nobody should trade for a faster and more accurate one."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ofa.errors import InfeasibleBudget
from ofa.search.pareto import hypervolume
from ofa.space import Genotypes


@dataclass(frozen=True, kw_only=True, eq=False)
class Front:
    """Archs none of which is dominated by another, from the fastest to the most accurate.

    Attributes:
        genotypes: One row an arch, uint8[n, genes].
        top1: Top-1 of each, percent; rises strictly.
        latency_ms: Latency of each, ms; rises strictly.
        num_evaluations: Distinct archs that were scored to find it.
        exhaustive: Whether these were all archs of the space, which proves the front optimal.
    """

    genotypes: Genotypes
    top1: Float[np.ndarray, "n"]
    latency_ms: Float[np.ndarray, "n"]
    num_evaluations: int
    exhaustive: bool

    def __len__(self) -> int:
        return len(self.genotypes)

    def best_under(self, budget_ms: float) -> int:
        """Row of the most accurate arch within a budget.

        Raises:
            InfeasibleBudget: If the fastest arch of the front takes longer.
        """
        within = int(np.searchsorted(self.latency_ms, budget_ms, side="right"))
        if within == 0:
            raise InfeasibleBudget(
                f"no arch of this front meets {budget_ms:g} ms; its {len(self)} archs take "
                f"{self.latency_ms[0]:.3f} to {self.latency_ms[-1]:.3f} ms: raise the budget"
            )
        return within - 1

    def candidates(self, budget_ms: float, *, num: int) -> np.ndarray:
        """Rows of the ``num`` most accurate archs within a budget, best first; fewer if there are.

        Raises:
            InfeasibleBudget: If the fastest arch of the front takes longer.
        """
        best = self.best_under(budget_ms)
        return np.arange(best, max(best - num, -1), -1)

    def knee(self) -> int:
        """Row at which the front bends most: beyond it, a millisecond buys less than on average.

        With latency and top-1 scaled to 0–1 over the front, it is the arch farthest above the
        straight line from the fastest to the most accurate. Its latency is a sensible budget for
        who has none.

        Source: Satopaa et al., "Finding a Kneedle in a Haystack", ICDCS Workshops 2011.
        """
        if len(self) < 3:
            return len(self) - 1
        return int(np.argmax(_unit(self.top1) - _unit(self.latency_ms)))

    def hypervolume(self, *, worst_ms: float, worst_top1: float) -> float:
        """Area that the front dominates up to a worst point, in ms × percentage points."""
        return hypervolume(self.latency_ms, self.top1, worst_ms=worst_ms, worst_top1=worst_top1)


def _unit(values: np.ndarray) -> np.ndarray:
    return (values - values[0]) / (values[-1] - values[0])
