import subprocess
import sys

import pytest


@pytest.mark.slow  # runs training nine times
def test_a_run_killed_at_any_moment_and_resumed_ends_with_the_same_bits():
    done = subprocess.run(
        [sys.executable, "benchmarks/kill_resume.py", "--kills", "4", "--seed", "1"],
        capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "4 of 4 bit-identical" in done.stdout
