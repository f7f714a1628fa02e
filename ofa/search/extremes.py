"""The cheapest and the dearest arch of a cost table, in a whole space or within limits.

In a whole space both are exact, since the cheapest network is the cheapest choice of every part.
For several limits at once that holds of any weighted sum of costs. So every limit gets a price, the
exact answer at those prices becomes one more row of a linear program, and that program sets the
next prices, until nothing moves: Kelley's cutting planes on the Lagrangian dual. What they bound,
they prove; what they find is an arch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ofa.search.evolution import neighbors
from ofa.search.limits import Limit, excess
from ofa.space import AnyCostTable, CostTable, Genotypes, ResNetCostTable

_MAX_CUTS = 40
_SETTLED = 1e-6  # relative distance of an arch to the bound


@dataclass(frozen=True, kw_only=True, eq=False)
class Nearest:
    """The arch that comes nearest to keeping all limits.

    Attributes:
        genotypes: The arch, uint8[1, genes].
        excess: Its greatest ratio of a cost to its limit; 1 or less keeps them all.
        least_excess: No arch has less, which proves that none keeps the limits if it is above 1.
    """

    genotypes: Genotypes
    excess: float
    least_excess: float


def extreme(table: AnyCostTable, *, sign: int) -> Genotypes:
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


def nearest(limits: Sequence[Limit]) -> Nearest:
    """The arch whose greatest ratio of a cost to its limit is as small as cutting planes find."""
    blank = _blank(limits[0].cost)
    forbidden = _forbidden(blank, limits)
    summed = [limit for limit in limits if limit.cost.reduce == "sum"]
    prices = np.full(len(summed), 1 / max(len(summed), 1))
    rows, bound = [], 0.0
    for _ in range(_MAX_CUTS):
        arch = extreme(_priced(forbidden, summed, prices), sign=1)
        ratios = _ratios(summed, arch)
        rows.append((arch, ratios))
        bound = max(bound, float(prices @ ratios))
        if len(summed) < 2:
            break
        highest, prices = _next_prices(np.array([row for _, row in rows]))
        if highest - bound <= _SETTLED * abs(highest):
            break
    worst = [float(excess(limits, arch)[0]) for arch, _ in rows]
    best = int(np.argmin(worst))
    return Nearest(genotypes=rows[best][0], excess=worst[best], least_excess=bound)


def cheapest_within(table: AnyCostTable, limits: Sequence[Limit]) -> Genotypes:
    """The arch of least cost if it keeps the limits, else one that no two genes better.

    Raises:
        ValueError: If no arch is known that keeps the limits; ask ``nearest`` first.
    """
    arch = extreme(table, sign=1)
    if excess(limits, arch)[0] <= 1:
        return arch
    arch = nearest(limits).genotypes
    if excess(limits, arch)[0] > 1:
        raise ValueError("no arch is known that keeps the limits")
    ring = neighbors(table.encoding, arch)
    while True:
        kept = ring[excess(limits, ring) <= 1]
        best = kept[[table(kept).argmin()]]
        if table(best)[0] < table(arch)[0]:
            arch, ring = best, neighbors(table.encoding, best)
        elif len(ring) > table.encoding.num_choices.sum():  # two genes away, as tried below
            return arch
        else:
            ring = neighbors(table.encoding, ring)


def _next_prices(ratios: np.ndarray) -> tuple[float, np.ndarray]:
    """The bound over the archs met, and the prices, of sum 1, that attain it."""
    from scipy.optimize import linprog

    num_archs, num = ratios.shape
    solved = linprog(
        c=np.append(np.zeros(num), -1.0),
        A_ub=np.column_stack([-ratios, np.ones(num_archs)]),
        b_ub=np.zeros(num_archs),
        A_eq=np.append(np.ones(num), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, 1)] * num + [(None, None)],
    )
    return float(-solved.fun), np.maximum(solved.x[:-1], 0)


def _priced(table: AnyCostTable, summed: Sequence[Limit], prices: np.ndarray) -> AnyCostTable:
    for limit, price in zip(summed, prices, strict=True):
        table = _sum(table, limit.cost, float(price) / limit.most)
    return table


def _forbidden(table: AnyCostTable, limits: Sequence[Limit]) -> AnyCostTable:
    """A table to which layers beyond a limit on the largest layer cost infinitely much."""
    for limit in limits:
        if limit.cost.reduce == "max":
            table = _sum(table, limit.cost.beyond(limit.most))
    return table


def _blank(table: AnyCostTable) -> AnyCostTable:
    """A table that costs nothing."""
    return table.beyond(np.inf)


def _sum(table: AnyCostTable, other: AnyCostTable, weight: float = 1.0) -> AnyCostTable:
    if isinstance(table, CostTable) and isinstance(other, CostTable):
        return table.plus(other, weight)
    assert isinstance(table, ResNetCostTable) and isinstance(other, ResNetCostTable)
    return table.plus(other, weight)


def _ratios(limits: Sequence[Limit], arch: Genotypes) -> np.ndarray:
    return np.array([limit.cost(arch)[0] / limit.most for limit in limits])
