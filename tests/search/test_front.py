"""Reading a front: the best within a budget, and the budget to take when none is given."""

import numpy as np
import pytest

from ofa.errors import InfeasibleBudget
from ofa.search import Front


def front(latency_ms: list[float], top1: list[float]) -> Front:
    return Front(
        genotypes=np.arange(len(top1), dtype=np.uint8)[:, None],
        top1=np.array(top1),
        latency_ms=np.array(latency_ms),
        num_evaluations=len(top1),
        exhaustive=True,
    )


FRONT = front([1.0, 2.0, 4.0, 8.0], [80.0, 88.0, 90.0, 91.0])


@pytest.mark.parametrize(("budget_ms", "row"), [(1.0, 0), (1.9, 0), (4.0, 2), (1e9, 3)])
def test_the_best_under_a_budget_is_the_slowest_that_meets_it(budget_ms, row):
    assert FRONT.best_under(budget_ms) == row


@pytest.mark.parametrize("budget_ms", [0.99, 0.0, -1.0])
def test_a_budget_below_the_front_is_refused_with_its_range(budget_ms):
    with pytest.raises(InfeasibleBudget, match=r"4 archs take 1.000 to 8.000 ms: raise the budget"):
        FRONT.best_under(budget_ms)


def test_candidates_come_best_first_and_no_more_than_there_are():
    assert FRONT.candidates(5.0, num=2).tolist() == [2, 1]
    assert FRONT.candidates(5.0, num=9).tolist() == [2, 1, 0]


def test_the_knee_is_where_a_front_bends():
    # Heights above the chord: 0, 8/11 - 1/7, 10/11 - 3/7, 0.
    assert FRONT.knee() == 1


@pytest.mark.parametrize("num", [1, 2])
def test_a_front_too_short_to_bend_has_its_knee_at_the_end(num):
    assert front([1.0, 2.0][:num], [80.0, 81.0][:num]).knee() == num - 1


def test_the_hypervolume_of_a_front_grows_with_every_member():
    assert FRONT.hypervolume(worst_ms=10, worst_top1=70) == 1 * 10 + 2 * 18 + 4 * 20 + 2 * 21
