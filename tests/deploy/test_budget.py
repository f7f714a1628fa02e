from pathlib import Path

import pytest

from ofa.deploy import Attempt
from ofa.deploy.budget import GUARD, first_aim_ms, holds, missed, next_aim_ms


def attempt(measured_ms, *, searched_ms=9.7, estimated_ms=9.6):
    return Attempt(searched_ms=searched_ms, estimated_ms=estimated_ms, measured_ms=measured_ms)


def test_the_guard_is_kept_free_only_where_something_can_be_measured():
    assert first_aim_ms(10, reachable=True) == pytest.approx(10 * (1 - GUARD))
    assert first_aim_ms(10, reachable=False) == 10


@pytest.mark.parametrize(
    ("measured_ms", "kept"), [(9.7, True), (9.8, False), (10.5, False), (None, True)]
)
def test_an_engine_must_leave_the_guard_free(measured_ms, kept):
    assert holds(10, [attempt(measured_ms)]) == kept


def test_the_last_attempt_need_only_keep_the_budget():
    tries = [attempt(11.0)] * 3

    assert holds(10, [*tries, attempt(9.9)])
    assert not holds(10, [*tries, attempt(10.1)])


def test_the_aim_moves_down_by_as_much_as_was_missed():
    aim_ms = next_aim_ms(10, [attempt(12.0)], lowest_ms=1)

    assert aim_ms == pytest.approx(0.99 * 9.6 * 9.7 / 12.0)


def test_the_aim_never_falls_below_the_fastest_subnet_and_that_one_is_tried_once():
    assert next_aim_ms(10, [attempt(20.0)], lowest_ms=9.0) == 9.0
    assert next_aim_ms(10, [attempt(20.0, estimated_ms=9.0)], lowest_ms=9.0) is None


def test_search_is_tightened_three_times_at_most():
    tries = [attempt(11.0)] * 3

    assert next_aim_ms(10, tries, lowest_ms=1) is not None
    assert next_aim_ms(10, [*tries, attempt(11.0)], lowest_ms=1) is None


def test_a_missed_budget_tells_how_near_it_came():
    error = missed(10, [attempt(12.0), attempt(10.4)], kept_in=Path("runs/rejected/x"))

    assert "budget of 10 ms in 2 attempts; the fastest measured 10.4 ms" in str(error)
    assert "runs/rejected/x" in str(error)
