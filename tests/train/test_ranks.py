"""Two processes over gloo against one that accumulates the same two shards."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ofa.artifacts import read_tensors

pytestmark = pytest.mark.slow  # three processes that import torch, and one that starts two of them

PROGRAM = str(Path(__file__).with_name("ranks_program.py"))


def trained(folder, *names, ranks):
    """Weights and notes of every rank, by the name of the training."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    launcher = torchrun if ranks > 1 else []
    command = [sys.executable, *launcher, PROGRAM, str(folder), str(ranks), *names]
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        command, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return {
        name: [read_tensors(folder / name / f"rank{rank}.safetensors") for rank in range(ranks)]
        for name in names
    }


@pytest.fixture(scope="module")
def by_two(tmp_path_factory):
    names = ("shards", "synchronized", "spoiled")
    return trained(tmp_path_factory.mktemp("two"), *names, ranks=2)


@pytest.fixture(scope="module")
def by_one(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("one"), "shards", "synchronized", ranks=1)


def largest_difference(one, other):
    assert one.keys() == other.keys()
    return max(float(np.abs(one[name] - other[name]).max()) for name in one)


def test_two_ranks_agree_and_equal_one_that_accumulates_their_shards(by_two, by_one):
    (first, notes), (second, _) = by_two["shards"]
    [(alone, notes_alone)] = by_one["shards"]

    assert largest_difference(first, second) == 0
    assert largest_difference(first, alone) <= 1e-6
    assert notes == notes_alone  # recalibrated and counted over ranks, top-1 is the same number


def test_synchronized_batch_norm_makes_two_shards_one_batch(by_two, by_one):
    (first, _), _ = by_two["synchronized"]
    [(alone, _)] = by_one["synchronized"]

    assert largest_difference(first, alone) <= 1e-3  # sums in another order, after 50 steps


def test_ranks_agree_to_skip_a_step_that_is_not_finite_on_one_of_them(by_two):
    (first, _), (second, _) = by_two["spoiled"]

    assert largest_difference(first, second) == 0
    assert all(np.isfinite(value).all() for value in first.values())
