"""Few archs for many requests: exact where small, bounded where large."""

from itertools import combinations

import numpy as np
import pytest

from ofa.errors import OfaError
from ofa.search import UNSERVED_LOSS, portfolios


def problem(seed: int, *, requests: int, archs: int):
    rng = np.random.default_rng(seed)
    top1 = rng.uniform(60, 80, archs)
    latency_ms = np.exp(top1 / 10 + rng.normal(0, 0.3, archs))
    lost = np.outer(rng.integers(0, 2, requests), rng.uniform(0, 5, archs))  # by half the requests
    budgets_ms = rng.uniform(np.sort(latency_ms)[1], latency_ms.max(), requests)
    feasible = latency_ms * rng.uniform(0.9, 1.0, (requests, archs)) <= budgets_ms[:, None]
    top1 = top1 - lost
    return top1, feasible, np.where(feasible, top1, -np.inf).max(axis=1)


def brute_force(top1, feasible, best_top1, num: int) -> float:
    loss = np.where(feasible, best_top1[:, None] - top1, UNSERVED_LOSS)
    return min(
        loss[:, list(archs)].min(axis=1).mean() for archs in combinations(range(top1.shape[1]), num)
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_small_case_is_solved_as_well_as_by_trying_everything(seed):
    top1, feasible, best = problem(seed, requests=12, archs=9)

    curve = portfolios(top1, feasible, best_top1=best, max_models=4)

    for num, found in enumerate(curve, 1):
        assert found.optimal
        assert len(found.archs) == num
        assert found.loss == pytest.approx(brute_force(top1, feasible, best, num), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_of_a_large_case_holds_and_its_choice_is_near(seed):
    top1, feasible, best = problem(seed, requests=12, archs=9)

    curve = portfolios(top1, feasible, best_top1=best, max_models=4, exact_cells=0)

    for num, found in enumerate(curve, 1):
        optimum = brute_force(top1, feasible, best, num)
        assert found.least_loss <= optimum + 1e-9
        assert optimum - 1e-9 <= found.loss <= 1.1 * optimum + 1e-9
        if found.optimal:
            assert found.loss == pytest.approx(optimum, abs=1e-9)


def test_thousands_of_requests_lose_less_with_every_further_model():
    top1, feasible, best = problem(0, requests=5000, archs=200)

    curve = portfolios(top1, feasible, best_top1=best, max_models=8)

    losses = [found.loss for found in curve]
    assert losses == sorted(losses, reverse=True)
    assert all(found.least_loss <= found.loss for found in curve)


def test_each_request_is_served_by_the_best_chosen_arch_that_it_can_afford():
    top1 = np.array([[70.0, 75.0, 80.0]] * 3)
    feasible = np.array([[True, False, False], [True, True, False], [True, True, True]])

    one, two, three = portfolios(
        top1, feasible, best_top1=np.array([70.0, 75.0, 80.0]), max_models=9
    )

    assert (one.archs, one.loss, one.serves) == ((0,), 5.0, (0, 0, 0))
    assert two.loss == pytest.approx(5 / 3)
    assert (three.loss, three.serves, three.num_unserved) == (0.0, (0, 1, 2), 0)


def test_a_request_is_served_by_what_is_best_in_its_own_precision():
    top1 = np.array([[70.0, 71.0], [68.0, 66.0]])

    one, two = portfolios(
        top1, np.ones((2, 2), bool), best_top1=np.array([71.0, 68.0]), max_models=2
    )

    assert (one.archs, one.loss) == ((0,), 0.5)
    assert (two.loss, two.serves) == (0.0, (1, 0))


def test_a_request_left_unserved_is_counted_and_charged():
    feasible = np.array([[True, False], [False, True]])

    one = portfolios(
        np.array([[70.0, 80.0]] * 2), feasible, best_top1=np.array([70.0, 80.0]), max_models=1
    )[0]

    assert (one.num_unserved, one.loss) == (1, UNSERVED_LOSS / 2)
    assert -1 in one.serves


def test_a_request_that_nothing_serves_is_refused_by_number():
    feasible = np.array([[True, True], [False, False]])

    with pytest.raises(OfaError, match="1 of 2 requests, first request 2; raise their budgets"):
        portfolios(np.ones((2, 2)), feasible, best_top1=np.ones(2), max_models=1)


@pytest.mark.parametrize("max_models", [0, -1])
def test_no_model_at_all_is_refused(max_models):
    with pytest.raises(OfaError, match="choose 1 model or more"):
        portfolios(
            np.ones((1, 1)), np.ones((1, 1), bool), best_top1=np.ones(1), max_models=max_models
        )
