"""All ways to search a problem, and how they compare at equal evaluations.

Each asks for accuracy through an ``Archive`` alone, so that an evaluation is the same everywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from ofa.errors import InfeasibleBudget, OfaError, did_you_mean
from ofa.search.bayes import bayes_front
from ofa.search.evolution import random_front, search_front
from ofa.search.front import Front
from ofa.search.gradient import gradient_front
from ofa.search.grid import grid_front
from ofa.search.nsga2 import nsga2_front
from ofa.search.policy_gradient import policy_gradient_front
from ofa.search.problem import Problem

Strategy = Callable[[Problem, np.random.Generator], Front]
"""Finds the front of a problem; the generator is the source of all chance."""

STRATEGIES: dict[str, Strategy] = {
    "evolution": search_front,
    "random": random_front,
    "grid": grid_front,
    "nsga2": nsga2_front,
    "policy_gradient": policy_gradient_front,
    "gradient": gradient_front,
    "bayes": bayes_front,
}
"""Strategies by name; the first is the default."""


def available_strategies() -> tuple[str, ...]:
    """Names of the strategies whose package is installed."""
    return tuple(name for name in STRATEGIES if name != "bayes" or find_spec("optuna"))


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a strategy reached, as medians over seeds.

    Attributes:
        strategy: Its name.
        hypervolume: Area that its front dominates, as a multiple of random search's; ``None`` where
            the latter's dominates none.
        top1: Best top-1 within the budget, percent; ``None`` where most seeds met no arch that is
            fast enough and within the limits.
        num_evaluations: Archs whose accuracy was asked.
        exhaustive: Whether its front is proven optimal.
    """

    strategy: str
    hypervolume: float | None
    top1: float | None
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
    problem: Problem,
    *,
    strategies: Sequence[str] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
) -> list[Comparison]:
    """Strategies side by side within a budget; random search, the baseline, is always there.

    Args:
        problem: Its ``max_latency_ms`` is the budget, and finite.
        strategies: Names in ``STRATEGIES``; ``None`` takes all whose package is here.

    Raises:
        InfeasibleBudget: If no strategy met an arch that is fast enough and within the limits.
        OfaError: If a strategy is unknown, there is no budget, or a score is not a finite number.
    """
    if not np.isfinite(problem.max_latency_ms):
        raise OfaError("search: strategies compare within a budget; give a finite max_latency_ms")

    def searched(name: str, seed: int) -> Front | InfeasibleBudget:
        try:
            return find_strategy(name)(problem, np.random.default_rng(seed))
        except InfeasibleBudget as error:
            return error

    names = dict.fromkeys(("random", *(strategies or available_strategies())))
    found = {name: [searched(name, seed) for seed in seeds] for name in names}
    fronts = [one for row in found.values() for one in row if isinstance(one, Front)]
    if not fronts:
        raise next(one for row in found.values() for one in row if isinstance(one, OfaError))
    worst_top1 = min(float(front.top1[0]) for front in fronts)

    def area(front: Front | InfeasibleBudget) -> float:
        if isinstance(front, InfeasibleBudget):
            return 0.0
        return front.hypervolume(worst_ms=problem.max_latency_ms, worst_top1=worst_top1)

    areas = {name: float(np.median([area(one) for one in row])) for name, row in found.items()}
    rows = [_comparison(name, row, areas[name], areas["random"]) for name, row in found.items()]
    return sorted(rows, key=lambda row: -areas[row.strategy])


def _comparison(
    name: str, found: Sequence[Front | InfeasibleBudget], area: float, random_area: float
) -> Comparison:
    fronts = [one for one in found if isinstance(one, Front)]
    best = [one.top1[-1] if isinstance(one, Front) else -np.inf for one in found]
    top1 = float(np.median(best))
    return Comparison(
        strategy=name,
        hypervolume=area / random_area if random_area else None,
        top1=top1 if np.isfinite(top1) else None,
        num_evaluations=int(np.median([front.num_evaluations for front in fronts] or [0])),
        exhaustive=len(fronts) == len(found) and all(front.exhaustive for front in fronts),
    )
