"""Judges a way of fitting by networks that it has not seen, and makes intervals of the errors.

Each fold is foretold by a fit to the other folds. The noise is the half-width which, joined with
the spread of the draws, holds nine in ten of the held-out networks (split conformal prediction: Lei
et al., JASA 113(523), 2018); below ten networks, Student's t stands in for the quantile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float
from scipy import stats

from ofa.latency.fit import Measurements
from ofa.latency.model import NORMAL_90, Evidence, Point, spread
from ofa.latency.posterior import Design

Data = TypeVar("Data", Design, Measurements)

COVERAGE = 0.90
MAX_POINTS = 40
_FEW = 10  # networks, below which a quantile of errors says nothing


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a way of fitting foretells of networks held out from it.

    Attributes:
        evidence: Its errors.
        noise: Half-width of the 90 % interval where all draws agree, as natural log of a ratio.
        latency_ms: Estimate of each network by a fit that had not seen it.
        half_widths: Half-width of the interval of each, as natural log of a ratio.
    """

    evidence: Evidence
    noise: float
    latency_ms: Float[np.ndarray, "n"]
    half_widths: Float[np.ndarray, "n"]


def judge(
    foretell: Callable[[Data, Data], Float[np.ndarray, "n draws"]],
    data: Data,
    *,
    names: list[str],
    num_folds: int | None = None,
) -> Judgement:
    """Cross-validate a way of fitting.

    Args:
        foretell: Fits the first measurements and foretells the second: draws of each latency, ms.
        names: Name of each network.
        num_folds: Networks are dealt to so many folds in turn; ``None`` leaves one out at a time.
    """
    folds = np.arange(len(data)) % (num_folds or len(data))
    mean_ms, spreads = np.zeros(len(data)), np.zeros(len(data))
    for fold in np.unique(folds):
        held_out = folds == fold
        draws_ms = foretell(data.rows(~held_out), data.rows(held_out))
        mean_ms[held_out] = draws_ms.mean(axis=1)
        spreads[held_out] = [spread(row) for row in draws_ms]
    logs = np.log(mean_ms / data.latency_ms)
    noise = noise_of(logs, spreads)
    half_widths = np.hypot(spreads, noise)
    method = f"{num_folds}-fold" if num_folds else "leave-one-out"
    return Judgement(
        evidence=evidence_of(mean_ms, data.latency_ms, half_widths, names=names, method=method),
        noise=noise,
        latency_ms=mean_ms,
        half_widths=half_widths,
    )


def noise_of(logs: Float[np.ndarray, "n"], spreads: Float[np.ndarray, "n"]) -> float:
    """Noise that, joined with the spreads, holds nine in ten errors."""
    num = len(logs)
    if num < _FEW:
        variance = stats.t.ppf((1 + COVERAGE) / 2, num) ** 2 * np.mean(logs**2)
        return float(np.sqrt(max(variance - np.mean(spreads**2), 0.25 * variance)))
    left = np.sort(np.maximum(logs**2 - spreads**2, 0))
    # Networks left out share the others, so their errors are more alike than those to come.
    widening = stats.t.ppf((1 + COVERAGE) / 2, num - 1) / NORMAL_90
    return float(widening * np.sqrt(left[min(num - 1, int(np.ceil(COVERAGE * (num + 1))) - 1)]))


def evidence_of(
    foretold_ms: Float[np.ndarray, "n"],
    measured_ms: Float[np.ndarray, "n"],
    half_widths: Float[np.ndarray, "n"],
    *,
    names: list[str],
    method: str,
) -> Evidence:
    """Errors of estimates against measurements."""
    errors = np.abs(foretold_ms / measured_ms - 1)
    inside = np.abs(np.log(foretold_ms / measured_ms)) <= half_widths
    order = np.argsort(measured_ms)
    shown = np.unique(np.linspace(0, len(order) - 1, min(MAX_POINTS, len(order))).astype(int))
    return Evidence(
        method=method,
        num_networks=len(measured_ms),
        mape_percent=round(100 * float(errors.mean()), 2),
        max_percent=round(100 * float(errors.max()), 2),
        spearman=round(_spearman(foretold_ms, measured_ms), 4),
        coverage_percent=round(100 * float(inside.mean()), 1),
        points=tuple(
            Point(
                name=names[i],
                measured_ms=_short(measured_ms[i]),
                foretold_ms=_short(foretold_ms[i]),
                low_ms=_short(foretold_ms[i] * np.exp(-half_widths[i])),
                high_ms=_short(foretold_ms[i] * np.exp(half_widths[i])),
            )
            for i in order[shown]
        ),
    )


def _spearman(first: np.ndarray, second: np.ndarray) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0  # equal latencies have no order to foretell
    return float(np.corrcoef(stats.rankdata(first), stats.rankdata(second))[0, 1])


def _short(value: Any) -> float:
    return float(f"{value:.5g}")
