"""How fast the engines of a bundle are: over batch sizes and threads, and against torch.

Single runs are timed, since the tail is asked for. The engines are timed one after another, each on
a machine that does nothing else; ``ofa.deploy.timed`` times side by side what is to be compared.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ofa import artifacts
from ofa.data import Normalization
from ofa.deploy.bundle import Bundle
from ofa.deploy.engines import PORTABLE_RUNTIME, load_engine
from ofa.deploy.ladder import torch_logits
from ofa.errors import OfaError, TargetFailure
from ofa.runtime import AbstractTarget, EngineFiles, Timing, describe_machine
from ofa.runtime.onnx_check import check_onnx
from ofa.runtime.timing import sample_ms

WARMUP = 10


@dataclass(frozen=True, kw_only=True)
class Speed:
    """One way of running the subnet.

    Attributes:
        name: Engine, or torch.
        batch: Images a run.
        threads: Threads of a run.
        median_ms: Half of the runs took less.
        tail_ms: Most runs took less; ``tail`` says how many.
        tail: ``p95``, or ``p90`` of a device that tells no more.
        images_per_s: Throughput at the median.
    """

    name: str
    batch: int
    threads: int
    median_ms: float
    tail_ms: float
    tail: str
    images_per_s: float


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What was timed.

    Attributes:
        machine: Where.
        speeds: In order of name, batch and threads.
        memory_mb: Memory that a process grows by when it loads an engine and runs it, by engine.
        left_out: What could not be timed, and why.
    """

    machine: str
    speeds: tuple[Speed, ...]
    memory_mb: dict[str, float]
    left_out: dict[str, str]


def bench_engines(
    bundle: Bundle, *, batches: Sequence[int], threads: Sequence[int], repeats: int
) -> Benchmark:
    """Time every engine of a bundle that can run here.

    Raises:
        OfaError: If a batch, a number of threads or of repeats is not a count.
    """
    _check_counts({"batches": batches, "threads": threads, "repeats": [repeats]})
    speeds: list[Speed] = []
    memory_mb: dict[str, float] = {}
    left_out: dict[str, str] = {}
    inputs = [_images(bundle, batch) for batch in batches]
    for engine in bundle.manifest.engines:
        for num in threads:
            session, reason = bundle.engine_session(engine, threads=num)
            if session is None or session.describe().is_emulated:
                left_out[engine.name] = reason or "emulated here, which tells no latency"
                break
            for images in inputs:
                run = lambda session=session, images=images: session.run(images)  # noqa: E731
                speeds.append(_speed(engine.name, run, len(images), num, repeats))
        else:
            memory_mb[engine.name] = _memory_mb(engine.runtime, bundle.files(engine), inputs[-1])
    return Benchmark(
        machine=describe_machine(),
        speeds=tuple(speeds),
        memory_mb=memory_mb,
        left_out=left_out,
    )


def bench_remote(
    bundle: Bundle,
    open_runtime: Callable[[str], AbstractTarget],
    *,
    threads: Sequence[int],
    repeats: int,
) -> Benchmark:
    """Time the engines of a bundle on another device, one image a run.

    Args:
        open_runtime: The device, given the runtime that it shall time; it may time another one.

    Raises:
        OfaError: If a number of threads or of repeats is not a count.
        BadArtifact: If ``check_onnx`` refuses an engine, or a runtime finds none in the files;
            nothing was sent then.
        TargetFailure: If the device can time none of them, or fails.
    """
    _check_counts({"threads": threads, "repeats": [repeats]})
    by_runtime: dict[str, dict[str, EngineFiles]] = {}
    left_out: dict[str, str] = {}
    for engine in bundle.manifest.engines:
        files = bundle.files(engine)
        if engine.runtime == PORTABLE_RUNTIME:
            graph = next(iter(files.values()))
            check_onnx(graph)
            files = {"engine.onnx": graph}
        else:
            session, reason = bundle.engine_session(engine)
            if session is None:
                left_out[engine.name] = f"cannot be checked before it is sent: {reason}"
                continue
        by_runtime.setdefault(engine.runtime, {})[engine.name] = files
    machine, speeds = "", list[Speed]()
    for runtime, engines in by_runtime.items():
        try:
            target = open_runtime(runtime)
            where = target.describe()
        except TargetFailure as error:  # it lacks the one runtime, perhaps
            left_out |= dict.fromkeys(engines, str(error))
            continue
        if where.runtime != runtime:
            left_out |= dict.fromkeys(engines, f"{where.machine} times {where.runtime} alone")
            continue
        machine = where.machine
        for num in threads:
            timings = target.measure(engines, threads=num, warmup=WARMUP, repeats=repeats)
            speeds += [_remote_speed(name, timing, num) for name, timing in timings.items()]
    if not speeds:
        raise TargetFailure(next(iter(left_out.values())))
    return Benchmark(machine=machine, speeds=tuple(speeds), memory_mb={}, left_out=left_out)


