"""What holds for every arch of either kind of space, whatever is drawn."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa.space import (
    Encoding,
    ResNetEncoding,
    ResNetSpace,
    ResNetStage,
    SearchSpace,
    Stage,
    activation_bytes,
    check_arch,
    cost_table,
    macs,
    network,
    on_grid,
    params,
)

ENCODINGS = {
    "MobileNetV3": Encoding(SearchSpace(resolutions=(128, 160, 224))),
    "uneven": Encoding(
        SearchSpace(
            resolutions=(32, 48),
            expand_ratios=(2, 3.5),
            stages=(Stage(width=16, depths=(1, 3)), Stage(width=24, stride=2, depths=(2,))),
        )
    ),
    "ResNet50D": ResNetEncoding(ResNetSpace(resolutions=(128, 140, 224))),
    "small ResNet": ResNetEncoding(
        ResNetSpace(
            resolutions=(32, 48),
            width_ratios=(0.5, 1.0),
            expand_ratios=(0.25, 0.35),
            stages=(ResNetStage(width=32, stride=1, depths=(1, 3)),),
        )
    ),
}
FAMILIES = st.sampled_from(sorted(ENCODINGS))
SEEDS = st.integers(0, 2**32 - 1)


def any_rows(encoding, num, rng):
    """Rows of legal genes; those of absent blocks are not 0, as in canonical ones."""
    return rng.integers(0, encoding.num_choices, (num, encoding.num_genes)).astype(np.uint8)


@given(family=FAMILIES, seed=SEEDS)
def test_archs_are_equal_exactly_where_their_canonical_rows_are(family, seed):
    encoding, rng = ENCODINGS[family], np.random.default_rng(seed)
    rows = any_rows(encoding, 6, rng)
    near = np.where(rng.random(rows.shape) < 0.1, any_rows(encoding, 6, rng), rows)
    canonical = encoding.canonical(np.concatenate([rows, near]))
    archs = encoding.decode(canonical)
    ids = [arch.id for arch in archs]

    for i, j in combinations(range(len(archs)), 2):
        are_equal = np.array_equal(canonical[i], canonical[j])
        assert (archs[i] == archs[j]) == (ids[i] == ids[j]) == are_equal


@given(family=FAMILIES, seed=SEEDS)
def test_a_row_and_its_arch_translate_into_each_other(family, seed):
    encoding = ENCODINGS[family]
    rows = encoding.canonical(any_rows(encoding, 10, np.random.default_rng(seed)))

    archs = encoding.decode(rows)

    np.testing.assert_array_equal(encoding.encode(archs), rows)
    for arch in archs:
        check_arch(encoding.space, arch)


@given(family=FAMILIES, seed=SEEDS, rate=st.floats(0, 1))
def test_children_stay_in_their_space(family, seed, rate):
    encoding, rng = ENCODINGS[family], np.random.default_rng(seed)
    mothers, fathers = encoding.sample(10, rng), encoding.sample(10, rng)

    children = encoding.mutate(encoding.crossover(mothers, fathers, rng), rng, rate=rate)

    np.testing.assert_array_equal(encoding.canonical(children), children)
    for arch in encoding.decode(children):
        check_arch(encoding.space, arch)


@pytest.mark.parametrize(
    ("cost", "reduce"), [(macs, "sum"), (params, "sum"), (activation_bytes, "max")]
)
@pytest.mark.parametrize("family", ENCODINGS)
def test_no_cost_falls_when_any_gene_rises(family, cost, reduce):
    encoding = ENCODINGS[family]
    table = cost_table(encoding, cost, reduce=reduce)
    rows = encoding.sample(40, np.random.default_rng(0))

    for gene, num_choices in enumerate(encoding.num_choices):
        raised = rows.copy()
        raised[:, gene] = np.minimum(raised[:, gene] + 1, num_choices - 1)
        assert (table(encoding.canonical(raised)) >= table(rows)).all(), gene


@given(family=FAMILIES, seed=SEEDS, size=st.integers(1, 40))
def test_costs_depend_neither_on_order_nor_on_how_many_are_asked_at_once(family, seed, size):
    encoding, rng = ENCODINGS[family], np.random.default_rng(seed)
    table, rows = TABLES[family], encoding.sample(40, rng)
    order = rng.permutation(40)

    whole = table(rows)

    parts = [table(rows[start : start + size]) for start in range(0, 40, size)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(table(rows[order]), whole[order])


@pytest.mark.parametrize("family", ENCODINGS)
def test_milliseconds_add_up_alike_in_a_table_and_layer_by_layer(family):
    encoding = ENCODINGS[family]
    rows = encoding.sample(60, np.random.default_rng(0))

    alone = [
        sum(
            on_grid(milliseconds(layer)) for layer in reversed(network(encoding.space, arch).layers)
        )
        for arch in encoding.decode(rows)
    ]

    np.testing.assert_array_equal(TABLES[family](rows), alone)


def milliseconds(layer):
    return macs(layer) * 1.1e-7 + params(layer) * 0.7e-6 + 0.0123


TABLES = {name: cost_table(encoding, milliseconds) for name, encoding in ENCODINGS.items()}
