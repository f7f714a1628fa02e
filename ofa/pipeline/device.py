"""Devices: those known, the latency model of one, and how to measure one that is out of reach."""

from pathlib import Path
from typing import TYPE_CHECKING

from ofa import artifacts
from ofa.errors import BadArtifact, NoisyMachine, OfaError
from ofa.latency import Device, Evidence, LatencyModel, list_devices, load_device, load_model
from ofa.opened import find_checkpoint, open_supernet
from ofa.runtime import RUNTIMES, AbstractTarget, open_target
from ofa.runtime.loaders import LOADERS
from ofa.shipped import shipped

if TYPE_CHECKING:
    from ofa.latency.remembered import Memory, Remembered


def devices() -> tuple[Device, ...]:
    """The devices that subnets can be made for."""
    return list_devices(shipped("devices"))


def find_device(name: str) -> Device:
    """The device that answers to a name, or that a folder describes.

    Raises:
        UnknownDevice: Lists the near names and all known ones.
    """
    return load_device(shipped("devices"), name)


def profile(
    *, device: str, checkpoint: str, num: int | None = None, fresh: bool = False
) -> LatencyModel:
    """The latency model of a device; one that can be reached is measured once, then remembered.

    A model measured here comes first, then the one in the device's folder. This machine is measured
    again when its processor or runtime is no longer the one remembered; other devices when asked.

    Args:
        device: Name of a device, or a folder that holds a ``device.yaml``.
        num: Subnets to time; ``None`` takes what is remembered, else the usual number.
        fresh: Whether to measure again what is remembered.

    Raises:
        OfaError: If the device must be measured, but cannot be.
    """
    found = find_device(device)
    out_of_reach = found.description.target == "none"
    if out_of_reach and (fresh or num is not None):
        raise OfaError(
            f"nobody here can reach {device} (target: none) to measure it; leave out --fresh and "
            "--num, or pack what to run there with --pack"
        )
    if out_of_reach and not _folder(found).exists() and found.model_path.exists():
        return load_model(found.model_path)  # the common case, which needs no checkpoint
    memory = _memory(found, checkpoint)
    kept = None if fresh else memory.recall()
    if kept and num in (None, kept.num) and not _is_stale(found, kept):
        return kept.model
    if not out_of_reach:
        return memory.measure(target_of(found), num=num, fresh=fresh)
    if found.model_path.exists():
        return load_model(found.model_path)
    _check_unit(found)
    raise BadArtifact(
        f"{found.folder / 'device.yaml'}: nobody here can reach the device (target: none), and it "
        f"was never measured; pack what to run there: ofa profile --device {device} --pack out.zip"
    )


def target_of(device: Device, *, runtime: str | None = None) -> AbstractTarget:
    """The target at the address of a device.

    Args:
        runtime: What runs the engines; ``None`` takes the device's own.

    Raises:
        BadArtifact: If nobody here can reach it, or what computes there is no CPU.
        TargetFailure: If its description lacks what the address needs, or names a runtime that is
            not timed there.
    """
    _check_unit(device)
    runs = device.description
    if runs.target == "none":
        raise BadArtifact(
            f"{device.folder / 'device.yaml'}: nobody here can reach the device (target: none); "
            "give an address, or carry a bundle there: ofa profile --pack"
        )
    benchmark = device.folder / runs.benchmark if runs.benchmark else None
    return open_target(
        runs.target,
        runtime=runtime or runs.runtime.name,
        python=runs.python,
        benchmark=benchmark,
    )


def timing_target(device: Device, *, runtime: str) -> AbstractTarget | None:
    """The target that times engines of a runtime on a device; ``None`` if nothing does."""
    runs = device.description
    is_timed = runs.hardware.unit == "cpu" and runtime in LOADERS
    return None if runs.target == "none" or not is_timed else target_of(device, runtime=runtime)


def check_profile(*, device: str, checkpoint: str, num: int, seed: int = 1) -> Evidence:
    """Time ``num`` random subnets that the model of a device has not seen, and compare.

    Raises:
        NoisyMachine: If the reference takes another time than when the device was profiled.
        OfaError: If the model was fitted to every subnet of the space.
    """
    from ofa.latency.fit_profile import check_model
    from ofa.latency.plan import random_plan
    from ofa.latency.profile import run_plan

    found = find_device(device)
    target = target_of(found)
    model = profile(device=device, checkpoint=checkpoint)
    memory = _memory(found, checkpoint)
    kept = memory.recall()
    assert kept is not None
    plan = random_plan(memory.plan(kept.num), num=num, seed=seed)
    timed = run_plan(plan, target)
    drift = timed.timings[0].median_ms / kept.reference_ms - 1
    if abs(drift) > plan.protocol.max_drift:
        raise NoisyMachine(
            f"{device}: its reference network's latency is {drift:+.0%} off that of the profile, "
            "so one of the two was disturbed; stop other programs and try again, with --fresh if "
            "it stays so"
        )
    return check_model(model, memory.space, timed)


