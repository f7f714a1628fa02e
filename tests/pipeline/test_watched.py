"""Watching a search: it tells the truth, and changes nothing."""

import logging

import numpy as np
import pytest

import ofa.pipeline.watched as watched_module
from ofa.errors import OfaError
from ofa.pipeline.watched import SearchProgress, Watched
from ofa.search import Problem, search_front
from ofa.space import Encoding, SearchSpace, cost_table, macs

ENCODING = Encoding(SearchSpace())
LATENCY_MS = cost_table(ENCODING, lambda layer: macs(layer) / 1e6)


def accuracy(genotypes):
    return 60.0 + genotypes.sum(axis=1, dtype=np.float64)


def searched(score):
    problem = Problem(
        encoding=ENCODING, accuracy=score, latency_ms=LATENCY_MS, max_evaluations=2000
    )
    return search_front(problem, np.random.default_rng(0))


def test_a_long_search_logs_the_front_so_far_and_its_result_is_the_same(monkeypatch, caplog):
    monkeypatch.setattr(watched_module, "_FIRST_S", 0.0)
    monkeypatch.setattr(watched_module, "_EVERY_S", 0.0)
    caplog.set_level(logging.INFO, "ofa")
    watched = Watched(accuracy, latency_ms=LATENCY_MS, worst_ms=300.0)

    front = searched(watched)

    np.testing.assert_array_equal(front.genotypes, searched(accuracy).genotypes)
    told = [record.args[0] for record in caplog.records]
    assert told[-1].num_evaluations == front.num_evaluations
    assert told[-1].best_top1 == front.top1[front.best_under(300.0)]
    areas = [one.hypervolume for one in told]
    assert areas[0] > 0 and areas[-1] == max(areas)


def test_how_a_search_stands_is_one_line():
    stands = SearchProgress(
        num_evaluations=12_000, per_second=4_000.0, best_top1=93.4, hypervolume=7.25
    )

    assert str(stands) == "best 93.40 %, hypervolume 7.25, 12,000 evaluations, 4,000 a second"


def test_a_short_search_logs_nothing(caplog):
    caplog.set_level(logging.INFO, "ofa")

    searched(Watched(accuracy, latency_ms=LATENCY_MS))

    assert not caplog.records


def test_an_accuracy_without_a_slope_is_not_given_one():
    watched = Watched(accuracy, latency_ms=LATENCY_MS)

    with pytest.raises(OfaError, match="tells no slope"):
        watched.slope(ENCODING.sample(1, np.random.default_rng(0)))
