"""Every long command survives SIGKILL; ``make soak`` does it 20 times each."""

import subprocess
import sys

import pytest


def kills(*argv):
    command = [sys.executable, "benchmarks/kills.py", *argv]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow  # runs six commands three times each
def test_a_command_that_was_killed_and_started_again_ends_as_if_left_alone():
    assert "6 of 6 kills survived" in kills("--kills", "1", "--seed", "1")


@pytest.mark.soak
def test_every_command_survives_twenty_kills():
    assert "120 of 120 kills survived" in kills("--kills", "20")
