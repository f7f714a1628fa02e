"""Engines built before, found by the hash of what they were built from.

An entry is one file, renamed into place when it is whole, so builders that run at the same time
disturb nobody: the later one replaces equal work. An entry that does not hold what its own hashes
say is built again; one that cannot be written is built every time.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ofa import artifacts
from ofa.errors import BadArtifact

Files = Mapping[str, bytes]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class EngineCache:
    """Built engines.

    Attributes:
        folder: Where entries lie; ``None`` remembers nothing.
    """

    folder: Path | None

    def get(self, key: Mapping[str, object], build: Callable[[], Files]) -> dict[str, bytes]:
        """What ``build`` makes, from the cache if it was made before for an equal ``key``."""
        if self.folder is None:
            return dict(build())
        path = self.folder / f"{artifacts.digest(key)}.safetensors"
        if path.exists():
            try:
                return _read(path)
            except BadArtifact as error:
                _log.warning("%s; building it again", error)
        files = dict(build())
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        tensors = {name: np.frombuffer(data, np.uint8) for name, data in files.items()}
        try:
            artifacts.write_tensors(path, tensors, {"sha256": json.dumps(hashes)})
        except BadArtifact as error:
            _log.warning("%s: not kept, so built again next time (%s)", path, error.__cause__)
        return files


def _read(path: Path) -> dict[str, bytes]:
    tensors, notes = artifacts.read_tensors(path)
    hashes = artifacts.parse_json(notes.get("sha256", "{}"), where=str(path))
    # The order of the hashes is that of the files as they were built; the first is loaded.
    if hashes.keys() != tensors.keys():
        raise BadArtifact(f"{path}: does not hold the files that it names")
    files = {name: tensors[name].tobytes() for name in hashes}
    for name, data in files.items():
        if hashlib.sha256(data).hexdigest() != hashes[name]:
            raise BadArtifact(f"{path}: {name} is not what was built")
    return files
