"""A board or server that ssh reaches, timed by its own Python and the library of a runtime.

The system's ``ssh`` connects, so keys, jump hosts and ``~/.ssh/config`` work as the user has them.
Host keys are always checked. One connection sends one bundle, which lies in a temporary file while
it runs there, and brings back one line; nothing stays behind. A program whose connection ends is
told nothing by sshd, so it looks for its parent and ends itself.
"""

import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ofa import artifacts
from ofa.errors import BadArtifact, Disconnected, TargetFailure
from ofa.runtime.bundle import bundle
from ofa.runtime.engine import EngineFiles
from ofa.runtime.machine import Provenance
from ofa.runtime.rounds import Protocol, Round
from ofa.runtime.runner import ANSWER
from ofa.runtime.target import AbstractTarget, Address, alone_on
from ofa.runtime.timing import Timing, stopwatch

_RUN_BUNDLE = """\
import _thread, json, os, runpy, sys, tempfile, threading, time
parent = os.getppid()
def follow_parent():
    while os.getppid() == parent:
        time.sleep(1)
    _thread.interrupt_main()
try:
    file = tempfile.NamedTemporaryFile(suffix=".zip")
    file.write(sys.stdin.buffer.read())
    file.flush()
except OSError as error:
    reason = f"the bundle cannot be copied there ({error}); free space on its disk"
    print("ofa-answer " + json.dumps({"error": reason}))
    sys.exit(1)
sys.argv = [file.name, "--print"]
with file:
    threading.Thread(target=follow_parent, daemon=True).start()
    runpy.run_path(file.name, run_name="__main__")
"""
_OPTIONS = {
    "BatchMode": "yes",  # never ask: there may be nobody to answer
    "StrictHostKeyChecking": "yes",
    "ConnectTimeout": "10",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    "ClearAllForwardings": "yes",
}
_MAX_ANSWER_BYTES = 4 * 2**20
_TIMEOUT_S = 1800


