"""What a search is asked: the one argument, besides chance, that every strategy takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ofa.errors import OfaError
from ofa.search.limits import Limit
from ofa.space import AnyEncoding, Genotypes

Score = Callable[[Genotypes], Float[np.ndarray, "n"]]
"""Scores of a whole genotype matrix: top-1 in percent, or latency in ms."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """A space, what its archs are scored by, and what they may cost.

    Attributes:
        encoding: The space, whose archs are the rows of genotype matrices, uint8[n, genes].
        accuracy: Top-1 of a genotype matrix, percent.
        latency_ms: Latency of a genotype matrix, ms.
        max_latency_ms: Slower archs are not wanted; infinity wants the whole front.
        limits: Archs beyond any of them are not wanted either.
        max_evaluations: Archs whose accuracy is asked at most.

    Raises:
        OfaError: If ``max_evaluations`` is below 1.
    """

    encoding: AnyEncoding
    accuracy: Score
    latency_ms: Score
    max_latency_ms: float = np.inf
    limits: Sequence[Limit] = ()
    max_evaluations: int = 200_000

    def __post_init__(self) -> None:
        if self.max_evaluations < 1:
            raise OfaError(
                f"search: {self.max_evaluations} evaluations are too few; allow 1 or more"
            )
