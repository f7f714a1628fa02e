"""Search and measurement in turns.

Truth and predictor are made up, so that what measuring should find is known.
"""

from functools import partial

import numpy as np
import pytest

from benchmarks.tiny_journey import SPACE, write_checkpoint
from ofa.pipeline.rounds import Measured, refitted, settle
from ofa.search import Problem, search_front
from ofa.space import Encoding, cost_table, macs


@pytest.fixture
def encoding(tiny_space):
    return Encoding(tiny_space)


def truth(genotypes):
    return 80.0 + genotypes.sum(axis=1, dtype=np.float64)


def flattering(genotypes):
    """Flatters all archs of the smaller resolution by 30 points."""
    return truth(genotypes) + 30.0 * (genotypes[:, 0] == 0)


def settled(
    encoding,
    *,
    max_rounds,
    accuracy=flattering,
    refit=lambda pairs: truth,
    kept=None,
    known=None,
):
    measured = Measured(
        encoding=encoding,
        measure=lambda archs: zip(archs, truth(encoding.encode(archs)).tolist(), strict=True),
        known=known or {},
        keep=lambda arch, top1: kept.append(arch) if kept is not None else None,
    )
    problem = partial(Problem, encoding=encoding, latency_ms=cost_table(encoding, macs))
    return settle(
        lambda score: search_front(problem(accuracy=score), np.random.default_rng(0)),
        measured,
        accuracy=accuracy,
        refit=refit,
        budget_ms=1e9,
        num_candidates=4,
        max_rounds=max_rounds,
    )


def test_the_gap_of_a_flattering_predictor_is_told_and_gone_after_a_round(encoding):
    first, second, *_ = settled(encoding, max_rounds=5).rounds

    assert first.gap == pytest.approx(30.0) and first.winner_gap == pytest.approx(30.0)
    assert second.gap == pytest.approx(0.0)
    assert second.best_top1 > first.best_top1


def test_rounds_end_when_measuring_finds_nothing_new(encoding):
    outcome = settled(encoding, max_rounds=9)

    assert [turn.num_measured for turn in outcome.rounds][-1] == 0
    assert len(outcome.rounds) == 3


def test_no_more_rounds_than_asked(encoding):
    assert len(settled(encoding, max_rounds=1).rounds) == 1


def test_no_arch_is_measured_twice(encoding):
    kept = []

    rounds = settled(encoding, max_rounds=9, kept=kept).rounds

    assert len(kept) == len(set(kept)) == sum(turn.num_measured for turn in rounds)


def test_a_measurement_can_score_in_the_place_of_a_predictor(encoding):
    outcome = settled(encoding, max_rounds=1, accuracy=truth)

    assert outcome.rounds[0].gap == 0


def test_what_an_earlier_round_measured_can_still_be_chosen(encoding):
    outcome = settled(
        encoding, max_rounds=2, accuracy=truth, refit=lambda pairs: lambda g: -truth(g)
    )

    best_of_each = [turn.best_top1 for turn in outcome.rounds]
    assert best_of_each[0] > best_of_each[1]
    assert truth(outcome.candidates).max() == best_of_each[0]
    assert len(outcome.candidates) == sum(turn.num_measured for turn in outcome.rounds)


def test_an_arch_measured_in_int8_is_measured_in_fp32_once_however_many_rounds(tmp_path):
    write_checkpoint(tmp_path, num_measured=60)
    encoding, asked = Encoding(SPACE), []

    def measure(archs):
        asked.extend(archs)
        return zip(archs, truth(encoding.encode(archs)).tolist(), strict=True)

    in_fp32 = Measured(encoding=encoding, measure=measure)
    archs = encoding.decode(encoding.unique(encoding.sample(40, np.random.default_rng(9))))

    for num in (10, 20, 30):  # pairs grow from round to round
        pairs = dict.fromkeys(archs[:num], 60.0)
        refitted(tmp_path, encoding, pairs, precision="int8", in_fp32=in_fp32, seed=0)

    assert asked and len(asked) == len(set(asked))
    assert set(asked) <= set(archs[:30])


def test_a_search_that_was_killed_between_measurements_ends_like_one_that_was_not(encoding):
    def measure(arch):
        return float(truth(encoding.encode([arch]))[0])

    def refit(pairs):
        """Depends on every pair, so that one too many would show."""
        return lambda genotypes: truth(genotypes) + len(pairs) * 0.01 * genotypes[:, 1]

    measured = []
    whole = settled(encoding, max_rounds=5, refit=refit, kept=measured)
    known = {arch: measure(arch) for arch in measured[:6]}
    again = []

    resumed = settled(encoding, max_rounds=5, refit=refit, known=known, kept=again)

    assert resumed.rounds == whole.rounds
    np.testing.assert_array_equal(resumed.front.genotypes, whole.front.genotypes)
    assert again == measured[6:]
