"""Rooms that pass spaces on need not know their kind."""

import numpy as np
import pytest

from ofa.errors import IllegalArch
from ofa.space import (
    Encoding,
    ResNetEncoding,
    ResNetSpace,
    SearchSpace,
    check_arch,
    cost_table,
    encoding_of,
    genotypes_of,
    macs,
    network,
)

SPACES = (SearchSpace(), ResNetSpace(resolutions=(128, 224)))


@pytest.mark.parametrize(("space", "kind"), [*zip(SPACES, (Encoding, ResNetEncoding), strict=True)])
def test_a_space_has_the_encoding_networks_and_cost_tables_of_its_kind(space, kind):
    encoding = encoding_of(space)
    archs = encoding.decode(encoding.sample(20, np.random.default_rng(0)))

    costs = cost_table(encoding, macs)(genotypes_of(encoding, archs))

    assert isinstance(encoding, kind)
    np.testing.assert_array_equal(costs, [macs(network(space, arch)) for arch in archs])


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.family)
def test_only_genes_of_absent_blocks_are_not_live(space):
    encoding = encoding_of(space)
    genotypes = encoding.sample(50, np.random.default_rng(0))

    live = encoding.live_genes(genotypes)

    other = np.where(live, genotypes, 1)  # any value where it means nothing
    np.testing.assert_array_equal(encoding.canonical(other.astype(np.uint8)), genotypes)
    assert live.all(axis=1).sum() < len(live)
    covered = np.concatenate([np.arange(encoding.num_genes)[g] for g in encoding.gene_groups])
    assert covered.tolist() == list(range(encoding.num_genes))


def test_an_arch_of_another_kind_is_refused():
    space, other = SPACES
    arch = other.largest()

    for refuse in (
        lambda: network(space, arch),
        lambda: check_arch(space, arch),
        lambda: genotypes_of(encoding_of(space), [arch]),
        lambda: network(other, space.largest()),
    ):
        with pytest.raises(IllegalArch, match=r"'224px .*' is of another kind than those of a"):
            refuse()
