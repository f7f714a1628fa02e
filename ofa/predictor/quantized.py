"""Accuracy after quantization, from few samples: the predicted accuracy and what quantizing costs.

Quantizing costs most archs of a supernet nearly the same; what differs is small and additive. So
a ridge over single choices, shrunk as the leave-one-out error asks, is fitted to the difference
alone, on top of a predictor that many float measurements taught.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from ofa.errors import OfaError
from ofa.predictor.accuracy import AccuracyPredictor
from ofa.predictor.features import OneHot
from ofa.space import Genotypes

MIN_QUANTIZED = 10
"""Fewer quantized subnets than this are refused."""

_SHRINKAGES = np.geomspace(0.1, 1e4, 21)


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantizedPredictor:
    """Predicts the top-1 of quantized archs.

    Attributes:
        base: Predicts the top-1 before quantization.
        shift: Top-1 gained by quantizing, mean over archs, percentage points.
        linear: What each choice adds to that, float64[features].
        rmse: Leave-one-out error of the difference, percentage points.
        shift_std: Spread of the measured differences, percentage points.
    """

    base: AccuracyPredictor
    shift: float
    linear: Float[np.ndarray, "features"]
    rmse: float
    shift_std: float

    def __call__(self, genotypes: Genotypes) -> Float32[np.ndarray, "n"]:
        """Predicted top-1 of each arch once it is quantized, percent."""
        features = OneHot(self.base.encoding)(genotypes)
        change = self.shift + features @ self.linear
        return self.base(genotypes) + change.astype(np.float32)


def fit_quantized(
    base: AccuracyPredictor,
    genotypes: Genotypes,
    top1: Float[np.ndarray, "n"],
    quantized_top1: Float[np.ndarray, "n"],
) -> QuantizedPredictor:
    """Fit the cost of quantizing to archs that were measured before and after.

    Args:
        top1: Measured before quantization, percent.
        quantized_top1: Measured after, percent.

    Raises:
        OfaError: If there are too few archs.
    """
    if len(top1) < MIN_QUANTIZED:
        raise OfaError(
            f"predictor: {len(top1)} archs measured before and after quantization are too few; "
            f"measure {MIN_QUANTIZED} or more"
        )
    change = quantized_top1 - top1
    features = OneHot(base.encoding)(genotypes).astype(np.float64)
    center, mean = features.mean(axis=0), float(change.mean())
    x, target = features - center, change - mean
    values, vectors = np.linalg.eigh(x @ x.T)
    values, projected = values.clip(min=0), vectors.T @ target
    best_rmse, best_shrinkage = np.inf, 0.0
    for shrinkage in _SHRINKAGES:  # Allen's PRESS, with the mean as one more weight
        left = shrinkage / (values + shrinkage)
        leverage = 1 - (vectors**2) @ left + 1 / len(target)
        errors = (vectors @ (left * projected)) / (1 - leverage)
        rmse = float(np.sqrt(np.mean(errors**2)))
        if rmse < best_rmse:
            best_rmse, best_shrinkage = rmse, float(shrinkage)
    dual = vectors @ (projected / (values + best_shrinkage))
    linear = x.T @ dual
    return QuantizedPredictor(
        base=base,
        shift=mean - float(center @ linear),
        linear=linear,
        rmse=best_rmse,
        shift_std=float(change.std()),
    )
