"""Sampling survives SIGKILL: ``python benchmarks/kill_sampling.py --kills 20``.

Starts ``ofa sample`` on a copy of a checkpoint and kills it after a random time, again and again;
after each kill every finished line must parse and none may have gone, and none may come twice.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from ofa import artifacts
from ofa.checkpoint import ACCURACY, IMAGES, SUPERNET
from ofa.opened import find_checkpoint
from ofa.runtime import stopwatch


def main() -> None:
    """Kill and check."""
    parser = argparse.ArgumentParser(description="Sampling survives SIGKILL.")
    parser.add_argument("--checkpoint", default="fashion_mnist", help="folder or shipped name")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0, help="longest life of a process")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _copy(find_checkpoint(options.checkpoint), folder)
        lines: list[bytes] = []
        for kill in range(options.kills):
            life_s = rng.uniform(0.3, 1.0) * options.seconds
            lines = _killed(folder, options.workers, life_s, before=lines)
            print(
                f"kill {kill + 1} after {life_s:.1f} s: {max(0, len(lines) - 1)} subnets, all whole"
            )
        assert len(lines) > 1, "nothing was measured; give each process more --seconds"


def _killed(folder: Path, workers: int, life_s: float, *, before: list[bytes]) -> list[bytes]:
    """The finished lines after one more start and its end."""
    command = [sys.executable, "-m", "ofa", "sample", "--checkpoint", str(folder)]
    command += ["--draw", "tree", "--num", "2000", "--workers", str(workers), "--quiet"]
    process = subprocess.Popen(command)
    elapsed_s = stopwatch()
    try:
        process.wait(life_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    path = folder / ACCURACY
    found = artifacts.read_bytes(path).split(b"\n") if path.exists() else [b""]
    *lines, cut = found
    bodies = [json.loads(line) for line in lines]
    archs = [json.dumps(body["arch"]) for body in bodies[1:]]
    assert lines[: len(before)] == before, "a finished line has gone"
    assert len(set(archs)) == len(archs), "a subnet was measured twice"
    assert elapsed_s() < life_s + 5
    assert len(cut) < 10_000
    return lines


def _copy(source: Path, folder: Path) -> None:
    for path in (source / SUPERNET, *(source / IMAGES).glob("*.safetensors")):
        artifacts.write_atomically(folder / path.relative_to(source), artifacts.read_bytes(path))


if __name__ == "__main__":
    main()
