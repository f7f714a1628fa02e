"""Whatever file a stranger hands over, its reader returns or says in a line what is wrong with it.

Nothing of the file is run, nothing is written outside the reader's folder, and an input takes less
than 10 s and 1 GiB; ``confined.py`` holds the readers to that. ``make soak`` tries 10,000 attacks
by number and 10,000 inputs of libFuzzer on each format.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "confined.py"
FORMATS = (
    "ResNet arch.json", "ResNet predictor", "ResNet supernet", "accuracy.jsonl",
    "answer of a device", "arch.json", "bundle archive", "cached engine", "calibration images",
    "device.yaml", "engine.onnx", "fleet.json", "fleet.yaml", "front.json", "imported predictor",
    "imported subnet", "latency table", "manifest.json", "measured.json", "model.yaml",
    "net.config", "packed images", "predictor.json", "predictor.safetensors", "recipe",
    "reference .pth", "reference latency table", "remembered profile", "rounds.jsonl",
    "space.yaml", "subnet.json", "subnet.safetensors", "supernet.safetensors",
)  # fmt: skip
ONE_OF_EACH_KIND = (
    "bundle archive", "engine.onnx", "fleet.yaml", "front.json", "packed images", "reference .pth",
    "rounds.jsonl", "supernet.safetensors",
)  # fmt: skip


def tried(*arguments: str) -> dict[str, dict]:
    """What the program told of each format."""
    done = subprocess.run(
        [sys.executable, PROGRAM, *arguments],
        capture_output=True, text=True, check=True, env={"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {line["format"]: line for line in lines}


@pytest.fixture(scope="module")
def attacked():
    return tried("0", "40")


@pytest.fixture(scope="module")
def bombed():
    return tried("--bombs", "0", "0", *ONE_OF_EACH_KIND)


@pytest.mark.timeout(600)  # all formats in one fixture, 20 s on an idle core
def test_every_format_is_attacked(attacked):
    assert sorted(attacked) == sorted(FORMATS)


@pytest.mark.timeout(600)  # all formats in one fixture, 20 s on an idle core
@pytest.mark.parametrize("name", FORMATS)
def test_a_hostile_file_is_read_or_refused_in_a_line(attacked, name):
    assert attacked[name]["failures"] == []
    assert attacked[name].get("read", 0) + attacked[name].get("refused", 0) == 40


@pytest.mark.timeout(600)  # all formats in one fixture, 20 s on an idle core
@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
def test_a_mebibyte_of_malice_costs_neither_memory_nor_time(bombed, name):
    assert bombed[name]["failures"] == []
    assert bombed[name]["refused"] >= 3


@pytest.mark.soak
@pytest.mark.parametrize("name", FORMATS)
def test_ten_thousand_attacks_a_format(name):
    found = tried("--bombs", "0", "10000", name)[name]

    assert found["failures"] == []


@pytest.mark.soak
@pytest.mark.parametrize("name", FORMATS)
def test_ten_thousand_inputs_of_a_coverage_guided_fuzzer_a_format(name):
    pytest.importorskip("atheris", reason="pip install 'ofa-toolkit[fuzz]'")

    found = tried("--guided", "0", "10000", name)[name]

    assert found["failures"] == []
    assert found.get("read", 0) + found.get("refused", 0) >= 10_000
