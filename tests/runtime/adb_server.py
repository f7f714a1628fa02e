"""A stand-in for the adb server, on 127.0.0.1: it speaks the host protocol to the real client.

It runs nothing: a shell command is split as a shell would split it, and answered by a function.
"""

import shlex
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

VERSION = 41  # of the protocol, since adb 1.0.41 of 2018
Answer = tuple[int, str]


@dataclass
class Phone:
    """What the stand-in pretends to be.

    Attributes:
        serial: Serial number.
        answer: Exit code and output of a command, given as words.
        files: What was pushed, by path.
        commands: Commands seen.
    """

    serial: str
    answer: Callable[[list[str]], Answer]
    files: dict[str, bytes] = field(default_factory=dict)
    commands: list[list[str]] = field(default_factory=list)


@contextmanager
def adb_server(phone: Phone) -> Iterator[int]:
    """The port of a server for the time of a ``with``."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionError):  # of a client that waits no longer
                while service := self._request():
                    if not self._serve(service):
                        return

        def _request(self) -> str:
            length = self.rfile.read(4)
            return self.rfile.read(int(length, 16)).decode() if len(length) == 4 else ""

        def _serve(self, service: str) -> bool:
            """Answer one service; whether the connection goes on."""
            if service == "host:version":
                return self._say(f"{VERSION:04x}")
            if service.endswith(":features") or service == "host:features":
                return self._say("shell_v2,cmd,stat_v2")
            if "transport:" in service or "tport:serial:" in service:
                if not service.endswith(f":{phone.serial}"):
                    return self._fail(f"device '{service.rpartition(':')[2]}' not found")
                self.wfile.write(b"OKAY")
                if ":tport:" in service:
                    self.wfile.write(struct.pack("<Q", 1))
                return True
            if service.startswith("shell,v2"):
                return self._shell(service.partition(":")[2])
            if service == "sync:":
                self.wfile.write(b"OKAY")
                return self._sync()
            return self._fail(f"unknown service {service}")

        def _say(self, text: str) -> bool:
            self.wfile.write(b"OKAY" + f"{len(text):04x}{text}".encode())
            return False

        def _fail(self, reason: str) -> bool:
            self.wfile.write(b"FAIL" + f"{len(reason):04x}{reason}".encode())
            return False

        def _shell(self, command: str) -> bool:
            words = shlex.split(command)
            phone.commands.append(words)
            code, output = phone.answer(words)
            self.wfile.write(b"OKAY")
            for kind, data in ((1, output.encode()), (3, bytes([code]))):
                self.wfile.write(struct.pack("<BI", kind, len(data)) + data)
            return False

        def _sync(self) -> bool:
            path, data = "", b""
            while True:
                kind, size = struct.unpack("<4sI", self.rfile.read(8))
                if kind in (b"STAT", b"LST2", b"STA2"):
                    self.rfile.read(size)
                    width = 12 if kind == b"STAT" else 68
                    error = b"" if kind == b"STAT" else struct.pack("<I", 2)  # no such file
                    self.wfile.write(kind + error.ljust(width, b"\0"))
                elif kind == b"SEND":
                    path, data = self.rfile.read(size).decode().rpartition(",")[0], b""
                elif kind == b"DATA":
                    data += self.rfile.read(size)
                elif kind == b"DONE":
                    phone.files[path] = data
                    self.wfile.write(b"OKAY" + struct.pack("<I", 0))
                else:  # QUIT
                    return False

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
