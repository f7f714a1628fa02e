"""Domination and hypervolume, against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa.search import hypervolume, non_dominated

# Few distinct values, so that ties are common.
CLOUDS = st.lists(st.tuples(st.integers(1, 9), st.integers(60, 69)), max_size=40)


@given(points=CLOUDS)
def test_exactly_the_points_that_none_dominates_are_kept_one_of_each(points):
    latency_ms = np.array([point[0] for point in points], float)
    top1 = np.array([point[1] for point in points], float)

    mask = non_dominated(latency_ms, top1)

    kept = [point for point, keep in zip(points, mask, strict=True) if keep]
    best = {
        (ms, acc)
        for ms, acc in points
        if not any(m <= ms and a >= acc and (m, a) != (ms, acc) for m, a in points)
    }
    assert sorted(kept) == sorted(best)


def test_of_equal_points_the_first_is_kept():
    assert non_dominated(np.array([2.0, 2.0]), np.array([70.0, 70.0])).tolist() == [True, False]


def test_the_hypervolume_is_the_area_under_the_staircase():
    latency_ms, top1 = np.array([1.0, 3.0, 2.0]), np.array([60.0, 80.0, 55.0])

    area = hypervolume(latency_ms, top1, worst_ms=5.0, worst_top1=50.0)

    assert area == (3 - 1) * (60 - 50) + (5 - 3) * (80 - 50)


@pytest.mark.parametrize("point", [(6.0, 90.0), (5.0, 90.0), (1.0, 50.0), (1.0, 40.0)])
def test_points_beyond_the_worst_count_for_nothing(point):
    latency_ms, top1 = (np.array([value]) for value in point)

    assert hypervolume(latency_ms, top1, worst_ms=5.0, worst_top1=50.0) == 0


@given(points=CLOUDS)
def test_hypervolume_counts_each_dominated_cell_once(points):
    latency_ms = np.array([point[0] for point in points], float)
    top1 = np.array([point[1] for point in points], float)

    area = hypervolume(latency_ms, top1, worst_ms=10.0, worst_top1=60.0)

    cells = {(m, a) for ms, acc in points for m in range(ms, 10) for a in range(60, acc)}
    assert area == len(cells)
