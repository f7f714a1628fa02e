"""What a run folder holds, and its typed form.

::

    fronts/<device>.json           the front, the candidates measured, the subnet chosen
    subnets/<arch id>/             subnet.safetensors (weights), subnet.json (what was measured)
    bundles/<arch id>-<device>/    what ships: see ``ofa.deploy``
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.provenance import without_home
from ofa.recipe import Data
from ofa.space import AnyArch, AnySpace, check_arch

_FRONT, _SUBNET = "ofa.front", "ofa.subnet"
_SUBNET_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class FrontPoint:
    """One arch of a front.

    Attributes:
        predicted_top1: Percent.
        estimated_ms: Latency on the device.
    """

    arch: AnyArch
    predicted_top1: float
    estimated_ms: float


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One arch whose accuracy was measured before the choice.

    Attributes:
        search_top1: Measured on the search split, percent; ``None`` where there were no images.
    """

    arch: AnyArch
    predicted_top1: float
    estimated_ms: float
    search_top1: float | None

    @property
    def top1(self) -> float:
        """Measured where there were images, else predicted; percent."""
        return self.predicted_top1 if self.search_top1 is None else self.search_top1


@dataclass(frozen=True, kw_only=True)
class Round:
    """One turn of search and measurement.

    Attributes:
        num_measured: Archs measured that no earlier round had.
        gap: Predicted minus measured, mean over the candidates, percentage points.
        winner_gap: The same of the best predicted alone.
        best_top1: Best measured top-1 among the candidates, percent.
    """

    num_measured: int
    gap: float
    winner_gap: float
    best_top1: float