def _remote_speed(name: str, timing: Timing, threads: int) -> Speed:
    return Speed(
        name=name,
        batch=1,
        threads=threads,
        median_ms=timing.median_ms,
        tail_ms=timing.p90_ms,
        tail="p90",
        images_per_s=1000 / timing.median_ms,
    )


def bench_torch(
    bundle: Bundle,
    net: nn.Module,
    *,
    batches: Sequence[int],
    threads: Sequence[int],
    repeats: int,
    compiled: bool,
) -> Benchmark:
    """Time the same subnet in torch, eager and on request compiled, for perspective."""
    normalize = Normalization(mean=bundle.manifest.input.mean, std=bundle.manifest.input.std)
    speeds: list[Speed] = []
    left_out: dict[str, str] = {}
    for name, make in (("torch eager", lambda: net), ("torch.compile", lambda: _compiled(net))):
        if name == "torch.compile" and not compiled:
            left_out[name] = "not asked for; give --compile"
            continue
        for num in threads:
            with _threads(num):
                try:
                    forward = torch_logits(make(), normalize)
                    for batch in batches:
                        pixels = _pixels(bundle, batch)
                        run = lambda forward=forward, pixels=pixels: forward(pixels)  # noqa: E731
                        speeds.append(_speed(name, run, batch, num, repeats))
                except RuntimeError as error:  # no compiler, or one that fails
                    left_out[name] = " ".join(str(error).split())[:200]
    return Benchmark(
        machine=describe_machine(), speeds=tuple(speeds), memory_mb={}, left_out=left_out
    )


def _check_counts(counts: Mapping[str, Sequence[int]]) -> None:
    for name, values in counts.items():
        if not values or min(values) < 1:
            raise OfaError(f"{name}: {list(values)} holds no or an impossible count; use 1 or more")


def _compiled(net: nn.Module) -> nn.Module:
    torch.compiler.reset()
    return torch.compile(net)  # type: ignore[return-value]


def _speed(name: str, run: Callable[[], object], batch: int, threads: int, repeats: int) -> Speed:
    samples_ms = sample_ms(run, warmup=WARMUP, repeats=repeats)
    median_ms, p95_ms = (float(p) for p in np.percentile(samples_ms, (50, 95)))
    return Speed(
        name=name,
        batch=batch,
        threads=threads,
        median_ms=median_ms,
        tail_ms=p95_ms,
        tail="p95",
        images_per_s=1000 * batch / median_ms,
    )


def _pixels(bundle: Bundle, batch: int) -> np.ndarray:
    takes = bundle.manifest.input
    rng = np.random.default_rng(0)
    return rng.integers(
        0, 256, (batch, takes.channels, takes.resolution, takes.resolution), np.uint8
    )


def _images(bundle: Bundle, batch: int) -> np.ndarray:
    pixels = _pixels(bundle, batch)
    is_raw = bundle.manifest.input.type == "uint8"
    return pixels if is_raw else pixels.astype(np.float32) / np.float32(255)


def _memory_mb(runtime: str, files: dict[str, bytes], images: np.ndarray) -> float:
    """Measured in a process of its own, which nothing else has grown."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_growth_mb, (runtime, files, images))


def _growth_mb(runtime: str, files: dict[str, bytes], images: np.ndarray) -> float:
    before = _resident_mb()
    session, _ = load_engine(runtime, files, threads=1)
    assert session is not None
    for _ in range(WARMUP):
        session.run(images)
    return _resident_mb() - before


def _resident_mb() -> float:
    status = artifacts.read_bytes(Path("/proc/self/status")).decode()
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return int(kilobytes) / 1000


@contextmanager
def _threads(num: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(num)
    try:
        yield
    finally:
        torch.set_num_threads(before)
