"""What a search of one device chooses, and why one cannot begin."""

import re

import pytest

from benchmarks.tiny_journey import write_checkpoint
from ofa import artifacts, pipeline
from ofa.checkpoint import (
    ACCURACY,
    PREDICTOR,
    PREDICTOR_REPORT,
    SUPERNET,
    MeasuredArch,
    append_accuracy,
    read_accuracy,
    read_supernet,
)
from ofa.cli import main
from ofa.errors import BadArtifact, OfaError
from ofa.opened import open_supernet, read_fit
from ofa.pipeline.rounds import trusted_accuracy
from ofa.run_files import read_front
from ofa.space import encoding_of


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


@pytest.fixture
def doubted(checkpoint):
    """A checkpoint whose predictor ranks well in fp32, and in int8 worse than was asked of it."""
    path = checkpoint / PREDICTOR_REPORT
    body = artifacts.read_json(path, schema="ofa.predictor")
    quantized = dict.fromkeys(
        ("num_pairs", "mean_change", "change_std", "change_rmse", "rmse", "float_kendall_tau"), 20
    )
    body["report"] |= {
        "kendall_tau": 0.9,
        "min_tau": 0.8,
        "quantized": quantized | {"kendall_tau": 0.5},
    }
    artifacts.write_json(path, body, schema="ofa.predictor")
    return checkpoint


def test_a_predictor_is_judged_in_the_precision_that_it_is_asked_about(doubted, caplog):
    encoding = encoding_of(open_supernet(doubted)[1].space)

    assert trusted_accuracy(doubted, encoding, "fp32") is not None
    assert not caplog.text
    assert trusted_accuracy(doubted, encoding, "int8") is None
    assert "Kendall tau in int8 0.500 is below the 0.800 asked of it, so the search" in caplog.text


def test_a_search_that_measures_nothing_refuses_a_predictor_that_ranks_too_badly(doubted, tmp_path):
    path = doubted / PREDICTOR_REPORT
    asked = {"checkpoint": str(doubted)}
    pipeline.compare_strategies(device="pixel", strategies=["grid"], num_seeds=1, **asked)
    told = (
        "tau in int8 0.500 is below the 0.800 asked of it, .*; measure more .*, or search one dev"
    )
    with pytest.raises(OfaError, match=told):
        pipeline.compare_strategies(device="pixel4-cpu-int8", strategies=["grid"], **asked)

    path.write_text(path.read_text().replace('"min_tau": 0.8', '"min_tau": 0.95'))
    with pytest.raises(OfaError, match=r"Kendall tau 0\.900 is below the 0\.950 asked of it"):
        pipeline.search_fleet(budgets={"pixel": ["25%"]}, out=tmp_path / "fleet", **asked)
    assert not (tmp_path / "fleet").exists()


def test_a_space_too_small_for_a_predictor_comes_to_an_engine_by_measurement(
    small_checkpoint, tmp_path, capsys
):
    checkpoint, out = str(small_checkpoint), str(tmp_path / "run")
    words = ["--device", "pixel", "--checkpoint", checkpoint, "--out", out]

    pipeline.sample(checkpoint=checkpoint, num=10)
    with pytest.raises(OfaError, match=r"the space holds 18 subnets, .*; none is needed"):
        pipeline.fit_predictor(checkpoint=checkpoint)
    assert main(["search", *words]) == 0
    assert main(["specialize", *words]) == 0

    told = capsys.readouterr().out
    assert "scored by measurement: 18 subnets, none predicted" in told
    assert not re.search(r"% predicted|predicted,|random search", told)
    outcome = read_front(tmp_path / "run" / "fronts" / "pixel1.json")
    assert (outcome.scored_by, outcome.exhaustive, outcome.strategy) == (
        "measurement", True, "evolution"
    )  # fmt: skip
    supernet = small_checkpoint / SUPERNET
    kept = read_accuracy(tmp_path / "run" / ACCURACY, supernet=supernet)
    assert len(kept) == 8  # the other ten were measured before
    (report,) = (tmp_path / "run").glob("bundles/*/report.html")
    assert "the search went by measurement alone" in report.read_text()
    assert "predicted front" not in report.read_text()


def test_a_search_of_a_space_that_is_measured_whole_takes_what_was_measured(
    small_checkpoint, tmp_path
):
    space = read_supernet(small_checkpoint / SUPERNET)[1].space
    top1_of = {
        arch: 50.0 + number
        for number, arch in enumerate(encoding_of(space).decode(encoding_of(space).enumerate()))
    }
    for arch, top1 in top1_of.items():
        record = MeasuredArch(arch=arch, top1=top1)
        append_accuracy(small_checkpoint / ACCURACY, record, supernet=small_checkpoint / SUPERNET)

    path = pipeline.search(
        device="pixel", checkpoint=str(small_checkpoint), out=tmp_path / "run", budget_ms=100.0
    )

    outcome = read_front(path)
    assert outcome.scored_by == "measurement"
    assert all(point.predicted_top1 == top1_of[point.arch] for point in outcome.front)
    assert outcome.chosen.search_top1 == max(top1_of.values())
    assert not (tmp_path / "run" / ACCURACY).exists()


@pytest.mark.parametrize(
    "words",
    [["--devices", "pixel", "--budgets", "25%"], ["--device", "pixel", "--compare"]],
)
def test_what_goes_by_prediction_alone_tells_what_does_for_a_space_without_a_predictor(
    small_checkpoint, words, tmp_path, capsys
):
    argv = ["search", "--checkpoint", str(small_checkpoint), "--out", str(tmp_path / "run")]

    assert main([*argv, *words]) == 1

    told = "too few subnets to fit one to; search one device with --device"
    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
