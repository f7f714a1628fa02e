"""Fitting the predictor to measured subnets, and measuring it on those it has not seen.

The fit is ridge regression with three settings: how fast growth levels off, how much pairs weigh,
and how strongly weights shrink. They are chosen by the exact leave-one-out error, which ridge
regression gives without fitting again; then folds of the measured subnets are left out in turn for
the report. Beyond some 1,500 pairs, as many as there are columns, time grows with their number.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from ofa.errors import OfaError
from ofa.predictor.accuracy import AccuracyPredictor
from ofa.predictor.features import OneHot
from ofa.predictor.metrics import bias_by_bin, kendall_tau, rmse, winner_bias
from ofa.predictor.quantized import QuantizedReport
from ofa.space import AnyEncoding, AnySpace, Genotypes

MIN_PAIRS = 50
"""Fewer measured subnets than this are refused."""

_DECAYS = (0.2, 0.5, 1.0)
_INTERACTIONS = (0.0, 0.03, 0.1, 0.3)
_SHRINKAGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_ADDITIVE_SHRINKAGE = 0.1  # of the fit that the bend follows
_SELECTION_PAIRS = 1000  # leave-one-out costs the cube of this
_NUM_WINNERS = 10
_NUM_BINS = 5
_COVERAGE = 0.9
_CALIBRATION_PARTS = 5
_LEAST_NOISE = 0.01  # one image in 10,000


@dataclass(frozen=True, kw_only=True)
class FitReport:
    """How a predictor does on pairs that it was not fitted to, every pair left out once.

    Attributes:
        num_pairs: Measured subnets.
        num_folds: Parts in which they were left out.
        rmse: Error of the left-out, percentage points; holds the noise of the measurements too.
        kendall_tau: Order of the left-out, 1 at best.
        winner_bias: Predicted minus measured over the ten best predicted, percentage points.
        coverage: Share of the left-out within the 90 % interval that the others gave.
        bias_by_bin: Predicted minus measured in five equally filled bins of predicted top-1,
            from low to high, percentage points.
        top1_std: Spread of the measured top-1, which is the error of a predictor that knows only
            their mean, percentage points.
        decay: Chosen bend, per standard deviation of an additive fit; near 0 is almost a parabola.
        interaction: Chosen weight of pairs of choices; 0 does without.
        shrinkage: Chosen strength of the ridge.
        min_tau: Least Kendall tau, in each precision, with which a search may rely on it.
        quantized: How it does on archs after quantization; ``None`` if too few were measured.
    """

    num_pairs: int
    num_folds: int
    rmse: float
    kendall_tau: float
    winner_bias: float
    coverage: float
    bias_by_bin: tuple[float, ...]
    top1_std: float
    decay: float
    interaction: float
    shrinkage: float
    min_tau: float = 0.0
    quantized: QuantizedReport | None = None

    def kendall_tau_in(self, precision: Literal["fp32", "int8"]) -> float:
        """Order of the left-out in a precision; in fp32 where it knows nothing of quantization."""
        ranked = self.quantized if precision == "int8" and self.quantized else self
        return ranked.kendall_tau

    @property
    def is_trusted(self) -> bool:
        """Whether it ranks the left-out as well as was asked of it."""
        return self.kendall_tau >= self.min_tau


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedPredictor:
    """A predictor and how far to trust it.

    Attributes:
        left_out: Prediction of each pair by a member that was not fitted to it, float64[n].
    """

    predictor: AccuracyPredictor
    report: FitReport
    left_out: np.ndarray


def fit_predictor(
    encoding: AnyEncoding,
    genotypes: Genotypes,
    top1: Float[np.ndarray, "n"],
    *,
    seed: int = 0,
    num_folds: int = 10,
    min_tau: float = 0.0,
) -> FittedPredictor:
    """Fit a predictor to measured subnets.

    Args:
        genotypes: Distinct archs, one a row.
        top1: Their measured top-1, percent.
        seed: Seed of the division into folds.
        num_folds: Parts to leave out in turn for the report.
        min_tau: Recorded with the report; a search relies on no predictor that ranks worse.

    Raises:
        OfaError: If there are too few pairs, an arch appears twice, or the accuracies are all
            equal or no percentages.
    """
    _check_pairs(encoding, genotypes, top1)
    order = np.random.default_rng(seed).permutation(len(top1))
    features, measured = OneHot(encoding)(genotypes[order]), top1[order].astype(np.float64)
    settings = _select(features, measured)
    fold_of = np.arange(len(measured)) % num_folds
    members = [_fit(features, measured, settings)]
    left_out = np.empty(len(measured))
    for fold in range(num_folds):
        held = fold_of == fold
        members.append(_fit(features[~held], measured[~held], settings))
        left_out[held] = members[-1].values(features[held])
    stacked = {
        name: np.array([getattr(member, name) for member in members], np.float32)
        for name in ("bias", "linear", "pairs", "bend", "decay")
    }
    calibration = _calibrate(features, measured, settings, fold_of)
    predictor = AccuracyPredictor(
        encoding=encoding,
        **stacked,
        noise=np.array([calibration.noise], np.float32),
        reach=np.array([_reach(calibration.deviations)], np.float32),
    )
    report = FitReport(
        num_pairs=len(measured),
        num_folds=num_folds,
        rmse=rmse(left_out, measured),
        kendall_tau=kendall_tau(left_out, measured),
        winner_bias=winner_bias(left_out, measured, num=_NUM_WINNERS),
        coverage=calibration.coverage(),
        bias_by_bin=bias_by_bin(left_out, measured, num_bins=_NUM_BINS),
        top1_std=float(measured.std()),
        decay=settings.decay,
        interaction=settings.interaction,
        shrinkage=settings.shrinkage,
        min_tau=min_tau,
    )
    by_row = np.empty(len(order))
    by_row[order] = left_out
    return FittedPredictor(predictor=predictor, report=report, left_out=by_row)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Calibration:
    """How far measurements lie from predictions by members that saw none of the same part.

    Attributes:
        noise: Deviation that the spread of members does not explain, percentage points.
        deviations: Of each pair left out, in standard deviations.
        parts: Which part each was in.
    """

    noise: float
    deviations: np.ndarray
    parts: np.ndarray

    def coverage(self) -> float:
        """Share of deviations within the reach that the other parts give."""
        halves = np.arange(len(self.parts)) % 2 if np.ptp(self.parts) == 0 else self.parts
        within = [
            self.deviations[halves == part] <= _reach(self.deviations[halves != part])
            for part in np.unique(halves)
        ]
        return float(np.concatenate(within).mean())


def _calibrate(
    features: np.ndarray, measured: np.ndarray, settings: "_Settings", fold_of: np.ndarray
) -> _Calibration:
    """Leave parts out in turn, and ask members that lack a fold of the rest for their spread too.

    A member's spread is an honest one only for pairs that none of the members has seen.
    """
    part_of = fold_of % _CALIBRATION_PARTS
    errors, spreads, parts = [], [], []
    for part in range(_CALIBRATION_PARTS if len(measured) <= _SELECTION_PAIRS else 1):
        held = part_of == part
        x, rest, target = features[held], features[~held], measured[~held]
        inner = np.arange(len(rest)) % _CALIBRATION_PARTS
        values = np.array(
            [
                _fit(rest[inner != fold], target[inner != fold], settings).values(x)
                for fold in range(_CALIBRATION_PARTS)
            ]
        )
        errors.append(_fit(rest, target, settings).values(x) - measured[held])
        spreads.append(values.std(axis=0) * np.sqrt(len(values) - 1))
        parts.append(part_of[held])
    error, spread = np.concatenate(errors), np.concatenate(spreads)
    noise = float(np.sqrt(max(np.mean(error**2 - spread**2), _LEAST_NOISE**2)))
    return _Calibration(
        noise=noise,
        deviations=np.abs(error) / np.hypot(spread, noise),
        parts=np.concatenate(parts),
    )


def _reach(deviations: np.ndarray) -> float:
    """Deviation within which 90 % of new ones keep, whatever their distribution.

    Source: conformal prediction, Lei et al., JASA 113, 2018, arXiv:1604.04173, over folds as in
    Barber et al., arXiv:1905.02928.
    """
    rank = min(1.0, _COVERAGE * (1 + 1 / len(deviations)))
    return float(np.quantile(deviations, rank, method="higher"))


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """How fast growth levels off, how much pairs of choices weigh, and how strongly all shrinks."""

    decay: float
    interaction: float
    shrinkage: float


@dataclass(frozen=True, kw_only=True, eq=False)
class _Member:
    """One member of the predictor."""

    bias: float
    linear: np.ndarray
    pairs: np.ndarray
    bend: float
    decay: np.ndarray

    def values(self, x: np.ndarray) -> np.ndarray:
        quadratic = np.einsum("nf,nf->n", x @ self.pairs + self.linear, x)
        return self.bias + quadratic - self.bend * np.exp(-(x @ self.decay))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Basis:
    """What the ridge is fitted to: single choices, pairs of choices, and one bend of the whole.

    The bend falls off exponentially along an additive fit. It lets top-1 level off as a subnet
    grows, which single choices cannot say, and all pairs together say only at the price of
    thousands of weights.
    """

    mean: np.ndarray
    centered: np.ndarray
    decay: np.ndarray
    bend: np.ndarray
    bend_mean: float

    @classmethod
    def of(cls, features: np.ndarray, target: np.ndarray, *, decay_rate: float) -> "_Basis":
        mean = features.mean(axis=0, dtype=np.float64)
        centered = features - mean
        unit = centered / np.sqrt((centered**2).sum() / len(centered))
        direction = _dual(unit, target, _ADDITIVE_SHRINKAGE) @ centered
        scale = float((centered @ direction).std())
        decay = decay_rate * direction / (scale or 1.0)  # equal accuracies have no direction
        bend = np.exp(-(centered @ decay))
        bend_mean = float(bend.mean())
        return cls(
            mean=mean, centered=centered, decay=decay, bend=bend - bend_mean, bend_mean=bend_mean
        )

    @property
    def square_length(self) -> float:
        """Mean square length of the centered features."""
        return float((self.centered**2).sum(axis=1).mean())

    def columns(self, interaction: float) -> np.ndarray:
        """What the ridge weighs, float64[n, columns]: choices, products of two, and the bend."""
        # One row a column, turned around at the end: gathering whole rows is several times faster.
        unit = np.ascontiguousarray(self.centered.T) / np.sqrt(self.square_length)
        first, second = np.triu_indices(len(unit))
        twice = np.sqrt(interaction * np.where(first == second, 1.0, 2.0))[:, None]
        products = unit[first]
        products *= unit[second]
        products *= twice
        return np.concatenate([unit, products, self.bend[None]]).T

    def member(self, dual: np.ndarray, interaction: float, mean_top1: float) -> _Member:
        """The weights over plain features that these dual weights stand for."""
        linear = dual @ self.centered / self.square_length
        pairs = interaction * (self.centered.T * dual) @ self.centered / self.square_length**2
        bend = -float(dual @ self.bend)
        shift = pairs @ self.mean
        bias = mean_top1 + bend * self.bend_mean - linear @ self.mean + self.mean @ shift
        return _Member(
            bias=float(bias),
            linear=linear - 2 * shift,
            pairs=pairs,
            bend=float(bend * np.exp(self.decay @ self.mean)),
            decay=self.decay,
        )


def _fit(features: np.ndarray, top1: np.ndarray, settings: _Settings) -> _Member:
    mean_top1 = float(top1.mean())
    target = top1 - mean_top1
    basis = _Basis.of(features, target, decay_rate=settings.decay)
    dual = _dual(basis.columns(settings.interaction), target, settings.shrinkage)
    return basis.member(dual, settings.interaction, mean_top1)


def _dual(columns: np.ndarray, target: np.ndarray, shrinkage: float) -> np.ndarray:
    """Dual weights of the ridge, by the smaller of the two systems that give them."""
    num_rows, num_columns = columns.shape
    if num_rows <= num_columns:
        return _solve(columns @ columns.T, target, shrinkage)
    weights = _solve(columns.T @ columns, columns.T @ target, shrinkage)
    return (target - columns @ weights) / shrinkage


def _solve(matrix: np.ndarray, target: np.ndarray, shrinkage: float) -> np.ndarray:
    return np.linalg.solve(matrix + shrinkage * np.eye(len(matrix)), target)


def _select(features: np.ndarray, top1: np.ndarray) -> _Settings:
    """The settings of least leave-one-out error.

    Source: Allen's PRESS, Technometrics 16, 1974: the error left out is dual / diag(inverse
    kernel).
    """
    features, target = features[:_SELECTION_PAIRS], top1[:_SELECTION_PAIRS]
    target = target - target.mean()
    errors: dict[_Settings, float] = {}
    for decay in _DECAYS:
        basis = _Basis.of(features, target, decay_rate=decay)
        for interaction in _INTERACTIONS:
            columns = basis.columns(interaction)
            values, vectors = np.linalg.eigh(columns @ columns.T)
            projected, squares = vectors.T @ target, vectors**2
            for shrinkage in _SHRINKAGES:
                inverse = 1 / (np.maximum(values, 0) + shrinkage)
                residuals = (vectors @ (inverse * projected)) / (squares @ inverse)
                settings = _Settings(decay=decay, interaction=interaction, shrinkage=shrinkage)
                errors[settings] = float(np.mean(residuals**2))
    return min(errors, key=errors.__getitem__)


def can_fit(space: AnySpace) -> bool:
    """Whether a space holds enough subnets to fit a predictor to; others are measured whole."""
    return space.num_subnets >= MIN_PAIRS


def _check_pairs(encoding: AnyEncoding, genotypes: Genotypes, top1: np.ndarray) -> None:
    if not can_fit(encoding.space):
        raise OfaError(
            f"predictor: the space holds {encoding.space.num_subnets} subnets, too few to fit one "
            "to; none is needed: ofa search --device and ofa specialize measure them all"
        )
    if len(top1) < MIN_PAIRS:
        raise OfaError(
            f"predictor: {len(top1)} measured subnets are too few; measure {MIN_PAIRS} or more "
            f"with: ofa sample --num {MIN_PAIRS} and the same --checkpoint"
        )
    if len(encoding.unique(genotypes)) < len(genotypes):
        raise OfaError("predictor: an arch was measured twice; keep one line of each")
    strange = top1[~((top1 >= 0) & (top1 <= 100))]
    if len(strange):
        raise OfaError(f"predictor: accuracy {strange[0]} is not a percentage from 0 to 100")
    if np.ptp(top1) == 0:
        raise OfaError(
            f"predictor: all {len(top1)} accuracies are {top1[0]}; check the supernet behind them"
        )
