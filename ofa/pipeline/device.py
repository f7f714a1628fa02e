"""Devices: those known, and the latency model of one."""

from ofa import artifacts
from ofa.latency import Device, LatencyModel, list_devices, load_device, load_model
from ofa.opened import find_checkpoint, open_supernet
from ofa.shipped import shipped


def devices() -> tuple[Device, ...]:
    """The devices that subnets can be made for."""
    return list_devices(shipped("devices"))


def profile(*, device: str, checkpoint: str, fresh: bool = False) -> LatencyModel:
    """The latency model of a device; a device at hand is measured on first use, then remembered.

    Args:
        fresh: Whether to measure again what is remembered.

    Raises:
        OfaError: If the device must be measured, but cannot be.
    """
    target = load_device(shipped("devices"), device)
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
