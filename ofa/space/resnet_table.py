"""A cost of whole bottleneck networks as dense tables.

The first block of a stage costs by the width of the stage before it too, so its table has one more
axis.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from jaxtyping import Float

from ofa.space.genes import Genotypes
from ofa.space.resnet import (
    ResNetArch,
    ResNetLayer,
    ResNetSpace,
    StageChoice,
    StemChoice,
    resnet_network,
)
from ofa.space.resnet_encoding import ResNetEncoding


@dataclass(frozen=True)
class ResNetCostTable:
    """Cost of every layer a bottleneck space can hold.

    Attributes:
        encoding: Encoding of the space.
        stem: Cost of the layers before the stages, float64[resolutions, residual, middle, end].
        slots: Cost of each block slot, float64[slots, resolutions, width before, width, expands].
        tail: Cost of the layers after the stages, float64[resolutions, width].
        reduce: How layer costs combine into the cost of a network.
    """

    encoding: ResNetEncoding
    stem: np.ndarray
    slots: np.ndarray
    tail: np.ndarray
    reduce: Literal["sum", "max"] = "sum"

    def __call__(self, genotypes: Genotypes) -> Float[np.ndarray, "n"]:
        """Cost of each arch."""
        encoding = self.encoding
        resolution, residual = genotypes[:, 0], genotypes[:, 1]
        middle, end, *stages = genotypes[:, encoding.width_genes].T
        widths = np.stack([end, *stages])
        expands = genotypes[:, encoding.expand_genes]
        active = encoding.active_slots(genotypes)
        combine = np.add if self.reduce == "sum" else np.maximum
        total = combine(
            self.stem[resolution, residual, middle, end], self.tail[resolution, stages[-1]]
        )
        for slot, stage in enumerate(encoding.slot_stages):
            before, width = widths[stage], widths[stage + 1]
            cost = self.slots[slot, resolution, before, width, expands[:, slot]]
            total = combine(total, np.where(active[:, slot], cost, 0.0))
        return total


def resnet_cost_table(
    encoding: ResNetEncoding,
    layer_cost: Callable[[ResNetLayer], float],
    *,
    constant: float = 0.0,
    reduce: Literal["sum", "max"] = "sum",
) -> ResNetCostTable:
    """Tabulate ``layer_cost`` over every layer of a space.

    Args:
        layer_cost: Cost of one layer.
        constant: Cost of a network beyond its layers.
        reduce: How layer costs combine.
    """
    space = encoding.space
    combine = sum if reduce == "sum" else max
    widths, expands = space.width_ratios, space.expand_ratios
    sizes, num = len(space.resolutions), len(widths)
    stem = np.zeros((sizes, 2, num, num))
    slots = np.zeros((encoding.num_slots, sizes, num, num, len(expands)))
    tail = np.zeros((sizes, num))
    odd = encoding.slot_stages % 2 == 1
    for (r, resolution), (p, one), (q, other) in product(
        enumerate(space.resolutions), enumerate(widths), enumerate(widths)
    ):
        nets = [
            resnet_network(space, _alternating(space, resolution, one, other, ratio))
            for ratio in expands
        ]
        for e, net in enumerate(nets):
            costs = np.array([layer_cost(layer) for stage in net.stages for layer in stage])
            slots[~odd, r, p, q, e] = costs[~odd]
            slots[odd, r, q, p, e] = costs[odd]
        net = nets[-1]
        assert net.stem_residual is not None
        always = [layer_cost(net.stem_in), layer_cost(net.stem_out), layer_cost(net.max_pool)]
        stem[r, 0, q, p] = combine([constant, *always])
        stem[r, 1, q, p] = combine([constant, *always, layer_cost(net.stem_residual)])
        last = p if odd[-1] else q
        tail[r, last] = combine([layer_cost(net.pool), layer_cost(net.classifier)])
    return ResNetCostTable(encoding=encoding, stem=stem, slots=slots, tail=tail, reduce=reduce)


def _alternating(
    space: ResNetSpace, resolution: int, one: float, other: float, ratio: float
) -> ResNetArch:
    """The deepest arch whose stem and odd stages have one width, and its even stages the other.

    Over all pairs of widths, every pair of neighbors occurs.
    """
    stages = tuple(
        StageChoice(width_ratio=one if i % 2 else other, expand_ratios=(ratio,) * max(depths))
        for i, depths in enumerate(space.stage_depths)
    )
    stem = StemChoice(middle_width_ratio=other, width_ratio=one, residual=True)
    return ResNetArch(resolution=resolution, stem=stem, stages=stages)
