"""The one-file form of a bundle: a zip file that is read in memory and never unpacked to disk.

An archive may come from a stranger. Its list of entries is judged before a byte of any is
decompressed, and no entry may expand beyond the size that the list gives it.
"""

import io
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from ofa import artifacts
from ofa.errors import BadArtifact

_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal contents give equal archives
_MAX_ENTRIES = 256
_MAX_BYTES = 2**30
_MAX_RATIO = 200
_MEND = "do not use this archive"


def write_archive(path: Path, contents: Mapping[str, bytes]) -> None:
    """Write files, by their names, as one archive; equal contents give equal bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, contents[name])
    artifacts.write_atomically(path, file.getvalue())


def read_archive(path: Path) -> dict[str, bytes]:
    """The files of an archive, by their names.

    Raises:
        BadArtifact: If it is no archive, holds a name that leads elsewhere, a link, a name twice,
            or more than a bundle can hold; nothing was decompressed then.
    """
    data = artifacts.read_bytes(path, max_bytes=_MAX_BYTES)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(path, entries)
            return {entry.filename: archive.read(entry) for entry in entries}
    except BadArtifact:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise BadArtifact(f"{path}: not a readable archive ({reason}); copy it again") from error


def is_inert(name: str) -> bool:
    """Whether a name is a relative path of plain parts, which cannot lead elsewhere."""
    parts = name.split("/")
    return len(name) <= 200 and all(
        part and part.strip(".") and part.isascii() and part.isprintable()
        and not set(part) & set('\\:*?"<>|') for part in parts
    )  # fmt: skip


def _check_entries(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > _MAX_ENTRIES:
        raise BadArtifact(f"{path}: {len(entries)} entries, more than a bundle holds; {_MEND}")
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        # The library cuts names at a NUL and turns backslashes; what was written is judged.
        if not is_inert(name) or name != entry.orig_filename:
            raise BadArtifact(f"{path}: {entry.orig_filename!r} leads out of the bundle; {_MEND}")
        if name in seen:
            raise BadArtifact(f"{path}: holds {name} twice; {_MEND}")
        seen.add(name)
        mode = entry.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise BadArtifact(f"{path}: {name} is a link or no regular file; {_MEND}")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadArtifact(f"{path}: {name} is neither stored nor deflated; pack it again")
        if entry.flag_bits & 1:
            raise BadArtifact(f"{path}: {name} is encrypted; ask for the plain bundle")
        if entry.file_size > _MAX_RATIO * max(entry.compress_size, 1):
            raise BadArtifact(f"{path}: {name} expands {_MAX_RATIO} times or more; {_MEND}")
    if sum(entry.file_size for entry in entries) > _MAX_BYTES:
        raise BadArtifact(f"{path}: expands to more than {_MAX_BYTES:,} bytes; {_MEND}")
