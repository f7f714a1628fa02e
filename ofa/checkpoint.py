"""What a checkpoint folder holds, and its typed form.

::

    supernet.safetensors    largest weights; metadata: space, labels, normalization, splits
    accuracy.jsonl          a header, then one measured subnet a line
    accuracy/*.jsonl        the same, of processes that measured beside one another
    predictor.safetensors   accuracy predictor
    predictor.json          what it was fitted on, and how well
    images/                 packed calibration, search and test images (shipped checkpoints only)
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from ofa import artifacts
from ofa.artifacts import Tensors
from ofa.errors import BadArtifact, IllegalArch
from ofa.provenance import without_home
from ofa.recipe import Augment, Data
from ofa.space import AnyArch, AnySpace, check_arch

SUPERNET = "supernet.safetensors"
ACCURACY = "accuracy.jsonl"
PREDICTOR = "predictor.safetensors"
PREDICTOR_REPORT = "predictor.json"
IMAGES = "images"
SPLITS = ("calibration", "search", "test")
"""Images that are packed beside weights, a file of ``IMAGES`` each."""

_ACCURACY_SCHEMA = {"name": "ofa.accuracy", "version": 1}


@dataclass(frozen=True, kw_only=True)
class SupernetNotes:
    """What must be known of a supernet's weights to use them.

    Attributes:
        space: Every arch the weights hold.
        data: The images they were trained on, and how these were divided; ``None`` for imported
            weights.
        classes: Name of each label.
        mean: Mean pixel of each channel, as a share of 255.
        std: Standard deviation of each channel, as a share of 255.
        ofa: Version of the package that wrote them.
        files: Digest of the names and sizes of these images, where they lay in a folder and were
            held in memory: as long as it holds, no more of them are decoded than are needed.
        augment: How these images were changed at random; ``None`` where nobody noted it.
        judged_by: Digest of the images that were packed to judge imported weights. Other images
            make the same weights another file, so that what was measured before is stale.
    """

    space: AnySpace
    data: Data | None
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    ofa: str
    files: str | None = None
    augment: Augment | None = None
    judged_by: str | None = None

    def __post_init__(self) -> None:
        if len(self.classes) != self.space.num_classes:
            raise BadArtifact(
                f"{len(self.classes)} class names, but the space has {self.space.num_classes}"
            )
        if not len(self.mean) == len(self.std) == self.space.in_channels:
            raise BadArtifact(f"mean and std need {self.space.in_channels} values each")


def write_supernet(path: Path, tensors: Tensors, notes: SupernetNotes) -> None:
    """Write a supernet's weights and what must be known of them.

    A checkpoint may travel, so the folder of its images is written without the name of the user.
    """
    if notes.data and notes.data.root:
        root = without_home(notes.data.root)
        notes = replace(notes, data=replace(notes.data, root=root))
    artifacts.write_tensors(path, tensors, {"ofa": json.dumps(asdict(notes))})


def read_supernet(path: Path) -> tuple[Tensors, SupernetNotes]:
    """A supernet's weights and what must be known of them.

    Whether images may be downloaded is for the user to say, not for a file.

    Raises:
        BadArtifact: If the file is missing, corrupt, or not a supernet of this project.
    """
    tensors, metadata = artifacts.read_tensors(path)
    if "ofa" not in metadata:
        raise BadArtifact(f"{path}: holds no notes of a supernet; give a file that ofa train wrote")
    body = artifacts.parse_json(metadata["ofa"], where=str(path))
    notes = artifacts.parse(SupernetNotes, body, where=str(path))
    if notes.data:
        notes = replace(notes, data=replace(notes.data, download=False))
    return tensors, notes


Precision = Literal["fp32", "int8"]
"""Numbers that a subnet computes with."""


@dataclass(frozen=True, kw_only=True)
class MeasuredArch:
    """Accuracy of one recalibrated subnet.

    Attributes:
        arch: The subnet.
        top1: Top-1 on the search split, percent.
        precision: Numbers it was measured with.
    """

    arch: AnyArch
    top1: float
    precision: Precision = "fp32"


def accuracy_files(path: Path) -> list[Path]:
    """Files that hold measured subnets: ``path``, and those of processes beside one another."""
    return [file for file in (path, *sorted(path.with_suffix("").glob("*.jsonl"))) if file.exists()]


def shard_file(path: Path, shard: str) -> Path:
    """Where one of several processes writes; each writes a file of its own, so none waits."""
    return path.with_suffix("") / f"{shard}.jsonl"


def read_accuracy(
    path: Path, *, supernet: Path, precision: Precision = "fp32"
) -> list[MeasuredArch]:
    """The subnets measured so far, each once; none if nothing was measured yet.

    Raises:
        BadArtifact: If a file is corrupt, its subnets were cut from other weights, or their space
            does not hold one of them.
    """
    found = accuracy_files(path)
    if not found:
        return []
    space = read_supernet(supernet)[1].space
    measured: dict[AnyArch, MeasuredArch] = {}
    for file in found:
        for record in _read_file(file, supernet, space):
            if record.precision == precision:
                measured.setdefault(record.arch, record)
    return list(measured.values())


def append_accuracy(path: Path, record: MeasuredArch, *, supernet: Path) -> None:
    """Add one measured subnet, flushed to disk; a new file starts with its header."""
    if not artifacts.holds_a_line(path):
        header = artifacts.heading(_ACCURACY_SCHEMA, inputs={"supernet": supernet})
        artifacts.append_line(path, header)
    body: Mapping[str, object] = {"arch": json.loads(record.arch.to_json()), "top1": record.top1}
    if record.precision != "fp32":
        body = {**body, "precision": record.precision}
    artifacts.append_line(path, body)


def _read_file(path: Path, supernet: Path, space: AnySpace) -> list[MeasuredArch]:
    lines = artifacts.read_lines(path)
    if not lines:
        return []
    header, *rows = lines
    if header.get("schema") != _ACCURACY_SCHEMA:
        raise BadArtifact(
            f"{path}: does not begin with schema {_ACCURACY_SCHEMA}; measure again with ofa sample"
        )
    artifacts.check_input(header, "supernet", supernet, where=path)
    return [
        _record(row, space, where=f"{path}, line {number}")
        for number, row in enumerate(rows, start=2)
    ]


def _record(row: object, space: AnySpace, *, where: str) -> MeasuredArch:
    record = artifacts.parse(MeasuredArch, row, where=where)
    try:
        check_arch(space, record.arch)
    except IllegalArch as error:
        raise BadArtifact(f"{where}: {error}; remove the line") from error
    return record
