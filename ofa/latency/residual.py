"""What a sum of work misses: how efficiently a device does the work of a block of some shape.

The cost of a block is multiplied by ``1 + columns @ coefficients``, where the columns are a
quadratic in the logarithms of its sizes. So a model stays a sum over layers and tabulates over any
space. Sizes are clipped to those that were measured and the factor is bounded, hence nothing is
extrapolated.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from ofa.errors import BadArtifact
from ofa.space import AnyLayer, MBConvLayer

SIZES = ("out_size", "in_channels", "mid_channels", "out_channels", "kernel_size")
"""Sizes of a block whose logarithms are the variables."""
FACTOR_RANGE = (0.6, 1.6)
"""Bounds of the factor."""

_TYPICAL = np.log([20, 60, 250, 80, 5])
_TILE = 8
_NUM_FLAGS = 3
NUM_COLUMNS = 1 + len(SIZES) + _NUM_FLAGS + 15 + _NUM_FLAGS * len(SIZES) + 1

Reach = tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Residual:
    """A fitted residual."""

    reach: Reach
    """Smallest and largest value of each of ``SIZES`` among the blocks measured."""
    coefficients: tuple[float, ...]
    """One coefficient a column."""

    def __post_init__(self) -> None:
        if len(self.coefficients) != NUM_COLUMNS:
            raise BadArtifact(f"coefficients: {len(self.coefficients)}, but need {NUM_COLUMNS}")
        if len(self.reach) != len(SIZES) or any(not 0 < low <= high for low, high in self.reach):
            raise BadArtifact(f"reach: needs 0 < low <= high for each of {', '.join(SIZES)}")

    def factor(self, layer: AnyLayer) -> float:
        """How much longer a layer takes than its work tells; 1 for what is no block."""
        columns = residual_columns(layer, self.reach)
        low, high = FACTOR_RANGE
        return min(high, max(low, 1 + float(columns @ np.array(self.coefficients))))


def reach_of(layers: Iterable[AnyLayer]) -> Reach:
    """The range of sizes of the blocks among ``layers``."""
    blocks = [layer for layer in layers if isinstance(layer, MBConvLayer)]
    sizes = np.array([[getattr(block, size) for size in SIZES] for block in blocks], float)
    if not len(sizes):
        return ((1.0, 1.0),) * len(SIZES)
    return tuple((float(low), float(high)) for low, high in zip(sizes.min(0), sizes.max(0)))


@lru_cache(maxsize=200_000)
def residual_columns(layer: AnyLayer, reach: Reach) -> Float[np.ndarray, "columns"]:
    """Columns of one layer: all 0 for what is no block."""
    if not isinstance(layer, MBConvLayer):
        return np.zeros(NUM_COLUMNS)
    low, high = np.array(reach).T
    sizes = np.clip([getattr(layer, size) for size in SIZES], low, high)
    logs = np.log(sizes) - _TYPICAL
    flags = np.array([layer.stride > 1, layer.activation == "hardswish", layer.se_channels > 0])
    upper = np.triu_indices(len(SIZES))
    squares = np.outer(logs, logs)[upper]
    padding = math.log(math.ceil(sizes[0] / _TILE) * _TILE / sizes[0])
    return np.concatenate([[1.0], logs, flags, squares, np.outer(flags, logs).ravel(), [padding]])
