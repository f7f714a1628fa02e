"""Coefficients of a device from what is known of another and a few measurements: Bayes.

The prior says that a device costs what a known one does, times one speed, times a factor for each
group of features (dense arithmetic, depthwise, memory, gates, dispatch), times a factor for each
feature. So four networks move the speed, ten move the groups, hundreds move everything. Draws solve
the non-negative least-squares problem again with measurements and prior both shaken by their own
noise (randomize-then-optimize: Bardsley et al., SIAM J. Sci. Comput. 36(4), 2014).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy import optimize

from ofa.errors import BadArtifact
from ofa.latency.features import FEATURES, layer_features
from ofa.latency.residual import NUM_COLUMNS, Reach, Residual, residual_columns
from ofa.space import AnyLayer

GROUPS: dict[str, tuple[str, ...]] = {
    "dense": ("expand_macs", "project_macs", "conv_macs", "linear_macs"),
    "depthwise": ("depthwise_k", "depthwise_k2"),
    "memory": ("wide_elements", "edge_elements", "weights", "skip_elements"),
    "gates": ("hardswish_elements", "squeeze_elements", "squeeze_macs"),
    "dispatch": (
        "blocks",
        "expansions",
        "convs",
        "linears",
        "hardswishes",
        "squeezes",
        "skips",
        "networks",
    ),
}
"""Features that tend to be slow or fast together."""

_DEGREES = 4.0  # of freedom of Student's t, by which outliers weigh less
_KNOWN_SHARE = 1e-4  # of a network's latency; a device on which a feature costs less tells nothing
_NETWORKS = list(FEATURES).index("networks")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One network or layer, and how long it took.

    Attributes:
        name: What the source calls it.
        layers: Its layers.
        latency_ms: Latency of one run.
        rounding_ms: Unit to which the source rounded it; 0 if it did not.
        whole: Whether it is a network, which has a cost beyond its layers.
    """

    name: str
    layers: tuple[AnyLayer, ...]
    latency_ms: float
    rounding_ms: float = 0.0
    whole: bool = True


