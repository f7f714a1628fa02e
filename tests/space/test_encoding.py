"""Genotype matrices: what they hold, and that whole-matrix operations keep it so."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa.errors import IllegalSpace
from ofa.space import Encoding, SearchSpace, Stage

UNEVEN = SearchSpace(
    resolutions=(32, 48, 64),
    kernel_sizes=(3, 5),
    expand_ratios=(2, 3.5),
    stages=(Stage(width=16, depths=(1, 3)), Stage(width=24, stride=2, depths=(2,))),
)
SPACES = st.sampled_from([SearchSpace(), UNEVEN])
SEEDS = st.integers(0, 2**32 - 1)


def test_columns_are_resolution_then_depths_then_kernels_then_expands():
    encoding = Encoding(UNEVEN)

    assert encoding.num_slots == 5 and encoding.num_genes == 1 + 2 + 5 + 5
    assert encoding.num_choices.tolist() == [3, 2, 1] + [2] * 10
    assert encoding.encode([UNEVEN.smallest(), UNEVEN.largest()]).tolist() == [
        [0, 0, 0] + [0] * 10,
        [2, 1, 0] + [1] * 10,
    ]


@given(space=SPACES, seed=SEEDS)
def test_archs_round_trip_through_genotypes(space, seed):
    encoding = Encoding(space)
    genotypes = encoding.sample(20, np.random.default_rng(seed))

    archs = encoding.decode(genotypes)

    for arch in archs:
        space.check(arch)
    np.testing.assert_array_equal(encoding.encode(archs), genotypes)


@given(space=SPACES, seed=SEEDS, rate=st.floats(0, 1))
def test_sample_mutate_and_cross_give_canonical_rows_of_the_space(space, seed, rate):
    encoding, rng = Encoding(space), np.random.default_rng(seed)
    mothers, fathers = encoding.sample(30, rng), encoding.sample(30, rng)

    for genotypes in (
        mothers,
        encoding.mutate(mothers, rng, rate=rate),
        encoding.crossover(mothers, fathers, rng),
    ):
        assert (genotypes < encoding.num_choices).all()
        np.testing.assert_array_equal(encoding.canonical(genotypes), genotypes)


def test_genes_of_absent_blocks_make_no_difference():
    encoding = Encoding(UNEVEN)
    row = encoding.encode([UNEVEN.smallest()])
    noisy = row.copy()
    noisy[0, encoding.kernel_genes] = [0, 1, 1, 0, 0]

    np.testing.assert_array_equal(encoding.canonical(noisy), row)
    assert encoding.decode(noisy) == encoding.decode(row)


def test_mutation_at_rate_0_changes_nothing():
    encoding, rng = Encoding(UNEVEN), np.random.default_rng(0)
    genotypes = encoding.sample(50, rng)

    np.testing.assert_array_equal(encoding.mutate(genotypes, rng, rate=0.0), genotypes)


def test_a_child_takes_every_gene_from_one_of_its_parents():
    encoding, rng = Encoding(UNEVEN), np.random.default_rng(0)
    mothers, fathers = encoding.sample(500, rng), encoding.sample(500, rng)

    children = encoding.crossover(mothers, fathers, rng)

    inherited = (children == mothers) | (children == fathers)
    active = encoding.active_slots(children)
    assert inherited[:, : encoding.kernel_genes.start].all()
    assert inherited[:, encoding.kernel_genes][active].all()
    assert inherited[:, encoding.expand_genes][active].all()


def test_one_seed_draws_one_matrix():
    encoding = Encoding(SearchSpace())

    first, again = (encoding.sample(100, np.random.default_rng(7)) for _ in range(2))

    np.testing.assert_array_equal(first, again)


def test_unique_keeps_the_first_of_each_arch_in_order():
    encoding = Encoding(UNEVEN)
    small, large = encoding.encode([UNEVEN.smallest(), UNEVEN.largest()])

    distinct = encoding.unique(np.stack([large, small, large, small]))

    np.testing.assert_array_equal(distinct, np.stack([large, small]))


@pytest.mark.parametrize("space", [UNEVEN, replace(UNEVEN, kernel_sizes=(3,))])
def test_enumeration_lists_every_subnet_once(space):
    encoding = Encoding(space)

    genotypes = encoding.enumerate()

    assert len(genotypes) == space.num_subnets == len(encoding.unique(genotypes))
    np.testing.assert_array_equal(encoding.canonical(genotypes), genotypes)
    assert (genotypes < encoding.num_choices).all()


def test_a_space_too_large_to_enumerate_is_refused():
    with pytest.raises(IllegalSpace, match="more than the 1,000 that can be enumerated"):
        Encoding(UNEVEN).enumerate(limit=1000)
