"""Fixed networks of the reference, which nobody measured here: what must be known to use them.

Imported supernets become checkpoints like any other.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ofa import artifacts
from ofa.artifacts import Tensors
from ofa.errors import BadArtifact
from ofa.space import AnyArch, AnySpace

SUBNET = "subnet.safetensors"

_KEY = "ofa.imported"


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What must be known of imported weights.

    Attributes:
        space: The space of the network.
        arch: Its choices.
        classes: Name of each label.
        mean: Mean pixel of each channel, as a share of 255.
        std: Standard deviation of each channel, as a share of 255.
        ofa: Version of the package that wrote them.
    """

    space: AnySpace
    arch: AnyArch
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    ofa: str


def write_imported(path: Path, tensors: Tensors, notes: Imported) -> None:
    """Write imported weights and what must be known of them."""
    artifacts.write_tensors(path, tensors, {_KEY: json.dumps(asdict(notes))})


def is_imported(path: Path) -> bool:
    """Whether a file holds imported weights of this kind."""
    return _KEY in artifacts.read_tensors(path)[1]


def read_imported(path: Path) -> tuple[Tensors, Imported]:
    """Imported weights and what must be known of them.

    Raises:
        BadArtifact: If the file is missing, corrupt, or holds something else.
    """
    tensors, metadata = artifacts.read_tensors(path)
    if _KEY not in metadata:
        raise BadArtifact(f"{path}: holds no imported weights; import them again")
    notes = artifacts.parse_json(metadata[_KEY], where=str(path))
    return tensors, artifacts.parse(Imported, notes, where=str(path))
