"""Kill every long command at random moments and start it again: ``python benchmarks/kills.py``.

Each command runs to its end once; then again and again in a folder like the first, killed by
SIGKILL after a random share of the processor time that it needed, and started once more by the same
command line. What it made must be what the uninterrupted run made, bit for bit, and nothing else
may be left: no unfinished file, no lock, nothing in the temporary folder.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import torch
from tiny_journey import SPACE, write_checkpoint, write_images, write_recipe

from ofa import artifacts, pipeline
from ofa.cli import main as ofa
from ofa.deploy import load_bundle
from ofa.latency.remembered import Memory
from ofa.runtime import AbstractTarget, Provenance, Timing

# Loaded once, so that the processes forked below start at once.
_PRELOADED = ("pytorch_lightning", "onnxruntime", "matplotlib.pyplot", "scipy.optimize",
              "ofa.train", "ofa.search", "ofa.predictor.plots",
              "ofa.deploy.fleet_picture")  # fmt: skip

Results = dict[str, str]
"""SHA-256 of what a command made, by name."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command to kill.

    Attributes:
        run: Runs it in a folder that ``prepare`` filled; returns its exit code.
        results: What it made, as far as two equal runs make the same.
        num_measured: Subnets whose accuracy is known before.
        has_predictor: Whether a predictor is fitted to them before.
    """

    run: Callable[[Path], int]
    results: Callable[[Path], Results]
    num_measured: int = 0
    has_predictor: bool = False


def main() -> int:
    """Kill, start again, compare."""
    parser = argparse.ArgumentParser(description="Kill every long command and start it again.")
    parser.add_argument("--kills", type=int, default=20, help="of each command")
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for module in _PRELOADED:
        import_module(module)
    survived = 0
    with tempfile.TemporaryDirectory() as root:
        for name in options.commands:
            rng = random.Random(f"{options.seed}/{name}")
            same = _survived(COMMANDS[name], Path(root) / name, options.kills, rng)
            survived += same
            print(f"{name}: {same} of {options.kills} kills survived", flush=True)
    print(f"{survived} of {options.kills * len(options.commands)} kills survived")
    return int(survived < options.kills * len(options.commands))


def _survived(command: Command, root: Path, num_kills: int, rng: random.Random) -> int:
    """How many kills ended, after one more start, as the run that was left alone."""
    start = root / "start"
    write_images(start / "images")
    write_recipe(start / "recipe.yaml", start / "images")
    write_checkpoint(start / "checkpoint", num_measured=command.num_measured)
    if command.has_predictor:
        pipeline.fit_predictor(checkpoint=str(start / "checkpoint"))
    whole = _copy(start, root / "whole")
    code, needed_s = _in_child(command, whole)
    assert code == 0, _log(whole)
    wanted = command.results(whole)
    survived = kills = 0
    while kills < num_kills:
        shutil.rmtree(root / "killed", ignore_errors=True)
        killed = _copy(start, root / "killed")
        after_s = rng.uniform(0.02, 1.0) * needed_s
        code, _ = _in_child(command, killed, kill_after_s=after_s)
        if code == 0:
            continue  # it was done before
        kills += 1
        assert code == -signal.SIGKILL, _log(killed)
        code, _ = _in_child(command, killed)
        found = command.results(killed) if code == 0 else {}
        strays = sorted(str(path.relative_to(killed)) for path in _strays(killed))
        survived += found == wanted and not strays
        if found != wanted or strays:
            differing = [name for name in wanted if found.get(name) != wanted[name]]
            print(f"  killed after {after_s:.2f} s: exit code {code}, differing {differing}, "
                  f"left over {strays}\n{_log(killed)}")  # fmt: skip
    return survived


def _in_child(
    command: Command, folder: Path, *, kill_after_s: float | None = None
) -> tuple[int, float]:
    """Exit code and processor time of one run, killed after some processor time."""
    child = multiprocessing.get_context("fork").Process(target=_run, args=(command, folder))
    child.start()
    used_s = 0.0
    while child.is_alive():
        used_s = _processor_s(child.pid) or used_s
        if kill_after_s is not None and used_s >= kill_after_s:
            child.kill()
        child.join(0.005)
    child.join()
    assert child.exitcode is not None
    return child.exitcode, used_s


def _run(command: Command, folder: Path) -> None:
    os.environ |= {"TMPDIR": str(folder / "tmp"), "XDG_CACHE_HOME": str(folder / "cache")}
    tempfile.tempdir = None
    (folder / "tmp").mkdir(exist_ok=True)
    log = os.open(folder / "log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.chdir(folder)
    os._exit(command.run(folder))


def _processor_s(pid: int | None) -> float | None:
    try:
        fields = artifacts.read_bytes(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].split()
    except artifacts.BadArtifact:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _copy(start: Path, folder: Path) -> Path:
    return shutil.copytree(start, folder)


def _strays(folder: Path) -> Iterator[Path]:
    for pattern in (".*", "tmp/**/*"):
        yield from folder.rglob(pattern)


def _log(folder: Path) -> str:
    return artifacts.read_bytes(folder / "log").decode()[-2000:]


def _command_line(line: str) -> Callable[[Path], int]:
    return lambda folder: ofa([*line.split(), "--quiet"])


def _files(*patterns: str) -> Callable[[Path], Results]:
    """The bytes of files."""
    return lambda folder: {
        path.name: artifacts.sha256(path)
        for pattern in patterns
        for path in sorted(folder.glob(pattern))
    }


def _trained(folder: Path) -> Results:
    """The supernet, and every tensor of the last checkpoint: averages, teachers, momentum."""
    saved = torch.load(folder / "run" / "last.ckpt", weights_only=True)
    tensors = {**saved["state_dict"], **{
        f"momentum.{number}": state["momentum_buffer"]
        for number, state in saved["optimizer_states"][0]["state"].items()
    }}  # fmt: skip
    return {
        **_files("run/supernet.safetensors", "run/recipe.yaml")(folder),
        **{name: _digest(value.numpy().tobytes()) for name, value in tensors.items()},
        "best top-1": repr(saved["ofa_best_top1"]),
    }


@dataclass(frozen=True, kw_only=True)
class _Steady(AbstractTarget):
    """A device whose timings follow from the engines, so that two profiles of it are equal."""

    def describe(self) -> Provenance:
        return Provenance(machine="steady", system="none", runtime="onnxruntime",
                          runtime_version="1.0")  # fmt: skip

    def measure(self, engines, *, threads, warmup, repeats) -> dict[str, Timing]:  # noqa: ANN001
        reference_ms = 1.0
        timed = dict.fromkeys(engines, reference_ms)
        for number, name in enumerate(engines):
            timed[name] += 0.0 if number == 0 else int(_digest(name.encode())[:4], 16) / 2**16
        return {
            name: Timing(median_ms=ms, p10_ms=ms, p90_ms=ms, repeats=repeats)
            for name, ms in timed.items()
        }


def _profile(folder: Path) -> int:
    memory = Memory(folder=folder / "profiles", device=pipeline.find_device("host"), space=SPACE)
    memory.measure(_Steady(), num=20)
    return 0


def _bundled(folder: Path) -> Results:
    """The engine, the weights and the arch; times on this machine differ from run to run."""
    (path,) = (folder / "run" / "bundles").iterdir()
    bundle = load_bundle(path)
    kept = ("engine.onnx", "subnet.safetensors", "run.py")
    arch = json.loads(bundle.contents["arch.json"])["arch"]
    return {name: _digest(bundle.contents[name]) for name in kept} | {"arch": json.dumps(arch)}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


COMMANDS = {
    "train": Command(
        run=_command_line("train --recipe recipe.yaml --out run --resume"), results=_trained
    ),
    "sample": Command(
        run=_command_line("sample --checkpoint checkpoint --num 60"),
        results=_files("checkpoint/accuracy.jsonl"),
    ),
    "fit-predictor": Command(
        run=_command_line("fit-predictor --checkpoint checkpoint"),
        results=_files("checkpoint/predictor.*"),
        num_measured=60,
    ),
    "search": Command(
        run=_command_line(
            "search --checkpoint checkpoint --devices pixel note8 --budgets 30%,60% "
            "--max-models 2 --out run"
        ),
        results=_files("run/fleet.json", "run/fleet.png"),
        num_measured=60,
        has_predictor=True,
    ),
    "profile": Command(run=_profile, results=_files("profiles/*")),
    "specialize": Command(
        run=_command_line("specialize --checkpoint checkpoint --device pixel --out run"),
        results=_bundled,
        num_measured=60,
        has_predictor=True,
    ),
}

if __name__ == "__main__":
    sys.exit(main())