@dataclass(frozen=True, kw_only=True)
class SearchOutcome:
    """What a search found on one device.

    Attributes:
        device: Id of the device.
        budget_ms: Latency asked for.
        budget_is_given: Whether the user asked; else the front's knee was taken.
        lowest_ms: Latency of the fastest subnet of the space that keeps the limits.
        highest_ms: Latency of the slowest subnet of the space.
        num_evaluations: Archs whose accuracy was predicted, or measured in its place.
        exhaustive: Whether these were all archs of the space.
        front: The whole front, fastest first.
        random_front: The front of as many random archs; empty where archs were scored by
            measurement.
        candidates: The choice, then the other archs measured in any round, or predicted where
            there were no images, best first. The choice is the best of all, unless the user took
            another point of the front, or a subnet that serves many devices, which may lie off it.
        seed: Seed of the search.
        rounds: Turns of search and measurement; the last one's predictions are shown.
        scored_by: Whether archs were scored by the predictor or, where there is no good one or no
            need of it, by measurement: what is said to be predicted is measured then.
        strategy: Name of what searched.
        uniform_front: The front of the subnets whose stages and blocks are alike.
        limits: What a subnet may cost at most besides latency, by names in ``ofa.space.COSTS``.
        precision: Numbers in which accuracies were predicted and measured.
    """

    device: str
    budget_ms: float
    budget_is_given: bool
    lowest_ms: float
    highest_ms: float
    num_evaluations: int
    exhaustive: bool
    front: tuple[FrontPoint, ...]
    random_front: tuple[FrontPoint, ...]
    candidates: tuple[Candidate, ...]
    seed: int
    rounds: tuple[Round, ...] = ()
    scored_by: Literal["predictor", "measurement"] = "predictor"
    strategy: str = "evolution"
    uniform_front: tuple[FrontPoint, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    precision: Literal["fp32", "int8"] = "fp32"

    def __post_init__(self) -> None:
        if not self.front or not self.candidates:
            raise BadArtifact("front and candidates must not be empty; search again")

    @property
    def chosen(self) -> Candidate:
        """The first candidate."""
        return self.candidates[0]

    @property
    def is_best_measured(self) -> bool:
        """Whether no other candidate that was measured is better than the choice, which was too."""
        measured = [one.search_top1 for one in self.candidates if one.search_top1 is not None]
        return bool(measured) and self.chosen.search_top1 == max(measured)


@dataclass(frozen=True, kw_only=True)
class SubnetNotes:
    """What must be known of a subnet's weights to use them.

    Attributes:
        space: The space it was cut from.
        arch: Its choices.
        classes: Name of each label.
        mean: Mean pixel of each channel, as a share of 255.
        std: Standard deviation of each channel, as a share of 255.
        search_top1: Measured on the search split in fp32, percent.
        test_top1: Measured on the test split in fp32, percent.
        num_test_images: Images of the test split.
        macs: Multiply-accumulates of one image.
        params: Trainable parameters.
        supernet_sha256: Hash of the weights it was cut from.
        finetuned_epochs: Epochs it was trained further by itself, after which its weights are none
            of the supernet's; 0 as it was cut.
        transferred_to: The images it was trained on then, with a new head for their classes;
            ``None`` if these are the supernet's own.
        files: Digest of the names and sizes of these images; see ``SupernetNotes``.
    """

    space: AnySpace
    arch: AnyArch
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    search_top1: float
    test_top1: float
    num_test_images: int
    macs: int
    params: int
    supernet_sha256: str
    finetuned_epochs: int = 0
    transferred_to: Data | None = None
    files: str | None = None


def write_front(path: Path, outcome: SearchOutcome, *, inputs: Mapping[str, Path]) -> None:
    """Write what a search found."""
    artifacts.write_json(path, {"search": asdict(outcome)}, schema=_FRONT, inputs=inputs)


def read_front(path: Path) -> SearchOutcome:
    """What a search found.

    Raises:
        BadArtifact: If the file is missing, corrupt, or no front.
    """
    body = artifacts.read_json(path, schema=_FRONT)
    return artifacts.parse(SearchOutcome, body.get("search"), where=f"{path}: search")


def front_supernet(path: Path) -> object:
    """SHA-256 of the weights that a front is of.

    Raises:
        BadArtifact: If the file names none, as the front of a device of a fleet.
    """
    body = artifacts.read_json(path, schema=_FRONT)
    return artifacts.input_sha256(body, "supernet", where=path, mend="search its device alone")


def write_subnet(
    folder: Path, tensors: artifacts.Tensors, notes: SubnetNotes, *, inputs: Mapping[str, Path]
) -> None:
    """Write a subnet's folder, whole or not at all.

    It may travel, so the folder of its images is written without the name of the user.
    """
    data = notes.transferred_to
    if data and data.root:
        notes = replace(notes, transferred_to=replace(data, root=without_home(data.root)))
    with artifacts.new_folder(folder) as temporary:
        weights = temporary / "subnet.safetensors"
        artifacts.write_tensors(weights, tensors, {"arch": notes.arch.to_json()})
        artifacts.write_json(
            temporary / "subnet.json",
            {"subnet": asdict(notes)},
            schema=_SUBNET,
            version=_SUBNET_VERSION,
            inputs={**inputs, "weights": weights},
        )


def read_subnet(folder: Path) -> tuple[artifacts.Tensors, SubnetNotes]:
    """A subnet's weights and what must be known of them.

    Raises:
        BadArtifact: If a file is missing or corrupt, or the two do not belong together.
    """
    path, weights = folder / "subnet.json", folder / "subnet.safetensors"
    body = artifacts.read_json(path, schema=_SUBNET, version=_SUBNET_VERSION)
    artifacts.check_input(body, "weights", weights, where=path)
    notes = artifacts.parse(SubnetNotes, body.get("subnet"), where=f"{path}: subnet")
    check_arch(notes.space, notes.arch)
    if notes.transferred_to:  # whether images may be downloaded is for the user to say
        notes = replace(notes, transferred_to=replace(notes.transferred_to, download=False))
    return artifacts.read_tensors(weights)[0], notes
