"""Long work keeps its memory and its handles; ``make soak`` looks for an hour."""

import subprocess
import sys

import pytest


def long_runs(*argv):
    command = [sys.executable, "benchmarks/long_runs.py", *argv]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow  # a million evaluations
def test_a_million_evaluations_leave_handles_as_they_are():
    done = long_runs("--minutes", "0", "--work", "search evaluations")

    assert "search evaluations: 1,0" in done.stdout, done.stdout + done.stderr
    (handles,) = [line for line in done.stdout.splitlines() if "handles:" in line]
    assert "slope +0.00 ± 0.00 % an hour" in handles


@pytest.mark.soak
def test_an_hour_of_each_kind_of_work_is_flat():
    done = long_runs("--minutes", "60")

    assert done.returncode == 0, done.stdout + done.stderr
