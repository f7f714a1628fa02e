"""What a device can reach at all, answered without search."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ofa.errors import InfeasibleBudget
from ofa.search.extremes import cheapest_within, extreme, nearest
from ofa.search.limits import Limit
from ofa.space import AnyCostTable, Genotypes, kept_by


@dataclass(frozen=True, kw_only=True, eq=False)
class Range:
    """Least and greatest cost of a space, and who attains them.

    Attributes:
        lowest: Least cost within the limits, in the unit of the table.
        highest: Greatest cost of all archs, whatever the limits.
        cheapest: An arch of that least cost, uint8[1, genes].
        dearest: An arch of greatest cost, uint8[1, genes].
    """

    lowest: float
    highest: float
    cheapest: Genotypes
    dearest: Genotypes


def reachable_range(table: AnyCostTable, limits: Sequence[Limit] = ()) -> Range:
    """The exact range of costs over every arch of a space.

    Where the cheapest arch breaks a limit, the range starts at the cheapest that is known to keep
    them all.

    Raises:
        InfeasibleBudget: If no arch keeps the limits; tells what can be kept.
    """
    if limits:
        _check_together(limits)
    cheapest = cheapest_within(table, limits)
    dearest = extreme(table, sign=-1)
    return Range(
        lowest=float(table(cheapest)[0]),
        highest=float(table(dearest)[0]),
        cheapest=cheapest,
        dearest=dearest,
    )


def check_budget(table: AnyCostTable, budget_ms: float, limits: Sequence[Limit] = ()) -> Range:
    """The reachable range, if a budget lies within or above it.

    Raises:
        InfeasibleBudget: If no arch meets the budget, or the limits, or both at once; names the
            range and what is nearest to being kept.
    """
    lowest = float(table(extreme(table, sign=1))[0])
    if not lowest <= budget_ms:
        highest = float(table(extreme(table, sign=-1))[0])
        nearest_ms = kept_by(lowest)
        raise InfeasibleBudget(
            f"no subnet meets a budget of {budget_ms:g} ms: those of this space take "
            f"{nearest_ms:.3f} to {highest:.3f} ms on this device; "
            f"set the budget to {nearest_ms:.3f} ms or more"
        )
    if limits:
        _check_together([Limit(name="latency", most=budget_ms, cost=table), *limits])
    return reachable_range(table, limits)


def _check_together(limits: Sequence[Limit]) -> None:
    """Refuse limits that cannot be kept, each alone or all at once."""
    for limit in limits:
        lowest = float(limit.cost(extreme(limit.cost, sign=1))[0])
        if lowest > limit.most:
            highest = float(limit.cost(extreme(limit.cost, sign=-1))[0])
            raise InfeasibleBudget(
                f"no subnet keeps {limit.shown(limit.most)}: those of this space have "
                f"{lowest:,.0f} to {highest:,.0f}; set the limit to {math.ceil(lowest):,} or more"
            )
    found = nearest(limits)
    if found.excess <= 1:
        return
    asked = ", ".join(limit.shown(limit.most) for limit in limits)
    ranges = "; ".join(_shown_range(limit) for limit in limits)
    # Rounded up, so that what is named can be kept.
    kept = ", ".join(
        limit.shown(_rounded_up(float(limit.cost(found.genotypes)[0]), limit)) for limit in limits
    )
    proof = "no subnet keeps" if found.least_excess > 1 else "no subnet was found that keeps"
    raise InfeasibleBudget(
        f"{proof} {asked} at once; alone, each can be kept from: {ranges}; the nearest subnet has "
        f"{kept}: allow as much"
    )


def _shown_range(limit: Limit) -> str:
    ends = [float(limit.cost(extreme(limit.cost, sign=sign))[0]) for sign in (1, -1)]
    most = limit.shown(ends[1]).removeprefix(f"{limit.name} ")
    return f"{limit.shown(_rounded_up(ends[0], limit))} to {most}"


def _rounded_up(value: float, limit: Limit) -> float:
    return kept_by(value) if limit.name == "latency" else math.ceil(value)
