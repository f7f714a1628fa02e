"""NSGA-II: the population is kept by non-dominated rank, then by how lonely an arch is.

Unlike the original, clones never enter the population, and archs that cost too much to be asked
rank behind all others, the nearest to what is allowed first.
"""

import numpy as np
from jaxtyping import Float, Int

from ofa.search.archive import Archive, Scored
from ofa.search.front import Front
from ofa.search.pareto import non_dominated
from ofa.search.problem import Problem
from ofa.space import AnyEncoding, Genotypes

_POPULATION = 256
_REDRAWN_GENES = 1.5  # per child, on average


def nsga2_front(problem: Problem, rng: np.random.Generator) -> Front:
    """The front that NSGA-II finds.

    Raises:
        InfeasibleBudget: If no arch was met that is fast enough.
        OfaError: If a score is not a finite number, or a setting is out of range.

    Source: Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", IEEE
    Transactions on Evolutionary Computation 6(2), 2002.
    """
    encoding, archive = problem.encoding, Archive(problem)
    parents = _survivors(archive.score_new(encoding.sample(_POPULATION, rng)))
    # Bounded although children may all be clones or too slow.
    for _ in range(4 * (problem.max_evaluations // _POPULATION + 1)):
        if not archive.num_left:
            break
        children = archive.score_new(_breed(encoding, parents, rng))
        parents = _survivors(parents.joined(children))
    return archive.front()


def _breed(encoding: AnyEncoding, parents: Scored, rng: np.random.Generator) -> Genotypes:
    """Mutants of crosses of winners of binary tournaments; parents lie best first."""
    winners = rng.integers(0, len(parents), (2, 2, _POPULATION)).min(axis=0)
    mothers, fathers = parents.genotypes[winners]
    children = encoding.crossover(mothers, fathers, rng)
    return encoding.mutate(children, rng, rate=min(1.0, _REDRAWN_GENES / encoding.num_genes))


def _survivors(scored: Scored) -> Scored:
    """The best of a population, best first."""
    rank, crowding = _ranked(scored)
    return scored.rows(np.lexsort((-crowding, rank))[:_POPULATION])


def _ranked(scored: Scored) -> tuple[Int[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Non-dominated rank of each arch, and its crowding distance within the rank."""
    rank = np.full(len(scored), len(scored))
    crowding = -scored.excess  # orders those never asked
    left = np.flatnonzero(np.isfinite(scored.top1))
    level = 0
    while len(left):
        best = non_dominated(scored.latency_ms[left], scored.top1[left])
        row = left[best]
        row = row[np.argsort(scored.latency_ms[row])]
        rank[row] = level
        crowding[row] = _crowding(scored.latency_ms[row]) + _crowding(scored.top1[row])
        left, level = left[~best], level + 1
    return rank, crowding


def _crowding(sorted_values: np.ndarray) -> Float[np.ndarray, "n"]:
    """Distance between both neighbors of each value, as a share of the range; ends are infinite."""
    distance = np.full(len(sorted_values), np.inf)
    spread = max(float(np.ptp(sorted_values)), 1e-12)
    distance[1:-1] = (sorted_values[2:] - sorted_values[:-2]) / spread
    return distance
