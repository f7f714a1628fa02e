"""Devices: those known, the latency model of one, and a new one from a few measured networks."""

from dataclasses import asdict, replace
from pathlib import Path

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.latency import Device, LatencyModel, Source, list_devices, load_device, load_model
from ofa.opened import find_checkpoint, open_supernet
from ofa.shipped import shipped


def devices() -> tuple[Device, ...]:
    """The devices that subnets can be made for."""
    return list_devices(shipped("devices"))


def find_device(name: str) -> Device:
    """The device that answers to a name, or that a folder describes.

    Raises:
        UnknownDevice: Lists the near names and all known ones.
    """
    return load_device(shipped("devices"), name)


def adapt_device(*, device: str, measured: Path, checkpoint: str, out: Path) -> LatencyModel:
    """A new device from a known one that resembles it and a few measured subnets.

    Args:
        device: The device it resembles.
        measured: JSON file of the subnets and their latencies.
        checkpoint: Whose subnets they are.
        out: Folder of the new device, which ``--device`` then takes.

    Raises:
        OfaError: If the device has no model, or the file is malformed or not in milliseconds.
    """
    from ofa.latency.adapt import adapt, check_units, read_measured

    known = find_device(device)
    if not known.model_path.exists():
        raise BadArtifact(f"{known.id} has no model to adapt; measure it with: ofa profile")
    space = open_supernet(find_checkpoint(checkpoint))[1].space
    networks = read_measured(measured, space)
    description = known.description
    unit, batch = description.hardware.unit, description.batch
    check_units(networks, unit=unit, batch=batch, where=str(measured))
    source = Source(
        repository=measured.name,
        commit=None,
        path=f"sha256 {artifacts.sha256(measured)[:12]}",
        licence="own measurement",
        rows=len(networks),
    )
    model = adapt(load_model(known.model_path), networks, source=source)
    hardware = replace(
        description.hardware, name=f"like {description.hardware.name}", soc="as told"
    )
    described = asdict(replace(description, aliases=(), hardware=hardware))
    artifacts.write_yaml(out / "device.yaml", described)
    header = f"Adapted from {known.id} by: ofa devices adapt"
    artifacts.write_yaml(out / "model.yaml", asdict(model), header=header)
    return model


def profile(*, device: str, checkpoint: str, fresh: bool = False) -> LatencyModel:
    """The latency model of a device; a device at hand is measured on first use, then remembered.

    Args:
        fresh: Whether to measure again what is remembered.

    Raises:
        OfaError: If the device must be measured, but cannot be.
    """
    target = find_device(device)
    if target.description.target != "local":
        return load_model(target.model_path)
    from ofa.latency.host import host_model
    from ofa.latency.rig import onnxruntime_rig

    space = open_supernet(find_checkpoint(checkpoint))[1].space
    identity = artifacts.digest(space.to_dict())[:12]
    cache = artifacts.cache_folder() / "devices" / target.id / f"{identity}.json"
    if fresh:
        cache.unlink(missing_ok=True)
    return host_model(cache, space, onnxruntime_rig(threads=target.description.threads or 1))
