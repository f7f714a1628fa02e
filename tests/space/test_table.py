"""Cost tables: one gather gives what walking every network gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa.space import (
    COSTS,
    Encoding,
    SearchSpace,
    Stage,
    activation_bytes,
    cost_table,
    macs,
    network,
    on_grid,
    params,
)

UNEVEN = SearchSpace(
    resolutions=(32, 48),
    stages=(Stage(width=16, depths=(1, 3)), Stage(width=24, stride=2, depths=(2,))),
)
ENCODINGS = [Encoding(SearchSpace()), Encoding(UNEVEN)]


@pytest.mark.parametrize(
    ("cost", "reduce"), [(macs, "sum"), (params, "sum"), (activation_bytes, "max")]
)
@pytest.mark.parametrize("encoding", ENCODINGS, ids=["published", "uneven"])
def test_a_table_gives_the_cost_of_each_network(encoding, cost, reduce):
    genotypes = np.concatenate(
        [
            encoding.sample(50, np.random.default_rng(0)),
            encoding.encode([encoding.space.smallest(), encoding.space.largest()]),
        ]
    )
    table = cost_table(encoding, cost, reduce=reduce)

    costs = [cost(network(encoding.space, arch)) for arch in encoding.decode(genotypes)]

    np.testing.assert_array_equal(table(genotypes), costs)


@given(seed=st.integers(0, 2**32 - 1))
def test_layers_may_cost_any_number(seed):
    encoding, rng = ENCODINGS[1], np.random.default_rng(seed)
    genotypes = encoding.sample(5, rng)
    known: dict = {}

    def milliseconds(layer):
        return known.setdefault(layer, rng.random())

    table = cost_table(encoding, milliseconds, constant=3.0)

    costs = [
        3.0 + sum(on_grid(milliseconds(layer)) for layer in network(encoding.space, arch).layers)
        for arch in encoding.decode(genotypes)
    ]
    np.testing.assert_array_equal(table(genotypes), costs)


def test_an_empty_matrix_has_no_costs():
    encoding = ENCODINGS[1]

    assert cost_table(encoding, macs)(encoding.sample(0, np.random.default_rng(0))).shape == (0,)


def test_a_stage_of_too_many_settings_to_write_down_is_summed_slot_by_slot():
    deep = SearchSpace(resolutions=(128,), depths=(2, 8), stages=(Stage(width=24),))
    encoding = Encoding(deep)
    genotypes = encoding.sample(20, np.random.default_rng(0))

    costs = [macs(network(deep, arch)) for arch in encoding.decode(genotypes)]

    np.testing.assert_array_equal(cost_table(encoding, macs)(genotypes), costs)


@pytest.mark.parametrize("name", COSTS)
def test_every_named_cost_tabulates(name):
    encoding, cost = ENCODINGS[1], COSTS[name]
    layers = network(UNEVEN, UNEVEN.smallest()).layers
    combine = sum if cost.reduce == "sum" else max

    table = cost.table(encoding)

    expected = combine(cost.layer_cost(layer) for layer in layers)
    assert table(encoding.encode([UNEVEN.smallest()]))[0] == expected
