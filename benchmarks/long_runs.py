"""Memory, handles and speed over long work: ``python benchmarks/long_runs.py --minutes 60``.

Each kind of work is repeated in units; after every unit the resident memory, the open handles and
the unit's time are read. The slopes after a warm-up, as shares an hour, are shown with a 95 %
confidence interval. Memory or handles that surely grow, by more than 1 % an hour and by more than a
few pages, are a leak, and exit code 1.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from ofa.search import search_front
from ofa.space import SearchSpace, cost_table, encoding_of, macs
from ofa.supernets import build_supernet
from ofa.train import SupernetModule, fit

WARM_UP = 0.3
"""Share of the units that are not judged: caches fill and allocators settle."""
MAX_GROWTH, MIN_GROWTH = 1.0, 1.0
"""Percent an hour, and MB or handles within the run, above which growth is a leak."""
UNITS = 20
"""Readings of each kind of work, at least."""


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
            readings, done = _read_while(WORK[name](Path(folder)), options.minutes * 60)
        growing += _shown(name, readings, done)
    return int(growing > 0)


def _read_while(unit: Callable[[], int], seconds: float) -> tuple[list[Reading], int]:
    readings, done, elapsed_s = [], 0, stopwatch()
    while elapsed_s() < seconds or len(readings) < UNITS:
        unit_s = stopwatch()
        amount = unit()
        done += amount
        readings.append(
            Reading(
                at_s=elapsed_s(),
                memory_mb=_memory_mb(),
                handles=len(os.listdir("/proc/self/fd")),
                rate=amount / unit_s(),
            )
        )
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


def _training(folder: Path) -> Callable[[], int]:
    """Training, some epochs a unit, each unit resumed from the last one's checkpoint."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (96, 3, 16, 16), generator=generator, dtype=torch.uint8)
    images = ImageSet(images=pixels, labels=torch.arange(96) % 4, classes=tuple("abcd"))
    phases = (replace(PHASES[-1], epochs=100_000),)
    train = Train(phases=phases, batch_size=8, threads=1, accelerator="cpu", ema_decay=0.9,
                  validate_every=100_000, augment=Augment(color_jitter=0.2))  # fmt: skip
    module = SupernetModule(
        build_supernet(SPACE),
        Recipe(space=SPACE, train=train),
        data=images,
        normalization=Normalization(mean=(0.5,) * 3, std=(0.25,) * 3),
        validate=lambda net, arch, ranks: 50.0,
    )
    epochs = 0

    def unit() -> int:
        nonlocal epochs
        epochs += 2
        fit(module, folder=folder, resume=epochs > 2, progress=False, stop_after=epochs)
        return 2 * module.plan[0].steps_per_epoch

    return unit


def _search(folder: Path) -> Callable[[], int]:
    """Whole searches of a large space by a cheap accuracy, each from a seed of its own."""
    encoding = encoding_of(SearchSpace(num_classes=10))
    cost = cost_table(encoding, macs)
    seed = 0

    def unit() -> int:
        nonlocal seed
        seed += 1
        front = search_front(
            encoding,
            accuracy=lambda genotypes: genotypes.sum(axis=1, dtype=np.float64),
            latency_ms=cost,
            rng=np.random.default_rng(seed),
            max_evaluations=50_000,
        )
        return front.num_evaluations

    return unit


def _sampling(folder: Path) -> Callable[[], int]:
    """Subnets of a tiny supernet, recalibrated and measured."""
    write_checkpoint(folder, num_measured=0)
    encoding = encoding_of(SPACE)
    archs = encoding.decode(encoding.unique(encoding.sample(20_000, np.random.default_rng(0))))
    place = 0

    def unit() -> int:
        nonlocal place
        part = [archs[(place + i) % len(archs)] for i in range(20)]
        place += len(part)
        return len(list(measure_search_top1(folder, part)))

    return unit


def _fleets(folder: Path) -> Callable[[], int]:
    """The command line's own search of a fleet, whole, files and picture included."""
    write_checkpoint(folder, num_measured=60)
    pipeline.fit_predictor(checkpoint=str(folder))

    def unit() -> int:
        budgets = {"pixel": ["30%"], "note8": ["60%"]}
        pipeline.search_fleet(budgets=budgets, checkpoint=str(folder), out=folder / "run")
        return 1

    return unit


WORK = {
    "training steps": _training,
    "search evaluations": _search,
    "sampled subnets": _sampling,
    "fleets": _fleets,
}

if __name__ == "__main__":
    sys.exit(main())
