"""Fleets of floats and 8 bits: each device is scored in the precision it computes in."""

import logging
import shutil
from unittest import mock

import numpy as np
import pytest

from ofa import artifacts, pipeline
from ofa.checkpoint import PREDICTOR, PREDICTOR_REPORT, read_supernet
from ofa.cli import main
from ofa.fleet_files import read_fleet
from ofa.opened import predictor, quantized_predictor
from ofa.run_files import read_front
from ofa.search import UNSERVED_LOSS
from ofa.shipped import shipped
from ofa.space import encoding_of, network

SHIPPED = shipped("checkpoints") / "fashion_mnist"
TWINS = ["pixel4-cpu", "pixel4-cpu-int8"]
BUDGETS = ["5%", "30%", "80%"]
ENCODING = encoding_of(read_supernet(SHIPPED / "supernet.safetensors")[1].space)


@pytest.fixture(scope="module")
def lossy(tmp_path_factory):
    """A checkpoint whose accurate subnets suffer most from quantization, by points."""
    folder = tmp_path_factory.mktemp("lossy") / "checkpoint"
    shutil.copytree(SHIPPED, folder)
    tensors, notes = artifacts.read_tensors(folder / PREDICTOR)
    loss = -0.4 * tensors["linear"].mean(axis=0)
    change = {"int8.shift": np.array([-3], np.float32), "int8.linear": loss}
    write_predictor(folder, tensors | change, notes)
    return folder


def write_predictor(folder, tensors, notes):
    """Other tensors of a predictor whose report is there."""
    path, report = folder / PREDICTOR, folder / PREDICTOR_REPORT
    artifacts.write_tensors(path, tensors, notes)
    body = artifacts.read_json(report, schema="ofa.predictor")
    body["inputs"]["predictor"]["sha256"] = artifacts.sha256(path)
    artifacts.write_json(report, body, schema="ofa.predictor")


@pytest.fixture(scope="module")
def mixed(lossy, tmp_path_factory):
    """A fleet of a device and its int8 twin on that checkpoint."""
    return searched(TWINS, lossy, tmp_path_factory.mktemp("mixed"))


def searched(devices, checkpoint, out, **settings):
    budgets = dict.fromkeys(map(str, devices), BUDGETS)
    path = pipeline.search_fleet(
        budgets=budgets, checkpoint=str(checkpoint), out=out, max_models=3, **settings
    )
    return read_fleet(path)


def accuracies(folder):
    return {
        "fp32": predictor(folder, ENCODING),
        "int8": quantized_predictor(folder, ENCODING),
    }


def test_each_device_is_scored_in_its_own_precision(mixed, lossy):
    assert [device.precision for device in mixed.devices] == ["fp32", "int8"]
    for device in mixed.devices:
        genotypes = ENCODING.encode([point.arch for point in device.front])
        np.testing.assert_allclose(
            [point.predicted_top1 for point in device.front],
            accuracies(lossy)[device.precision](genotypes),
            atol=1e-3,
        )


def test_an_int8_device_picks_what_is_best_in_int8(mixed, lossy):
    in_int8 = accuracies(lossy)["int8"]
    floats, quantized = mixed.devices

    archs = [point.arch for point in floats.front if point.arch != quantized.front[-1].arch]

    assert in_int8(ENCODING.encode(archs)).max() < quantized.front[-1].predicted_top1


def test_a_device_is_searched_alike_whether_other_precisions_are_there_or_not(
    mixed, lossy, tmp_path
):
    for device in mixed.devices:
        assert searched([device.device], lossy, tmp_path).devices == (device,)


def test_what_few_models_lose_counts_in_the_precision_of_the_device_that_runs_them(mixed, lossy):
    requests = [(device, pick) for device in mixed.devices for pick in device.picks]

    assert [choice.num_requests for choice in mixed.portfolio] == [6, 6, 6]
    for choice in mixed.portfolio:
        losses = [
            pick.point.predicted_top1
            - accuracies(lossy)[device.precision](ENCODING.encode([choice.archs[served.model]]))[0]
            for (device, pick), served in zip(requests, choice.serves, strict=True)
            if served.model is not None
        ]
        losses += [UNSERVED_LOSS] * choice.num_unserved
        assert choice.mean_loss == pytest.approx(np.mean(losses), abs=1e-4)