def pack_profile(*, device: str, checkpoint: str, out: Path, num: int | None = None) -> Path:
    """Write the bundle that measures a device which no one can reach from here.

    Returns:
        ``out``.

    Raises:
        BadArtifact: If no program can be packed that times what computes there, or its runtime.
    """
    from ofa.runtime.bundle import bundle

    found = find_device(device)
    _check_unit(found)
    plan = _memory(found, checkpoint).plan(num)
    if plan.runtime not in LOADERS:
        raise BadArtifact(
            f"{found.folder / 'device.yaml'}: no program that times {plan.runtime} can be packed, "
            f"only one for {', '.join(LOADERS)}; time a few networks there yourself: "
            "ofa devices adapt --pack"
        )
    asked = "" if num is None else f" --num {num}"
    data = bundle(
        ((name, plan.engine(name)) for name in plan.names),
        names=plan.names,
        runtime=plan.runtime,
        threads=plan.threads,
        protocol=plan.protocol,
        identity=plan.identity(),
        readme=_README.format(
            file=out.name,
            device=device,
            checkpoint=checkpoint,
            asked=asked,
            num=len(plan.archs),
            package=RUNTIMES[plan.runtime].distribution,
        ),
    )
    artifacts.write_atomically(out, data)
    return out


def ingest_profile(
    *, device: str, checkpoint: str, results: Path, num: int | None = None
) -> LatencyModel:
    """The latency model from the results of a bundle, which are checked, then remembered.

    Raises:
        BadArtifact: If they are not whole, or of something else, or what computes there is no CPU.
        NoisyMachine: If the device was disturbed while it measured.
    """
    from ofa.latency.profile import settled
    from ofa.latency.remembered import NUM_SUBNETS
    from ofa.latency.rounds_file import read_rounds

    found = find_device(device)
    _check_unit(found)
    memory = _memory(found, checkpoint)
    plan = memory.plan(num)
    measured = settled(plan, read_rounds(results, plan), who=str(results))
    memory.check_runtime(measured.provenance)
    path = memory.rounds_path(plan, measured.provenance)
    artifacts.write_atomically(path, artifacts.read_bytes(results))
    return memory.keep(measured, num=NUM_SUBNETS if num is None else num, rounds=path)


def _check_unit(device: Device) -> None:
    """Refuse a device whose engines are not timed, since what computes there is no CPU."""
    unit = device.description.hardware.unit
    if unit != "cpu":
        raise BadArtifact(
            f"{device.folder / 'device.yaml'}: engines are timed on CPUs alone, but the unit is "
            f"{unit}; time a few networks there yourself: ofa devices adapt --pack"
        )


def _memory(device: Device, checkpoint: str) -> "Memory":
    from ofa.latency.remembered import Memory

    space = open_supernet(find_checkpoint(checkpoint))[1].space
    return Memory(folder=_folder(device), device=device, space=space)


def _folder(device: Device) -> Path:
    """Where the profiles of a device are kept: in its own folder, if it is not a shipped one."""
    if device.folder.parent == shipped("devices"):
        return artifacts.cache_folder() / "devices" / device.id
    return device.folder / "profiles"


def _is_stale(device: Device, kept: "Remembered") -> bool:
    """Whether a device is no longer the one remembered; only this machine itself is asked."""
    runs = device.description
    if not kept.fits(runs):
        return True
    return runs.target == "local" and target_of(device).describe().identity != kept.machine


_README = """\
This file times {num} neural networks on the device that runs it, for: ofa profile --device {device}

It needs Python 3.10 or newer with numpy and {package}:

    pip install numpy {package}

Close other programs, plug the device in, and run it as it is; there is nothing to unpack:

    python3 {file}

It writes results.jsonl. If it is cut off, run it again: it goes on where it stopped. Send
results.jsonl back; there it is taken in by

    ofa profile --device {device} --checkpoint {checkpoint}{asked} --ingest results.jsonl

The program is the plain text in ofa/runtime/ within this zip. It uses no network, reads what the
kernel tells about processor, clock, load and temperature, and writes results.jsonl alone.
"""
