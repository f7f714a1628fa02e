"""Grid search: every arch of a small space, which proves the front, else every uniform arch."""

from collections.abc import Sequence

import numpy as np

from ofa.search.archive import Archive, Score
from ofa.search.evolution import uniform_archs
from ofa.search.front import Front
from ofa.search.limits import Limit
from ofa.space import AnyEncoding


def grid_front(
    encoding: AnyEncoding,
    *,
    accuracy: Score,
    latency_ms: Score,
    rng: np.random.Generator,
    max_latency_ms: float | None = None,
    limits: Sequence[Limit] = (),
    max_evaluations: int = 200_000,
) -> Front:
    """The front of a fixed list of archs; nothing is left to chance but what is cut off.

    Raises:
        InfeasibleBudget: If no arch of the list is fast enough.
        OfaError: If a score is not a finite number, or a setting is out of range.
    """
    archive = Archive(
        encoding,
        accuracy=accuracy,
        latency_ms=latency_ms,
        max_latency_ms=max_latency_ms,
        limits=limits,
        max_evaluations=max_evaluations,
    )
    exhaustive = encoding.space.num_subnets <= max_evaluations
    archs = encoding.enumerate() if exhaustive else rng.permutation(uniform_archs(encoding))
    archive.score_new(archs)
    return archive.front(exhaustive=exhaustive)


def uniform_front(
    encoding: AnyEncoding, *, accuracy: Score, latency_ms: Score, limits: Sequence[Limit] = ()
) -> Front:
    """The front of the uniform archs: what a user tries who does not search.

    Raises:
        InfeasibleBudget: If no uniform arch keeps the limits.
        OfaError: If a score is not a finite number.
    """
    archs = uniform_archs(encoding)
    archive = Archive(
        encoding,
        accuracy=accuracy,
        latency_ms=latency_ms,
        limits=limits,
        max_evaluations=len(archs),
    )
    archive.score_new(archs)
    return archive.front()
