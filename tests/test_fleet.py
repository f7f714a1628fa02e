"""``ofa search --devices``: from names and budgets to a fleet's file, picture and table."""

import contextlib
import io
import json
import signal
import subprocess
import sys
import time
from unittest import mock

import numpy as np
import pytest

import ofa.search.fleet as fleet_module
from ofa.cli import main
from ofa.cli.fleet import show
from ofa.errors import OfaError
from ofa.fleet_files import (
    Choice,
    DeviceOutcome,
    FleetOutcome,
    Served,
    read_fleet,
    write_fleet,
)
from ofa.pipeline import match_devices, read_fleet_file
from ofa.pipeline.kept import Kept
from ofa.run_files import FrontPoint, read_front, read_subnet
from ofa.space import SearchSpace


@pytest.fixture(scope="module")
def search(fitted):
    words = ["search", "--checkpoint", str(fitted), "--devices", "pixel1", "note10"]
    return [*words, "--budgets", "0.0001,0%,80%"]


def test_a_fleet_ends_with_fronts_picks_and_few_models(search, tmp_path, capsys):
    assert main([*search, "--max-models", "3", "--out", str(tmp_path)]) == 0

    printed = capsys.readouterr().out
    assert "pixel1: no subnet meets 0.0001 ms; those of this space take" in printed
    assert max(map(len, printed.splitlines())) <= 80 or str(tmp_path) in printed
    outcome = read_fleet(tmp_path / "fleet.json")
    assert [device.device for device in outcome.devices] == ["pixel1", "note10"]
    for device in outcome.devices:
        too_low, least, most = device.picks
        assert too_low.point is None
        assert least.point and most.point
        assert least.point.estimated_ms == pytest.approx(device.lowest_ms)
        assert least.point.predicted_top1 <= most.point.predicted_top1
        assert too_low.interval_ms is None
        for pick in (least, most):
            assert pick.point and pick.interval_ms
            low_ms, high_ms = pick.interval_ms
            assert low_ms < pick.point.estimated_ms < high_ms
            assert f"{low_ms:.4g}–{high_ms:.4g}" in printed
    assert [len(choice.archs) for choice in outcome.portfolio] == [1, 2]  # a third adds nothing
    assert outcome.portfolio[0].num_requests == 4
    assert (tmp_path / "fleet.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def models(search, tmp_path_factory):
    """A fleet with two models for all, and what its search printed."""
    out = tmp_path_factory.mktemp("fleet")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main([*search, "--max-models", "2", "--out", str(out)]) == 0
    return out / "fleet.json", printed.getvalue()


def test_models_for_all_are_told_with_whom_they_serve(models):
    path, printed = models

    last = read_fleet(path).portfolio[-1]
    for number, arch in enumerate(last.archs):
        (row,) = [line for line in printed.splitlines() if arch.id in line]
        served = [one.device for one in last.serves if one.model == number]
        assert row.split()[1] == str(len(served))
        assert {name for name in ("pixel1", "note10") if name in row} == set(served)


def test_a_long_list_of_devices_is_cut_short(tmp_path, capsys):
    arch = SearchSpace().largest()
    point = FrontPoint(arch=arch, predicted_top1=90.0, estimated_ms=4.0)
    names = [f"d{number}" for number in range(5)]
    devices = tuple(
        DeviceOutcome(device=name, lowest_ms=4.0, highest_ms=4.0, front=(point,), picks=())
        for name in names
    )
    serves = tuple(
        Served(
            device=name, budget="5", budget_ms=5.0, model=0, predicted_top1=90.0, estimated_ms=4.0
        )
        for name in names
    )
    choice = Choice(
        archs=(arch,), mean_loss=0.0, least_loss=0.0, num_requests=5, num_unserved=0,
        optimal=True, serves=serves,
    )  # fmt: skip
    outcome = FleetOutcome(
        devices=devices, representatives=(), num_evaluations=1, portfolio=(choice,), seed=0
    )
    write_fleet(tmp_path / "fleet.json", outcome, inputs={})

    show(tmp_path / "fleet.json")

    assert "d0, d1, d2 and 2 more" in capsys.readouterr().out


def test_a_model_for_all_is_cut_out_for_each_device_that_it_serves(models, fitted, tmp_path):
    fleet, _ = models
    choice = read_fleet(fleet).portfolio[0]
    words = ["extract", "--front", str(fleet), "--checkpoint", str(fitted), "--models", "1"]
    words += ["--out", str(tmp_path)]

    for one in choice.serves:
        if one.model is not None:
            shown = f"{one.budget_ms:.4g}"  # as the table of picks shows it
            assert main([*words, "--device", one.device, "--budget-ms", shown]) == 0
            front = read_front(tmp_path / "fronts" / f"{one.device}.json")
            assert front.chosen.arch == choice.archs[0]
            assert front.budget_ms == one.budget_ms

    (subnet,) = (tmp_path / "subnets").iterdir()
    assert subnet.name == choice.archs[0].id


@pytest.mark.parametrize(
    ("flags", "mend"),
    [
        (["--models", "3"], "holds no choice of 3 models; give --models 1 to 2"),
        (["--models", "0"], "holds no choice of 0 models; give --models 1 to 2"),
        (["--models", "1", "--budget-ms", "0.0001"], "give one of these, or leave out --models"),
    ],
)
def test_models_that_were_not_chosen_are_refused_in_a_line(flags, mend, models, tmp_path, capsys):
    words = ["extract", "--front", str(models[0]), "--device", "pixel1", "--budget-ms", "1"]

    assert main([*words, *flags, "--out", str(tmp_path)]) == 1

    (told,) = capsys.readouterr().err.splitlines()
    assert mend in told
    assert list(tmp_path.iterdir()) == []


def test_a_fleet_file_of_an_older_version_is_refused_in_a_line(models, tmp_path, capsys):
    path = tmp_path / "fleet.json"
    content = json.loads(models[0].read_text())
    content["schema"]["version"] = 1
    path.write_text(json.dumps(content))
    words = ["extract", "--front", str(path), "--device", "pixel1", "--budget-ms", "1"]

    assert main([*words, "--out", str(tmp_path)]) == 1

    (told,) = capsys.readouterr().err.splitlines()
    assert "make it again with this version of ofa" in told


def test_a_pick_of_a_fleet_is_cut_out_and_its_front_written(search, fitted, tmp_path, capsys):
    fleet, out = tmp_path / "fleet.json", tmp_path / "run"
    assert main([*search, "--quiet", "--out", str(tmp_path)]) == 0
    device = read_fleet(fleet).devices[1]
    most = device.picks[2]
    assert most.point
    words = ["extract", "--front", str(fleet), "--checkpoint", str(fitted), "--out", str(out)]

    assert main([*words, "--device", "note10", "--budget-ms", str(most.budget_ms)]) == 0

    assert read_subnet(out / "subnets" / most.point.arch.id)[1].arch == most.point.arch
    front = read_front(out / "fronts" / "note10.json")
    assert front.chosen.arch == most.point.arch and front.front == device.front
    for flags, mend in [
        ([], "a fleet needs --device and --budget-ms"),
        (["--device", "s10", "--budget-ms", "1"], "name one of: pixel1, note10"),
        (["--device", "note10", "--budget-ms", "0.001"], "raise the budget"),
    ]:
        assert main([*words, *flags]) == 1
        assert mend in capsys.readouterr().err


def test_a_fleet_file_gives_every_device_budgets_of_its_own(fitted, tmp_path, capsys):
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text("devices:\n  pixel1: [25%]\n  note10: [50%, 90%]\n")

    words = ["search", "--checkpoint", str(fitted), "--fleet", str(fleet)]
    assert main([*words, "--out", str(tmp_path), "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == str(tmp_path / "fleet.json")
    devices = read_fleet(tmp_path / "fleet.json").devices
    assert [len(device.picks) for device in devices] == [1, 2]


def test_a_fleet_that_was_killed_goes_on_and_ends_the_same(search, tmp_path):
    words = [sys.executable, "-m", "ofa", *search, "--quiet", "--out"]
    partial = tmp_path / "killed" / "fleet.partial"
    killed = subprocess.Popen([*words, str(tmp_path / "killed")])
    while not (partial / "fp32" / "pool.safetensors").exists():
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL

    with mock.patch.object(fleet_module, "_pool", side_effect=AssertionError("made again")):
        assert main([*search, "--quiet", "--out", str(tmp_path / "killed")]) == 0
    assert main([*search, "--quiet", "--out", str(tmp_path / "whole")]) == 0

    assert not partial.exists()
    assert read_fleet(tmp_path / "killed/fleet.json") == read_fleet(tmp_path / "whole/fleet.json")


def test_what_another_search_left_behind_is_not_used(tmp_path):
    kept = Kept(tmp_path, "one request")
    kept("pool", lambda: {"top1": np.array([1.0])})

    again = kept("pool", lambda: {"top1": np.array([2.0])})
    other = Kept(tmp_path, "another")("pool", lambda: {"top1": np.array([3.0])})

    assert again["top1"] == [1.0] and other["top1"] == [3.0]


@pytest.mark.parametrize(
    ("flags", "mend"),
    [
        (["--devices", "pixel1"], "--devices needs --budgets"),
        (["--devices", "pixel1", "--budgets", "fast"], "budget 'fast': give milliseconds"),
        (["--devices", "pixel1", "--budgets", "101%"], "from 0% to 100%"),
        (["--devices", "pixel1", "--budgets", "0.0001"], "raise the budgets"),
        (["--devices", "nothing*", "--budgets", "1"], "matches 'nothing*'"),
        (["--devices", "pixel1", "--budgets", "1", "--budget-ms", "1"], "give one of"),
        ([], "name a device with --device"),
    ],
)
def test_a_wrong_wish_is_refused_in_a_line(flags, mend, tmp_path, capsys):
    assert main(["search", *flags, "--out", str(tmp_path)]) == 1

    assert mend in capsys.readouterr().err


def test_patterns_name_devices_with_a_model():
    found = match_devices(["pixel", "devices/pixel*", "pixel1"])

    assert found[0] == "pixel1" and "host" not in match_devices(["devices/*"])
    assert len(found) == len(set(found))


def test_a_device_that_a_file_names_twice_gets_all_its_budgets(tmp_path):
    (tmp_path / "fleet.yaml").write_text("devices: {note10: [0.6], 'note*': [25%, 0.6]}")

    assert read_fleet_file(tmp_path / "fleet.yaml")["note10"] == ["0.6", "25%"]


def test_a_pattern_without_a_match_is_refused():
    with pytest.raises(OfaError, match="no device with a latency model matches"):
        match_devices(["zzz*"])
