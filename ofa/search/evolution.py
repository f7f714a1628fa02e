"""Evolution of whole genotype matrices towards the whole front of latency and top-1.

Parents are the most accurate archs of every latency bin, so the fast end of the front breeds as
much as the accurate end and one run answers every budget. A last stage tries all single-gene
neighbors of the front, then neighbors of those, which mends what chance left undone.

The constants below were tuned on the reference project's published problem: its accuracy predictor
and its Samsung Note10 latency tables.
"""

import numpy as np
from jaxtyping import UInt8

from ofa.errors import OfaError
from ofa.search.archive import Archive, Scored
from ofa.search.front import Front
from ofa.search.problem import Problem
from ofa.space import AnyEncoding, Genotypes, genotypes_of

_NUM_BINS = 64
_REDRAWN_GENES = 1.5  # per child, on average
_CROSSED_SHARE = 0.5
_REFINEMENT_SHARE = 0.1
_SECOND_RING = 2048  # neighbors of the front whose neighbors are tried
_PATIENCE = 50  # generations that leave the front as it is
# Parents a little too slow lead to better archs within the budget than feasible parents alone do.
_BUDGET_MARGIN = 1.3


def search_front(problem: Problem, rng: np.random.Generator, *, population: int = 256) -> Front:
    """The front of a space.

    A space of no more than ``max_evaluations`` subnets is enumerated, and the front says so.

    Args:
        rng: Source of all chance; equal seeds give equal fronts.
        population: Children a generation, and parents at most.

    Raises:
        InfeasibleBudget: If no arch was met that is fast enough.
        OfaError: If a score is not a finite number, or a setting is out of range.

    Source: in the place of the reference's single-budget search (Cai et al., arXiv:1908.09791,
    section 3.4); keeping the best of every bin is MAP-Elites (Mouret & Clune, arXiv:1504.04909)
    over latency.
    """
    if population < 2:
        raise OfaError(f"search: a population of {population} is too small; use 2 or more")
    encoding = problem.encoding
    archive = Archive(problem, margin=_BUDGET_MARGIN)
    exhaustive = encoding.space.num_subnets <= problem.max_evaluations
    if exhaustive:
        archive.score_new(encoding.enumerate())
    else:
        _evolve(archive, encoding, rng, population=population)
        _refine(archive, encoding, rng)
    return archive.front(exhaustive=exhaustive)


def random_front(problem: Problem, rng: np.random.Generator) -> Front:
    """The front of archs drawn at random: the baseline that a search must beat.

    Archs slower than ``max_latency_ms`` are drawn again without being asked, 20 draws an evaluation
    at most.

    Raises:
        InfeasibleBudget: If no arch was drawn that is fast enough.
        OfaError: If a score is not a finite number, or a setting is out of range.
    """
    archive = Archive(problem)
    for _ in range(20):
        archive.score_new(problem.encoding.sample(problem.max_evaluations, rng))
        if not archive.num_left:
            break
    return archive.front()


def uniform_archs(encoding: AnyEncoding) -> Genotypes:
    """Archs whose stages are alike in depth and whose blocks are alike, both corners among them."""
    groups = encoding.gene_groups
    sizes = tuple(int(encoding.num_choices[group].max()) for group in groups)
    choices = np.indices(sizes).reshape(len(groups), -1, 1)
    genotypes = np.zeros((choices.shape[1], encoding.num_genes), np.int64)
    for group, choice in zip(groups, choices, strict=True):
        genotypes[:, group] = choice
    legal = np.minimum(genotypes, encoding.num_choices - 1).astype(np.uint8)
    return encoding.unique(encoding.canonical(legal))


def neighbors(encoding: AnyEncoding, genotypes: Genotypes) -> UInt8[np.ndarray, "m genes"]:
    """Every arch that differs from one of ``genotypes`` in a single gene, and those themselves."""
    genes = np.repeat(np.arange(encoding.num_genes), encoding.num_choices)
    values = np.concatenate([np.arange(num, dtype=np.uint8) for num in encoding.num_choices])
    changed = np.repeat(genotypes[:, None], len(genes), axis=1)
    changed[:, np.arange(len(genes)), genes] = values
    return encoding.canonical(changed.reshape(-1, encoding.num_genes))


