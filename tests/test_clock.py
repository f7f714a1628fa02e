"""A clock that jumps back, as time servers make it do: no span and no result follows it."""

import subprocess
import sys
import time

import pytest

from ofa.runtime import stopwatch
from ofa.runtime.timing import measure_ms

BACKWARD = """
import sys, time
start = time.time()
calls = iter(range(10**9))
time.time = lambda: start - 3600 * next(calls)  # an hour back with every reading
time.time_ns = lambda: int(1e9 * time.time())
from ofa.cli import main
sys.exit(main(sys.argv[1:]))
"""
BOARD = """
hardware: {name: Some board, soc: Some chip, unit: cpu}
runtime: {name: onnxruntime, version: null}
precision: fp32
threads: 1
batch: 1
target: local
"""


def test_spans_are_measured_by_a_clock_that_cannot_go_back():
    assert time.get_clock_info("perf_counter").monotonic
    elapsed_s = stopwatch()
    (timing,) = measure_ms([lambda: None], warmup=1, repeats=3)

    assert elapsed_s() > 0 and 0 < timing.p10_ms <= timing.p90_ms


@pytest.mark.slow  # a process that imports torch, and one that trains
@pytest.mark.parametrize("command", ["profile", "train"])
def test_a_command_does_not_mind_a_clock_that_jumps_back(command, striped_images, tmp_path):
    board = tmp_path / "board"
    board.mkdir()
    (board / "device.yaml").write_text(BOARD)
    argv = {
        "profile": ["--device", str(board), "--num", "1"],
        "train": ["--recipe", "recipes/tiny.yaml", "--data.root", str(striped_images),
                  "--out", str(tmp_path / "run")],
    }[command]  # fmt: skip

    done = subprocess.run(
        [sys.executable, "-c", BACKWARD, command, *argv, "--quiet"], capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")
