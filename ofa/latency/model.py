"""A latency model: draws of additive models; their mean estimates, their spread is the doubt.

A layer that was measured counts what was measured; any other, its work times the device's cost of
work, times how efficiently the device does blocks of that shape (``ofa.latency.residual``). Every
draw is one set of non-negative coefficients that the measurements allow. Additive models
average to an additive model, so the estimate tabulates over any space. Where measurements leave the
coefficients open, as for networks far smaller than any measured one, the draws part ways and the
interval widens.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.latency.features import FEATURES, layer_features, layer_key, network_features
from ofa.latency.residual import Residual
from ofa.space import AnyCostTable, AnyEncoding, AnyLayer, cost_table, on_grid

Label = Literal["measured", "table-sum", "calibrated", "transferred", "uncalibrated"]

NORMAL_90 = 1.6449
"""Half-width of the central 90 % of a normal distribution, in standard deviations."""

_ROUNDING = 1e-3  # of the mean of a row whose values were rounded, relative to the largest
_STRANGE_WORK = 3.0  # times as much of a feature as any fitted network has
_LOWEST_RATIO = 0.05  # of a draw to the mean; far from what was measured, a draw may fall to 0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Latency of one network.

    Attributes:
        latency_ms: Best estimate.
        low_ms: Lower end of the 90 % interval.
        high_ms: Upper end of the 90 % interval.
        label: What the estimate rests on.
    """

    latency_ms: float
    low_ms: float
    high_ms: float
    label: Label

    def __str__(self) -> str:
        interval = f"90 % interval {self.low_ms:.2f}-{self.high_ms:.2f}"
        return f"{self.latency_ms:.2f} ms estimated ({self.label}, {interval})"


@dataclass(frozen=True, kw_only=True)
class Point:
    """One network that was foretold while it was held out."""

    name: str
    """What the source calls it."""
    measured_ms: float
    """Latency that the source gives."""
    foretold_ms: float
    """Estimate by a fit that had not seen it."""
    low_ms: float
    """Lower end of the 90 % interval of the estimate."""
    high_ms: float
    """Upper end of the 90 % interval of the estimate."""

    def __post_init__(self) -> None:
        if min(self.measured_ms, self.foretold_ms) <= 0:
            raise BadArtifact(f"{self.name[:100]}: takes no time; measure it again")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """How well a model foretold whole networks that it had not seen."""

    method: str
    """Cross-validation by which the errors were found."""
    num_networks: int
    """Networks foretold."""
    mape_percent: float
    """Mean absolute relative error."""
    max_percent: float
    """Largest absolute relative error."""
    spearman: float
    """Rank correlation of foretold and measured latencies."""
    coverage_percent: float
    """Share of the networks within their 90 % interval."""
    points: tuple[Point, ...] = ()
    """The networks, or an even choice of them where there are many."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where measurements come from."""

    repository: str
    """``owner/name``, or a description of the machine."""
    commit: str | None
    """Commit of the repository, abbreviated."""
    path: str
    """File or folder in the repository."""
    licence: str
    """Licence that the repository declares, or ``none``."""
    rows: int
    """Measurements used."""


