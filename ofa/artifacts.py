"""The only reader and writer of the project's files.

Files are exchanged between strangers, so nothing read here is trusted: formats that can carry code
are not used, sizes are bounded, and every mapping is checked against a typed schema before anyone
sees it. Files appear whole or not at all: see ``ofa.writing``.
"""

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ofa.errors import BadArtifact
from ofa.plain_data import json_object, refuse_unnatural, yaml_mapping, yaml_text
from ofa.provenance import provenance
from ofa.writing import append_line as append_line
from ofa.writing import claimed as claimed
from ofa.writing import new_folder as new_folder
from ofa.writing import write_atomically as write_atomically

T = TypeVar("T")
Tensors = dict[str, np.ndarray]

_MAX_TEXT_BYTES = 256 * 2**20


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    _regular_size(path)
    with _reading(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(body: object) -> str:
    """SHA-256 of plain data, the same for equal content whatever the order of its keys."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def cache_folder() -> Path:
    """Where what can be made again is kept: ``$XDG_CACHE_HOME/ofa``, else ``~/.cache/ofa``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ofa"


def read_bytes(path: Path, *, max_bytes: int = _MAX_TEXT_BYTES) -> bytes:
    """A whole file.

    Raises:
        BadArtifact: If it is missing, unreadable, or larger than ``max_bytes``.
    """
    size = _regular_size(path)
    if size > max_bytes:
        raise BadArtifact(f"{path}: {size:,} bytes are more than the {max_bytes:,} expected here")
    with _reading(path):
        return path.read_bytes()


def holds_a_line(path: Path) -> bool:
    """Whether a file exists and holds at least one finished line."""
    if not path.exists():
        return False
    with _reading(path), path.open("rb") as file:
        return file.readline().endswith(b"\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """JSON objects, one a line; an unfinished last line, left by a crash, is passed over."""
    lines = read_bytes(path).split(b"\n")
    return [json_object(line, where=f"{path}, line {number}")
            for number, line in enumerate(lines[:-1], start=1) if line.strip()]  # fmt: skip


def read_json(path: Path, *, schema: str, version: int = 1) -> dict[str, Any]:
    """The body of a JSON artifact.

    Raises:
        BadArtifact: If it is missing, not JSON, or not an artifact of this schema and version.
    """
    return checked_json(read_bytes(path), schema=schema, version=version, where=path)


def checked_json(text: bytes, *, schema: str, version: int = 1, where: Path) -> dict[str, Any]:
    """The body of a JSON artifact that was read already; errors as of ``read_json``."""
    body = json_object(text, where=str(where))
    found = body.get("schema")
    expected = {"name": schema, "version": version}
    if found != expected:
        raise BadArtifact(
            f"{where}: its schema is {found!r}, but {expected!r} is needed; "
            "make it again with this version of ofa"
        )
    return body


def read_foreign_json(path: Path, *, max_bytes: int = _MAX_TEXT_BYTES) -> dict[str, Any]:
    """A JSON object that another project wrote.

    Raises:
        BadArtifact: If it is missing, larger than ``max_bytes``, or not a JSON object.
    """
    return json_object(read_bytes(path, max_bytes=max_bytes), where=str(path))


def parse_json(text: bytes | str, *, where: str) -> dict[str, Any]:
    """A JSON object from text that a stranger sent.

    Raises:
        BadArtifact: Names ``where``.
    """
    return json_object(text, where=where)


def write_json(
    path: Path,
    body: Mapping[str, object],
    *,
    schema: str,
    version: int = 1,
    inputs: Mapping[str, Path] | None = None,
) -> None:
    """Write a JSON artifact under the heading of ``heading``."""
    write_atomically(path, json_artifact(body, schema=schema, version=version, inputs=inputs or {}))


def json_artifact(
    body: Mapping[str, object], *, schema: str, version: int = 1, inputs: Mapping[str, Path]
) -> bytes:
    """The bytes of a JSON artifact."""
    whole = {**heading({"name": schema, "version": version}, inputs=inputs), **body}
    return (json.dumps(whole, indent=2, allow_nan=False) + "\n").encode()


def heading(schema: Mapping[str, object], *, inputs: Mapping[str, Path]) -> dict[str, object]:
    """What every JSON artifact opens with: schema, maker, and the hashes of its inputs."""
    hashes = {name: {"file": path.name, "sha256": sha256(path)} for name, path in inputs.items()}
    return {"schema": dict(schema), "made_by": provenance(), "inputs": hashes}


def check_input(
    body: Mapping[str, Any],
    name: str,
    path: Path,
    *,
    where: Path,
    mend: str = "remove it and make it again",
) -> None:
    """Refuse an artifact that was made from another file than ``path``.

    Args:
        mend: What to do then.

    Raises:
        BadArtifact: Names both files.
    """
    if input_sha256(body, name, where=where, mend=mend) != sha256(path):
        raise BadArtifact(f"{where}: was made from another {name} than {path}; {mend}")


def input_sha256(body: Mapping[str, Any], name: str, *, where: Path, mend: str) -> object:
    """SHA-256 of the file that an artifact says it was made from.

    Raises:
        BadArtifact: If it does not say.
    """
    try:
        return body["inputs"][name]["sha256"]
    except (KeyError, TypeError) as error:
        raise BadArtifact(f"{where}: does not name its {name}; {mend}") from error


def read_yaml(path: Path, *, max_bytes: int = 2**20) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        BadArtifact: If it is missing, not YAML, or not a mapping; see ``ofa.plain_data`` for what
            else is refused.
    """
    return yaml_mapping(read_bytes(path, max_bytes=max_bytes), where=str(path))


def write_yaml(path: Path, body: Mapping[str, object], *, header: str = "") -> None:
    """Write a YAML file; each line of ``header`` becomes a comment above it."""
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    plain = json.loads(json.dumps(body, allow_nan=False))
    write_atomically(path, (comment + yaml_text(plain)).encode())


def parse(cls: type[T], data: object, *, where: str) -> T:
    """``data`` as an instance of the dataclass ``cls``; unknown keys and wrong types are refused.

    Raises:
        BadArtifact: Names ``where`` and the first field at fault.
    """
    from pydantic import ValidationError

    refuse_unnatural(data, where=where)
    try:
        return _holder(cls).model_validate({"value": data}).value
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        if first["type"] == "value_error":  # the dataclass's own check, which names field and mend
            raise BadArtifact(f"{where}: {first['msg'].removeprefix('Value error, ')}") from error
        field = ".".join(str(part) for part in first["loc"][1:]) or "the whole"
        shown = repr(first["input"])
        shown = shown if len(shown) < 60 else shown[:57] + "..."
        raise BadArtifact(f"{where}: {field}: {first['msg']} (found {shown})") from error


def read_tensors(path: Path, *, max_bytes: int = 2**33) -> tuple[Tensors, dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
        BadArtifact: If it is missing, corrupt, or holds a value that is not finite.
    """
    from safetensors import SafetensorError, safe_open

    if _regular_size(path) > max_bytes:
        raise BadArtifact(f"{path}: larger than {max_bytes:,} bytes")
    try:
        with safe_open(path, framework="np") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            notes = dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadArtifact(
            f"{path}: not a readable safetensors file ({error}); copy or make it again"
        ) from error
    _refuse_unnatural_tensors(tensors, where=path)
    return tensors, notes


def unpacked_tensors(data: bytes, *, where: Path) -> Tensors:
    """Tensors of a safetensors file that was read already; errors as of ``read_tensors``."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(data)
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadArtifact(
            f"{where}: not a readable safetensors file ({error}); copy or make it again"
        ) from error
    _refuse_unnatural_tensors(tensors, where=where)
    return tensors


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> None:
    """Write a safetensors file; equal content gives equal bytes."""
    write_atomically(path, packed_tensors(tensors, notes))


def packed_tensors(tensors: Mapping[str, np.ndarray], notes: Mapping[str, str]) -> bytes:
    """The bytes of a safetensors file."""
    from safetensors.numpy import save

    ordered = {name: np.asarray(tensors[name], order="C") for name in sorted(tensors)}
    return save(ordered, metadata=dict(sorted(notes.items())))


@cache
def _holder(cls: type) -> Any:
    from pydantic import ConfigDict, create_model

    # Dataclasses of the standard library take their settings from the model they are a field of.
    return create_model("Holder", __config__=ConfigDict(extra="forbid"), value=(cls, ...))


def _regular_size(path: Path) -> int:
    """Size of a file; a pipe or a device, which may never end, is none."""
    with _reading(path):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            raise BadArtifact(f"{path}: is no regular file; give a file")
        return found.st_size


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadArtifact(f"{path}: cannot be read ({error.strerror}); check the path") from error


def _refuse_unnatural_tensors(tensors: Tensors, *, where: Path) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype.kind not in "fiub":
            raise BadArtifact(f"{where}: tensor {name} is {tensor.dtype}, which is not read")
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            raise BadArtifact(f"{where}: tensor {name} holds values that are not finite")
