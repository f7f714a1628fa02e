"""Fits latency models: non-negative, by relative error, many times over.

One fit answers what the latency is; refitting under random weights (the Bayesian bootstrap: Rubin,
Annals of Statistics 9(1), 1981) answers how sure that is. A fit is any function from measured
networks to draws, so that ``ofa.latency.judge`` can judge each of them alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy import optimize

from ofa.latency.features import FEATURES


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """Measured layers, or measured networks, of one device and runtime.

    Attributes:
        features: One row a measurement: ``FEATURES``, then counts of single layers, if any.
        latency_ms: Measured latency of each row.
    """

    features: Float[np.ndarray, "n columns"]
    latency_ms: Float[np.ndarray, "n"]

    def __len__(self) -> int:
        return len(self.latency_ms)

    def rows(self, chosen: np.ndarray) -> "Measurements":
        """Some of the measurements."""
        return replace(self, features=self.features[chosen], latency_ms=self.latency_ms[chosen])


Draws = Float[np.ndarray, "draws columns"]
Fit = Callable[[Measurements], Draws]
Foretelling = Callable[[Measurements, Measurements], Float[np.ndarray, "n draws"]]


def relative_nnls(
    features: Float[np.ndarray, "n columns"],
    latency_ms: Float[np.ndarray, "n"],
    weights: Float[np.ndarray, "n"] | None = None,
) -> Float[np.ndarray, "columns"]:
    """Non-negative coefficients, ms per unit, of least squared relative error.

    Columns are brought to one norm first, so that no unit is favoured; what never occurs costs 0.
    """
    root = np.ones(len(latency_ms)) if weights is None else np.sqrt(weights)
    rows = features * (root / latency_ms)[:, None]
    norms = np.linalg.norm(rows, axis=0)
    norms[norms == 0] = np.inf
    solution, _ = optimize.nnls(rows / norms, root)
    return solution / norms


def draw_from_networks(
    networks: Measurements, *, correction: float, num_draws: int, seed: int
) -> Draws:
    """Coefficients of whole networks alone, which takes several networks a feature.

    Columns beyond ``FEATURES`` count single layers: each gets a correction in ms, by ridge
    regression of what the features leave over.

    Args:
        correction: Size of the corrections allowed: prior standard deviation of one layer's, over
            the noise of a network; 0 allows none.
    """
    rng = np.random.default_rng(seed)
    num_features = len(FEATURES)
    draws = np.zeros((num_draws, networks.features.shape[1]))
    relative = networks.features / networks.latency_ms[:, None]
    for draw in draws:
        weights = rng.exponential(size=len(networks))
        cost = relative_nnls(networks.features[:, :num_features], networks.latency_ms, weights)
        draw[:num_features] = cost
        if correction:
            left = 1 - relative[:, :num_features] @ cost
            unit_ms = networks.latency_ms.mean()
            counts = relative[:, num_features:] * unit_ms * correction
            precision = np.diag(1 / weights) + counts @ counts.T
            solved = np.linalg.solve(precision, left)
            draw[num_features:] = counts.T @ solved * unit_ms * correction
    return draws


def foretelling(fit: Fit) -> Foretelling:
    """What the draws of a fit to some networks say of others, as ``judge`` takes it."""
    return lambda seen, unseen: unseen.features @ fit(seen).T


def named_draws(
    draws: Draws, layer_keys: Sequence[str] = (), *, digits: int = 4
) -> dict[str, tuple[float, ...]]:
    """Draws by feature or layer, to some significant digits; rows that are all 0 are left out."""
    return {
        name: tuple(float(f"{value:.{digits}g}") for value in column)
        for name, column in zip([*FEATURES, *layer_keys], draws.T, strict=True)
        if column.any()
    }