def test_what_serves_a_request_is_told_with_its_accuracy_and_latency_there(mixed, lossy):
    requests = [(device, pick) for device in mixed.devices for pick in device.picks]

    for choice in mixed.portfolio:
        for (device, pick), served in zip(requests, choice.serves, strict=True):
            assert served.device == device.device
            assert (served.budget, served.budget_ms) == (pick.budget, pick.budget_ms)
            if served.model is None:
                assert served.predicted_top1 is None and served.estimated_ms is None
                continue
            arch = choice.archs[served.model]
            layers = network(ENCODING.space, arch).layers
            estimate = pipeline.profile(device=device.device, checkpoint=str(lossy))
            assert served.estimated_ms == pytest.approx(estimate.estimate(layers).latency_ms)
            assert served.estimated_ms <= served.budget_ms
            top1 = accuracies(lossy)[device.precision](ENCODING.encode([arch]))[0]
            assert served.predicted_top1 == pytest.approx(top1, abs=1e-3)
        assert sum(one.model is None for one in choice.serves) == choice.num_unserved


def test_what_is_predicted_in_int8_says_so(tmp_path, capsys):
    words = ["search", "--devices", *TWINS, "--budgets", "50%", "--out", str(tmp_path)]

    assert main(words) == 0

    rows = [line for line in capsys.readouterr().out.splitlines() if "(50%)" in line]
    assert [line.rstrip().endswith(" int8") for line in rows] == [False, True]
    path = tmp_path / "fleet.json"
    for name, precision in zip(TWINS, ("fp32", "int8"), strict=True):
        front = pipeline.front_of_fleet(fleet=path, device=name, budget_ms=100.0, out=tmp_path)
        assert read_front(front).precision == precision


def test_without_knowledge_of_int8_all_are_scored_in_floats_with_a_warning(tmp_path, caplog):
    folder = tmp_path / "checkpoint"
    shutil.copytree(SHIPPED, folder)
    tensors, notes = artifacts.read_tensors(folder / PREDICTOR)
    floats = {name: tensor for name, tensor in tensors.items() if not name.startswith("int8")}
    write_predictor(folder, floats, notes)
    caplog.set_level(logging.WARNING, "ofa")

    found = searched(TWINS, folder, tmp_path).devices[1]

    assert "the subnets of pixel4-cpu-int8, which compute in int8" in caplog.text
    assert found.precision == "fp32"
    top1 = predictor(folder, ENCODING)(ENCODING.encode([point.arch for point in found.front]))
    np.testing.assert_allclose([point.predicted_top1 for point in found.front], top1, atol=1e-3)


def test_a_fleet_that_was_cut_off_takes_no_scores_of_another_precision(lossy, tmp_path):
    folders = [tmp_path / name for name in ("one", "other")]

    def describe(*precisions):
        for folder, source, precision in zip(folders, ("pixel4", "s10"), precisions, strict=True):
            shutil.copytree(f"devices/{source}-cpu", folder, dirs_exist_ok=True)
            described = (folder / "device.yaml").read_text()
            (folder / "device.yaml").write_text(
                described.replace(f"[{source}]", "[]").replace("fp32", precision)
            )

    describe("fp32", "int8")
    with (
        mock.patch("ofa.pipeline.fleet.write_fleet", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        searched(folders, lossy, tmp_path / "cut-off")
    describe("int8", "fp32")

    resumed = searched(folders, lossy, tmp_path / "cut-off")

    assert [device.precision for device in resumed.devices] == ["int8", "fp32"]
    assert resumed == searched(folders, lossy, tmp_path / "whole")


def test_a_fleet_of_more_picks_than_candidates_is_served_all_the_same(lossy, tmp_path, monkeypatch):
    monkeypatch.setattr("ofa.pipeline.fleet._MAX_CANDIDATES", 1)
    budgets = {TWINS[0]: ["5%", "80%", "80.0001%"]}  # the slow pick is wanted twice

    path = pipeline.search_fleet(budgets=budgets, checkpoint=str(lossy), out=tmp_path, max_models=2)

    assert read_fleet(path).portfolio[-1].num_unserved == 0
