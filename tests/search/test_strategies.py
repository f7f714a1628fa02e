"""Every strategy keeps to its evaluations, repeats, and is judged against chance."""

import numpy as np
import pytest

from ofa.errors import InfeasibleBudget, OfaError
from ofa.search import STRATEGIES, compare, find_strategy, uniform_archs, uniform_front
from ofa.space import Encoding, SearchSpace, Stage, cost_table, macs

SMALL = Encoding(
    SearchSpace(
        resolutions=(32, 48),
        kernel_sizes=(3, 5),
        stages=(Stage(width=16, depths=(1, 2)), Stage(width=24, stride=2, depths=(1, 2))),
    )
)
LARGE = Encoding(SearchSpace())


def problem(encoding):
    """Top-1 to which every choice adds, each differently, against million MACs."""
    gain = np.random.default_rng(0).random(encoding.num_genes)
    return {
        "accuracy": lambda genotypes: 60.0 + genotypes @ gain,
        "latency_ms": cost_table(encoding, lambda layer: macs(layer) / 1e6),
    }


def middle_ms(encoding):
    return float(np.median(problem(encoding)["latency_ms"](uniform_archs(encoding))))


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_keeps_to_its_evaluations_and_budget_and_repeats(name):
    asked = 0
    scores = problem(LARGE)
    accuracy = scores["accuracy"]

    def counted(genotypes):
        nonlocal asked
        asked += len(genotypes)
        return accuracy(genotypes)

    settings = {"max_latency_ms": middle_ms(LARGE), "max_evaluations": 1500}
    fronts = [
        STRATEGIES[name](
            LARGE,
            accuracy=counted,
            latency_ms=scores["latency_ms"],
            rng=np.random.default_rng(3),
            **settings,
        )
        for _ in range(2)
    ]

    assert asked == sum(front.num_evaluations for front in fronts) <= 2 * 1500
    assert fronts[0].latency_ms[-1] <= settings["max_latency_ms"]
    np.testing.assert_array_equal(fronts[0].genotypes, fronts[1].genotypes)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_names_the_arch_whose_prediction_is_no_number(name):
    scores = problem(LARGE) | {"accuracy": lambda genotypes: np.full(len(genotypes), np.nan)}

    with pytest.raises(OfaError, match=r"accuracy of arch .* is nan.*fit again"):
        STRATEGIES[name](LARGE, **scores, rng=np.random.default_rng(0), max_evaluations=300)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_ends_on_an_impossible_budget(name):
    with pytest.raises(InfeasibleBudget, match="raise the budget"):
        STRATEGIES[name](
            LARGE,
            **problem(LARGE),
            rng=np.random.default_rng(0),
            max_latency_ms=1e-3,
            max_evaluations=500,
        )


@pytest.mark.parametrize("name", ["evolution", "nsga2", "policy_gradient"])
def test_what_learns_from_its_evaluations_beats_random_search(name):
    rows = compare(
        LARGE,
        **problem(LARGE),
        budget_ms=middle_ms(LARGE),
        strategies=[name],
        max_evaluations=3000,
    )

    assert [row.strategy for row in rows] == [name, "random"]
    assert rows[0].hypervolume > 1 and rows[1].hypervolume == 1


def test_a_grid_proves_the_optimum_of_a_small_space():
    front = STRATEGIES["grid"](SMALL, **problem(SMALL), rng=np.random.default_rng(0))

    assert front.exhaustive and front.num_evaluations == SMALL.space.num_subnets


def test_the_uniform_front_holds_the_largest_arch():
    scores = problem(LARGE)

    front = uniform_front(LARGE, **scores)

    largest = LARGE.encode([LARGE.space.largest()])
    assert front.top1[-1] == pytest.approx(scores["accuracy"](largest)[0])


def test_an_unknown_strategy_is_answered_with_those_there_are():
    with pytest.raises(OfaError, match=r"'annealing' is not one of evolution, random, grid"):
        find_strategy("annealing")
