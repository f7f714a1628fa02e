"""What a search of one device chooses, and why one cannot begin."""

import shutil

import pytest

from benchmarks.tiny_journey import write_checkpoint
from ofa import artifacts, pipeline
from ofa.checkpoint import PREDICTOR, PREDICTOR_REPORT
from ofa.errors import BadArtifact, OfaError
from ofa.opened import read_fit
from ofa.run_files import read_front


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A checkpoint with a predictor."""
    folder = tmp_path_factory.mktemp("fitted")
    write_checkpoint(folder, num_measured=60)
    pipeline.fit_predictor(checkpoint=str(folder))
    return folder


@pytest.fixture
def checkpoint(fitted, tmp_path):
    """A copy of it to change."""
    return shutil.copytree(fitted, tmp_path / "checkpoint")


def test_without_a_predictor_a_search_tells_the_commands_that_make_one(tmp_path):
    write_checkpoint(tmp_path, num_measured=0)

    told = (
        f"there is no predictor yet; .*ofa sample --checkpoint {tmp_path}; "
        f"ofa fit-predictor --checkpoint {tmp_path}"
    )
    with pytest.raises(OfaError, match=told):
        pipeline.search(device="pixel", checkpoint=str(tmp_path), out=tmp_path / "run")


def test_a_predictor_beside_the_report_of_another_is_refused_with_the_command_that_fits_both(
    checkpoint, tmp_path
):
    report = (checkpoint / PREDICTOR_REPORT).read_bytes()
    pipeline.fit_predictor(checkpoint=str(checkpoint), seed=1)
    (checkpoint / PREDICTOR_REPORT).write_bytes(report)

    told = (
        rf"predictor\.json: was made from another predictor than .*{PREDICTOR}; fit it again: "
        f"ofa fit-predictor --checkpoint {checkpoint}"
    )
    with pytest.raises(BadArtifact, match=told):
        pipeline.search(device="pixel", checkpoint=str(checkpoint), out=tmp_path / "run")
    with pytest.raises(BadArtifact, match=told):
        read_fit(checkpoint)


def test_a_report_from_before_it_named_its_predictor_is_refused_alike(checkpoint):
    path = checkpoint / PREDICTOR_REPORT
    body = artifacts.read_json(path, schema="ofa.predictor")
    del body["inputs"]["predictor"]
    artifacts.write_json(path, body, schema="ofa.predictor")

    with pytest.raises(
        BadArtifact, match="does not name its predictor; fit it again: ofa fit-pred"
    ):
        read_fit(checkpoint)


def test_the_best_subnet_of_all_rounds_is_chosen(fitted, tmp_path):
    path = pipeline.search(device="pixel", checkpoint=str(fitted), out=tmp_path, rounds=3)

    outcome = read_front(path)
    assert outcome.chosen.search_top1 == max(turn.best_top1 for turn in outcome.rounds)
    assert len(outcome.candidates) == sum(turn.num_measured for turn in outcome.rounds)
    assert all(one.estimated_ms <= outcome.budget_ms for one in outcome.candidates)
