import subprocess
import sys

import pytest


@pytest.mark.slow  # runs training five times
def test_a_run_killed_at_any_moment_and_resumed_ends_with_the_same_bits():
    done = subprocess.run(
        [sys.executable, "benchmarks/kill_resume.py", "--kills", "2", "--seed", "1"],
        capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "2 of 2 bit-identical" in done.stdout
