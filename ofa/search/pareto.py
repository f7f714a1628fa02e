"""Which points of a cloud of (latency, top-1) are worth having, and how good the whole set is.

A point is dominated by another that is no slower and no less accurate. Of points alike in both, the
first stays, so a front rises strictly in latency and in top-1. Everything is one sort and one
running maximum.
"""

import numpy as np
from jaxtyping import Bool, Float


def non_dominated(
    latency_ms: Float[np.ndarray, "n"], top1: Float[np.ndarray, "n"]
) -> Bool[np.ndarray, "n"]:
    """Which points no other point dominates."""
    order = np.lexsort((-top1, latency_ms))
    best_so_far = np.maximum.accumulate(top1[order])
    mask = np.zeros(len(order), bool)
    if len(order):
        mask[order[0]] = True
        mask[order[1:]] = best_so_far[1:] > best_so_far[:-1]
    return mask


def hypervolume(
    latency_ms: Float[np.ndarray, "n"],
    top1: Float[np.ndarray, "n"],
    *,
    worst_ms: float,
    worst_top1: float,
) -> float:
    """Area that the points dominate, up to a worst point, in ms × percentage points.

    Args:
        worst_ms: Latency beyond which a point counts for nothing.
        worst_top1: Top-1 below which a point counts for nothing, percent.

    Source: Zitzler & Thiele, "Multiobjective Optimization Using Evolutionary Algorithms", PPSN
    1998.
    """
    kept = non_dominated(latency_ms, top1) & (latency_ms < worst_ms) & (top1 > worst_top1)
    order = np.argsort(latency_ms[kept])
    steps_ms = np.append(latency_ms[kept][order], worst_ms).astype(np.float64)
    heights = top1[kept][order].astype(np.float64) - worst_top1
    return float(np.sum(np.diff(steps_ms) * heights))