@dataclass(frozen=True, kw_only=True)
class LatencyModel:
    """Latency of any network on one device."""

    label: Label
    """What an estimate rests on, for networks like those it was fitted on."""
    fitted_ms: tuple[float, float]
    """Lowest and highest latency among the whole networks the model was fitted on."""
    fitted_work: Mapping[str, float] = field(default_factory=dict)
    """Greatest amount of each feature among those networks; without any, it is not known."""
    noise: float
    """Half-width of the 90 % interval where all draws agree, as natural log of a ratio."""
    evidence: Evidence
    """Error by cross-validation."""
    sources: tuple[Source, ...]
    """Measurements the model was fitted on."""
    draws: Mapping[str, tuple[float, ...]]
    """Milliseconds per unit of each feature, one value a draw; a name that is no feature is the key
    of a single layer, for which the value is a correction in ms. What is left out is 0."""
    residual: Residual | None = None
    """Efficiency of blocks by their shape; ``None`` if work alone tells."""
    layers_ms: Mapping[str, float] = field(default_factory=dict)
    """Measured latency of single layers, by key, in the same session as the whole networks."""

    def __post_init__(self) -> None:
        if not self.draws or len({len(values) for values in self.draws.values()}) != 1:
            raise BadArtifact("draws: each row needs one value a draw, and there must be a row")
        negative = [name for name in FEATURES if self._is_negative(name)]
        if negative:
            raise BadArtifact(f"draws: {negative[0]} is negative; no work takes less than 0 ms")
        if not any(sum(self.draws.get(name, ())) > 0 for name in FEATURES):
            raise BadArtifact("draws: no feature costs any time; fit the model again")
        wrong = [key for key, latency_ms in self.layers_ms.items() if latency_ms <= 0]
        if wrong:
            raise BadArtifact(f"layers_ms: {wrong[0]} takes no time; measure it again")
        if not 0 <= self.noise < math.log(100):
            raise BadArtifact(f"noise: {self.noise} is not between 0 and log(100)")

    @cached_property
    def _coefficients(self) -> Float[np.ndarray, "features draws"]:
        num_draws = len(next(iter(self.draws.values())))
        return np.array([self.draws.get(name, (0.0,) * num_draws) for name in FEATURES])

    def _is_negative(self, name: str) -> bool:
        values = self.draws.get(name, (0.0,))
        return self._mean(name) < -_ROUNDING * max(1.0, *map(abs, values))

    def _mean(self, name: str) -> float:
        """Best estimate of one row of draws."""
        return float(np.mean(self.draws.get(name, (0.0,))))

    def table(self, encoding: AnyEncoding) -> AnyCostTable:
        """Estimated latency over a whole space, ms: ``table(genotypes)`` for search."""
        return cost_table(encoding, self._mean_ms, constant=self._mean("networks"))

    def estimate(self, layers: Iterable[AnyLayer]) -> Estimate:
        """Estimated latency of one network, given its layers, with a 90 % interval.

        The interval joins the spread of the draws with the noise left in cross-validation. An
        estimate outside the latencies the model was fitted on extrapolates, and so does one of a
        network that does several times the work of a kind that any of those did, such as dense
        3x3 convolutions where all were depthwise: both are labelled ``uncalibrated``.

        Raises:
            BadArtifact: If the estimate is not above 0.
        """
        layers = tuple(layers)
        draws_ms = np.array(self.draws.get("networks", 0.0)) + np.sum(
            [self._layer_ms(layer) for layer in layers], axis=0
        )
        # As ``table`` adds, so that the two agree to the last bit.
        parts_ms = (self._mean("networks"), *map(self._mean_ms, layers))
        latency_ms = sum(map(on_grid, parts_ms))
        if latency_ms <= 0:
            raise BadArtifact(f"latency model: {latency_ms:.3g} ms for a network; fit it again")
        half_width = math.hypot(spread(draws_ms), self.noise)
        return Estimate(
            latency_ms=latency_ms,
            low_ms=latency_ms * math.exp(-half_width),
            high_ms=latency_ms * math.exp(half_width),
            label=self._label(layers, latency_ms),
        )

    def _mean_ms(self, layer: AnyLayer) -> float:
        """Best estimate of the latency of a layer."""
        return float(self._layer_ms(layer).mean())

    def _layer_ms(self, layer: AnyLayer) -> Float[np.ndarray, "draws"]:
        """One draw each of the latency of a layer."""
        key = layer_key(layer)
        if key in self.layers_ms:
            return np.full(self._coefficients.shape[1], self.layers_ms[key])
        work_ms = layer_features(layer) @ self._coefficients
        if self.residual:
            work_ms = work_ms * self.residual.factor(layer)
        return work_ms + np.array(self.draws.get(key, 0.0))

    def _label(self, layers: tuple[AnyLayer, ...], latency_ms: float) -> Label:
        if self.layers_ms and all(layer_key(layer) in self.layers_ms for layer in layers):
            return "table-sum"
        lowest_ms, highest_ms = self.fitted_ms
        slack = math.exp(self.noise)  # an estimate of a network that was fitted errs, too
        known = lowest_ms / slack <= latency_ms <= highest_ms * slack and not self._strange_work(
            layers
        )
        return self.label if known else "uncalibrated"

    def _strange_work(self, layers: tuple[AnyLayer, ...]) -> list[str]:
        """Features of which a network has far more than any that the model was fitted on."""
        if not self.fitted_work:
            return []
        amounts = zip(FEATURES, network_features(layers), strict=True)
        return [
            name
            for name, amount in amounts
            if amount > _STRANGE_WORK * self.fitted_work.get(name, 0.0)
        ]


def spread(draws_ms: Float[np.ndarray, "draws"]) -> float:
    """Half-width of the 90 % interval around the draws' mean, as natural log of a ratio."""
    ratios = np.maximum(draws_ms / draws_ms.mean(), _LOWEST_RATIO)
    return NORMAL_90 * float(np.sqrt(np.mean(np.log(ratios) ** 2)))


def most_work(features: Float[np.ndarray, "n columns"]) -> dict[str, float]:
    """The greatest amount of each feature among networks, for ``LatencyModel.fitted_work``."""
    return {
        name: float(f"{amount:.4g}")
        for name, amount in zip(FEATURES, features[:, : len(FEATURES)].max(axis=0), strict=True)
        if amount
    }


def load_model(path: Path) -> LatencyModel:
    """The latency model in a ``model.yaml``.

    Raises:
        BadArtifact: If it is missing or malformed.
    """
    return artifacts.parse(LatencyModel, artifacts.read_yaml(path), where=str(path))
