"""The archive: every arch is scored once, and never more than agreed."""

import numpy as np
import pytest

from ofa.errors import InfeasibleBudget, OfaError
from ofa.search import Archive, Problem
from ofa.space import Encoding, SearchSpace

ENCODING = Encoding(SearchSpace())


def genes_sum(genotypes):
    return genotypes.sum(axis=1, dtype=np.float64)


def archive(*, margin: float = 1.0, **settings) -> Archive:
    settings = {
        "accuracy": genes_sum,
        "latency_ms": lambda genotypes: 1.0 + genes_sum(genotypes),
        "max_evaluations": 1000,
        **settings,
    }
    return Archive(Problem(encoding=ENCODING, **settings), margin=margin)


def test_an_arch_is_scored_once_however_often_it_is_met():
    asked: list[bytes] = []

    def accuracy(genotypes):
        asked.extend(row.tobytes() for row in genotypes)
        return genes_sum(genotypes)

    scored = archive(accuracy=accuracy)
    drawn = ENCODING.sample(100, np.random.default_rng(0))
    for rows in (slice(0, 60), slice(20, 80), slice(0, 100)):
        scored.score_new(np.concatenate([drawn[rows], drawn[rows]]))

    assert len(asked) == len(set(asked)) == scored.num_evaluations == 100
    assert set(asked) == {row.tobytes() for row in drawn}


def test_no_more_archs_are_asked_than_agreed():
    scored = archive(max_evaluations=30)
    scored.score_new(ENCODING.sample(100, np.random.default_rng(0)))

    assert scored.num_evaluations == 30 and scored.num_left == 0


def test_archs_too_slow_are_not_asked_and_those_within_the_margin_do_not_enter_the_front():
    drawn = ENCODING.sample(500, np.random.default_rng(0))
    latency_ms = 1.0 + genes_sum(drawn)
    limit = float(np.median(latency_ms))

    scored = archive(max_latency_ms=limit, margin=1.1)
    rows = scored.score_new(drawn)

    np.testing.assert_array_equal(rows.top1 == -np.inf, rows.latency_ms > 1.1 * limit)
    assert scored.num_evaluations == (latency_ms <= 1.1 * limit).sum()
    assert scored.front().latency_ms.max() == latency_ms[latency_ms <= limit].max()


def test_where_all_are_too_slow_the_front_is_refused_with_the_fastest():
    scored = archive(max_latency_ms=0.5)
    scored.score_new(ENCODING.encode([ENCODING.space.smallest(), ENCODING.space.largest()]))

    with pytest.raises(
        InfeasibleBudget, match=r"none of 2 .* meets 0.5 ms; the fastest takes 1.000 ms"
    ):
        scored.front()


@pytest.mark.parametrize(
    ("scores", "complaint"),
    [
        (
            {"accuracy": lambda g: np.full(len(g), np.nan)},
            "accuracy of arch 128px .* is nan, not a f",
        ),
        (
            {"latency_ms": lambda g: np.full(len(g), np.inf)},
            "latency of arch 128px .* is inf, not a f",
        ),
        (
            {"latency_ms": lambda g: np.zeros(len(g))},
            "latency .* is 0.0, not a finite number above 0",
        ),
    ],
)
def test_a_score_that_is_no_number_is_refused_with_its_arch(scores, complaint):
    with pytest.raises(OfaError, match=complaint):
        archive(**scores).score_new(ENCODING.encode([ENCODING.space.smallest()]))


def test_a_problem_without_evaluations_is_refused():
    with pytest.raises(OfaError, match="0 evaluations are too few; allow 1 or more"):
        archive(max_evaluations=0)
