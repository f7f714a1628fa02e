"""Where engines are timed: this machine, a board by ssh, a phone by adb; one interface to all.

``open_target`` takes the address that ``device.yaml`` gives: ``local``,
``ssh://[user@]host[:port]`` or ``adb:<serial>``.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from ofa import artifacts
from ofa.errors import BadArtifact, TargetFailure
from ofa.runtime.engine import EngineFiles
from ofa.runtime.loaders import LOADERS
from ofa.runtime.machine import Provenance
from ofa.runtime.timing import Timing


class AbstractTarget(ABC):
    """A device that times engines."""

    @abstractmethod
    def describe(self) -> Provenance:
        """What the device is, and its state now.

        Raises:
            TargetFailure: If it cannot be reached or lacks what it needs; names the mend.
        """

    @abstractmethod
    def measure(
        self, engines: Mapping[str, EngineFiles], *, threads: int, warmup: int, repeats: int
    ) -> dict[str, Timing]:
        """Interleaved timings of engines, by name.

        Args:
            engines: Name and files of each; an engine's own input tells the batch.
            threads: Threads of the runtime.
            warmup: Runs of each that come before those that count, at least 1.
            repeats: Samples of each.

        Raises:
            Disconnected: If the device was cut off; asking again may succeed.
            TargetFailure: If it fails otherwise; names the mend.
        """


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a device is, as parsed.

    Attributes:
        kind: How it is reached.
        host: Host, or serial number of a phone; empty for this machine.
        user: Name to log in with; ``None`` leaves it to ssh.
        port: Port; ``None`` leaves it to ssh.
    """

    kind: Literal["local", "ssh", "adb"]
    host: str = ""
    user: str | None = None
    port: int | None = None


def parse_address(text: str) -> Address:
    """The address in ``text``.

    Only letters, digits and ``. _ : % -`` make a name, so that none can be taken for an option or a
    command.

    Raises:
        TargetFailure: If it is none.
    """
    if text == "local":
        return Address(kind="local")
    if text.startswith("adb:") and _is_name(text.removeprefix("adb:")):
        return Address(kind="adb", host=text.removeprefix("adb:"))
    if text.startswith("ssh://") and text.isprintable():  # urlsplit drops line breaks
        try:
            parts = urlsplit(text)
            host, user, port = parts.hostname or "", parts.username, parts.port
        except ValueError:
            host, user, port = "", None, None
            parts = urlsplit("")
        if parts.password is not None:
            raise TargetFailure("target: an ssh address holds no password; log in with a key")
        named = _is_name(host) and (user is None or _is_name(user))
        if named and not (parts.path or parts.query or parts.fragment):
            return Address(kind="ssh", host=host, user=user, port=port)
    raise TargetFailure(
        f"target: {text!r} is no address; use local, ssh://[user@]host[:port] or adb:<serial>"
    )


def open_target(
    address: str,
    *,
    runtime: str = "onnxruntime",
    python: str = "python3",
    benchmark: Path | None = None,
    ssh_config: Path | None = None,
) -> AbstractTarget:
    """The device at an address; nothing is sent before it is asked something.

    Args:
        runtime: What runs the engines, one of ``LOADERS``; of an adb device the benchmark says it.
        python: Interpreter on an ssh device, with numpy and the library of the runtime.
        benchmark: Binary that times a model on an adb device, built for it: one of ``PROGRAMS``.
        ssh_config: Configuration of ssh to use in place of the user's own.

    Raises:
        TargetFailure: If the address is none, the runtime is not timed there, or no benchmark is
            given where one is needed.
    """
    parsed = parse_address(address)
    if parsed.kind != "adb" and runtime not in LOADERS:
        raise TargetFailure(
            f"runtime: {runtime!r} is not timed at {address}; use one of {', '.join(LOADERS)}"
        )
    if parsed.kind == "local":
        from ofa.runtime.local import LocalTarget

        return LocalTarget(runtime=runtime)
    if parsed.kind == "ssh":
        from ofa.runtime.ssh import SshTarget

        return SshTarget(address=parsed, python=python, runtime=runtime, config=ssh_config)
    from ofa.runtime.adb import AdbTarget

    if benchmark is None:
        raise TargetFailure(
            f"target: {address} needs a program that times models there; name it by --benchmark, "
            "or in device.yaml: benchmark: path/to/onnxruntime_perf_test, or …/benchmark_model"
        )
    return AdbTarget(serial=parsed.host, benchmark=benchmark)


@contextmanager
def alone_on(target: AbstractTarget) -> Iterator[None]:
    """Keep other commands of this machine from using a target; waits for one that does."""
    lock = artifacts.cache_folder() / "targets" / str(target).replace("//", "")
    with ExitStack() as stack:
        with suppress(BadArtifact):  # a cache that cannot be written is no reason to time nothing
            stack.enter_context(artifacts.claimed(lock, wait=True))
        yield


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._:%-]*", text) is not None