def _evolve(
    archive: Archive, encoding: AnyEncoding, rng: np.random.Generator, *, population: int
) -> None:
    """Breed until the front rests or only the refinement's share of evaluations is left."""
    reserve = _REFINEMENT_SHARE * archive.num_left
    uniform, share = uniform_archs(encoding), archive.num_left // 2
    if len(uniform) > share:  # they come resolution by resolution: the first are all small
        corners = genotypes_of(encoding, [encoding.space.smallest(), encoding.space.largest()])
        uniform = np.concatenate([corners, rng.permutation(uniform)[:share]])
    start = np.concatenate([uniform, encoding.sample(population, rng)])
    parents = _select(archive.score_new(start), population)
    # Bounded although children may all be clones or too slow.
    for _ in range(4 * (archive.num_left // population + 1)):
        if archive.num_left - population < reserve or archive.num_idle >= _PATIENCE:
            break
        children = archive.score_new(_breed(encoding, parents, rng, population))
        parents = _select(parents.joined(children), population)


def _breed(encoding: AnyEncoding, parents: Scored, rng: np.random.Generator, num: int) -> Genotypes:
    """Mutants of one parent, or of the cross of two parents of like latency."""
    mothers = rng.integers(0, len(parents), num)
    # Parents lie sorted by latency, so a near row is a near latency.
    steps = np.rint(rng.normal(0, len(parents) / 16, num)).astype(np.int64)
    crossed = rng.random(num) < _CROSSED_SHARE
    fathers = (mothers + steps * crossed).clip(0, len(parents) - 1)
    children = encoding.crossover(parents.genotypes[mothers], parents.genotypes[fathers], rng)
    return encoding.mutate(children, rng, rate=min(1.0, _REDRAWN_GENES / encoding.num_genes))


def _select(scored: Scored, num: int) -> Scored:
    """The most accurate archs of every latency bin, sorted by latency.

    Archs that cost too much to be asked share one bin, in which those nearest to what is allowed
    win: they lead to a first feasible one.
    """
    unasked = scored.excess > 1
    bins = np.full(len(scored), _NUM_BINS)
    if not unasked.all():
        log_ms = np.log(scored.latency_ms[~unasked])
        width = max(np.ptp(log_ms), 1e-9) / _NUM_BINS
        bins[~unasked] = np.minimum((log_ms - log_ms.min()) // width, _NUM_BINS - 1)
    merit = np.where(unasked, -scored.excess, scored.top1)
    order = np.lexsort((-merit, bins))
    rank = np.arange(len(order)) - np.searchsorted(bins[order], bins[order])
    elites = order[rank < max(1, num // _NUM_BINS)]
    return scored.rows(elites[np.argsort(scored.latency_ms[elites], kind="stable")])


def _refine(archive: Archive, encoding: AnyEncoding, rng: np.random.Generator) -> None:
    """Try all neighbors of the front until nothing is new, then neighbors of those neighbors.

    The second ring finds optima that take two genes to change at once; most of it is passed over
    where it is large and brings nothing.
    """
    while archive.num_left:
        before = archive.num_evaluations
        around = neighbors(encoding, archive.front().genotypes)
        archive.score_new(rng.permutation(around))  # in no order, should evaluations run out
        ring = rng.permutation(encoding.unique(around))
        if archive.num_evaluations == before and not _try_second_ring(archive, encoding, ring):
            break


def _try_second_ring(archive: Archive, encoding: AnyEncoding, ring: Genotypes) -> bool:
    """Whether a neighbor of some of the first ring's archs joined the front."""
    archive.num_idle = 0
    for start in range(0, min(len(ring), _SECOND_RING), _SECOND_RING // 8):
        if not archive.num_left:
            break
        archive.score_new(neighbors(encoding, ring[start : start + _SECOND_RING // 8]))
        if archive.num_idle == 0:
            return True
    return False
