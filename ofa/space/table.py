"""A cost of whole networks as dense tables: a million genotypes are one gather, one reduction.

Widths do not depend on depth, so every block slot has one cost per (resolution, kernel size, expand
ratio), whatever the other slots choose. For speed the slots of a stage are combined into one table
of all its settings, so that an arch is one gather a stage. Costs that add up (MACs, parameters,
milliseconds) and costs of which the largest counts (activation memory) both fit.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float

from ofa.space.arch import Arch, Block
from ofa.space.cost import on_grid
from ofa.space.encoding import Encoding, Genotypes
from ofa.space.layers import Layer, network

_CHUNK = 2048  # rows whose codes stay in cache
_MAX_CODES = 2**20  # settings of a stage over all resolutions: 8 MB a table, and exact in float32


@dataclass(frozen=True)
class CostTable:
    """Cost of every layer a space can hold.

    Attributes:
        encoding: Encoding of the space.
        fixed: Cost of the layers that every arch of a resolution has, float64[resolutions].
        slots: Cost of each block slot, float64[slots, resolutions, 1 + kernels * expands]; index 0
            of the last axis is the absent block, which costs 0.
        reduce: How layer costs combine into the cost of a network.
    """

    encoding: Encoding
    fixed: np.ndarray
    slots: np.ndarray
    reduce: Literal["sum", "max"] = "sum"

    def plus(self, other: "CostTable", weight: float = 1.0) -> "CostTable":
        """This cost, and another's layers times ``weight`` added to it."""
        return replace(
            self, fixed=self.fixed + weight * other.fixed, slots=self.slots + weight * other.slots
        )

    def beyond(self, most: float) -> "CostTable":
        """A cost that is infinite with a layer of more than ``most``, and 0 without."""
        fixed, slots = (np.where(part > most, np.inf, 0.0) for part in (self.fixed, self.slots))
        return replace(self, fixed=fixed, slots=slots, reduce="sum")

    def __call__(self, genotypes: Genotypes) -> Float[np.ndarray, "n"]:
        """Cost of each arch."""
        if self._stages is None:
            return self._by_slot(genotypes)
        tables, radixes = self._stages
        combine = np.add if self.reduce == "sum" else np.maximum
        total = np.empty(len(genotypes))
        for start in range(0, len(genotypes), _CHUNK):
            rows = genotypes[start : start + _CHUNK]
            # Exact: codes stay far below 2**24. A matrix product is the fastest packing in numpy.
            codes = (rows.astype(np.float32) @ radixes).astype(np.intp)
            cost = tables[0].take(codes[:, 0])
            for table, code in zip(tables[1:], codes.T[1:], strict=True):
                combine(cost, table.take(code), out=cost)
            total[start : start + _CHUNK] = cost
        return total

    @cached_property
    def _stages(self) -> "tuple[list[np.ndarray], Float[np.ndarray, 'genes stages']] | None":
        """Cost of every setting of a stage and, by matrix product, the code of a setting.

        ``None`` where a stage has too many settings to write down.
        """
        encoding, space = self.encoding, self.encoding.space
        kernels, expands = len(space.kernel_sizes), len(space.expand_ratios)
        deepest = [max(depths) for depths in space.stage_depths]
        sizes = [
            len(depths) * (kernels * expands) ** depth
            for depths, depth in zip(space.stage_depths, deepest, strict=True)
        ]
        if max(sizes) * len(space.resolutions) > _MAX_CODES:
            return None
        radixes = np.zeros((encoding.num_genes, encoding.num_stages), np.float32)
        radixes[0] = sizes
        combine = np.add if self.reduce == "sum" else np.maximum
        tables: list[np.ndarray] = []
        first = 0
        for stage, (depths, depth) in enumerate(zip(space.stage_depths, deepest, strict=True)):
            radixes[1 + stage, stage] = (kernels * expands) ** depth
            for position in range(depth):
                radix = (kernels * expands) ** position
                slot = first + position
                radixes[encoding.kernel_genes.start + slot, stage] = radix * expands
                radixes[encoding.expand_genes.start + slot, stage] = radix
            codes = np.indices((len(depths), *(kernels * expands,) * depth))
            used, settings = np.array(depths)[codes[0].ravel()], codes[1:].reshape(depth, -1)[::-1]
            table = np.zeros((len(space.resolutions), sizes[stage]))
            if stage == 0:
                table += self.fixed[:, None]
            for position in range(depth):
                choices = np.where(position < used, 1 + settings[position], 0)
                combine(table, self.slots[first + position][:, choices], out=table)
            tables.append(table.ravel())
            first += depth
        return tables, radixes

    def _by_slot(self, genotypes: Genotypes) -> Float[np.ndarray, "n"]:
        encoding = self.encoding
        resolutions = genotypes[:, 0]
        expands = len(encoding.space.expand_ratios)
        kernel_genes = genotypes[:, encoding.kernel_genes].astype(np.intp)
        codes = 1 + kernel_genes * expands + genotypes[:, encoding.expand_genes]
        codes *= encoding.active_slots(genotypes)
        codes += resolutions[:, None].astype(np.intp) * self.slots.shape[2]
        flat = self.slots.reshape(encoding.num_slots, -1)
        total = self.fixed[resolutions]
        combine = np.add if self.reduce == "sum" else np.maximum
        for slot in range(encoding.num_slots):
            combine(total, flat[slot].take(codes[:, slot]), out=total)
        return total


def cost_table(
    encoding: Encoding,
    layer_cost: Callable[[Layer], float],
    *,
    constant: float = 0.0,
    reduce: Literal["sum", "max"] = "sum",
) -> CostTable:
    """Tabulate ``layer_cost``, rounded by ``on_grid``, over every layer of a space.

    Args:
        layer_cost: Cost of one layer, e.g. ``macs`` or a latency model's milliseconds.
        constant: Cost of a network beyond its layers.
    """
    space = encoding.space
    combine = sum if reduce == "sum" else max
    codes = [(kernel, expand) for kernel in space.kernel_sizes for expand in space.expand_ratios]
    fixed = np.zeros(len(space.resolutions))
    slots = np.zeros((encoding.num_slots, len(space.resolutions), 1 + len(codes)))
    depths = tuple(max(depths) for depths in space.stage_depths)
    costs: dict[Layer, float] = {}

    def cost(layer: Layer) -> float:
        if layer not in costs:
            costs[layer] = on_grid(layer_cost(layer))
        return costs[layer]

    for r, resolution in enumerate(space.resolutions):
        nets = []
        for kernel_size, expand_ratio in codes:
            block = Block(kernel_size=kernel_size, expand_ratio=expand_ratio)
            stages = tuple((block,) * depth for depth in depths)
            nets.append(network(space, Arch(resolution=resolution, stages=stages)))
        for c, net in enumerate(nets):
            elastic = [layer for stage in net.stages for layer in stage]
            slots[:, r, 1 + c] = [cost(layer) for layer in elastic]
        net = nets[0]
        others = (net.stem, net.first_block, net.head, net.pool, net.feature, net.classifier)
        fixed[r] = combine([on_grid(constant), *(cost(layer) for layer in others if layer)])
    return CostTable(encoding=encoding, fixed=fixed, slots=slots, reduce=reduce)
