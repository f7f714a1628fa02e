from dataclasses import replace

import numpy as np
import pytest

from ofa.errors import OfaError
from ofa.evaluate import draw_archs
from ofa.space import Encoding, SearchSpace, cost_table, macs, network


@pytest.mark.parametrize("draw", ["uniform", "macs", "tree"])
def test_draws_are_distinct_repeatable_and_extend_one_another(draw):
    encoding = Encoding(SearchSpace())

    archs = draw_archs(encoding, 300, draw=draw, seed=3)

    assert len(set(archs)) == 300
    assert draw_archs(encoding, 100, draw=draw, seed=3) == archs[:100]
    assert draw_archs(encoding, 100, draw=draw, seed=4) != archs[:100]


def test_drawing_by_macs_covers_all_sizes_evenly():
    space = SearchSpace()
    archs = draw_archs(Encoding(space), 600, draw="macs", seed=0)
    low, high = (np.log(macs(network(space, a))) for a in (space.smallest(), space.largest()))

    place = (np.log([macs(network(space, arch)) for arch in archs]) - low) / (high - low)

    counts = np.histogram(place, bins=6, range=(0, 1))[0]
    assert counts.min() >= 50
    assert {space.largest(), space.smallest()} <= set(archs)


@pytest.mark.parametrize("draw", ["uniform", "macs", "tree"])
def test_a_small_space_is_drawn_to_the_last_in_one_order(tiny_space, draw):
    encoding, held = Encoding(tiny_space), tiny_space.num_subnets

    archs = draw_archs(encoding, held, draw=draw, seed=0)

    assert len(set(archs)) == held
    for num in (10, held // 3, held - 1):
        assert draw_archs(encoding, num, draw=draw, seed=0) == archs[:num]
    with pytest.raises(OfaError, match="the space holds"):
        draw_archs(encoding, held + 1, draw=draw, seed=0)


def test_corners_are_drawn_first_however_small_the_space(tiny_space):
    small = replace(tiny_space, resolutions=(16,), kernel_sizes=(3,))

    archs = draw_archs(Encoding(small), 100, draw="macs", seed=0)

    assert archs[:2] == [small.largest(), small.smallest()]


def test_a_tree_has_the_first_layers_of_plain_drawing_many_times_each():
    encoding = Encoding(SearchSpace())

    def num_distinct_beginnings(draw):
        archs = draw_archs(encoding, 400, draw=draw, seed=0)
        return len({(arch.resolution, arch.stages[0]) for arch in archs})

    assert num_distinct_beginnings("tree") < 0.7 * num_distinct_beginnings("macs")


def test_a_tree_still_holds_every_choice_of_every_gene():
    encoding = Encoding(SearchSpace())

    rows = encoding.encode(draw_archs(encoding, 400, draw="tree", seed=0))

    assert [len(np.unique(column)) for column in rows.T] == encoding.num_choices.tolist()


def test_drawing_by_latency_spreads_over_the_latency_given():
    encoding = Encoding(SearchSpace())
    table = cost_table(encoding, macs)

    def latency_ms(rows):  # of a device that is slow at large kernels
        return table(rows) * (1.0 + rows[:, encoding.kernel_genes].mean(axis=1))

    archs = draw_archs(encoding, 600, draw="latency", seed=0, latency_ms=latency_ms)

    place = np.log(latency_ms(encoding.encode(archs)))
    counts = np.histogram((place - place.min()) / np.ptp(place), bins=6, range=(0, 1))[0]
    assert counts.min() >= 50
    with pytest.raises(OfaError, match="add --device"):
        draw_archs(encoding, 4, draw="latency", seed=0)
