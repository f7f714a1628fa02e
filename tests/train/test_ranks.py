"""Two processes over gloo against one that accumulates the same two shards."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ofa.artifacts import read_tensors

PROGRAM = str(Path(__file__).with_name("ranks_program.py"))


def run(folder, *, ranks, accumulate=1, sync="apart", bad_step=-1):
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    launcher = torchrun if ranks > 1 else []
    command = [sys.executable, *launcher, PROGRAM, str(folder), str(accumulate), sync, str(ranks)]
    command.append(str(bad_step))
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        command, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [read_tensors(folder / f"rank{rank}.safetensors") for rank in range(ranks)]


def largest_difference(one, other):
    assert one.keys() == other.keys()
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


@pytest.mark.slow  # three processes that import torch
def test_two_ranks_agree_and_equal_one_that_accumulates_their_shards(tmp_path):
    (first, notes), (second, _) = run(tmp_path / "two", ranks=2)
    [(alone, notes_alone)] = run(tmp_path / "one", ranks=1, accumulate=2)

    assert largest_difference(first, second) == 0
    assert largest_difference(first, alone) <= 1e-6
    assert notes == notes_alone  # recalibrated and counted over ranks, top-1 is the same number


@pytest.mark.slow  # two processes that import torch
def test_ranks_agree_to_skip_a_step_that_is_not_finite_on_one_of_them(tmp_path):
    (first, _), (second, _) = run(tmp_path, ranks=2, bad_step=7)

    assert largest_difference(first, second) == 0
    assert all(np.isfinite(value).all() for value in first.values())


@pytest.mark.slow  # three processes that import torch
def test_synchronized_batch_norm_makes_two_shards_one_batch(tmp_path):
    (first, _), _ = run(tmp_path / "two", ranks=2, sync="sync")
    [(alone, _)] = run(tmp_path / "one", ranks=1, sync="sync")

    assert largest_difference(first, alone) <= 1e-3  # sums in another order, after 50 steps
