"""Which subnets a step trains.

A draw depends on ``(seed, step)`` alone, so every rank visits the same subnets and a resumed run
repeats the step it was cut off in.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ofa.recipe import Phase, Sampler
from ofa.space import AnyArch, AnyEncoding, AnySpace, Genotypes, cost_table, encoding_of, macs

Groups = tuple[tuple[AnyArch, ...], ...]
"""Archs to train, in order; of a group of several, one is chosen by what it does to images."""

_POOL_SIZE = 4096
_STEPS_A_POOL = 256
_NO_STEP = 1  # keeps a draw apart from those of steps, which are seeded by two numbers


@dataclass(frozen=True, kw_only=True)
class Elastic:
    """Subnets of a space, phase by phase."""

    space: AnySpace
    seed: int

    def draw(self, phase: Phase, step: int) -> Groups:
        """Archs of a step; the largest of a sandwich comes first, the smallest last."""
        part = phase.subspace(self.space)
        if phase.sampler in ("sandwich", "uniform"):
            rng = np.random.default_rng((self.seed, step))
            encoding = _encoding(part)
            middle = [(arch,) for arch in encoding.decode(encoding.sample(phase.num_random, rng))]
        else:
            middle = self._spread(phase, part, step)
        if phase.sampler != "uniform":
            middle = [(part.largest(),), *middle, (part.smallest(),)]
        return tuple(dict.fromkeys(middle))

    def largest(self, phase: Phase) -> AnyArch:
        """The largest arch of a phase."""
        return phase.subspace(self.space).largest()

    def corners(self, phase: Phase) -> dict[str, AnyArch]:
        """Archs whose accuracy tells how a phase goes, by name."""
        part = phase.subspace(self.space)
        return {"largest": part.largest(), "smallest": part.smallest()}

    def middle(self, phase: Phase, num: int) -> tuple[AnyArch, ...]:
        """Random archs that tell how a phase goes between its corners; always the same ones."""
        part = phase.subspace(self.space)
        if not num or part.largest() == part.smallest():
            return ()
        encoding = _encoding(part)
        rng = np.random.default_rng((self.seed, 0, _NO_STEP))
        return tuple(encoding.decode(encoding.sample(num, rng)))

    def _spread(self, phase: Phase, part: AnySpace, step: int) -> list[tuple[AnyArch, ...]]:
        """One group for each of ``num_random`` equal parts of the range of log MACs."""
        pool, log_macs = _pool(part, self.seed, step // _STEPS_A_POOL)
        rng = np.random.default_rng((self.seed, step))
        shares = (np.arange(phase.num_random) + rng.random(phase.num_random)) / phase.num_random
        targets = log_macs[0] + shares * (log_macs[-1] - log_macs[0])
        size = min(phase.num_candidates if _is_guided(phase.sampler) else 1, len(pool))
        starts = np.searchsorted(log_macs, targets).clip(max=len(pool) - size)
        encoding = _encoding(part)
        return [tuple(encoding.decode(pool[start : start + size])) for start in starts]


@dataclass(frozen=True, kw_only=True)
class Alone:
    """One network by itself, in every step of every phase."""

    arch: AnyArch

    def draw(self, phase: Phase, step: int) -> Groups:
        """The network."""
        return ((self.arch,),)

    def largest(self, phase: Phase) -> AnyArch:
        """The network."""
        return self.arch

    def corners(self, phase: Phase) -> dict[str, AnyArch]:
        """The network."""
        return {"subnet": self.arch}

    def middle(self, phase: Phase, num: int) -> tuple[AnyArch, ...]:
        """None besides the network."""
        return ()


Subnets = Elastic | Alone


def _is_guided(sampler: Sampler) -> bool:
    return sampler in ("best_up", "worst_up")


@lru_cache(maxsize=16)
def _encoding(space: AnySpace) -> AnyEncoding:
    return encoding_of(space)


@lru_cache(maxsize=4)
def _pool(space: AnySpace, seed: int, block: int) -> tuple[Genotypes, np.ndarray]:
    """Archs of all sizes, ascending by MACs, and the logarithms of these.

    Half of them are uniform; in the others every gene leans to its low or its high choices, since
    uniform genes crowd medium sizes.
    """
    encoding = _encoding(space)
    rng = np.random.default_rng((seed, block, _POOL_SIZE))
    lean = np.where(np.arange(_POOL_SIZE) % 2, rng.uniform(0.25, 4.0, _POOL_SIZE), 1.0)
    shares = rng.random((_POOL_SIZE, encoding.num_genes)) ** lean[:, None]
    pool = encoding.unique(encoding.canonical((shares * encoding.num_choices).astype(np.uint8)))
    log_macs = np.log(cost_table(encoding, macs)(pool))
    order = np.argsort(log_macs, kind="stable")
    return pool[order], log_macs[order]
