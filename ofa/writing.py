"""Files and folders that appear whole or not at all, and who may write them.

What is under way lies beside its place under a name of its own, locked by the process that makes
it. The kernel drops a lock when its holder ends, however it ends: so what a killed process left is
known by its lock, is swept away by the next one that writes there, and no lock outlives its holder.
"""

import contextlib
import errno
import fcntl
import json
import logging
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ofa.errors import BadArtifact, InUse

_UNFINISHED = ".ofa-unfinished"
_UMASK = os.umask(0o077)  # read once: it can only be read by setting it, which all threads share
os.umask(_UMASK)
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EINVAL}
"""What a file system answers that keeps no locks; there, nothing is swept and no one is refused."""
_log = logging.getLogger(__name__)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is either old or new, never half of one.

    Raises:
        BadArtifact: If the folder cannot be written or the disk is full; nothing is left behind.
    """
    with _writing(path), _unfinished_file(path) as (file, temporary):
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_UMASK)
        temporary.replace(path)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that appears whole, or not at all.

    Yields a temporary sibling to fill; on success it takes the place of ``path``, on failure it
    goes.
    """
    with _writing(path):
        temporary, lock = _unfinished_folder(path)
    try:
        yield temporary
        with _writing(path):
            temporary.chmod(0o777 & ~_UMASK)
            _take_place(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(lock)


def append_line(path: Path, body: Mapping[str, object]) -> None:
    """Append one JSON object as one line, flushed to disk; mends a line that a crash cut off."""
    line = json.dumps(body, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    _drop_last_line(file)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


@contextlib.contextmanager
def claimed(
    path: Path,
    *,
    is_folder: bool = False,
    wait: bool = False,
    mend: str = "wait for it, or choose another --out",
) -> Iterator[None]:
    """Keep other processes from writing the same file, or all of the same folder, meanwhile.

    Args:
        wait: Whether to wait for another process that holds it, which is logged.
        mend: What to do if another process holds it.

    Raises:
        InUse: If another process holds it; names that process, its machine and its command.
        BadArtifact: If the folder cannot be written.
    """
    name = path / ".lock" if is_folder else path.parent / f".{path.name}.lock"
    with contextlib.ExitStack() as stack:
        with _writing(name):
            handle = _own_lock(name, path, wait=wait, mend=mend)
            stack.callback(os.close, handle)
            stack.callback(name.unlink, missing_ok=True)
            os.truncate(handle, 0)
            command = " ".join(["ofa", *sys.argv[1:]])[:300]
            holder = f"process {os.getpid()} on {socket.gethostname()} ({command})"
            os.write(handle, holder.encode())
        yield


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadArtifact(
            f"{path}: cannot be written ({error.strerror}); free space or choose another --out"
        ) from error


def _own_lock(name: Path, path: Path, *, wait: bool, mend: str) -> int:
    """A lock file that this process alone holds, open."""
    name.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = os.open(name, os.O_RDWR | os.O_CREAT, 0o666)
        if not _lock(handle):
            holder = os.read(handle, 500).decode(errors="replace").strip()
            told = f"{path}: is in use by {holder or 'another process'}"
            if not wait:
                os.close(handle)
                raise InUse(f"{told}; {mend}")
            _log.warning("%s; waiting for it", told)
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)  # its last holder removed it just now


@contextlib.contextmanager
def _unfinished_file(path: Path) -> Iterator[tuple[Any, Path]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    while True:
        handle, name = tempfile.mkstemp(_UNFINISHED, f".{path.name[:100]}.", path.parent)
        if _lock(handle) and os.fstat(handle).st_nlink:
            break
        os.close(handle)  # another writer is sweeping it, or has: it came before the lock
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file, temporary
    finally:
        temporary.unlink(missing_ok=True)  # gone already where all went well


def _unfinished_folder(path: Path) -> tuple[Path, int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    while True:
        name = tempfile.mkdtemp(_UNFINISHED, f".{path.name[:100]}.", path.parent)
        try:
            lock = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # swept before it could be locked
        if _lock(lock) and os.fstat(lock).st_nlink:
            return Path(name), lock
        os.close(lock)


def _take_place(temporary: Path, path: Path) -> None:
    """Put a folder in the place of another, which another process may be doing at the same time."""
    while True:
        try:
            temporary.replace(path)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        previous = Path(tempfile.mkdtemp(_UNFINISHED, f".{path.name[:100]}.", path.parent))
        with contextlib.suppress(FileNotFoundError):
            path.replace(previous)
        shutil.rmtree(previous, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left unfinished in a folder."""
    for path in folder.glob(f".*{_UNFINISHED}"):
        with contextlib.suppress(OSError):
            is_folder = path.is_dir()
            handle = os.open(path, os.O_NOFOLLOW | (os.O_RDONLY if is_folder else os.O_RDWR))
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path) if is_folder else path.unlink()
            finally:
                os.close(handle)


def _lock(handle: int) -> bool:
    """Whether this process holds the lock of an open file, or there are no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def _drop_last_line(file: Any) -> None:
    file.seek(0)
    whole = file.read()
    file.truncate(whole.rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)
