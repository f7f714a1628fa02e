import numpy as np

from ofa.evaluate import most_informative
from ofa.space import Encoding, SearchSpace, cost_table, macs

ENCODING = Encoding(SearchSpace())
COST = cost_table(ENCODING, macs)


def chosen(std, accuracy=lambda g: np.zeros(len(g)), num=20):
    known = ENCODING.sample(50, np.random.default_rng(1))
    rows = most_informative(
        ENCODING,
        num,
        accuracy=accuracy,
        std=std,
        cost=COST,
        known=known,
        rng=np.random.default_rng(0),
    )
    return rows, known


def test_archs_are_new_distinct_and_as_many_as_asked():
    rows, known = chosen(std=lambda g: np.ones(len(g)))

    assert len(ENCODING.unique(np.concatenate([known, rows]))) == len(known) + 20


def test_half_is_asked_where_the_predictor_is_unsure():
    unsure = lambda g: 1.0 + (g[:, 0] == 2)  # noqa: E731  unsure about one resolution

    rows, _ = chosen(std=unsure, accuracy=lambda g: 9.0 * (g[:, 0] == 1))

    # Of 10 size bins each; the smallest and largest hold archs of one resolution only.
    assert (rows[:, 0] == 2).sum() >= 6
    assert (rows[:, 0] == 1).sum() >= 6  # where the front lies: the most accurate resolution


def test_what_is_asked_covers_all_sizes():
    rows, _ = chosen(std=lambda g: np.random.default_rng(2).random(len(g)))

    low, high = np.log(COST(ENCODING.encode([ENCODING.space.smallest(), ENCODING.space.largest()])))
    place = (np.log(COST(rows)) - low) / (high - low)
    assert place.min() < 0.2 and place.max() > 0.8
