"""Every strategy keeps to its evaluations, repeats, and is judged against chance."""

import sys

import numpy as np
import pytest

from ofa.errors import InfeasibleBudget, MissingExtra, OfaError
from ofa.search import (
    STRATEGIES,
    Problem,
    compare,
    find_strategy,
    uniform_archs,
    uniform_front,
)
from ofa.space import Encoding, SearchSpace, Stage, cost_table, macs

SMALL = Encoding(
    SearchSpace(
        resolutions=(32, 48),
        kernel_sizes=(3, 5),
        stages=(Stage(width=16, depths=(1, 2)), Stage(width=24, stride=2, depths=(1, 2))),
    )
)
LARGE = Encoding(SearchSpace())


class Additive:
    """Top-1 to which every choice adds, each differently; counts what it is asked."""

    def __init__(self, encoding):
        self.asked = 0
        self.gain = np.random.default_rng(0).random(encoding.num_genes)
        self.num_choices = encoding.num_choices

    def __call__(self, genotypes):
        self.asked += len(genotypes)
        return 60.0 + genotypes @ self.gain

    def slope(self, genotypes):
        each = [gain * np.arange(n) for gain, n in zip(self.gain, self.num_choices, strict=True)]
        return np.tile(np.concatenate(each), (len(genotypes), 1))


class Nan(Additive):
    def __call__(self, genotypes):
        return np.full(len(genotypes), np.nan)


def problem(encoding, **settings):
    """Additive top-1 against million MACs."""
    scores = {
        "accuracy": Additive(encoding),
        "latency_ms": cost_table(encoding, lambda layer: macs(layer) / 1e6),
    }
    return Problem(encoding=encoding, **scores | settings)


def evaluations(name):
    """Few for a strategy that thinks long about each."""
    return 60 if name == "bayes" else 1500


def middle_ms(encoding):
    return float(np.median(problem(encoding).latency_ms(uniform_archs(encoding))))


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_keeps_to_its_evaluations_and_budget_and_repeats(name):
    accuracy, budget_ms = Additive(LARGE), middle_ms(LARGE)
    asked_for = problem(
        LARGE, accuracy=accuracy, max_latency_ms=budget_ms, max_evaluations=evaluations(name)
    )
    fronts = [STRATEGIES[name](asked_for, np.random.default_rng(3)) for _ in range(2)]

    asked = sum(front.num_evaluations for front in fronts)
    assert accuracy.asked == asked <= 2 * evaluations(name)
    assert fronts[0].latency_ms[-1] <= budget_ms
    np.testing.assert_array_equal(fronts[0].genotypes, fronts[1].genotypes)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_names_the_arch_whose_prediction_is_no_number(name):
    broken = problem(LARGE, accuracy=Nan(LARGE), max_evaluations=300)

    with pytest.raises(OfaError, match=r"accuracy of arch .* is nan.*fit again"):
        STRATEGIES[name](broken, np.random.default_rng(0))


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_ends_on_an_impossible_budget(name):
    hopeless = problem(LARGE, max_latency_ms=1e-3, max_evaluations=evaluations(name) // 3)

    with pytest.raises(InfeasibleBudget, match="raise the budget"):
        STRATEGIES[name](hopeless, np.random.default_rng(0))


@pytest.mark.parametrize("name", ["evolution", "nsga2", "policy_gradient"])
def test_what_learns_from_its_evaluations_beats_random_search(name):
    rows = compare(
        problem(LARGE, max_latency_ms=middle_ms(LARGE), max_evaluations=3000), strategies=[name]
    )

    assert [row.strategy for row in rows] == [name, "random"]
    assert rows[0].hypervolume > 1 and rows[1].hypervolume == 1


def test_a_grid_proves_the_optimum_of_a_small_space():
    front = STRATEGIES["grid"](problem(SMALL), np.random.default_rng(0))

    assert front.exhaustive and front.num_evaluations == SMALL.space.num_subnets


def test_the_uniform_front_holds_the_largest_arch():
    front = uniform_front(problem(LARGE, max_evaluations=1))

    largest = LARGE.encode([LARGE.space.largest()])
    assert front.top1[-1] == pytest.approx(Additive(LARGE)(largest)[0])


def test_strategies_are_not_compared_without_a_budget():
    with pytest.raises(OfaError, match="give a finite max_latency_ms"):
        compare(problem(LARGE))


def test_an_unknown_strategy_is_answered_with_those_there_are():
    with pytest.raises(OfaError, match=r"'annealing' is not one of evolution, random, grid"):
        find_strategy("annealing")


def test_gradient_ascent_needs_fewer_evaluations_than_evolution():
    rows = compare(
        problem(LARGE, max_latency_ms=middle_ms(LARGE), max_evaluations=500),
        strategies=["evolution", "gradient"],
    )

    assert [row.strategy for row in rows] == ["gradient", "evolution", "random"]


def test_gradient_ascent_refuses_an_accuracy_without_a_slope():
    flat = problem(LARGE, accuracy=lambda genotypes: genotypes.sum(axis=1) / 1.0)

    with pytest.raises(OfaError, match="needs a predictor that tells its slope"):
        STRATEGIES["gradient"](flat, np.random.default_rng(0))


def test_bayesian_optimization_beats_random_search_with_few_evaluations():
    rows = compare(
        problem(LARGE, max_latency_ms=middle_ms(LARGE), max_evaluations=100),
        strategies=["bayes"],
        seeds=[0],
    )

    assert [row.strategy for row in rows] == ["bayes", "random"]


def test_bayesian_optimization_without_optuna_tells_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)

    with pytest.raises(MissingExtra, match=r"pip install 'ofa-toolkit\[optuna\]'"):
        STRATEGIES["bayes"](problem(LARGE), np.random.default_rng(0))
