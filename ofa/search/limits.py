"""Costs besides latency that a search is held to: MACs, parameters, bytes of weights, activations.

A limit is a table, so it is asked before accuracy is and costs no evaluation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ofa.errors import OfaError
from ofa.space import COSTS, AnyCostTable, AnyEncoding, Genotypes


@dataclass(frozen=True, kw_only=True, eq=False)
class Limit:
    """What a subnet may cost at most.

    Attributes:
        name: The cost, a name in ``ofa.space.COSTS`` or ``latency``.
        most: Cost of a subnet at most, in the unit of the table.
        cost: Cost of genotype matrices.
    """

    name: str
    most: float
    cost: AnyCostTable

    def shown(self, value: float) -> str:
        """A cost in words, e.g. ``macs 40,000,000`` or ``12.500 ms``."""
        return f"{value:.3f} ms" if self.name == "latency" else f"{self.name} {value:,.0f}"


def limits_of(encoding: AnyEncoding, most: Mapping[str, float]) -> tuple[Limit, ...]:
    """The limits of a space, by the names of the costs.

    Raises:
        OfaError: If there is no such cost, or a limit is not above 0.
    """
    for name, value in most.items():
        if name not in COSTS:
            raise OfaError(f"max {name}: is not one of {', '.join(COSTS)}")
        if not 0 < value < np.inf:
            raise OfaError(f"max {name}: {value:g} is not a finite number above 0")
    return tuple(
        Limit(name=name, most=value, cost=COSTS[name].table(encoding))
        for name, value in most.items()
    )


def excess(limits: Sequence[Limit], genotypes: Genotypes) -> Float[np.ndarray, "n"]:
    """Greatest ratio of a cost to its limit, for each arch: above 1 a limit is broken.

    It is 0 where there are no limits.
    """
    worst = np.zeros(len(genotypes))
    for limit in limits:
        np.maximum(worst, limit.cost(genotypes) / limit.most, out=worst)
    return worst
