"""Every arch a search has met: scored once, never twice, and never more of them than agreed.

Latency comes first and is nearly free; accuracy is asked only of archs that are fast enough, and
only those count as evaluations.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from ofa.errors import InfeasibleBudget, OfaError
from ofa.search.front import Front
from ofa.search.limits import excess
from ofa.search.pareto import non_dominated
from ofa.search.problem import Problem, Score
from ofa.space import Genotypes


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """Archs with their scores.

    Attributes:
        genotypes: One row an arch, uint8[n, genes].
        top1: Top-1 of each, percent; minus infinity where the arch costs too much to be asked.
        latency_ms: Latency of each, ms.
        excess: Greatest ratio of a cost to what is allowed; those above 1 are not asked.
    """

    genotypes: Genotypes
    top1: Float[np.ndarray, "n"]
    latency_ms: Float[np.ndarray, "n"]
    excess: Float[np.ndarray, "n"]

    def __len__(self) -> int:
        return len(self.genotypes)

    def rows(self, index: np.ndarray) -> "Scored":
        """The archs at ``index``, a mask or row numbers."""
        return Scored(
            genotypes=self.genotypes[index],
            top1=self.top1[index],
            latency_ms=self.latency_ms[index],
            excess=self.excess[index],
        )

    def joined(self, other: "Scored") -> "Scored":
        """These archs, then the others."""
        return Scored(
            genotypes=np.concatenate([self.genotypes, other.genotypes]),
            top1=np.concatenate([self.top1, other.top1]),
            latency_ms=np.concatenate([self.latency_ms, other.latency_ms]),
            excess=np.concatenate([self.excess, other.excess]),
        )


class Archive:
    """Scores archs, and remembers which it has met and which of them form the front.

    Args:
        problem: Archs beyond what it allows do not enter the front, and are not asked.
        margin: Archs up to this many times too slow are asked all the same, as ways to better ones.

    Attributes:
        num_evaluations: Archs whose accuracy was asked.
        num_idle: Calls of ``score_new`` since one last changed the front or came nearer to it.
    """

    def __init__(self, problem: Problem, *, margin: float = 1.0) -> None:
        self.num_evaluations = 0
        self.num_idle = 0
        self._problem = problem
        self._asked_ms = margin * problem.max_latency_ms
        self._fastest_ms = np.inf
        self._least_excess = np.inf
        # Odd weights from a fixed seed: a search repeats, and of 10^6 archs two share a key, so
        # that one is passed over, with a probability below 10^-6.
        draw = np.random.default_rng(0)
        num_genes = problem.encoding.num_genes
        self._key_weights = draw.integers(0, 2**63, num_genes, dtype=np.uint64) * 2 + 1
        self._met = np.empty(0, np.uint64)
        no_genotypes = np.empty((0, num_genes), np.uint8)
        none = np.empty(0)
        self._front = Scored(genotypes=no_genotypes, top1=none, latency_ms=none, excess=none)

    @property
    def num_left(self) -> int:
        """Archs whose accuracy may still be asked."""
        return self._problem.max_evaluations - self.num_evaluations

    def score_new(self, genotypes: Genotypes) -> Scored:
        """Scores of those archs that were never met before, within the evaluations left.

        Raises:
            OfaError: If a score is not a finite number, or a latency not above 0; names the arch.
        """
        new = self._never_met(genotypes)
        latency_ms = self._checked(self._problem.latency_ms, new, what="latency", above=0)
        beyond = np.maximum(latency_ms / self._asked_ms, excess(self._problem.limits, new))
        asked = np.flatnonzero(beyond <= 1)[: self.num_left]
        top1 = np.full(len(new), -np.inf)
        top1[asked] = self._checked(
            self._problem.accuracy, new[asked], what="accuracy", above=-np.inf
        )
        self.num_evaluations += len(asked)
        scored = Scored(genotypes=new, top1=top1, latency_ms=latency_ms, excess=beyond)
        candidates = self._front.joined(scored.rows(asked))
        kept = np.flatnonzero(non_dominated(candidates.latency_ms, candidates.top1))
        least_excess = float(beyond.min(initial=np.inf))
        progress = (kept >= len(self._front)).any() or least_excess < self._least_excess
        self.num_idle = 0 if progress else self.num_idle + 1
        self._least_excess = min(self._least_excess, least_excess)
        self._fastest_ms = min(self._fastest_ms, float(latency_ms.min(initial=np.inf)))
        self._front = candidates.rows(kept[np.argsort(candidates.latency_ms[kept])])
        return scored

    def front(self, *, exhaustive: bool = False) -> Front:
        """The front of every arch asked so far, as far as the problem allows.

        Raises:
            InfeasibleBudget: If every arch met so far takes longer, or is beyond a limit.
        """
        most_ms, limits = self._problem.max_latency_ms, self._problem.limits
        within = self._front.rows(self._front.latency_ms <= most_ms)
        if not len(within) and limits:
            bounds = [limit.shown(limit.most) for limit in limits]
            if np.isfinite(most_ms):
                bounds.insert(0, f"{most_ms:g} ms")
            raise InfeasibleBudget(
                f"none of {len(self._met):,} archs tried keeps {', '.join(bounds)} at once; the "
                f"nearest takes {self._least_excess:.3f} times what one of them allows: raise the "
                "budget or the limits"
            )
        if not len(within):
            raise InfeasibleBudget(
                f"none of {len(self._met):,} archs tried meets {most_ms:g} ms; the "
                f"fastest takes {self._fastest_ms:.3f} ms: raise the budget to that or more"
            )
        return Front(
            genotypes=within.genotypes,
            top1=within.top1,
            latency_ms=within.latency_ms,
            num_evaluations=self.num_evaluations,
            exhaustive=exhaustive,
        )

    def _never_met(self, genotypes: Genotypes) -> UInt8[np.ndarray, "new genes"]:
        keys = genotypes.astype(np.uint64) @ self._key_weights
        first = np.sort(np.unique(keys, return_index=True)[1])
        place = np.searchsorted(self._met, keys[first])
        if len(self._met):
            unknown = self._met.take(place, mode="clip") != keys[first]
            first, place = first[unknown], place[unknown]
        by_key = np.argsort(keys[first])
        self._met = np.insert(self._met, place[by_key], keys[first][by_key])
        return genotypes[first]

    def _checked(
        self, score: Score, genotypes: Genotypes, *, what: str, above: float
    ) -> np.ndarray:
        values = score(genotypes) if len(genotypes) else np.empty(0)
        strange = np.flatnonzero(~(np.isfinite(values) & (values > above)))
        if len(strange):
            arch = self._problem.encoding.decode(genotypes[strange[:1]])[0]
            limit = f" above {above:g}" if np.isfinite(above) else ""
            raise OfaError(
                f"search: {what} of arch {arch.describe()} is {values[strange[0]]}, not a finite "
                f"number{limit}; mend or fit again what estimates it"
            )
        return values
