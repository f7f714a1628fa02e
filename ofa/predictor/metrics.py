"""How far to trust predictions: their error, their order, and their optimism about the best."""

import numpy as np
from jaxtyping import Float


def rmse(predicted: Float[np.ndarray, "n"], measured: Float[np.ndarray, "n"]) -> float:
    """Root of the mean squared error, in the unit of the arguments."""
    return float(np.sqrt(np.mean((predicted - measured) ** 2)))


def kendall_tau(predicted: Float[np.ndarray, "n"], measured: Float[np.ndarray, "n"]) -> float:
    """Share of pairs in the right order minus share in the wrong order, ties accounted for (tau-b).

    Source: Kendall, "The treatment of ties in ranking problems", Biometrika 33, 1945.
    """
    from scipy.stats import kendalltau

    return float(kendalltau(predicted, measured).statistic)  # type: ignore[attr-defined]


def winner_bias(
    predicted: Float[np.ndarray, "n"], measured: Float[np.ndarray, "n"], *, num: int
) -> float:
    """Mean of predicted minus measured over the ``num`` best predicted.

    Whoever takes the best of many predictions takes their luck as well, so this tends to be above
    0.
    """
    best = np.argsort(-predicted, kind="stable")[:num]
    return float(np.mean(predicted[best] - measured[best]))


def bias_by_bin(
    predicted: Float[np.ndarray, "n"], measured: Float[np.ndarray, "n"], *, num_bins: int
) -> tuple[float, ...]:
    """Mean of predicted minus measured in equally filled bins of ``predicted``, low to high."""
    bins = np.array_split(np.argsort(predicted, kind="stable"), num_bins)
    return tuple(float(np.mean(predicted[rows] - measured[rows])) for rows in bins)
