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

from ofa.space.cost import on_grid
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

    def extreme(self, *, sign: int) -> Genotypes:
        """The arch of least (``sign`` 1) or greatest (-1) cost, exactly.

        A stage's cost depends on its own width and that of the stage before alone, so the best way
        to each width is found stage by stage (dynamic programming).
        """
        encoding, combine = self.encoding, np.add if self.reduce == "sum" else np.maximum
        sizes = np.arange(len(self.stem))
        starts = self.stem.transpose(0, 3, 1, 2).reshape(len(sizes), self.stem.shape[3], -1)
        start = (sign * starts).argmin(axis=2)
        reached = np.take_along_axis(starts, start[..., None], axis=2)[..., 0]
        expands = (sign * self.slots).argmin(axis=-1)
        blocks = np.take_along_axis(self.slots, expands[..., None], axis=-1)[..., 0]
        depths, befores = [], []
        for stage, legal in enumerate(encoding.space.stage_depths):
            by_depth = combine.accumulate(blocks[encoding.slot_stages == stage], axis=0)
            by_choice = by_depth[np.array(legal) - 1]
            depth = (sign * by_choice).argmin(axis=0)
            cost = np.take_along_axis(by_choice, depth[None], axis=0)[0]
            ways = combine(reached[:, :, None], cost)
            before = (sign * ways).argmin(axis=1)
            reached = np.take_along_axis(ways, before[:, None], axis=1)[:, 0]
            depths.append(depth)
            befores.append(before)
        whole = combine(reached, self.tail)
        resolution, width = np.unravel_index((sign * whole).argmin(), whole.shape)
        row = np.zeros(encoding.num_genes, np.uint8)
        stages = encoding.slot_stages
        for stage in reversed(range(len(depths))):
            before = befores[stage][resolution, width]
            row[encoding.width_genes.start + 2 + stage] = width
            row[encoding.depth_genes.start + stage] = depths[stage][resolution, before, width]
            chosen = expands[stages == stage, resolution, before, width]
            row[encoding.expand_genes][stages == stage] = chosen
            width = before
        residual, middle = np.divmod(start[resolution, width], self.stem.shape[2])
        row[:4] = resolution, residual, middle, width
        return encoding.canonical(row[None])


def resnet_cost_table(
    encoding: ResNetEncoding,
    layer_cost: Callable[[ResNetLayer], float],
    *,
    constant: float = 0.0,
    reduce: Literal["sum", "max"] = "sum",
) -> ResNetCostTable:
    """Tabulate ``layer_cost``, rounded by ``on_grid``, over every layer of a space.

    Args:
        layer_cost: Cost of one layer.
        constant: Cost of a network beyond its layers.
        reduce: How layer costs combine.
    """

    def cost(layer: ResNetLayer) -> float:
        return on_grid(layer_cost(layer))

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
            costs = np.array([cost(layer) for stage in net.stages for layer in stage])
            slots[~odd, r, p, q, e] = costs[~odd]
            slots[odd, r, q, p, e] = costs[odd]
        net = nets[-1]
        assert net.stem_residual is not None
        always = [cost(net.stem_in), cost(net.stem_out), cost(net.max_pool)]
        stem[r, 0, q, p] = combine([on_grid(constant), *always])
        stem[r, 1, q, p] = combine([on_grid(constant), *always, cost(net.stem_residual)])
        last = p if odd[-1] else q
        tail[r, last] = combine([cost(net.pool), cost(net.classifier)])
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
