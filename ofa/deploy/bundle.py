"""Bundles: the folder that travels to a device's engineers.

::

    engine.onnx           takes raw pixels, gives logits
    subnet.safetensors    the same weights for torch (optional)
    arch.json             the subnet, as data
    report.html           what was asked, predicted and measured; opens offline
    front.png             the front of the report
    run.py                classifies images with onnxruntime, numpy and pillow
    manifest.json         all facts, and the SHA-256 of every file above
    manifest.json.sha256  SHA-256 of the manifest, as ``sha256sum --check`` reads it

A bundle may come from a stranger: its names, then its hashes, are checked before a file is used.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path

from ofa import artifacts
from ofa.artifacts import Tensors
from ofa.deploy.manifest import Manifest, Origin
from ofa.errors import BadArtifact
from ofa.runtime import OrtSession

ENGINE = "engine.onnx"
WEIGHTS = "subnet.safetensors"
ARCH = "arch.json"
REPORT = "report.html"
FRONT = "front.png"
RUN = "run.py"
MANIFEST = "manifest.json"
SEAL = "manifest.json.sha256"

_ALWAYS = {ENGINE, ARCH, REPORT, FRONT, RUN, MANIFEST, SEAL}
_LEGAL = _ALWAYS | {WEIGHTS}


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle whose every file is the one its manifest describes.

    Attributes:
        folder: Where it lies.
        manifest: What is known of it.
        origin: What made it, and from which files.
        engine: The engine's bytes, as they were checked.
    """

    folder: Path
    manifest: Manifest
    origin: Origin
    engine: bytes

    def session(self, *, threads: int = 1) -> OrtSession:
        """The engine, ready to run."""
        return OrtSession(self.engine, threads=threads)


def write_bundle(
    folder: Path,
    manifest: Manifest,
    *,
    engine: bytes,
    report: str,
    front: bytes,
    weights: Tensors | None = None,
    inputs: Mapping[str, Path],
) -> None:
    """Write a bundle that appears whole or not at all; an older bundle in its place is replaced.

    Args:
        report: HTML page.
        front: PNG picture.
        weights: Weights of the static network, by name.
        inputs: Files that the bundle was made from, by what they are.

    Raises:
        BadArtifact: If something other than a bundle lies there, or the folder cannot be written.
    """
    _refuse_to_replace(folder)
    with artifacts.new_folder(folder) as new:
        artifacts.write_atomically(new / ENGINE, engine)
        artifacts.write_atomically(new / REPORT, report.encode())
        artifacts.write_atomically(new / FRONT, front)
        run = resources.files("ofa.deploy").joinpath("run.py.txt").read_bytes()
        artifacts.write_atomically(new / RUN, run)
        arch = {"id": manifest.arch.id, "arch": asdict(manifest.arch)}
        artifacts.write_json(new / ARCH, arch, schema="arch", inputs=inputs)
        if weights is not None:
            artifacts.write_tensors(new / WEIGHTS, weights, {"arch": manifest.arch.to_json()})
        hashes = {path.name: artifacts.sha256(path) for path in sorted(new.iterdir())}
        whole = asdict(replace(manifest, files=hashes))
        artifacts.write_json(new / MANIFEST, whole, schema="manifest", inputs=inputs)
        seal = f"{artifacts.sha256(new / MANIFEST)}  {MANIFEST}\n"
        artifacts.write_atomically(new / SEAL, seal.encode())


def load_bundle(folder: Path) -> Bundle:
    """Check a bundle and read it.

    Raises:
        BadArtifact: If a file is missing, strange or changed; names the first one at fault.
    """
    present = _present(folder)
    _check_names(folder, present, expected=_ALWAYS, legal=_LEGAL)
    _check_hash(folder / MANIFEST, _sealed_hash(folder))
    body = artifacts.read_json(folder / MANIFEST, schema="manifest")
    origin = {key: body.pop(key, None) for key in ("made_by", "inputs")}
    del body["schema"]
    where = str(folder / MANIFEST)
    manifest = artifacts.parse(Manifest, body, where=where)
    strange = sorted(set(manifest.files) - _LEGAL)
    if strange:
        raise BadArtifact(
            f"{where}: names {strange[0]!r}, which is no file of a bundle; do not use this bundle"
        )
    described = set(manifest.files) | {MANIFEST, SEAL}
    _check_names(folder, present, expected=described, legal=described)
    contents = {
        name: _check_hash(folder / name, expected) for name, expected in manifest.files.items()
    }
    return Bundle(
        folder=folder,
        manifest=manifest,
        origin=artifacts.parse(Origin, origin, where=where),
        engine=contents[ENGINE],
    )


def _refuse_to_replace(folder: Path) -> None:
    """Refuse a place whose content is not surely an older bundle, since it would be lost."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise BadArtifact(f"{folder}: is not a folder; choose another --out")
    if folder.is_dir():
        strange = sorted({path.name for path in folder.iterdir()} - _LEGAL)
        if strange:
            raise BadArtifact(
                f"{folder}: holds {strange[0]}, which is no part of a bundle and would be lost; "
                "move it or choose another --out"
            )


def _present(folder: Path) -> set[str]:
    if not folder.is_dir():
        raise BadArtifact(f"{folder}: no such folder; give the folder that ofa deploy wrote")
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_file():
            raise BadArtifact(f"{path}: is not a regular file; copy the bundle again")
    return {path.name for path in folder.iterdir()}


def _check_names(folder: Path, present: set[str], *, expected: set[str], legal: set[str]) -> None:
    for names, problem in (
        (expected - present, "is missing; copy the bundle again"),
        (present - legal, "is no part of this bundle; remove it or copy the bundle again"),
    ):
        if names:
            raise BadArtifact(f"{folder / min(names)}: {problem}")


def _sealed_hash(folder: Path) -> str:
    seal = artifacts.read_bytes(folder / SEAL, max_bytes=1024)
    sha256, _, name = seal.decode("ascii", errors="replace").partition("  ")
    if name != f"{MANIFEST}\n":
        raise BadArtifact(f"{folder / SEAL}: is not the hash of {MANIFEST}; copy the bundle again")
    return sha256


def _check_hash(path: Path, expected: str) -> bytes:
    """The bytes of a file, once they are known to be the right ones."""
    content = artifacts.read_bytes(path)
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise BadArtifact(
            f"{path}: its SHA-256 is {found[:12]}…, but {expected[:12]}… is recorded; "
            "copy the bundle again"
        )
    return content
