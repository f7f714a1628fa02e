"""The reachable range of a device, against enumeration."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa.errors import InfeasibleBudget
from ofa.search import check_budget, reachable_range
from ofa.space import CostTable, Encoding, SearchSpace, Stage, cost_table, macs

ENCODING = Encoding(
    SearchSpace(
        resolutions=(32, 48),
        kernel_sizes=(3, 5),
        stages=(Stage(width=16, depths=(1, 3)), Stage(width=24, stride=2, depths=(1, 2))),
    )
)
EVERY_ARCH = ENCODING.enumerate()


@given(seed=st.integers(0, 2**32 - 1), reduce=st.sampled_from(["sum", "max"]))
def test_the_range_is_that_of_every_arch_and_its_archs_attain_it(seed, reduce):
    rng = np.random.default_rng(seed)
    plain = cost_table(ENCODING, macs)
    slots = rng.random(plain.slots.shape) + 0.1
    slots[:, :, 0] = 0
    table = CostTable(
        encoding=ENCODING, fixed=rng.random(plain.fixed.shape), slots=slots, reduce=reduce
    )

    reach = reachable_range(table)

    costs = table(EVERY_ARCH)
    assert reach.lowest == pytest.approx(costs.min()) == table(reach.cheapest)[0]
    assert reach.highest == pytest.approx(costs.max()) == table(reach.dearest)[0]
    np.testing.assert_array_equal(ENCODING.canonical(reach.cheapest), reach.cheapest)


def test_the_range_of_macs_is_that_of_the_corners_of_the_published_space():
    encoding = Encoding(SearchSpace())
    reach = reachable_range(cost_table(encoding, macs))

    assert reach.highest == 566_170_656
    assert encoding.decode(reach.cheapest) == [encoding.space.smallest()]
    assert encoding.decode(reach.dearest) == [encoding.space.largest()]


def test_a_budget_within_reach_gives_the_range():
    table = cost_table(ENCODING, lambda layer: macs(layer) / 1e6)
    reach = reachable_range(table)

    assert check_budget(table, reach.lowest).highest == reach.highest


@pytest.mark.parametrize("budget_ms", [0.5, 0.0, -3.0, float("nan")])
def test_an_impossible_budget_is_refused_with_the_range_and_a_feasible_one(budget_ms):
    table = replace(cost_table(ENCODING, lambda layer: 0.0), fixed=np.array([1.23456, 9.0]))

    with pytest.raises(InfeasibleBudget, match=r"1.235 to 9.000 ms .* budget to 1.235 ms or more"):
        check_budget(table, budget_ms)
    check_budget(table, 1.235)
