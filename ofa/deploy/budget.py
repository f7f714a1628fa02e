"""A budget that holds: how far to tighten the search after an engine was measured.

A latency model errs by a few percent, and a machine's speed drifts by as much from minute to
minute. So search aims below the budget by a guard, an engine must keep the guard when it is
measured, and one that does not moves the aim down by as much as it missed.
"""

from collections.abc import Sequence
from pathlib import Path

from ofa.deploy.manifest import Attempt
from ofa.errors import OfaError

GUARD = 0.03
"""Share of a budget kept free for a machine that is a little slower tomorrow."""
MAX_TIGHTENINGS = 3


class BudgetMissed(OfaError):
    """An engine that takes longer than it may, after every attempt."""


def first_aim_ms(budget_ms: float, *, reachable: bool) -> float:
    """Latency to search for first: the budget itself where nothing can be measured."""
    return budget_ms * (1 - GUARD) if reachable else budget_ms


def holds(budget_ms: float, attempts: Sequence[Attempt]) -> bool:
    """Whether the last attempt's engine keeps the budget, and the guard while others may follow."""
    measured_ms = attempts[-1].measured_ms
    if measured_ms is None:
        return True
    is_last = len(attempts) > MAX_TIGHTENINGS
    return measured_ms <= (budget_ms if is_last else budget_ms * (1 - GUARD))


def next_aim_ms(budget_ms: float, attempts: Sequence[Attempt], *, lowest_ms: float) -> float | None:
    """Latency to search for after an attempt that did not hold.

    Args:
        lowest_ms: Estimated latency of the fastest subnet.

    Returns:
        ``None`` when all attempts are used up, or the fastest subnet was tried.
    """
    last = attempts[-1]
    assert last.measured_ms is not None
    if len(attempts) > MAX_TIGHTENINGS or last.estimated_ms <= lowest_ms:
        return None
    # From the choice's own estimate, which may lie well below what was searched for; the last
    # percent makes sure that another subnet is chosen.
    ratio = min(1.0, budget_ms * (1 - GUARD) / last.measured_ms)
    return max(lowest_ms, 0.99 * ratio * min(last.searched_ms, last.estimated_ms))


def missed(budget_ms: float, attempts: Sequence[Attempt], *, kept_in: Path) -> BudgetMissed:
    """The error that tells how near the attempts came."""
    measured = [attempt.measured_ms for attempt in attempts if attempt.measured_ms is not None]
    return BudgetMissed(
        f"no engine kept the budget of {budget_ms:.4g} ms in {len(attempts)} attempts; the fastest "
        f"measured {min(measured):.4g} ms: ask for more, or stop other programs and try again; the "
        f"last bundle is kept in {kept_in}"
    )
