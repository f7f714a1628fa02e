"""What a search in progress has found so far, logged twice a second once it takes over two.

Every strategy asks for accuracy through a function, so watching is one more function around it: no
strategy knows, and results are the same.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ofa.errors import OfaError
from ofa.runtime import stopwatch
from ofa.space import Genotypes

_FIRST_S = 2.0
_EVERY_S = 0.5

_log = logging.getLogger(__name__)

Score = Callable[[Genotypes], Float[np.ndarray, "n"]]


@dataclass(frozen=True, kw_only=True)
class SearchProgress:
    """Where a search stands.

    Attributes:
        num_evaluations: Archs whose accuracy was asked.
        per_second: The same, a second.
        best_top1: Best accuracy within the budget so far, percent; ``None`` if none was met.
        hypervolume: Area that the front dominates so far, in ms × percentage points; ``None`` where
            there are several devices.
    """

    num_evaluations: int
    per_second: float
    best_top1: float | None
    hypervolume: float | None

    def __str__(self) -> str:
        best = "nothing yet" if self.best_top1 is None else f"{self.best_top1:.2f} %"
        area = "" if self.hypervolume is None else f", hypervolume {self.hypervolume:.4g}"
        pace = f"{self.num_evaluations:,} evaluations, {self.per_second:,.0f} a second"
        return f"best {best}{area}, {pace}"


class Watched:
    """An accuracy that logs what it was asked.

    Args:
        accuracy: Top-1 of genotype matrices, percent.
        latency_ms: Latency of genotype matrices; ``None`` for several devices.
        worst_ms: Latency beyond which an arch counts for nothing.
    """

    def __init__(
        self, accuracy: Score, *, latency_ms: Score | None, worst_ms: float = np.inf
    ) -> None:
        self._accuracy = accuracy
        self._latency_ms = latency_ms
        self._worst_ms = worst_ms
        self._elapsed_s = stopwatch()
        self._told_s = _FIRST_S - _EVERY_S
        self._num = 0
        self._worst_top1 = np.inf
        self._pending: list[tuple[Genotypes, np.ndarray]] = []
        self._front = np.empty((0, 2))

    def __call__(self, genotypes: Genotypes) -> Float[np.ndarray, "n"]:
        """Top-1 of each arch, percent."""
        top1 = self._accuracy(genotypes)
        if not _log.isEnabledFor(logging.INFO):  # nobody listens
            return top1
        self._num += len(genotypes)
        self._pending.append((genotypes, top1))
        if self._elapsed_s() - self._told_s >= _EVERY_S:
            self._tell()
        return top1

    def slope(self, genotypes: Genotypes) -> Float[np.ndarray, "n choices"]:
        """Slope of the accuracy, where it tells one."""
        from ofa.search import Differentiable

        if not isinstance(self._accuracy, Differentiable):
            raise OfaError("search: this predictor tells no slope; choose another strategy")
        return self._accuracy.slope(genotypes)

    def _tell(self) -> None:
        from ofa.search import hypervolume, non_dominated

        genotypes = np.concatenate([rows for rows, _ in self._pending])
        top1 = np.concatenate([values for _, values in self._pending])
        self._pending = []
        self._worst_top1 = min(self._worst_top1, float(top1.min(initial=np.inf)))
        ms = self._latency_ms(genotypes) if self._latency_ms else np.zeros(len(top1))
        points = np.concatenate([self._front, np.stack([ms, top1], axis=1)])
        points = points[points[:, 0] <= self._worst_ms]
        self._front = points[non_dominated(points[:, 0], points[:, 1])]
        front_ms, front_top1 = self._front.T
        elapsed_s = self._told_s = self._elapsed_s()
        _log.info(
            "%s",
            SearchProgress(
                num_evaluations=self._num,
                per_second=self._num / elapsed_s,
                best_top1=float(front_top1.max()) if len(front_top1) else None,
                hypervolume=hypervolume(
                    front_ms, front_top1, worst_ms=self._worst_ms, worst_top1=self._worst_top1
                )
                if self._latency_ms
                else None,
            ),
        )
