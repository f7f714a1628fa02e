"""``ofa search --devices``: from names and budgets to a fleet's file, picture and table."""

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
from ofa.errors import OfaError
from ofa.fleet_files import read_fleet
from ofa.pipeline import match_devices, read_fleet_file
from ofa.pipeline.kept import Kept
from ofa.run_files import read_front, read_subnet

FLEET = ["search", "--devices", "pixel1", "note10", "--budgets", "0.0001,0%,80%"]


def test_a_fleet_ends_with_fronts_picks_and_few_models(tmp_path, capsys):
    assert main([*FLEET, "--max-models", "3", "--out", str(tmp_path)]) == 0

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
    assert [len(choice.archs) for choice in outcome.portfolio] == [1, 2, 3]
    assert outcome.portfolio[0].num_requests == 4
    assert (tmp_path / "fleet.png").read_bytes().startswith(b"\x89PNG")


def test_a_fleet_file_from_before_intervals_still_reads(tmp_path):
    path = tmp_path / "fleet.json"
    assert main([*FLEET, "--quiet", "--out", str(tmp_path)]) == 0
    content = json.loads(path.read_text())
    for device in content["fleet"]["devices"]:
        for pick in device["picks"]:
            del pick["interval_ms"]
    path.write_text(json.dumps(content))

    assert read_fleet(path).devices[0].picks[1].interval_ms is None


def test_a_pick_of_a_fleet_is_cut_out_and_its_front_written(tmp_path, capsys):
    fleet, out = tmp_path / "fleet.json", tmp_path / "run"
    assert main([*FLEET, "--quiet", "--out", str(tmp_path)]) == 0
    device = read_fleet(fleet).devices[1]
    most = device.picks[2]
    assert most.point
    words = ["extract", "--front", str(fleet), "--out", str(out)]

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


def test_a_fleet_file_gives_every_device_budgets_of_its_own(tmp_path, capsys):
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text("devices:\n  pixel1: [25%]\n  note10: [50%, 90%]\n")

    assert main(["search", "--fleet", str(fleet), "--out", str(tmp_path), "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == str(tmp_path / "fleet.json")
    devices = read_fleet(tmp_path / "fleet.json").devices
    assert [len(device.picks) for device in devices] == [1, 2]


def test_a_fleet_that_was_killed_goes_on_and_ends_the_same(tmp_path):
    words = [sys.executable, "-m", "ofa", *FLEET, "--quiet", "--out"]
    partial = tmp_path / "killed" / "fleet.partial"
    killed = subprocess.Popen([*words, str(tmp_path / "killed")])
    while not (partial / "fp32" / "pool.safetensors").exists():
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL

    with mock.patch.object(fleet_module, "_pool", side_effect=AssertionError("made again")):
        assert main([*FLEET, "--quiet", "--out", str(tmp_path / "killed")]) == 0
    assert main([*FLEET, "--quiet", "--out", str(tmp_path / "whole")]) == 0

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
