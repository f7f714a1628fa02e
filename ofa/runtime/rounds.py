"""A protocol against noise: networks are timed in rounds, and a round that drifted is timed again.

Every round times one reference network beside its own. Where the reference is off its median over
all rounds, the machine was disturbed meanwhile, and nothing of that round counts. This module runs
on devices too (see ``ofa.runtime.bundle``), so that a device which no one can reach keeps the same
protocol.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ofa.runtime.machine import Provenance
from ofa.runtime.timing import Timing


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How networks are timed, and when a machine is refused."""

    num_round: int = 10
    """Networks a round, besides the reference."""
    warmup: int = 3
    """Runs of a network that come before those that count."""
    repeats: int = 30
    """Samples of a network."""
    max_drift: float = 0.05
    """Largest deviation of a round's reference from the median reference, relative."""
    max_passes: int = 4
    """Times a round is tried before the machine is refused."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round as it was timed."""

    index: int
    """Place among the rounds."""
    timings: Mapping[str, Timing]
    """Timing of each network by name, the reference's among them."""
    provenance: Provenance
    """Circumstances when the round was done."""


def in_rounds(names: Sequence[str], protocol: Protocol) -> list[list[str]]:
    """The networks of each round; the first network is the reference of all."""
    reference, size = names[0], protocol.num_round
    starts = range(0, len(names), size)
    return [list(dict.fromkeys([reference, *names[start : start + size]])) for start in starts]


def next_round(
    rounds: Sequence[Sequence[str]], done: Sequence[Round], protocol: Protocol, *, resumed: int = 0
) -> int:
    """Index of the round to time next; ``len(rounds)`` once nothing is left to do.

    Nothing is left when every round has been timed and none drifted, or when one drifted in every
    pass: see ``largest_drift``.

    Args:
        resumed: How many of ``done`` an earlier start timed; their passes do not count.
    """
    latest = latest_rounds(done)
    for index in range(len(rounds)):
        if index not in latest:
            return index
    passes = Counter(round_.index for round_ in done[resumed:])
    for index, drift in _drifts(rounds, latest).items():
        if drift > protocol.max_drift and passes[index] < protocol.max_passes:
            return index
    return len(rounds)


def latest_rounds(done: Sequence[Round]) -> dict[int, Round]:
    """The last try of each round, by index."""
    return {round_.index: round_ for round_ in sorted(done, key=lambda round_: round_.index)}


def largest_drift(rounds: Sequence[Sequence[str]], done: Sequence[Round]) -> float:
    """Largest deviation of a round's reference from the median reference, relative."""
    return max(_drifts(rounds, latest_rounds(done)).values())


def _drifts(rounds: Sequence[Sequence[str]], latest: Mapping[int, Round]) -> dict[int, float]:
    reference = rounds[0][0]
    references_ms = {index: latest[index].timings[reference].median_ms for index in latest}
    median_ms = float(np.median(list(references_ms.values())))
    return {index: abs(ms / median_ms - 1) for index, ms in references_ms.items()}
