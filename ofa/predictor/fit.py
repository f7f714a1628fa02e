"""Fitting the predictor to measured subnets, and measuring it on those it has not seen.

The fit is ridge regression with three settings: how fast growth levels off, how much pairs weigh,
and how strongly weights shrink. They are chosen by the exact leave-one-out error, which ridge
regression gives without fitting again; then folds of the measured subnets are left out in turn for
the report. Time grows with the cube of their number.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ofa.errors import OfaError
from ofa.predictor.accuracy import AccuracyPredictor
from ofa.predictor.features import OneHot
from ofa.predictor.metrics import kendall_tau, rmse, winner_bias
from ofa.space import AnyEncoding, Genotypes

MIN_PAIRS = 50
"""Fewer measured subnets than this are refused."""

_DECAYS = (0.2, 0.5, 1.0)
_INTERACTIONS = (0.0, 0.03, 0.1, 0.3)
_SHRINKAGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_ADDITIVE_SHRINKAGE = 0.1  # of the fit that the bend follows
_SELECTION_PAIRS = 1000  # leave-one-out costs the cube of this
_NUM_WINNERS = 10


@dataclass(frozen=True, kw_only=True)
class FitReport:
    """How a predictor does on pairs that it was not fitted to, every pair left out once.

    Attributes:
        num_pairs: Measured subnets.
        num_folds: Parts in which they were left out.
        rmse: Error of the left-out, percentage points; holds the noise of the measurements too.
        kendall_tau: Order of the left-out, 1 at best.
        winner_bias: Predicted minus measured over the ten best predicted, percentage points.
        top1_std: Spread of the measured top-1, which is the error of a predictor that knows only
            their mean, percentage points.
        decay: Chosen bend, per standard deviation of an additive fit; near 0 is almost a parabola.
        interaction: Chosen weight of pairs of choices; 0 does without.
        shrinkage: Chosen strength of the ridge.
    """

    num_pairs: int
    num_folds: int
    rmse: float
    kendall_tau: float
    winner_bias: float
    top1_std: float
    decay: float
    interaction: float
    shrinkage: float


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedPredictor:
    """A predictor and how far to trust it."""

    predictor: AccuracyPredictor
    report: FitReport


def fit_predictor(
    encoding: AnyEncoding,
    genotypes: Genotypes,
    top1: Float[np.ndarray, "n"],
    *,
    seed: int = 0,
    num_folds: int = 10,
) -> FittedPredictor:
    """Fit a predictor to measured subnets.

    Args:
        genotypes: Distinct archs, one a row.
        top1: Their measured top-1, percent.
        seed: Seed of the division into folds.
        num_folds: Parts to leave out in turn for the report.

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
    report = FitReport(
        num_pairs=len(measured),
        num_folds=num_folds,
        rmse=rmse(left_out, measured),
        kendall_tau=kendall_tau(left_out, measured),
        winner_bias=winner_bias(left_out, measured, num=_NUM_WINNERS),
        top1_std=float(measured.std()),
        decay=settings.decay,
        interaction=settings.interaction,
        shrinkage=settings.shrinkage,
    )
    predictor = AccuracyPredictor(
        encoding=encoding,
        bias=np.array([member.bias for member in members], np.float32),
        linear=np.array([member.linear for member in members], np.float32),
        pairs=np.array([member.pairs for member in members], np.float32),
        bend=np.array([member.bend for member in members], np.float32),
        decay=np.array([member.decay for member in members], np.float32),
    )
    return FittedPredictor(predictor=predictor, report=report)


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
        products = centered @ centered.T
        weights = _dual(products / np.trace(products) * len(products), target, _ADDITIVE_SHRINKAGE)
        direction = weights @ centered
        decay = decay_rate * direction / (centered @ direction).std()
        bend = np.exp(-(centered @ decay))
        bend_mean = float(bend.mean())
        return cls(
            mean=mean, centered=centered, decay=decay, bend=bend - bend_mean, bend_mean=bend_mean
        )

    @property
    def square_length(self) -> float:
        """Mean square length of the centered features."""
        return float((self.centered**2).sum(axis=1).mean())

    def kernel(self, interaction: float) -> np.ndarray:
        products = self.centered @ self.centered.T / self.square_length
        return products + interaction * products**2 + np.outer(self.bend, self.bend)

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
    dual = _dual(basis.kernel(settings.interaction), target, settings.shrinkage)
    return basis.member(dual, settings.interaction, mean_top1)


def _dual(kernel: np.ndarray, target: np.ndarray, shrinkage: float) -> np.ndarray:
    return np.linalg.solve(kernel + shrinkage * np.eye(len(kernel)), target)


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
            values, vectors = np.linalg.eigh(basis.kernel(interaction))
            projected, squares = vectors.T @ target, vectors**2
            for shrinkage in _SHRINKAGES:
                inverse = 1 / (np.maximum(values, 0) + shrinkage)
                residuals = (vectors @ (inverse * projected)) / (squares @ inverse)
                settings = _Settings(decay=decay, interaction=interaction, shrinkage=shrinkage)
                errors[settings] = float(np.mean(residuals**2))
    return min(errors, key=errors.__getitem__)


def _check_pairs(encoding: AnyEncoding, genotypes: Genotypes, top1: np.ndarray) -> None:
    if len(top1) < MIN_PAIRS:
        raise OfaError(
            f"predictor: {len(top1)} measured subnets are too few; measure {MIN_PAIRS} or more "
            f"with: ofa sample"
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
