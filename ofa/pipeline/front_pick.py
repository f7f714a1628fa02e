"""Another choice from a front: its most accurate point within another budget."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ofa.errors import BadArtifact, InfeasibleBudget, OfaError
from ofa.run_files import Candidate, FrontPoint, read_front, write_front
from ofa.space import kept_by


def choose_point(*, front: Path, budget_ms: float, out: Path) -> Path:
    """Choose the most accurate point of a front within a budget.

    What was measured of it before stays known, as do the other candidates.

    Args:
        front: File that ``search`` wrote; it stays as it is.

    Returns:
        ``out/fronts/<device>.json``, the same front with that choice.

    Raises:
        InfeasibleBudget: If the fastest subnet of the front takes longer.
        OfaError: If that would replace ``front``, or the budget is no number.
    """
    outcome = read_front(front)
    point = best_within(outcome.front, budget_ms, where=front, device=outcome.device)
    path = front_path(out, outcome.device, where=front)
    if path.resolve() == front.resolve():
        raise OfaError(f"{front}: another choice would replace this front; name another --out")
    measured = {one.arch: one for one in outcome.candidates}
    chosen = measured.pop(point.arch, None) or Candidate(
        arch=point.arch,
        predicted_top1=point.predicted_top1,
        estimated_ms=point.estimated_ms,
        search_top1=point.predicted_top1 if outcome.scored_by == "measurement" else None,
    )
    rechosen = replace(
        outcome,
        budget_ms=budget_ms,
        budget_is_given=True,
        candidates=(chosen, *measured.values()),
    )
    write_front(path, rechosen, inputs={"front": front})
    return path


def best_within(
    points: Sequence[FrontPoint], budget_ms: float, *, where: Path, device: str
) -> FrontPoint:
    """The most accurate point of a front within a budget.

    Raises:
        InfeasibleBudget: If the fastest takes longer.
        OfaError: If the budget is no number.
    """
    if not math.isfinite(budget_ms):
        raise OfaError(f"budget {budget_ms}: give milliseconds, such as 12.5")
    within = [point for point in points if point.estimated_ms <= budget_ms]
    if not within:
        lowest_ms = kept_by(points[0].estimated_ms)
        raise InfeasibleBudget(
            f"{where}: no subnet on the front of {device} meets {budget_ms:g} ms; they take "
            f"{lowest_ms:.3f} to {points[-1].estimated_ms:.3f} ms: raise the budget"
        )
    return max(within, key=lambda point: point.predicted_top1)


def front_path(out: Path, device: str, *, where: Path) -> Path:
    """Where the front of a device goes that a file names.

    Raises:
        BadArtifact: If it would go elsewhere, as that of a device ``../name``.
    """
    if Path(device).name != device:
        raise BadArtifact(f"{where}: {device!r} is no name of a device; search again")
    return out / "fronts" / f"{device}.json"
