"""Latencies of engines: on the target where it can be reached, and where they were built."""

from collections.abc import Sequence

import numpy as np

from ofa.deploy.engines import PORTABLE_RUNTIME, BuiltEngine
from ofa.deploy.manifest import Latency
from ofa.latency import Device, Estimate
from ofa.runtime import AbstractTarget, Timing, describe_machine, measure_ms
from ofa.runtime.onnx_export import for_batch

WARMUP = 20
REPEATS = 200
_INTERVAL = "10th to 90th percentile"


def time_here(
    engines: Sequence[BuiltEngine], images: np.ndarray, *, threads: int
) -> dict[str, Latency]:
    """Latencies of the engines that can run here, by name, timed side by side.

    Args:
        images: What each run takes.
    """
    able = [
        (engine, engine.session)
        for engine in engines
        if engine.session is not None and not engine.session.describe().is_emulated
    ]
    timings = measure_ms(
        [lambda session=session: session.run(images) for _, session in able],
        warmup=WARMUP,
        repeats=REPEATS,
    )
    machine = describe_machine()
    return {
        engine.request.name: _latency(
            timing,
            machine=f"{machine}, {engine.request.runtime} {engine.version}, threads {threads}"
            + _batch(len(images)),
        )
        for (engine, _), timing in zip(able, timings, strict=True)
    }


def time_on(
    target: AbstractTarget, engine: BuiltEngine, *, threads: int, batch: int = 1
) -> Latency | None:
    """Latency of an engine on a device.

    Args:
        batch: Images a run; another number than 1 takes an engine of ONNX Runtime.

    Returns:
        ``None`` if the device times another runtime than the engine's, or other runs of it: that is
        another program, whose time says nothing of a budget that the engine must keep.

    Raises:
        TargetFailure: If the device cannot be reached, or fails.
    """
    where = target.describe()
    if where.runtime != engine.request.runtime:
        return None
    is_onnx = where.runtime == PORTABLE_RUNTIME
    if not is_onnx and batch != 1:
        return None
    files = {"engine.onnx": for_batch(engine.onnx, batch)} if is_onnx else engine.files
    timings = target.measure({"engine": files}, threads=threads, warmup=WARMUP, repeats=REPEATS)
    return _latency(
        timings["engine"],
        machine=f"{where.machine}, {where.runtime} {where.runtime_version}, threads {threads}"
        + _batch(batch),
    )


def estimated(estimate: Estimate, device: Device) -> Latency:
    """What the latency model of a device says."""
    return Latency(
        latency_ms=estimate.latency_ms,
        low_ms=estimate.low_ms,
        high_ms=estimate.high_ms,
        interval="90 % interval",
        label=estimate.label,
        machine=device.description.hardware.name,
    )


def _batch(num: int) -> str:
    return f", {num} images a run" if num > 1 else ""


def _latency(timing: Timing, *, machine: str) -> Latency:
    return Latency(
        latency_ms=timing.median_ms,
        low_ms=timing.p10_ms,
        high_ms=timing.p90_ms,
        interval=_INTERVAL,
        label="measured",
        machine=machine,
    )
