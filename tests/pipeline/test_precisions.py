"""Twins of a device side by side: who wins within the budget, and where each leads."""

import pytest

from ofa.errors import OfaError
from ofa.latency import Estimate, load_device
from ofa.pipeline.front import search
from ofa.pipeline.precisions import compare_precisions, search_precisions
from ofa.run_files import Candidate, FrontPoint, SearchOutcome, write_front

DEVICE = """
hardware: {{name: Some Phone, soc: Some Chip, unit: cpu}}
runtime: {{name: tflite}}
precision: {precision}
threads: 1
batch: 1
target: none
"""


@pytest.fixture
def twin(tmp_path, tiny_space):
    """A device with a front of the given points, whose fastest is the candidate."""

    def make(precision, *points, search_top1: float | None = None):
        folder = tmp_path / precision
        folder.mkdir()
        (folder / "device.yaml").write_text(DEVICE.format(precision=precision))
        front = tuple(
            FrontPoint(arch=tiny_space.smallest(), predicted_top1=top1, estimated_ms=ms)
            for ms, top1 in points
        )
        outcome = SearchOutcome(
            device=precision,
            budget_ms=2.0,
            budget_is_given=True,
            lowest_ms=1.0,
            highest_ms=9.0,
            num_evaluations=1,
            exhaustive=False,
            front=front,
            random_front=(),
            candidates=(
                Candidate(
                    arch=front[0].arch,
                    predicted_top1=front[0].predicted_top1,
                    estimated_ms=front[0].estimated_ms,
                    search_top1=search_top1,
                ),
            ),
            seed=0,
        )
        write_front(folder / "front.json", outcome, inputs={})
        return load_device(tmp_path, str(folder)), folder / "front.json"

    return make


def estimate(device, arch):
    return Estimate(latency_ms=1.5, low_ms=1.0, high_ms=2.0, label="calibrated")


def test_the_most_accurate_within_the_budget_wins_and_each_leads_where_no_twin_does(twin):
    floats = twin("fp32", (2.0, 80.0), (4.0, 90.0), (6.0, 91.0))
    quantized = twin("int8", (1.0, 81.0), (3.0, 85.0), (5.0, 89.0))

    contest = compare_precisions(dict([floats, quantized]), estimate)

    first, second = contest.contenders
    assert contest.winner == first and first.precision == "int8"
    assert (first.num_points, first.lowest_ms, first.highest_ms) == (2, 1.0, 3.0)
    assert (second.num_points, second.lowest_ms, second.highest_ms) == (2, 4.0, 6.0)
    assert not contest.is_measured


def test_measurement_decides_over_prediction(twin):
    floats = twin("fp32", (2.0, 80.0), search_top1=79.5)
    quantized = twin("int8", (1.0, 81.0), search_top1=79.0)

    contest = compare_precisions(dict([floats, quantized]), estimate)

    assert contest.is_measured
    assert [one.precision for one in contest.contenders] == ["fp32", "int8"]
    assert contest.winner.top1 == 79.5


def test_the_device_itself_wins_before_a_twin_as_good(twin):
    floats, quantized = twin("fp32", (2.0, 80.0)), twin("int8", (1.0, 80.0))

    contest = compare_precisions(dict([floats, quantized]), estimate)

    assert contest.winner.precision == "fp32"


def test_a_twin_that_is_too_slow_is_last_and_leads_nowhere(twin):
    floats, (quantized, _) = twin("fp32", (2.0, 80.0)), twin("int8", (1.0, 80.0))

    contest = compare_precisions({quantized: None, floats[0]: floats[1]}, estimate)

    slow = contest.contenders[-1]
    assert contest.winner.precision == "fp32"
    assert (slow.path, slow.top1, slow.num_points, slow.lowest_ms) == (None, None, 0, None)


def test_a_device_without_a_twin_is_told_how_to_get_one(twin):
    floats, _ = twin("fp32", (2.0, 80.0))

    with pytest.raises(OfaError, match=r"described in fp32 alone; leave out --precisions"):
        search_precisions(search, device=str(floats.folder), checkpoint="fashion_mnist")
