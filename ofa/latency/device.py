"""Devices as data: one folder each, found by name or alias.

A folder ``devices/<id>/`` holds ``device.yaml`` (what the device is and how to reach it), and
``model.yaml`` where a latency model was fitted beforehand. No torch here: listing devices is
instant.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ofa import artifacts
from ofa.errors import BadArtifact, UnknownDevice, did_you_mean
from ofa.runtime import Precision
from ofa.runtime.target import parse_address


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What computes."""

    name: str
    """Product name."""
    soc: str
    """System on chip."""
    unit: Literal["cpu", "gpu", "npu"]
    """Part of the chip that runs the network."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What executes the network there."""

    name: str
    """Library, e.g. ``onnxruntime``."""
    version: str | None = None
    """Version of the measurements; ``None`` if it is the installed one, or was not published."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """The content of ``device.yaml``."""

    aliases: tuple[str, ...] = ()
    """Other names of the device."""
    hardware: Hardware
    """What computes."""
    runtime: Runtime
    """What executes the network there."""
    precision: Precision
    """Arithmetic of weights and activations."""
    threads: int | None
    """Threads of the runtime; ``None`` if not published."""
    batch: int
    """Images a run."""
    target: str
    """Where to measure: ``local`` is this machine, ``ssh://[user@]host[:port]`` and
    ``adb:<serial>`` are others, ``none`` is a device that nobody here can reach."""
    python: str = "python3"
    """Interpreter on an ssh target, with numpy and the runtime."""
    benchmark: str | None = None
    """Program that times models on an adb target, relative to the device's folder."""

    def __post_init__(self) -> None:
        for name, value in (("batch", self.batch), ("threads", self.threads)):
            if value is not None and value < 1:
                raise BadArtifact(f"{name}: {value} is not a count; use 1 or more")
        if self.target != "none":
            parse_address(self.target)
        for alias in self.aliases:
            check_name(alias)


@dataclass(frozen=True, kw_only=True)
class Device:
    """One device that subnets are made for.

    Attributes:
        folder: ``devices/<id>``.
        description: What the device is.
    """

    folder: Path
    description: Description

    @property
    def id(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the device answers to, its id first."""
        return (self.id, *self.description.aliases)

    @property
    def model_path(self) -> Path:
        """Where a latency model fitted beforehand lies, if there is one."""
        return self.folder / "model.yaml"


def list_devices(root: Path) -> tuple[Device, ...]:
    """The devices of a folder, by id.

    Raises:
        BadArtifact: If there are none, one is malformed, or two claim one name.
    """
    paths = sorted(root.glob("*/device.yaml"))
    if not paths:
        raise BadArtifact(f"{root}: holds no <id>/device.yaml; give the folder of the devices")
    devices = tuple(_read(path) for path in paths)
    owners: dict[str, str] = {}
    for device in devices:
        for name in device.names:
            if owners.setdefault(name, device.id) != device.id:
                raise BadArtifact(
                    f"{device.folder / 'device.yaml'}: {name!r} already names {owners[name]!r}; "
                    "remove one of the two"
                )
    return devices


def load_device(root: Path, name: str) -> Device:
    """The device that answers to ``name``, or that the folder ``name`` describes.

    Raises:
        UnknownDevice: Tells the near names, or what a folder lacks.
        BadArtifact: As ``list_devices``.
    """
    own = Path(name) / "device.yaml"
    if own.is_file():
        return _read(own)
    by_name = {known: device for device in list_devices(root) for known in device.names}
    if name in by_name:
        return by_name[name]
    if name and Path(name).is_dir():
        raise UnknownDevice(
            f"no device is called {name!r}, and the folder of that name holds no device.yaml; "
            "describe the device there: see docs/measure_your_device.md"
        )
    raise UnknownDevice(
        f"no device is called {name!r}{did_you_mean(name, by_name) or ';'} ofa devices lists all "
        f"{len(by_name)} names; or give the folder of a device.yaml of your own"
    )


def twins(device: Device) -> tuple[Device, ...]:
    """The devices that differ from ``device`` in precision alone, itself first.

    They lie in the same folder as it does.

    Raises:
        BadArtifact: As ``list_devices``.
    """

    def but_for_precision(one: Device) -> Description:
        return replace(one.description, precision="fp32", aliases=())

    others = [one for one in list_devices(device.folder.parent) if one.id != device.id]
    same = [one for one in others if but_for_precision(one) == but_for_precision(device)]
    return (device, *same)


def check_name(name: str) -> None:
    """Refuse a device name that could be taken for an option, a path, or more than one word.

    Raises:
        BadArtifact: Says what a name is made of.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", name):
        raise BadArtifact(
            f"device name {name[:100]!r}: use letters, digits and . _ + -, 100 at most; rename its "
            "folder or alias"
        )


def _read(path: Path) -> Device:
    description = artifacts.parse(Description, artifacts.read_yaml(path), where=str(path))
    check_name(path.resolve().parent.name)
    return Device(folder=path.resolve().parent, description=description)
