"""Evolution finds what enumeration finds, beats chance, and repeats."""

from dataclasses import replace

import numpy as np
import pytest

from ofa.errors import InfeasibleBudget, OfaError
from ofa.search import Problem, neighbors, random_front, search_front, uniform_archs
from ofa.space import Encoding, SearchSpace, Stage, cost_table, macs

SMALL = Encoding(
    SearchSpace(
        resolutions=(32, 48),
        kernel_sizes=(3, 5),
        stages=(Stage(width=16, depths=(1, 2)), Stage(width=24, stride=2, depths=(1, 2))),
    )
)
PUBLISHED = Encoding(SearchSpace())


def problem(encoding: Encoding, **settings) -> Problem:
    """Top-1 to which every choice adds, each differently, and neighboring genes interact."""
    rng = np.random.default_rng(0)
    gain = rng.random(encoding.num_genes)
    together = rng.normal(size=encoding.num_genes - 1) / 4

    def accuracy(genotypes):
        worth = genotypes * gain
        return 70.0 + worth.sum(axis=1) + (worth[:, 1:] * worth[:, :-1]) @ together

    million_macs = cost_table(encoding, lambda layer: macs(layer) / 1e6)
    scores = {"accuracy": accuracy, "latency_ms": million_macs}
    return Problem(encoding=encoding, **scores | settings)


def test_a_small_space_is_enumerated_and_the_front_says_so():
    whole = problem(SMALL)
    everything = SMALL.enumerate()

    front = search_front(whole, np.random.default_rng(0))

    assert front.exhaustive and front.num_evaluations == SMALL.space.num_subnets
    limit = front.latency_ms[len(front) // 2]
    best = whole.accuracy(everything)[whole.latency_ms(everything) <= limit].max()
    assert front.top1[front.best_under(limit)] == best


@pytest.mark.parametrize("seed", range(3))
def test_evolution_finds_the_enumerated_front_with_a_tenth_of_the_evaluations(seed):
    space = replace(SMALL.space, expand_ratios=(2, 3, 4, 6), resolutions=(32, 40, 48))
    encoding = Encoding(space)
    assert space.num_subnets == 3 * (8 + 64) ** 2
    proven = search_front(problem(encoding), np.random.default_rng(seed))

    found = search_front(
        problem(encoding, max_evaluations=2500), np.random.default_rng(seed), population=64
    )

    assert not found.exhaustive and found.num_evaluations <= 2500
    worst = {"worst_ms": proven.latency_ms[-1] * 1.1, "worst_top1": proven.top1[0] - 1}
    assert found.hypervolume(**worst) >= 0.995 * proven.hypervolume(**worst)


def test_evolution_beats_chance_at_equal_evaluations_everywhere_on_the_front():
    few = problem(PUBLISHED, max_evaluations=5000)
    evolved = search_front(few, np.random.default_rng(0))
    drawn = random_front(few, np.random.default_rng(0))

    assert evolved.num_evaluations == drawn.num_evaluations == 5000
    for latency_ms, top1 in zip(drawn.latency_ms, drawn.top1, strict=True):
        assert evolved.top1[evolved.best_under(latency_ms)] >= top1


@pytest.mark.parametrize("search", [search_front, random_front])
def test_one_seed_gives_one_front_of_distinct_archs_with_true_scores(search):
    few = problem(PUBLISHED, max_evaluations=3000)

    front, again = (search(few, np.random.default_rng(3)) for _ in range(2))

    np.testing.assert_array_equal(front.genotypes, again.genotypes)
    assert len(PUBLISHED.unique(front.genotypes)) == len(front)
    np.testing.assert_allclose(few.accuracy(front.genotypes), front.top1)
    np.testing.assert_array_equal(few.latency_ms(front.genotypes), front.latency_ms)
    assert (np.diff(front.top1) > 0).all() and (np.diff(front.latency_ms) > 0).all()


@pytest.mark.parametrize("search", [search_front, random_front])
def test_a_budget_bounds_the_front(search):
    bounded = problem(PUBLISHED, max_latency_ms=200.0, max_evaluations=2000)

    front = search(bounded, np.random.default_rng(0))

    assert front.latency_ms[-1] <= 200.0


def test_a_tight_budget_is_met_although_no_uniform_arch_meets_it():
    first, second = PUBLISHED.kernel_genes.start, PUBLISHED.kernel_genes.start + 1

    def latency_ms(genotypes):
        uneven = 1.0 * (genotypes[:, first] != 1) + (genotypes[:, second] != 0)
        return 1.0 + uneven + genotypes[:, :first].sum(axis=1)

    assert latency_ms(uniform_archs(PUBLISHED)).min() == 2.0

    tight = problem(PUBLISHED, latency_ms=latency_ms, max_latency_ms=1.5, max_evaluations=2000)
    front = search_front(tight, np.random.default_rng(0))

    assert front.latency_ms.tolist() == [1.0]


@pytest.mark.parametrize("search", [search_front, random_front])
def test_an_impossible_budget_ends_and_says_how_near_it_came(search):
    hopeless = problem(PUBLISHED, max_latency_ms=1.0, max_evaluations=1000)

    with pytest.raises(
        InfeasibleBudget, match=r"meets 1 ms; the fastest takes \d\d\.\d{3} ms: raise"
    ):
        search(hopeless, np.random.default_rng(0))


def test_few_evaluations_are_not_spent_on_the_smallest_images_alone():
    space = SearchSpace(resolutions=tuple(range(128, 225, 4)))
    encoding = Encoding(space)
    asked = []

    def accuracy(genotypes):
        asked.extend(encoding.decode(genotypes))
        return genotypes.sum(axis=1, dtype=np.float64)

    assert len(uniform_archs(encoding)) == 25 * 3 * 3 * 3
    few = problem(encoding, accuracy=accuracy, max_evaluations=300)
    search_front(few, np.random.default_rng(0), population=16)

    assert len(asked) == 300
    assert {space.smallest(), space.largest()} <= set(asked)
    assert {arch.resolution for arch in asked} == set(space.resolutions)
    uniform = set(encoding.decode(uniform_archs(encoding)))
    assert sum(arch in uniform for arch in asked) < 200  # the rest was bred


def test_a_population_of_one_is_refused():
    with pytest.raises(OfaError, match="population of 1 is too small; use 2 or more"):
        search_front(problem(PUBLISHED), np.random.default_rng(0), population=1)


def test_uniform_archs_hold_both_corners_and_nothing_uneven():
    archs = PUBLISHED.decode(uniform_archs(PUBLISHED))

    assert len(archs) == len(set(archs)) == 4 * 3 * 3 * 3
    assert {PUBLISHED.space.smallest(), PUBLISHED.space.largest()} <= set(archs)
    assert all(len({block for stage in arch.stages for block in stage}) == 1 for arch in archs)


def test_neighbors_differ_in_one_gene():
    start = SMALL.encode([SMALL.space.smallest()])

    around = {arch.describe() for arch in SMALL.decode(neighbors(SMALL, start))}

    assert around == {
        "32px  k3e3 | k3e3",
        "48px  k3e3 | k3e3",
        "32px  k3e3 k3e3 | k3e3",
        "32px  k3e3 | k3e3 k3e3",
        "32px  k5e3 | k3e3",
        "32px  k3e4 | k3e3",
        "32px  k3e6 | k3e3",
        "32px  k3e3 | k5e3",
        "32px  k3e3 | k3e4",
        "32px  k3e3 | k3e6",
    }