@dataclass(frozen=True, kw_only=True)
class SshTarget(AbstractTarget):
    """A device behind ssh.

    Attributes:
        address: Host, user and port.
        python: Interpreter there, with numpy and the library of the runtime.
        runtime: What runs the engines.
        config: Configuration of ssh in place of the user's own.
    """

    address: Address
    python: str
    runtime: str
    config: Path | None = None

    def describe(self) -> Provenance:
        """What the device is, and its state now.

        Raises:
            TargetFailure: If it cannot be reached or lacks what it needs.
        """
        with alone_on(self):  # to load a runtime there would disturb who times
            answer = self._answer({}, threads=1, protocol=Protocol())
        return artifacts.parse(Provenance, answer.get("provenance"), where=f"{self}: provenance")

    def measure(
        self, engines: Mapping[str, EngineFiles], *, threads: int, warmup: int, repeats: int
    ) -> dict[str, Timing]:
        """Interleaved timings of engines, by name, in one connection; other commands wait.

        Raises:
            Disconnected: If the connection broke.
            TargetFailure: If the device fails otherwise, takes too long, or answers oddly.
        """
        numbered = {f"{index}": engine for index, engine in enumerate(engines.values())}
        protocol = Protocol(num_round=len(engines), warmup=warmup, repeats=repeats)
        with alone_on(self):
            elapsed_s = stopwatch()
            answer = self._answer(numbered, threads=threads, protocol=protocol)
            waited_s = elapsed_s()
        try:
            timings = artifacts.parse(Round, answer, where=f"{self}: results").timings
        except BadArtifact as error:
            raise TargetFailure(f"{error}; try again") from error
        if set(timings) != set(numbered):
            raise TargetFailure(
                f"{self}: sent {len(timings)} timings, but was asked for {len(numbered)}; try again"
            )
        # Half of the samples take the median or longer.
        least_s = sum(one.median_ms * one.repeats / 2000 for one in timings.values())
        if least_s > waited_s:
            raise TargetFailure(
                f"{self}: tells of {least_s:.3g} s of runs, but answered within {waited_s:.3g} s, "
                "so its latencies are not in ms"
            )
        return {name: timings[number] for name, number in zip(engines, numbered, strict=True)}

    def __str__(self) -> str:
        user = f"{self.address.user}@" if self.address.user else ""
        port = f":{self.address.port}" if self.address.port else ""
        return f"ssh://{user}{self.address.host}{port}"

    def _answer(
        self, engines: Mapping[str, EngineFiles], *, threads: int, protocol: Protocol
    ) -> dict[str, object]:
        """What the bundle of some engines answers."""
        data = bundle(
            engines.items(),
            names=engines,
            runtime=self.runtime,
            threads=threads,
            protocol=protocol,
        )
        try:
            done = subprocess.run(
                self._command(), input=data, capture_output=True, timeout=_TIMEOUT_S
            )
        except FileNotFoundError as error:
            raise TargetFailure(
                f"{self}: there is no ssh here; install it: apt-get install openssh-client"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise TargetFailure(
                f"{self}: no answer within {_TIMEOUT_S} s; time fewer images a run (batch in "
                "device.yaml), or fewer --repeats"
            ) from error
        if len(done.stdout) > _MAX_ANSWER_BYTES:
            raise TargetFailure(
                f"{self}: answers with {len(done.stdout):,} bytes; check its Python"
            )
        output = done.stdout.decode(errors="replace").splitlines()
        answers = [line.removeprefix(ANSWER) for line in output if line.startswith(ANSWER)]
        if len(answers) > 1:
            raise TargetFailure(f"{self}: answers {len(answers)} times to one question; try again")
        if not answers:
            raise self._failure(done.returncode, done.stderr.decode(errors="replace"))
        answer = artifacts.parse_json(answers[0].encode(), where=f"{self}: results")
        if "error" in answer:
            raise TargetFailure(f"{self}: {' '.join(str(answer['error']).split())[:500]}")
        return answer

    def _command(self) -> list[str]:
        options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
        config = ["-F", str(self.config)] if self.config else []
        port = ["-p", str(self.address.port)] if self.address.port else []
        user = ["-l", self.address.user] if self.address.user else []
        there = "exec " + shlex.join([self.python, "-c", _RUN_BUNDLE])  # no shell in between
        return ["ssh", "-T", *config, *options, *port, *user, "--", self.address.host, there]

    def _failure(self, code: int, stderr: str) -> TargetFailure:
        """Why no result came back."""
        host, port = self.address.host, self.address.port
        lines = [line.strip() for line in stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else "no output"
        if "IDENTIFICATION HAS CHANGED" in stderr:
            name = f"[{host}]:{port}" if port and port != 22 else host
            return TargetFailure(
                f"{self}: its host key differs from the known one; if the device was set up anew, "
                f"forget the old key: ssh-keygen -R '{name}'"
            )
        if "Host key verification failed" in stderr:
            flag = f"-p {port} " if port else ""
            return TargetFailure(
                f"{self}: its host key is unknown here; if you trust the network, record it: "
                f"ssh-keyscan {flag}{host} >> ~/.ssh/known_hosts"
            )
        if "Permission denied" in stderr and code == 255:
            flag = f"-p {port} " if port else ""
            user = f"{self.address.user}@" if self.address.user else ""
            return TargetFailure(
                f"{self}: takes none of your keys; bring one there: ssh-copy-id {flag}{user}{host}"
            )
        if code == 255:
            return Disconnected(f"{self}: the connection failed ({reason}); check it and try again")
        if code in (126, 127):
            return TargetFailure(
                f"{self}: cannot run {self.python!r} there; name an interpreter with numpy and "
                f"{self.runtime} by --python, or in device.yaml: python: /path/to/python3"
            )
        return TargetFailure(f"{self}: its Python ended with status {code} ({reason})")
