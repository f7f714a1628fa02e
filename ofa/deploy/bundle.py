"""Bundles: what travels to a device's engineers, as a folder or as one zip file.

::

    engine.onnx             portable: takes raw pixels, gives logits
    engines/<name>/*        the engine that is meant for the device, if it is another one
    subnet.safetensors      the same weights for torch (optional)
    arch.json               the subnet, as data
    report.html             what was asked, predicted and measured; opens offline
    front.png               the front of the report (none where images are not the supernet's)
    run.py                  classifies images with onnxruntime, numpy and pillow
    LICENSES.txt            under which terms the parts may be used
    manifest.json           all facts, and the SHA-256 of every file above
    manifest.json.sha256    SHA-256 of the manifest, as ``sha256sum --check`` reads it

A bundle may come from a stranger: its names, then its hashes, are checked before a file is used. An
archive is read in memory and never unpacked.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path

from ofa import artifacts
from ofa.artifacts import Tensors
from ofa.deploy.archive import is_inert, read_archive, write_archive
from ofa.deploy.engines import PORTABLE_RUNTIME, load_engine
from ofa.deploy.manifest import Manifest, Origin, ShippedEngine
from ofa.errors import BadArtifact
from ofa.runtime import RUNTIMES, AbstractSession, OrtSession

ENGINE = "engine.onnx"
ENGINES = "engines"
WEIGHTS = "subnet.safetensors"
ARCH = "arch.json"
REPORT = "report.html"
FRONT = "front.png"
RUN = "run.py"
LICENSES = "LICENSES.txt"
MANIFEST = "manifest.json"
SEAL = "manifest.json.sha256"
VERSION = 3
"""Of the manifest; counted up when a field changes its meaning."""

_ALWAYS = {ENGINE, ARCH, REPORT, RUN, LICENSES, MANIFEST, SEAL}
_LEGAL = _ALWAYS | {FRONT, WEIGHTS}
_MAX_FILES = 200


@dataclass(frozen=True, kw_only=True, eq=False)
class Bundle:
    """A bundle whose every file is the one its manifest describes.

    Attributes:
        path: Where it lies: a folder, or an archive.
        manifest: What is known of it.
        origin: What made it, and from which files.
        contents: Its files by name, as they were checked.
    """

    path: Path
    manifest: Manifest
    origin: Origin
    contents: Mapping[str, bytes]

    @property
    def portable(self) -> bytes:
        """The portable ONNX file."""
        return self.contents[ENGINE]

    def files(self, engine: ShippedEngine) -> dict[str, bytes]:
        """The files of an engine, by the names that its runtime gave them."""
        return {name.rpartition("/")[2]: self.contents[name] for name in engine.files}

    def engine_session(
        self, engine: ShippedEngine, *, threads: int = 1
    ) -> tuple[AbstractSession | None, str]:
        """A session of an engine, or why it cannot run here.

        Raises:
            BadArtifact: If the runtime finds no engine in the files.
        """
        return load_engine(engine.runtime, self.files(engine), threads=threads)

    @property
    def has_shipped_program(self) -> bool:
        """Whether its ``run.py`` is the one that this version of ofa ships."""
        return self.contents[RUN] == _shipped_program()

    def weights(self) -> Tensors | None:
        """Weights for torch, by name; ``None`` if the bundle has none.

        Raises:
            BadArtifact: If the file holds no tensors.
        """
        if WEIGHTS not in self.contents:
            return None
        return artifacts.unpacked_tensors(self.contents[WEIGHTS], where=self.path / WEIGHTS)

    def session(self, *, threads: int = 1) -> OrtSession:
        """The portable engine, ready to run."""
        return OrtSession(self.portable, threads=threads)


def engine_path(engine: str, file: str) -> str:
    """Where in a bundle a file of an engine lies."""
    return f"{ENGINES}/{engine}/{file}"


def bundle_contents(
    manifest: Manifest,
    *,
    engines: Mapping[str, bytes],
    report: str,
    front: bytes | None,
    weights: Tensors | None = None,
    inputs: Mapping[str, Path],
) -> dict[str, bytes]:
    """All files of a bundle by name, sealed.

    Args:
        engines: The portable engine and the files of the others, by their place in the bundle.
        report: HTML page.
        front: PNG picture, if there is one.
        weights: Weights of the static network, by name.
        inputs: Files that the bundle was made from, by what they are.
    """
    arch = {"id": manifest.arch.id, "arch": asdict(manifest.arch)}
    contents = {
        **engines,
        REPORT: report.encode(),
        RUN: _shipped_program(),
        LICENSES: resources.files("ofa.deploy").joinpath("licenses.txt").read_bytes(),
        ARCH: artifacts.json_artifact(arch, schema="arch", inputs=inputs),
    }
    if front is not None:
        contents[FRONT] = front
    if weights is not None:
        notes = {"arch": manifest.arch.to_json()}
        contents[WEIGHTS] = artifacts.packed_tensors(weights, notes)
    hashes = {name: hashlib.sha256(contents[name]).hexdigest() for name in sorted(contents)}
    whole = asdict(replace(manifest, files=hashes))
    contents[MANIFEST] = artifacts.json_artifact(
        whole, schema="manifest", version=VERSION, inputs=inputs
    )
    seal = f"{hashlib.sha256(contents[MANIFEST]).hexdigest()}  {MANIFEST}\n"
    return {**contents, SEAL: seal.encode()}


def write_bundle(path: Path, contents: Mapping[str, bytes]) -> None:
    """Write a bundle that appears whole or not at all; an older bundle in its place is replaced.

    Args:
        path: A folder; with the suffix ``.zip``, an archive.

    Raises:
        BadArtifact: If something other than a bundle lies there, or it cannot be written.
    """
    _refuse_to_replace(path)
    if path.suffix == ".zip":
        write_archive(path, contents)
        return
    with artifacts.new_folder(path) as new:
        for name, data in contents.items():
            artifacts.write_atomically(new / name, data)


def load_bundle(path: Path) -> Bundle:
    """Check a bundle, a folder or an archive, and read it.

    Raises:
        BadArtifact: If a file is missing, strange or changed; names the first one at fault.
    """
    contents = read_archive(path) if path.is_file() else _read_folder(path)
    present = set(contents)
    _check_names(path, present, expected=_ALWAYS, legal={n for n in present if _is_legal(n)})
    _check_hash(path / MANIFEST, contents[MANIFEST], _sealed_hash(path, contents[SEAL]))
    body = artifacts.checked_json(
        contents[MANIFEST], schema="manifest", version=VERSION, where=path / MANIFEST
    )
    origin = {key: body.pop(key, None) for key in ("made_by", "inputs")}
    del body["schema"]
    where = str(path / MANIFEST)
    manifest = artifacts.parse(Manifest, body, where=where)
    _check_listed(manifest, where)
    described = set(manifest.files) | {MANIFEST, SEAL}
    _check_names(path, present, expected=described, legal=described)
    for name, expected in manifest.files.items():
        _check_hash(path / name, contents[name], expected)
    return Bundle(
        path=path,
        manifest=manifest,
        origin=artifacts.parse(Origin, origin, where=where),
        contents=contents,
    )


def _shipped_program() -> bytes:
    return resources.files("ofa.deploy").joinpath("run.py.txt").read_bytes()


def _is_legal(name: str) -> bool:
    parts = name.split("/")
    return name in _LEGAL or (len(parts) == 3 and parts[0] == ENGINES and is_inert(name))


def _check_listed(manifest: Manifest, where: str) -> None:
    """Refuse a manifest that speaks of files that no bundle, or not this one, can hold."""
    for name in sorted(manifest.files):
        if not _is_legal(name) or name in (MANIFEST, SEAL):
            raise BadArtifact(
                f"{where}: names {name!r}, which is no file of a bundle; do not use this bundle"
            )
    for engine in manifest.engines:
        if engine.runtime not in RUNTIMES:
            raise BadArtifact(
                f"{where}: engine {engine.name} is of an unknown runtime {engine.runtime!r}; use "
                "the version of ofa that wrote it"
            )
        if not engine.files:
            raise BadArtifact(f"{where}: engine {engine.name} has no files; deploy it again")
        for name in engine.files:
            if name not in manifest.files:
                raise BadArtifact(
                    f"{where}: engine {engine.name} has a file {name!r} that is not listed; "
                    "do not use this bundle"
                )
        if len({name.rpartition("/")[2] for name in engine.files}) < len(engine.files):
            raise BadArtifact(
                f"{where}: engine {engine.name} has two files of one name; do not use this bundle"
            )
    first = manifest.engines[0]  # what is compared with the network has to be what is run
    if (first.files[0], first.runtime, first.precision) != (ENGINE, PORTABLE_RUNTIME, "fp32"):
        raise BadArtifact(
            f"{where}: its first engine, {first.name}, is not {ENGINE} in fp32 for "
            f"{PORTABLE_RUNTIME}; deploy it again"
        )


def _refuse_to_replace(path: Path) -> None:
    """Refuse a place whose content is not surely an older bundle, since it would be lost."""
    is_archive = path.suffix == ".zip"
    if path.is_symlink() or (path.exists() and path.is_file() != is_archive):
        kind = "file" if is_archive else "folder"
        raise BadArtifact(f"{path}: is not a {kind}; choose another --out")
    if not path.exists():
        return
    if is_archive:
        try:
            contents = read_archive(path)
        except BadArtifact as error:
            raise BadArtifact(
                f"{path}: is no bundle and would be lost; move it or choose another --out"
            ) from error
        names, manifest = set(contents), contents.get(MANIFEST)
    else:
        files = [file for file in path.rglob("*") if file.is_symlink() or not file.is_dir()]
        names = {file.relative_to(path).as_posix() for file in files}
        is_there = MANIFEST in names
        manifest = artifacts.read_bytes(path / MANIFEST, max_bytes=2**26) if is_there else None
    if strange := sorted(names - _of_bundle(names, manifest)):
        raise BadArtifact(
            f"{path}: holds {strange[0]}, which is no part of a bundle and would be lost; "
            "move it or choose another --out"
        )


def _of_bundle(names: set[str], manifest: bytes | None) -> set[str]:
    """The names of a bundle among others; a damaged manifest cannot tell which engines it lists."""
    if manifest is None:
        return names & _LEGAL
    try:
        listed = artifacts.parse_json(manifest, where=MANIFEST).get("files")
    except BadArtifact:
        listed = None
    known = set(listed) if isinstance(listed, dict) else names
    return {name for name in names if name in _LEGAL or (name in known and _is_legal(name))}


def _read_folder(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        raise BadArtifact(f"{folder}: no such folder; give the folder that ofa deploy wrote")
    files: list[Path] = []
    pending = [folder]
    while pending:
        for path in sorted(pending.pop().iterdir()):
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise BadArtifact(f"{path}: is not a regular file; copy the bundle again")
            (pending if path.is_dir() else files).append(path)
            if len(files) + len(pending) > _MAX_FILES:
                raise BadArtifact(f"{folder}: holds more files than a bundle; give a bundle")
    names = {path.relative_to(folder).as_posix(): path for path in files}
    strange = sorted(name for name in names if not _is_legal(name))
    if strange:
        raise BadArtifact(
            f"{folder / strange[0]}: is no part of this bundle; remove it or copy the bundle again"
        )
    return {name: artifacts.read_bytes(path, max_bytes=2**31) for name, path in names.items()}


def _check_names(path: Path, present: set[str], *, expected: set[str], legal: set[str]) -> None:
    for names, problem in (
        (expected - present, "is missing; copy the bundle again"),
        (present - legal, "is no part of this bundle; remove it or copy the bundle again"),
    ):
        if names:
            raise BadArtifact(f"{path / min(names)}: {problem}")


def _sealed_hash(path: Path, seal: bytes) -> str:
    sha256, _, name = seal[:1024].decode("ascii", errors="replace").partition("  ")
    if name != f"{MANIFEST}\n":
        raise BadArtifact(f"{path / SEAL}: is not the hash of {MANIFEST}; copy the bundle again")
    return sha256


def _check_hash(path: Path, content: bytes, expected: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise BadArtifact(
            f"{path}: its SHA-256 is {found[:12]}…, but {expected[:12]}… is recorded; "
            "copy the bundle again"
        )
