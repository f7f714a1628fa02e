"""All ways to search, behind one signature, and how they compare at equal evaluations.

Each asks for accuracy through an ``Archive`` alone, so that an evaluation is the same everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from ofa.errors import OfaError, did_you_mean
from ofa.search.archive import Score
from ofa.search.evolution import random_front, search_front
from ofa.search.front import Front
from ofa.search.grid import grid_front
from ofa.search.nsga2 import nsga2_front
from ofa.search.policy_gradient import policy_gradient_front
from ofa.space import AnyEncoding


@runtime_checkable
class Strategy(Protocol):
    """Searches a space."""

    def __call__(
        self,
        encoding: AnyEncoding,
        *,
        accuracy: Score,
        latency_ms: Score,
        rng: np.random.Generator,
        max_latency_ms: float | None = None,
        max_evaluations: int = 200_000,
    ) -> Front:
        """The front found with at most ``max_evaluations`` archs asked."""
        ...


STRATEGIES: dict[str, Strategy] = {
    "evolution": search_front,
    "random": random_front,
    "grid": grid_front,
    "nsga2": nsga2_front,
    "policy_gradient": policy_gradient_front,
}
"""Strategies by name; the first is the default."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a strategy reached, as medians over seeds.

    Attributes:
        strategy: Its name.
        hypervolume: Area that its front dominates, as a multiple of random search's; ``None`` where
            the latter's dominates none.
        top1: Best top-1 within the budget, percent.
        num_evaluations: Archs whose accuracy was asked.
        exhaustive: Whether its front is proven optimal.
    """

    strategy: str
    hypervolume: float | None
    top1: float
    num_evaluations: int
    exhaustive: bool


def find_strategy(name: str) -> Strategy:
    """A strategy by its name.

    Raises:
        OfaError: If there is none of that name; lists all.
    """
    if name not in STRATEGIES:
        raise OfaError(
            f"search: strategy {name!r} is not one of {', '.join(STRATEGIES)}"
            f"{did_you_mean(name, STRATEGIES)}"
        )
    return STRATEGIES[name]


def compare(
    encoding: AnyEncoding,
    *,
    accuracy: Score,
    latency_ms: Score,
    budget_ms: float,
    strategies: Sequence[str] = tuple(STRATEGIES),
    seeds: Sequence[int] = (0, 1, 2),
    max_evaluations: int = 10_000,
) -> list[Comparison]:
    """Strategies side by side within a budget; random search, the baseline, is always there.

    Raises:
        InfeasibleBudget: If a strategy met no arch that is fast enough.
        OfaError: If a strategy is unknown, or a score is not a finite number.
    """
    fronts: Mapping[str, list[Front]] = {
        name: [
            find_strategy(name)(
                encoding,
                accuracy=accuracy,
                latency_ms=latency_ms,
                rng=np.random.default_rng(seed),
                max_latency_ms=budget_ms,
                max_evaluations=max_evaluations,
            )
            for seed in seeds
        ]
        for name in dict.fromkeys(("random", *strategies))
    }
    worst_top1 = min(float(front.top1[0]) for found in fronts.values() for front in found)
    areas = {
        name: float(
            np.median([one.hypervolume(worst_ms=budget_ms, worst_top1=worst_top1) for one in found])
        )
        for name, found in fronts.items()
    }
    rows = [
        Comparison(
            strategy=name,
            hypervolume=areas[name] / areas["random"] if areas["random"] else None,
            top1=float(np.median([front.top1[-1] for front in found])),
            num_evaluations=int(np.median([front.num_evaluations for front in found])),
            exhaustive=all(front.exhaustive for front in found),
        )
        for name, found in fronts.items()
    ]
    return sorted(rows, key=lambda row: -areas[row.strategy])
