"""Accuracy after quantization, from few samples: the predicted accuracy and what quantizing costs.

Quantizing costs most archs of a supernet nearly the same; what differs is small and additive. So
a ridge over single choices, shrunk as the leave-one-out error asks, is fitted to the difference
alone, on top of a predictor that many float measurements taught.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from ofa.errors import BadArtifact, OfaError
from ofa.predictor.accuracy import AccuracyPredictor
from ofa.predictor.features import OneHot
from ofa.predictor.metrics import kendall_tau, rmse
from ofa.space import Genotypes

MIN_QUANTIZED = 20
"""Fewer quantized subnets than this are refused."""

_SHRINKAGES = np.geomspace(0.1, 1e4, 21)
_NUM_FOLDS = 10
_SHIFT, _LINEAR = "int8.shift", "int8.linear"


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantizedPredictor:
    """Predicts the top-1 of quantized archs.

    Attributes:
        base: Predicts the top-1 before quantization.
        shift: float32[1], what quantizing adds to the top-1 of every arch, percentage points.
        linear: float32[features], what it adds for each choice.
    """

    base: AccuracyPredictor
    shift: np.ndarray
    linear: np.ndarray

    def __post_init__(self) -> None:
        num_features = OneHot(self.base.encoding).num_features
        if self.shift.shape != (1,) or self.linear.shape != (num_features,):
            raise BadArtifact(
                f"predictor: {_SHIFT} and {_LINEAR} have shapes {self.shift.shape} and "
                f"{self.linear.shape}, but this space needs (1,) and ({num_features},); "
                "fit it again"
            )

    def __call__(self, genotypes: Genotypes) -> Float32[np.ndarray, "n"]:
        """Predicted top-1 of each arch once it is quantized, percent."""
        return self.base(genotypes) + self.change(genotypes)

    def slope(self, genotypes: Genotypes) -> Float32[np.ndarray, "n features"]:
        """Points of top-1 that a little of each choice adds to each arch once it is quantized."""
        return self.base.slope(genotypes) + self.linear

    def change(self, genotypes: Genotypes) -> Float32[np.ndarray, "n"]:
        """What quantizing adds to the top-1 of each arch, percentage points; mostly negative."""
        return self.shift + OneHot(self.base.encoding)(genotypes) @ self.linear

    def state(self) -> dict[str, np.ndarray]:
        """Tensors that ``from_state`` needs, beside those of ``base``."""
        return {_SHIFT: self.shift, _LINEAR: self.linear}

    @classmethod
    def from_state(
        cls, base: AccuracyPredictor, tensors: Mapping[str, np.ndarray]
    ) -> "QuantizedPredictor | None":
        """The predictor that ``state`` wrote; ``None`` if the tensors hold none.

        Raises:
            BadArtifact: If a tensor is missing or misshapen.
        """
        found = [name for name in (_SHIFT, _LINEAR) if name in tensors]
        if not found:
            return None
        if len(found) == 1:
            raise BadArtifact(f"predictor: holds {found[0]} without its other half; fit it again")
        shift, linear = (np.asarray(tensors[name], np.float32) for name in (_SHIFT, _LINEAR))
        return cls(base=base, shift=shift, linear=linear)


@dataclass(frozen=True, kw_only=True)
class QuantizedReport:
    """How predictions of quantized archs do on those left out of both fits, every one once.

    Attributes:
        num_pairs: Archs measured before and after.
        mean_change: What quantizing added to their top-1, percentage points.
        change_std: Spread of that over archs.
        change_rmse: Error of what was predicted to be added.
        rmse: Error of the predicted top-1 after quantization, percentage points.
        kendall_tau: Order of the left-out by that, 1 at best.
        float_kendall_tau: Their order by the top-1 predicted before quantization, for comparison.
    """

    num_pairs: int
    mean_change: float
    change_std: float
    change_rmse: float
    rmse: float
    kendall_tau: float
    float_kendall_tau: float


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedQuantized:
    """A predictor of quantized archs and how far to trust it."""

    predictor: QuantizedPredictor
    report: QuantizedReport


def fit_quantized(
    base: AccuracyPredictor,
    genotypes: Genotypes,
    top1: Float[np.ndarray, "n"],
    quantized_top1: Float[np.ndarray, "n"],
    *,
    left_out: Float[np.ndarray, "n"],
    seed: int = 0,
) -> FittedQuantized:
    """Fit the cost of quantizing to archs that were measured before and after.

    Args:
        top1: Measured before quantization, percent.
        quantized_top1: Measured after, percent.
        left_out: Top-1 before quantization as predicted without having seen the arch.
        seed: Seed of the division into folds.

    Raises:
        OfaError: If there are too few archs.
    """
    if len(top1) < MIN_QUANTIZED:
        raise OfaError(
            f"predictor: {len(top1)} archs measured before and after quantization are too few; "
            f"measure {MIN_QUANTIZED} or more with: ofa sample --precision int8"
        )
    change = quantized_top1 - top1
    features = OneHot(base.encoding)(genotypes).astype(np.float64)
    fold_of = np.random.default_rng(seed).permutation(len(change)) % _NUM_FOLDS
    unseen = np.empty(len(change))
    for fold in range(_NUM_FOLDS):
        held = fold_of == fold
        unseen[held] = _fit(features[~held], change[~held]).values(features[held])
    fitted = _fit(features, change)
    predicted = left_out + unseen
    return FittedQuantized(
        predictor=QuantizedPredictor(
            base=base,
            shift=np.array([fitted.shift], np.float32),
            linear=fitted.linear.astype(np.float32),
        ),
        report=QuantizedReport(
            num_pairs=len(change),
            mean_change=float(change.mean()),
            change_std=float(change.std()),
            change_rmse=rmse(unseen, change),
            rmse=rmse(predicted, quantized_top1),
            kendall_tau=kendall_tau(predicted, quantized_top1),
            float_kendall_tau=kendall_tau(left_out, quantized_top1),
        ),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ridge:
    """A weight for every choice, and one for all."""

    shift: float
    linear: np.ndarray

    def values(self, features: np.ndarray) -> np.ndarray:
        return self.shift + features @ self.linear


def _fit(features: np.ndarray, change: np.ndarray) -> _Ridge:
    """The ridge whose shrinkage leaves the least leave-one-out error.

    Source: Allen's PRESS, Technometrics 16, 1974, with the mean as one more weight.
    """
    center, mean = features.mean(axis=0), float(change.mean())
    x, target = features - center, change - mean
    values, vectors = np.linalg.eigh(x @ x.T)
    values, projected = values.clip(min=0), vectors.T @ target
    errors = {}
    for shrinkage in _SHRINKAGES:
        left = shrinkage / (values + shrinkage)
        leverage = 1 - (vectors**2) @ left + 1 / len(target)
        residuals = (vectors @ (left * projected)) / (1 - leverage)
        errors[shrinkage] = float(np.mean(residuals**2))
    best = min(errors, key=errors.__getitem__)
    linear = x.T @ (vectors @ (projected / (values + best)))
    return _Ridge(shift=mean - float(center @ linear), linear=linear)
