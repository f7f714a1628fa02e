"""Where and in what state a latency is measured: processor, clock, load, temperature, runtime.

This module runs on devices too (see ``ofa.runtime.bundle``): it imports the standard library alone,
and reads what the kernel tells under ``/proc`` and ``/sys``. What a system does not tell is
``None``.
"""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from ofa.runtime.timing import utc_now


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """The circumstances of a measurement."""

    machine: str
    """Processor, number of CPUs, system: the same whenever one asks the same device."""
    system: str
    """Kernel or operating system, with its version."""
    runtime: str
    """Library that runs the networks."""
    runtime_version: str
    """Version of that library."""
    python: str | None = None
    """Version of Python, where Python runs the networks."""
    governor: str | None = None
    """Rule by which the kernel sets the clock of the first CPU, e.g. ``performance``."""
    clock_mhz: float | None = None
    """Clock of the first CPU at that moment."""
    load_1min: float | None = None
    """Processes that wanted to run, averaged over the last minute."""
    temperature_c: float | None = None
    """Temperature of the hottest thermal zone, degrees Celsius."""
    measured_at: str | None = None
    """Moment, UTC, by the clock of the device."""

    @property
    def identity(self) -> tuple[str, str]:
        """What must be equal for two measurements to belong together: machine and runtime."""
        return self.machine, f"{self.runtime} {self.runtime_version}"


def provenance(*, runtime: str, runtime_version: str) -> Provenance:
    """The circumstances on this machine, now."""
    cpu = "/sys/devices/system/cpu/cpu0/cpufreq"
    return Provenance(
        machine=describe_machine(),
        system=f"{platform.system()} {platform.release()}",
        runtime=runtime,
        runtime_version=runtime_version,
        python=platform.python_version(),
        governor=_first_line(f"{cpu}/scaling_governor"),
        clock_mhz=_clock_mhz(cpu),
        load_1min=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        temperature_c=_hottest_c(),
        measured_at=utc_now(),
    )


def describe_machine() -> str:
    """Processor and system, in one line."""
    model = _cpuinfo("model name") or _first_line("/proc/device-tree/model")
    processor = model or platform.processor() or platform.machine()
    return f"{processor}, {os.cpu_count()} CPUs, {platform.system()}"


def _clock_mhz(cpu: str) -> float | None:
    khz = _first_line(f"{cpu}/scaling_cur_freq")
    if khz and khz.isdigit():
        return int(khz) / 1e3
    mhz = _cpuinfo("cpu MHz")
    return float(mhz) if mhz else None


def _hottest_c() -> float | None:
    zones = Path("/sys/class/thermal").glob("thermal_zone*/temp")
    readings = [_first_line(str(zone)) or "" for zone in zones]
    millidegrees = [int(reading) for reading in readings if reading.lstrip("-").isdigit()]
    return max(millidegrees) / 1e3 if millidegrees else None


def _cpuinfo(field: str) -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return None
    values = [line.partition(":")[2].strip() for line in lines if line.startswith(field)]
    return values[0] if values else None


def _first_line(path: str) -> str | None:
    try:
        return Path(path).read_text(errors="replace").partition("\n")[0].strip("\0 ") or None
    except OSError:
        return None
