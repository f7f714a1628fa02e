"""A latency model: draws of additive models; their mean estimates, their spread is the doubt.

Every draw is one set of non-negative coefficients that the measurements allow. Additive models
average to an additive model, so the estimate tabulates over any space. Where measurements leave the
coefficients open, as for networks far smaller than any measured one, the draws part ways and the
interval widens.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.latency.features import FEATURES, layer_features, layer_key, network_features
from ofa.space import AnyCostTable, AnyEncoding, AnyLayer, cost_table

Label = Literal["measured", "table-sum", "calibrated", "transferred", "uncalibrated"]

NORMAL_90 = 1.6449
"""Half-width of the central 90 % of a normal distribution, in standard deviations."""


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
    """What an estimate rests on, for networks within ``fitted_ms``."""
    fitted_ms: tuple[float, float]
    """Lowest and highest latency among the whole networks the model was fitted on."""
    noise: float
    """Half-width of the 90 % interval where all draws agree, as natural log of a ratio."""
    evidence: Evidence
    """Error by cross-validation."""
    sources: tuple[Source, ...]
    """Measurements the model was fitted on."""
    draws: Mapping[str, tuple[float, ...]]
    """Milliseconds per unit of each feature, one value a draw; a name that is no feature is the key
    of a single layer, for which the value is a correction in ms. What is left out is 0."""

    def __post_init__(self) -> None:
        if not self.draws or len({len(values) for values in self.draws.values()}) != 1:
            raise BadArtifact("draws: each row needs one value a draw, and there must be a row")
        negative = [name for name in FEATURES if min(self.draws.get(name, (0.0,))) < 0]
        if negative:
            raise BadArtifact(f"draws: {negative[0]} is negative; no work takes less than 0 ms")
        if not any(sum(self.draws.get(name, ())) > 0 for name in FEATURES):
            raise BadArtifact("draws: no feature costs any time; fit the model again")
        if not 0 <= self.noise < math.log(100):
            raise BadArtifact(f"noise: {self.noise} is not between 0 and log(100)")

    @cached_property
    def _coefficients(self) -> Float[np.ndarray, "features draws"]:
        num_draws = len(next(iter(self.draws.values())))
        return np.array([self.draws.get(name, (0.0,) * num_draws) for name in FEATURES])

    @cached_property
    def _means(self) -> dict[str, float]:
        return {name: float(np.mean(values)) for name, values in self.draws.items()}

    def table(self, encoding: AnyEncoding) -> AnyCostTable:
        """Estimated latency over a whole space, ms: ``table(genotypes)`` for search."""
        mean = self._coefficients.mean(axis=1)

        def layer_ms(layer: AnyLayer) -> float:
            return float(layer_features(layer) @ mean) + self._means.get(layer_key(layer), 0.0)

        return cost_table(encoding, layer_ms, constant=self._means.get("networks", 0.0))

    def estimate(self, layers: Iterable[AnyLayer]) -> Estimate:
        """Estimated latency of one network, given its layers, with a 90 % interval.

        The interval joins the spread of the draws with the noise left in cross-validation. An
        estimate outside the latencies the model was fitted on extrapolates, and is labelled
        ``uncalibrated``.

        Raises:
            BadArtifact: If a draw gives no positive latency.
        """
        layers = tuple(layers)
        draws_ms = network_features(layers) @ self._coefficients
        for layer in layers:
            draws_ms = draws_ms + np.array(self.draws.get(layer_key(layer), 0.0))
        if draws_ms.min() <= 0:
            raise BadArtifact(f"latency model: {draws_ms.min():.3g} ms for a network; fit it again")
        latency_ms = float(draws_ms.mean())
        half_width = math.hypot(spread(draws_ms), self.noise)
        lowest_ms, highest_ms = self.fitted_ms
        return Estimate(
            latency_ms=latency_ms,
            low_ms=latency_ms * math.exp(-half_width),
            high_ms=latency_ms * math.exp(half_width),
            label=self.label if lowest_ms <= latency_ms <= highest_ms else "uncalibrated",
        )


def spread(draws_ms: Float[np.ndarray, "draws"]) -> float:
    """Half-width of the 90 % interval around the draws' mean, as natural log of a ratio."""
    return NORMAL_90 * float(np.sqrt(np.mean(np.log(draws_ms / draws_ms.mean()) ** 2)))


def load_model(path: Path) -> LatencyModel:
    """The latency model in a ``model.yaml``.

    Raises:
        BadArtifact: If it is missing or malformed.
    """
    return artifacts.parse(LatencyModel, artifacts.read_yaml(path), where=str(path))
