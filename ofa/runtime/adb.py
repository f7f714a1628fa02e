"""An Android device that adb reaches, timed by a benchmark program that the user has for it.

The program is one of ``ofa.runtime.programs``. It times one model at a time, so the models take
turns, pass by pass, and the median over the passes counts. The files of a measurement lie in a
folder of their own on the device and go afterwards.
"""

import hashlib
import re
import secrets
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ofa import artifacts
from ofa.errors import Disconnected, TargetFailure
from ofa.runtime.engine import EngineFiles
from ofa.runtime.machine import Provenance
from ofa.runtime.programs import Sample, program_of
from ofa.runtime.target import AbstractTarget, alone_on
from ofa.runtime.timing import Timing, utc_now

_FOLDERS = "/data/local/tmp/ofa-profile"
_PASSES = 5
_TIMEOUT_S = 600
_ABSENT = ("not found", "no devices", "offline", "closed", "unauthorized", "cannot connect",
           "failed to connect", "connection reset")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AdbTarget(AbstractTarget):
    """A device behind adb.

    Attributes:
        serial: Serial number, see ``adb devices``.
        benchmark: Program that times a model there, built for the device; it runs one runtime.
    """

    serial: str
    benchmark: Path

    def describe(self) -> Provenance:
        """What the device is, and its state now.

        Raises:
            TargetFailure: If it cannot be reached, or the program is not understood.
        """
        runtime = program_of(self.benchmark.name).runtime
        program = artifacts.read_bytes(self.benchmark)
        cpu = "/sys/devices/system/cpu/cpu0/cpufreq"
        model = self._told("getprop", "ro.product.model") or self._told("uname", "-n")
        chip = self._told("getprop", "ro.soc.model") or self._told("getprop", "ro.board.platform")
        release = self._told("getprop", "ro.build.version.release")
        khz = _number(self._told("cat", f"{cpu}/scaling_cur_freq"))
        load = _number((self._told("cat", "/proc/loadavg") or "").partition(" ")[0])
        heat = _number(self._told("cat", "/sys/class/thermal/thermal_zone0/temp"))
        return Provenance(
            machine=", ".join(part for part in (model, chip, self.serial) if part),
            system=f"Android {release}" if release else self._told("uname", "-sr") or "unknown",
            runtime=runtime,
            runtime_version=f"{self.benchmark.name} {hashlib.sha256(program).hexdigest()[:12]}",
            governor=self._told("cat", f"{cpu}/scaling_governor"),
            clock_mhz=khz / 1e3 if khz else None,
            load_1min=load,
            temperature_c=heat / 1e3 if heat else None,
            measured_at=utc_now(),
        )

    def measure(
        self, engines: Mapping[str, EngineFiles], *, threads: int, warmup: int, repeats: int
    ) -> dict[str, Timing]:
        """Timings of engines, by name, which take turns; other commands wait.

        ``p10_ms`` is the median over the passes of the fastest inference, or of the fastest but for
        one in twenty, since no program tells a 10th percentile.

        Raises:
            Disconnected: If the device went away.
            TargetFailure: If the program fails, takes too long, or prints what is not understood.
        """
        asked = program_of(self.benchmark.name)
        passes = min(_PASSES, repeats)
        each = -(-repeats // passes)
        folder = f"{_FOLDERS}-{secrets.token_hex(8)}"
        program = f"{folder}/{self.benchmark.name}"
        models = {name: f"{folder}/{index}{asked.suffix}" for index, name in enumerate(engines)}
        samples: dict[str, list[Sample]] = {name: [] for name in engines}
        with alone_on(self):
            try:
                self._shell("mkdir", "-p", folder)
                self._adb("push", str(self.benchmark), program)
                self._shell("chmod", "700", program)
                for name, files in engines.items():
                    self._push(next(iter(files.values())), models[name])
                for _ in range(passes):
                    for name, model in models.items():
                        output = self._shell(program, *asked.arguments(model, threads, each))
                        samples[name].append(asked.read(output))
            finally:
                self._told("rm", "-r", "-f", folder)
        return {name: _timing(taken, repeats=passes * each) for name, taken in samples.items()}

    def __str__(self) -> str:
        return f"adb:{self.serial}"

    def _push(self, engine: bytes, there: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            artifacts.write_atomically(path, engine)
            self._adb("push", str(path), there)

    def _told(self, *words: str) -> str | None:
        """What a command on the device prints; ``None`` if the device lacks or refuses it."""
        done = self._run("shell", shlex.join(words))
        return done.stdout.strip() or None if done.returncode == 0 else None

    def _shell(self, *words: str) -> str:
        return self._adb("shell", shlex.join(words))

    def _adb(self, *words: str) -> str:
        done = self._run(*words)
        if done.returncode == 0:
            return done.stdout + done.stderr  # programs tell their figures in either
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise TargetFailure(f"{self}: {shlex.join(words)[:120]} failed there ({lines[-1]})")

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        try:
            done = subprocess.run(
                ["adb", "-s", self.serial, *words],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=_TIMEOUT_S,
            )
        except FileNotFoundError as error:
            raise TargetFailure(
                f"{self}: there is no adb here; install it: apt-get install adb"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise TargetFailure(
                f"{self}: {shlex.join(words)[:120]} took longer than {_TIMEOUT_S} s; time fewer "
                "images a run (batch in device.yaml), or look at: adb devices"
            ) from error
        told = done.stderr.lower()
        if (
            done.returncode
            and told.startswith(("adb:", "error:"))
            and any(word in told for word in _ABSENT)
        ):
            reason = done.stderr.strip().splitlines()[-1]
            raise Disconnected(f"{self}: cannot be reached ({reason}); look at: adb devices")
        return done


def _timing(samples: Sequence[Sample], *, repeats: int) -> Timing:
    figures = [(sample.lowest_ms, sample.median_ms, sample.high_ms) for sample in samples]
    p10_ms, median_ms, p90_ms = (float(ms) for ms in np.median(figures, axis=0))
    return Timing(median_ms=median_ms, p10_ms=p10_ms, p90_ms=p90_ms, repeats=repeats)


def _number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"-?\d+(\.\d+)?", text) else None
