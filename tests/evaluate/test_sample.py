import numpy as np
import pytest

from ofa.errors import OfaError
from ofa.evaluate import draw_archs
from ofa.space import Encoding, SearchSpace, macs, network


@pytest.mark.parametrize("draw", ["uniform", "macs"])
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


def test_a_small_space_is_drawn_to_the_last(tiny_space):
    encoding = Encoding(tiny_space)

    archs = draw_archs(encoding, tiny_space.num_subnets, draw="macs", seed=0)

    assert len(set(archs)) == tiny_space.num_subnets
    with pytest.raises(OfaError, match="the space holds"):
        draw_archs(encoding, tiny_space.num_subnets + 1, draw="uniform", seed=0)
