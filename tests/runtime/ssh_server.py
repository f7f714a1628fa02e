"""A real sshd on 127.0.0.1 for a test: keys made for it, nothing of the user's touched."""

import getpass
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that runs.

    Attributes:
        address: Where it is.
        config: Configuration of ssh that holds the key and the known host.
        known_hosts: Host keys that ssh knows.
        pid_file: Process of the server.
    """

    address: str
    config: Path
    known_hosts: Path
    pid_file: Path


@contextmanager
def ssh_server(folder: Path) -> Iterator[Server]:
    """A server for the time of a ``with``."""
    host_key, key = folder / "host_key", folder / "key"
    for path in (host_key, key):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
        subprocess.run(command, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known_hosts, pid_file = folder / "known_hosts", folder / "pid"
    algorithm, public = (folder / "host_key.pub").read_text().split()[:2]
    known_hosts.write_text(f"[127.0.0.1]:{port} {algorithm} {public}\n")
    config = folder / "ssh_config"
    config.write_text(
        f"IdentityFile {key}\nIdentitiesOnly yes\nUserKnownHostsFile {known_hosts}\n"
        "GlobalKnownHostsFile /dev/null\n"
    )
    settings = folder / "sshd_config"
    settings.write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {host_key}\nPidFile {pid_file}\n"
        f"AuthorizedKeysFile {folder / 'key.pub'}\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    if getpass.getuser() == "root":
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants it when root starts it
    command = [str(SSHD), "-D", "-e", "-f", str(settings)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as server:
        try:
            _wait_for(port, server)
            yield Server(
                address=f"ssh://{getpass.getuser()}@127.0.0.1:{port}",
                config=config,
                known_hosts=known_hosts,
                pid_file=pid_file,
            )
        finally:
            server.terminate()


def _wait_for(port: int, server: subprocess.Popen) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert server.poll() is None
            try:
                server.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
