"""Fronts side by side: strategies at equal evaluations, and a new front against an older one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ofa import checkpoint as files
from ofa.errors import OfaError
from ofa.opened import find_checkpoint
from ofa.pipeline.rounds import check_trust, predicted_accuracy
from ofa.pipeline.table import device_table
from ofa.run_files import FrontPoint, front_supernet, read_front
from ofa.space import encoding_of

if TYPE_CHECKING:
    from ofa.search import Comparison


@dataclass(frozen=True, kw_only=True)
class StrategyComparison:
    """Strategies on one device.

    Attributes:
        device: Id of the device.
        budget_ms: Latency to stay within.
        num_seeds: Searches of each strategy.
        uniform_top1: Predicted top-1 of the best uniform subnet within the budget, percent;
            ``None`` if none is fast enough and within the limits.
        rows: The strategies, best first.
    """

    device: str
    budget_ms: float
    num_seeds: int
    uniform_top1: float | None
    rows: "tuple[Comparison, ...]"


@dataclass(frozen=True, kw_only=True)
class FrontChange:
    """A new front beside an older one of the same device.

    Attributes:
        path: File of the new front.
        against: File of the older front.
        hypervolume: Area that the new front dominates, as a multiple of the older front's.
    """

    path: Path
    against: Path
    hypervolume: float


def compare_strategies(
    *,
    device: str,
    checkpoint: str,
    budget_ms: float | None = None,
    strategies: Sequence[str] | None = None,
    max_evaluations: int = 10_000,
    num_seeds: int = 3,
    seed: int = 0,
    limits: Mapping[str, float] | None = None,
) -> StrategyComparison:
    """Search a device by every strategy, by prediction alone, with equal evaluations.

    Args:
        budget_ms: Latency to stay within; ``None`` lets all archs in.
        strategies: Names in ``ofa.search.STRATEGIES``; ``None`` takes all whose package is here.
        num_seeds: Searches of each strategy, from ``seed`` on.
        limits: As of ``search``.

    Raises:
        InfeasibleBudget: If no subnet is fast enough and within the limits; tells what is.
        OfaError: If there is no such strategy; lists all. If the predictor ranks worse than was
            asked of it.
    """
    from ofa.search import (
        Problem,
        check_budget,
        compare,
        excess,
        limits_of,
        reachable_range,
        uniform_archs,
    )

    folder = find_checkpoint(checkpoint)
    notes = files.read_supernet(folder / files.SUPERNET)[1]
    encoding = encoding_of(notes.space)
    target = device_table(device, space=notes.space, checkpoint=checkpoint)
    table = target.latency_ms
    limit_ms = reachable_range(table).highest if budget_ms is None else budget_ms
    bounds = limits_of(encoding, limits or {})
    check_budget(table, limit_ms, bounds)
    check_trust(folder, target.precision)
    accuracy = predicted_accuracy(folder, encoding, target.precision)
    problem = Problem(
        encoding=encoding,
        accuracy=accuracy,
        latency_ms=table,
        max_latency_ms=limit_ms,
        limits=bounds,
        max_evaluations=max_evaluations,
    )
    rows = compare(problem, strategies=strategies, seeds=range(seed, seed + num_seeds))
    uniform = uniform_archs(encoding)
    uniform = uniform[(table(uniform) <= limit_ms) & (excess(bounds, uniform) <= 1)]
    return StrategyComparison(
        device=target.device,
        budget_ms=limit_ms,
        num_seeds=num_seeds,
        uniform_top1=float(accuracy(uniform).max()) if len(uniform) else None,
        rows=tuple(rows),
    )


def compare_fronts(path: Path, *, against: Path) -> FrontChange:
    """How much more a front dominates than an older one does.

    Raises:
        BadArtifact: If a file is missing, corrupt, or no front, or does not name its supernet.
        OfaError: If the fronts are of different devices or supernets.
    """
    from ofa.search import hypervolume

    new, old = read_front(path), read_front(against)
    if new.device != old.device:
        raise OfaError(
            f"{against}: is a front of {old.device}, not of {new.device}; "
            "compare fronts of one device"
        )
    if front_supernet(path) != front_supernet(against):
        raise OfaError(
            f"{against}: is a front of other weights than {path}; compare fronts of one supernet"
        )
    both = (*new.front, *old.front)
    worst_ms = max(point.estimated_ms for point in both)
    worst_top1 = min(point.predicted_top1 for point in both)

    def area(front: Sequence[FrontPoint]) -> float:
        return hypervolume(
            np.array([point.estimated_ms for point in front]),
            np.array([point.predicted_top1 for point in front]),
            worst_ms=worst_ms,
            worst_top1=worst_top1,
        )

    old_area = area(old.front)
    if old_area == 0:
        raise OfaError(f"{against}: its front has no area to compare with; search it again")
    return FrontChange(path=path, against=against, hypervolume=area(new.front) / old_area)
