"""What a device can reach at all, answered exactly and without search.

Block slots of a cost table do not depend on each other, so the cheapest network is the cheapest
choice of every slot at the cheapest depth of every stage; there is nothing to search.
"""

import math
from dataclasses import dataclass

import numpy as np

from ofa.errors import InfeasibleBudget
from ofa.space import AnyCostTable, Genotypes, ResNetCostTable


@dataclass(frozen=True, kw_only=True, eq=False)
class Range:
    """Least and greatest cost of a space, and who attains them.

    Attributes:
        lowest: Least cost, in the unit of the table.
        highest: Greatest cost.
        cheapest: An arch of least cost, uint8[1, genes].
        dearest: An arch of greatest cost, uint8[1, genes].
    """

    lowest: float
    highest: float
    cheapest: Genotypes
    dearest: Genotypes


def reachable_range(table: AnyCostTable) -> Range:
    """The exact range of costs over every arch of a space."""
    cheapest = _extreme(table, sign=1)
    dearest = _extreme(table, sign=-1)
    return Range(
        lowest=float(table(cheapest)[0]),
        highest=float(table(dearest)[0]),
        cheapest=cheapest,
        dearest=dearest,
    )


def check_budget(table: AnyCostTable, budget_ms: float) -> Range:
    """The reachable range, if a budget lies within or above it.

    Raises:
        InfeasibleBudget: If no arch meets the budget; names the range and the nearest feasible
            budget.
    """
    reach = reachable_range(table)
    if not reach.lowest <= budget_ms:
        nearest = math.ceil(reach.lowest * 1000) / 1000
        raise InfeasibleBudget(
            f"no subnet meets a budget of {budget_ms:g} ms: those of this space take "
            f"{nearest:.3f} to {reach.highest:.3f} ms on this device; "
            f"set the budget to {nearest:.3f} ms or more"
        )
    return reach


def _extreme(table: AnyCostTable, *, sign: int) -> Genotypes:
    """The arch of least (``sign`` 1) or greatest (-1) cost, over all resolutions."""
    if isinstance(table, ResNetCostTable):
        return table.extreme(sign=sign)
    encoding = table.encoding
    combine = np.add if table.reduce == "sum" else np.maximum
    num_expands = len(encoding.space.expand_ratios)
    present = sign * table.slots[:, :, 1:]
    codes = present.argmin(axis=2)
    costs = sign * present.min(axis=2)
    total = table.fixed.astype(np.float64)
    rows = np.zeros((len(total), encoding.num_genes), np.uint8)
    rows[:, 0] = np.arange(len(total))
    rows[:, encoding.kernel_genes] = (codes // num_expands).T
    rows[:, encoding.expand_genes] = (codes % num_expands).T
    for stage, depths in enumerate(encoding.space.stage_depths):
        by_depth = combine.accumulate(costs[encoding.slot_stages == stage], axis=0)
        by_choice = by_depth[np.array(depths) - 1]
        choice = (sign * by_choice).argmin(axis=0)
        rows[:, 1 + stage] = choice
        total = combine(total, np.take_along_axis(by_choice, choice[None], axis=0)[0])
    return encoding.canonical(rows[[(sign * total).argmin()]])
