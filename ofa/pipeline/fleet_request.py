"""What is asked of a fleet: which devices, and which budgets of each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ofa import artifacts
from ofa.errors import OfaError, UnknownDevice
from ofa.pipeline.device import devices as known_devices

if TYPE_CHECKING:
    from ofa.search import Range


@dataclass(frozen=True, kw_only=True)
class FleetFile:
    """A fleet as a YAML file names it.

    Attributes:
        devices: Budgets of each device; the name may be a pattern as in a shell.
    """

    devices: dict[str, list[str | float]]

    def __post_init__(self) -> None:
        if not self.devices or not all(self.devices.values()):
            raise OfaError("devices: name one or more, each with one or more budgets")


def read_fleet_file(path: Path) -> dict[str, list[str]]:
    """Budgets of every device that a fleet file names; all of them, if it does several times.

    Raises:
        BadArtifact: If the file is missing or malformed.
    """
    wish = artifacts.parse(FleetFile, artifacts.read_yaml(path), where=str(path))
    found: dict[str, dict[str, None]] = {}
    for pattern, budgets in wish.devices.items():
        for device in match_devices([pattern]):
            found.setdefault(device, {}).update(dict.fromkeys(map(str, budgets)))
    return {device: list(budgets) for device, budgets in found.items()}


def match_devices(patterns: Sequence[str]) -> list[str]:
    """Devices that go by names, folders, or patterns such as ``devices/*`` and ``pixel*``.

    A pattern passes over devices without a latency model, which would have to be measured first;
    name those.

    Raises:
        UnknownDevice: If a pattern matches nothing.
    """
    found: dict[str, None] = {}
    known = known_devices()
    modelled = [device for device in known if device.model_path.exists()]
    ids = {name: device.id for device in known for name in device.names}
    for pattern in patterns:
        if not re.search(r"[*?\[]", pattern):
            is_folder = (Path(pattern) / "device.yaml").is_file()
            found[pattern if is_folder else ids.get(pattern, pattern)] = None
            continue
        wanted = pattern.removeprefix("devices/")
        names = [device.id for device in modelled if fnmatch(device.id, wanted)]
        if not names:
            raise UnknownDevice(
                f"no device with a latency model matches {pattern!r}; see ofa devices"
            )
        found.update(dict.fromkeys(names))
    return list(found)


def parse_budget(text: str, reach: "Range") -> float:
    """A budget in ms, given in ms or as a share of a device's range.

    Raises:
        OfaError: If it is neither.
    """
    share = text.strip().endswith("%")
    try:
        number = float(text.strip().removesuffix("%"))
    except ValueError:
        number = np.nan
    if not 0 <= number < np.inf or (share and number > 100):
        raise OfaError(
            f"budget {text!r}: give milliseconds, such as 12.5, or a share of each device's range "
            "from 0% to 100%, such as 25%"
        )
    return reach.lowest + number / 100 * (reach.highest - reach.lowest) if share else number
