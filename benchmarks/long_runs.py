"""Memory, handles and speed over long work: ``python benchmarks/long_runs.py --minutes 60``.

Each kind of work is repeated in units; after every unit the resident memory, the open handles and
the unit's time are read. The slopes after a warm-up, as shares an hour, are shown with a 95 %
confidence interval. Memory or handles that surely grow, by more than 1 % an hour and by more than a
few pages, are a leak, and exit code 1.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats
from tiny_journey import PHASES, SPACE, write_checkpoint

from ofa import artifacts, pipeline
from ofa.data import ImageSet, Normalization
from ofa.opened import measure_search_top1
from ofa.recipe import Augment, Recipe, Train
from ofa.runtime import stopwatch
from ofa.search import Problem, search_front
from ofa.space import AnyArch, SearchSpace, cost_table, encoding_of, macs
from ofa.supernets import build_supernet
from ofa.train import Ranks, SupernetModule, fit

WARM_UP = 0.3
"""Share of the units that are not judged: caches fill and allocators settle."""
MAX_GROWTH, MIN_GROWTH = 1.0, 1.0
"""Percent an hour, and MB or handles within the run, above which growth is a leak."""
UNITS = 20
"""Readings of each kind of work, at least."""


Tick = Callable[[int], None]
"""Told of every unit of work; ends the work when the time is over."""
Work = Callable[[Path, Tick], None]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What is read after a unit.

    Attributes:
        at_s: Seconds since the start.
        memory_mb: Resident memory.
        handles: Open files, pipes and sockets.
        rate: Work a second within the unit.
    """

    at_s: float
    memory_mb: float
    handles: int
    rate: float


def main() -> int:
    """Work, read, judge."""
    parser = argparse.ArgumentParser(description="Memory, handles and speed over long work.")
    parser.add_argument("--minutes", type=float, default=60.0, help="of each kind of work")
    parser.add_argument("--work", nargs="+", choices=WORK, default=list(WORK))
    options = parser.parse_args()
    torch.set_num_threads(1)
    growing = 0
    for name in options.work:
        with tempfile.TemporaryDirectory() as folder:
            readings, done = _read_while(WORK[name], Path(folder), options.minutes * 60)
        growing += _shown(name, readings, done)
    return int(growing > 0)


class Enough(Exception):
    """The time is over."""


def _read_while(work: Work, folder: Path, seconds: float) -> tuple[list[Reading], int]:
    readings: list[Reading] = []
    done, elapsed_s, unit_s = 0, stopwatch(), stopwatch()

    def tick(amount: int) -> None:
        nonlocal done, unit_s
        done += amount
        readings.append(
            Reading(
                at_s=elapsed_s(),
                memory_mb=_memory_mb(),
                handles=len(os.listdir("/proc/self/fd")),
                rate=amount / unit_s(),
            )
        )
        if elapsed_s() >= seconds and len(readings) >= UNITS:
            raise Enough
        unit_s = stopwatch()

    with contextlib.suppress(Enough):
        work(folder, tick)
    return readings, done


def _shown(name: str, readings: list[Reading], done: int) -> bool:
    """Print the slopes; whether memory or handles grow."""
    kept = readings[int(WARM_UP * len(readings)) :]
    hours = np.array([one.at_s for one in kept]) / 3600
    print(f"{name}: {done:,} in {readings[-1].at_s / 60:.1f} min, {len(kept)} readings judged")
    is_growing = False
    for field, unit in (("memory_mb", "MB"), ("handles", ""), ("rate", "a second")):
        values = np.array([getattr(one, field) for one in kept], np.float64)
        slope, error = _slope(hours, values)
        share, margin = 100 * slope / values.mean(), 100 * error / values.mean()
        print(f"  {field}: {values.mean():,.1f} {unit}, {values[0]:,.1f} to {values[-1]:,.1f}, "
              f"slope {share:+.2f} ± {margin:.2f} % an hour", flush=True)  # fmt: skip
        grown = (slope - error) * (hours[-1] - hours[0])
        is_growing |= field != "rate" and share - margin > MAX_GROWTH and grown > MIN_GROWTH
    return is_growing


def _slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope of a straight line, and half its 95 % confidence interval."""
    if np.ptp(y) == 0:
        return 0.0, 0.0
    line: Any = stats.linregress(x, y)
    return line.slope, line.stderr * float(stats.t.ppf(0.975, len(x) - 2))


def _memory_mb() -> float:
    """Resident memory, less pages that only files lie in."""
    fields = artifacts.read_bytes(Path("/proc/self/statm")).split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _training(folder: Path, tick: Tick) -> None:
    """One run, read after every second epoch."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (96, 3, 16, 16), generator=generator, dtype=torch.uint8)
    images = ImageSet(images=pixels, labels=torch.arange(96) % 4, classes=tuple("abcd"))
    phases = (replace(PHASES[-1], epochs=1_000_000),)
    train = Train(phases=phases, batch_size=8, threads=1, accelerator="cpu", ema_decay=0.9,
                  validate_every=2, augment=Augment(color_jitter=0.2))  # fmt: skip
    largest, steps = SPACE.largest(), 2 * len(images) // train.batch_size

    def validate(net: torch.nn.Module, arch: AnyArch, ranks: Ranks) -> float:
        if arch == largest:
            tick(steps)
        return 50.0

    module = SupernetModule(
        build_supernet(SPACE),
        Recipe(space=SPACE, train=train),
        data=images,
        normalization=Normalization(mean=(0.5,) * 3, std=(0.25,) * 3),
        validate=validate,
    )
    fit(module, folder=folder, resume=False, progress=False)


def _search(folder: Path, tick: Tick) -> None:
    """Whole searches of a large space by a cheap accuracy, each from a seed of its own."""
    encoding = encoding_of(SearchSpace(num_classes=10))
    problem = Problem(
        encoding=encoding,
        accuracy=lambda genotypes: genotypes.sum(axis=1, dtype=np.float64),
        latency_ms=cost_table(encoding, macs),
        max_evaluations=50_000,
    )
    for seed in count():
        front = search_front(problem, np.random.default_rng(seed))
        tick(front.num_evaluations)


def _sampling(folder: Path, tick: Tick) -> None:
    """Subnets of a tiny supernet, recalibrated and measured."""
    write_checkpoint(folder, num_measured=0)
    encoding = encoding_of(SPACE)
    archs = encoding.decode(encoding.unique(encoding.sample(20_000, np.random.default_rng(0))))
    for start in count(step=20):
        part = [archs[(start + i) % len(archs)] for i in range(20)]
        tick(len(list(measure_search_top1(folder, part))))


def _fleets(folder: Path, tick: Tick) -> None:
    """The command line's own search of a fleet, whole, files and picture included."""
    write_checkpoint(folder, num_measured=60)
    pipeline.fit_predictor(checkpoint=str(folder))

    budgets = {"pixel": ["30%"], "note8": ["60%"]}
    while True:
        pipeline.search_fleet(budgets=budgets, checkpoint=str(folder), out=folder / "run")
        tick(1)


WORK: dict[str, Work] = {
    "training steps": _training,
    "search evaluations": _search,
    "sampled subnets": _sampling,
    "fleets": _fleets,
}

if __name__ == "__main__":
    sys.exit(main())
