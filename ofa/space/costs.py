"""Costs that need no device, tabulated like a latency: all of them can bound or rank a search."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ofa.space.cost import activation_bytes, macs, params, weight_bytes
from ofa.space.families import AnyCostTable, AnyEncoding, cost_table


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A cost that any space can be held to.

    Attributes:
        layer_cost: Cost of one layer.
        reduce: How layer costs combine into the cost of a network.
    """

    layer_cost: Callable[..., float]
    reduce: Literal["sum", "max"] = "sum"

    def table(self, encoding: AnyEncoding) -> AnyCostTable:
        """The cost of every arch of a space."""
        return cost_table(encoding, self.layer_cost, reduce=self.reduce)


COSTS: dict[str, Cost] = {
    "macs": Cost(layer_cost=macs),
    "params": Cost(layer_cost=params),
    "weight_bytes": Cost(layer_cost=weight_bytes),
    "activation_bytes": Cost(layer_cost=activation_bytes, reduce="max"),
}
"""Costs by name; a latency model's ``table`` is one more."""
