"""Which layers a space holds, and which subnets tell most of them."""

import numpy as np

from ofa.latency.design import informative_subnets, space_layers
from ofa.latency.features import layer_key
from ofa.space import Encoding, SearchSpace, Stage, Stem, network

SPACE = SearchSpace(
    in_channels=1,
    num_classes=10,
    resolutions=(22, 28),
    kernel_sizes=(3, 5),
    expand_ratios=(2, 3),
    depths=(1, 2),
    stem=Stem(stride=1),
    stages=(Stage(width=24), Stage(width=40, stride=2, squeeze_excite=True)),
)
ENCODING = Encoding(SPACE)


def layers_of(genotypes) -> set[str]:
    nets = [network(SPACE, arch) for arch in ENCODING.decode(genotypes)]
    return {layer_key(layer) for net in nets for layer in net.layers}


def test_the_layers_of_a_space_are_exactly_those_its_subnets_hold():
    assert set(space_layers(ENCODING)) == layers_of(ENCODING.enumerate())


def test_chosen_subnets_are_distinct_and_begin_with_the_corners():
    chosen = informative_subnets(ENCODING, num=20, rng=np.random.default_rng(0))

    archs = ENCODING.decode(chosen)
    assert archs[:2] == [SPACE.largest(), SPACE.smallest()]
    assert len(set(archs)) == 22


def test_equal_seeds_choose_equal_subnets():
    first, second = (
        informative_subnets(ENCODING, num=9, rng=np.random.default_rng(3)) for _ in range(2)
    )

    np.testing.assert_array_equal(first, second)


def test_few_chosen_subnets_hold_every_layer_where_as_many_random_ones_do_not():
    num = 14
    chosen = informative_subnets(ENCODING, num=num, rng=np.random.default_rng(0))
    lacking_at_random = []
    for seed in range(5):
        drawn = ENCODING.sample(len(chosen), np.random.default_rng(seed))
        lacking_at_random.append(len(space_layers(ENCODING)) - len(layers_of(drawn)))

    assert len(space_layers(ENCODING)) - len(layers_of(chosen)) <= min(lacking_at_random)
    assert max(lacking_at_random) > 0


def test_a_space_of_few_subnets_is_timed_whole():
    small = SearchSpace(
        in_channels=1,
        num_classes=10,
        resolutions=(22,),
        kernel_sizes=(3,),
        expand_ratios=(2, 3),
        depths=(1,),
        stem=Stem(stride=1),
        stages=(Stage(width=24),),
    )

    chosen = informative_subnets(Encoding(small), num=50, rng=np.random.default_rng(0))

    assert len(chosen) == small.num_subnets