@dataclass(frozen=True, kw_only=True)
class Design:
    """Measurements as matrices.

    Attributes:
        features: Sum of the features of the layers.
        products: Sum of the outer products of features and residual columns.
        latency_ms: Latency of each row.
        rounding_ms: Rounding of each latency.
    """

    features: Float[np.ndarray, "n features"]
    products: Float[np.ndarray, "n features columns"]
    latency_ms: Float[np.ndarray, "n"]
    rounding_ms: Float[np.ndarray, "n"]

    def __len__(self) -> int:
        return len(self.latency_ms)

    def rows(self, chosen: np.ndarray) -> "Design":
        """Some of the measurements."""
        return Design(
            features=self.features[chosen],
            products=self.products[chosen],
            latency_ms=self.latency_ms[chosen],
            rounding_ms=self.rounding_ms[chosen],
        )

    def work(self, residual: Residual | None) -> Float[np.ndarray, "n features"]:
        """Features, each scaled by the efficiency of its layer."""
        if residual is None:
            return self.features
        return self.features + self.products @ np.array(residual.coefficients)


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What is believed of a device before it is measured.

    Attributes:
        coefficients: Cost of each feature on a known device, ms per unit.
        speed_sd: Standard deviation of the speed, relative, around that of the measurements.
        group_sd: Standard deviation of each group's factor.
        own_sd: Standard deviation of each feature's factor.
        new_share: Share of a typical network's latency that a feature may take which costs nothing
            on the known device.
        constant_share: The same, of the time of a network beyond its layers.
    """

    coefficients: Float[np.ndarray, "features"]
    speed_sd: float = 0.3
    group_sd: float = 0.3
    own_sd: float = 0.2
    new_share: float = 0.03
    constant_share: float = 0.2


def design(measured: Sequence[Measured], reach: Reach) -> Design:
    """The matrices of some measurements."""
    features = np.zeros((len(measured), len(FEATURES)))
    products = np.zeros((len(measured), len(FEATURES), NUM_COLUMNS))
    for row, one in enumerate(measured):
        work = np.array([layer_features(layer) for layer in one.layers])
        columns = np.array([residual_columns(layer, reach) for layer in one.layers])
        features[row] = work.sum(axis=0)
        features[row, _NETWORKS] += one.whole
        products[row] = work.T @ columns
    return Design(
        features=features,
        products=products,
        latency_ms=np.array([one.latency_ms for one in measured]),
        rounding_ms=np.array([one.rounding_ms for one in measured]),
    )


def posterior(
    data: Design,
    prior: Prior,
    *,
    residual: Residual | None = None,
    num_draws: int = 20,
    noise: float | None = None,
    seed: int = 0,
) -> Float[np.ndarray, "draws features"]:
    """Draws of the coefficients, given measurements; only the best estimate for ``num_draws=1``.

    Args:
        residual: Efficiency of blocks, held fixed.
        noise: Relative standard deviation of a measurement; estimated if not given.

    Raises:
        BadArtifact: If there is no measurement.
    """
    if not len(data):
        raise BadArtifact("measurements: there are none; measure at least one network")
    relative = data.work(residual) / data.latency_ms[:, None]
    rounding = 0.29 * data.rounding_ms / data.latency_ms
    known = np.maximum(prior.coefficients, 0.0)
    believed = known / np.median(relative @ known)
    whitening = np.linalg.inv(np.linalg.cholesky(_covariance(believed, relative, prior)))
    target = whitening @ believed
    sd = noise or 0.02
    weights = np.ones(len(data))
    best = believed
    for _ in range(1 if noise else 4):
        roots = np.sqrt(weights / (sd**2 + rounding**2))
        best = _nonnegative(relative * roots[:, None], roots, whitening, target)
        errors = relative @ best - 1
        if noise is None:
            weights = (_DEGREES + 1) / (_DEGREES + errors**2 / (sd**2 + rounding**2))
            sd = float(np.sqrt((4 * 0.015**2 + np.sum(weights * errors**2)) / (4 + len(data))))
    if num_draws == 1:
        return best[None]
    rng = np.random.default_rng(seed)
    roots = np.sqrt(weights / (sd**2 + rounding**2))
    draws = np.zeros((num_draws, len(best)))
    for draw in draws:
        draw[:] = _nonnegative(
            relative * roots[:, None],
            roots + rng.standard_normal(len(roots)),
            whitening,
            target + rng.standard_normal(len(target)),
        )
    # What cannot be negative is drawn too high on average; the mean belongs at the best estimate.
    return draws + (best - draws.mean(axis=0))


def fit_residual(
    data: Design,
    coefficients: Float[np.ndarray, "features"],
    *,
    reach: Reach,
    ridge: float,
) -> Residual:
    """The residual of least squared relative error beside given coefficients."""
    columns = np.einsum("nfc,f->nc", data.products, coefficients) / data.latency_ms[:, None]
    left = 1 - data.features @ coefficients / data.latency_ms
    scale = 3 * np.median(np.abs(left)) + 1e-9
    weighted = columns * np.minimum(1, scale / np.maximum(np.abs(left), 1e-12))[:, None]
    solved = np.linalg.solve(weighted.T @ columns + ridge * np.eye(NUM_COLUMNS), weighted.T @ left)
    rounded = tuple(float(f"{value:.5g}") for value in solved)
    return Residual(reach=reach, coefficients=rounded)


def fit_both(
    data: Design, prior: Prior, *, reach: Reach, ridge: float, num_rounds: int = 3
) -> tuple[Float[np.ndarray, "features"], Residual]:
    """Coefficients and residual, in turn until they agree."""
    (best,) = posterior(data, prior, num_draws=1)
    residual = fit_residual(data, best, reach=reach, ridge=ridge)
    for _ in range(num_rounds - 1):
        (best,) = posterior(data, prior, residual=residual, num_draws=1)
        residual = fit_residual(data, best, reach=reach, ridge=ridge)
    return best, residual


def plain_prior(data: Design) -> Prior:
    """A prior that says little: the non-negative fit of the measurements themselves."""
    relative = data.features / data.latency_ms[:, None]
    norms = np.linalg.norm(relative, axis=0)
    norms[norms == 0] = np.inf
    solution, _ = optimize.nnls(relative / norms, np.ones(len(data)), maxiter=3000)
    return replace(Prior(coefficients=solution / norms), speed_sd=1.0, group_sd=1.0, own_sd=1.0)


def _covariance(
    believed: Float[np.ndarray, "features"],
    relative: Float[np.ndarray, "n features"],
    prior: Prior,
) -> Float[np.ndarray, "features features"]:
    names = list(FEATURES)
    covariance = prior.speed_sd**2 * np.outer(believed, believed)
    for members in GROUPS.values():
        group = np.where(np.isin(names, members), believed, 0.0)
        covariance += prior.group_sd**2 * np.outer(group, group)
    typical = np.maximum(np.median(relative, axis=0), np.mean(relative, axis=0))
    share = np.where(np.arange(len(names)) == _NETWORKS, prior.constant_share, prior.new_share)
    new = np.where(typical > 0, share / np.maximum(typical, 1e-12), 1e-9)
    known = believed * typical > _KNOWN_SHARE
    own = np.where(known | (typical == 0), prior.own_sd * believed, new)
    return covariance + np.diag(np.maximum(own, 1e-9) ** 2)


def _nonnegative(
    rows: np.ndarray, targets: np.ndarray, prior_rows: np.ndarray, prior_targets: np.ndarray
) -> np.ndarray:
    matrix = np.concatenate([rows, prior_rows])
    norms = np.linalg.norm(matrix, axis=0)
    norms[norms == 0] = np.inf
    # The normal equations' triangle has as many rows as features: as exact, and much smaller.
    solution, _ = optimize.nnls(
        *_triangle(matrix / norms, np.concatenate([targets, prior_targets])), maxiter=5000
    )
    return solution / norms


def _triangle(matrix: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    orthogonal, triangle = np.linalg.qr(matrix)
    return triangle, orthogonal.T @ targets
