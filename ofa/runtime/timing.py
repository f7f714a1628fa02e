"""The only clock of the project, on this machine and on every device.

Latencies are compared far more often than they are read, so what is compared is timed side by side:
a round times every run once, and a machine that slows down slows all of them alike.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np

_MIN_SAMPLE_NS = 1_000_000  # far above the clock's own cost of about 100 ns a reading


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long one run takes.

    Attributes:
        median_ms: Median over all samples.
        p10_ms: A tenth of the samples took less.
        p90_ms: A tenth of the samples took more.
        repeats: Number of samples.
    """

    median_ms: float
    p10_ms: float
    p90_ms: float
    repeats: int


def measure_ms(runs: Sequence[Callable[[], object]], *, warmup: int, repeats: int) -> list[Timing]:
    """Time each run in interleaved rounds.

    A sample is the mean over as many calls in a row as last at least 1 ms. One call before them is
    not counted, because the other runs of the round have emptied the caches.

    Args:
        runs: What to time; calls must be synchronous.
        warmup: Calls of each before anything is counted, at least 1.
        repeats: Samples of each.
    """
    assert warmup >= 1 and repeats >= 1
    for run in runs:
        _elapsed_ns(run, warmup)
    num_calls = [math.ceil(_MIN_SAMPLE_NS / max(_elapsed_ns(run, 1), 1)) for run in runs]
    samples_ms = np.empty((len(runs), repeats))
    for repeat in range(repeats):
        for i, (run, calls) in enumerate(zip(runs, num_calls, strict=True)):
            run()
            samples_ms[i, repeat] = _elapsed_ns(run, calls) / calls / 1e6
    return [_timing(row) for row in samples_ms]


def stopwatch() -> Callable[[], float]:
    """Start a clock; calling the result tells the seconds since then."""
    started_at = time.perf_counter()
    return lambda: time.perf_counter() - started_at


def utc_now() -> str:
    """The moment, to the second, e.g. ``2026-11-24T20:52:36+00:00``; for provenance."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")  # noqa: UP017  # Python 3.10


def _elapsed_ns(run: Callable[[], object], calls: int) -> int:
    started_at = time.perf_counter_ns()
    for _ in range(calls):
        run()
    return time.perf_counter_ns() - started_at


def _timing(samples_ms: np.ndarray) -> Timing:
    p10_ms, median_ms, p90_ms = (float(p) for p in np.percentile(samples_ms, (10, 50, 90)))
    return Timing(median_ms=median_ms, p10_ms=p10_ms, p90_ms=p90_ms, repeats=len(samples_ms))


def sample_ms(run: Callable[[], object], *, warmup: int, repeats: int) -> np.ndarray:
    """Latency of each of ``repeats`` single calls, ms; for tails, which means over calls hide."""
    assert warmup >= 1 and repeats >= 1
    _elapsed_ns(run, warmup)
    return np.array([_elapsed_ns(run, 1) for _ in range(repeats)]) / 1e6
