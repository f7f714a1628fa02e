"""What ``fleet.json`` holds, and its typed form: fronts and picks of many devices.

::

    fleet.json      every device's front and picks, and the subnets that serve them all
    fleet.png       the fronts in one picture
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.run_files import FrontPoint
from ofa.space import AnyArch

_FLEET = "ofa.fleet"
_FLEET_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class Pick:
    """The subnet of one device and budget.

    Attributes:
        budget: Budget as it was asked for, in ms or as a share of the device's range.
        budget_ms: The same in ms.
        point: Most accurate subnet within it; ``None`` if the device's fastest takes longer.
        interval_ms: 90 % interval of that subnet's latency; ``None`` where nobody knows it, as for
            an imported table.
    """

    budget: str
    budget_ms: float
    point: FrontPoint | None
    interval_ms: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class DeviceOutcome:
    """What a fleet's search found on one device.

    Attributes:
        device: Id of the device.
        lowest_ms: Latency of the fastest subnet of the space that keeps the limits.
        highest_ms: Latency of the slowest subnet of the space.
        front: The whole front, fastest first.
        picks: One for each budget, in the order asked.
        precision: Numbers in which accuracies were predicted: of an int8 device ``int8``, or
            ``fp32`` where the predictor knows nothing of quantization.
    """

    device: str
    lowest_ms: float
    highest_ms: float
    front: tuple[FrontPoint, ...]
    picks: tuple[Pick, ...]
    precision: Literal["fp32", "int8"] = "fp32"


@dataclass(frozen=True, kw_only=True)
class Served:
    """What a device runs within a budget, of a few subnets for all.

    Attributes:
        device: Id of the device.
        budget: Budget as it was asked for, in ms or as a share of the device's range.
        budget_ms: The same in ms.
        model: Place of the subnet in the choice's ``archs``, from 0; ``None`` if all take longer.
        predicted_top1: Of that subnet in the precision of the device, percent.
        estimated_ms: Latency of that subnet on the device.
    """

    device: str
    budget: str
    budget_ms: float
    model: int | None = None
    predicted_top1: float | None = None
    estimated_ms: float | None = None

    def __post_init__(self) -> None:
        known = [value is not None for value in (self.predicted_top1, self.estimated_ms)]
        if known != [self.model is not None] * 2:
            raise BadArtifact(
                "model, predicted_top1 and estimated_ms must be known together; search again"
            )


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A few subnets that serve every device and budget that can be kept.

    Attributes:
        archs: The subnets.
        mean_loss: Mean of the top-1 a request's own pick has over the subnet it is served by, both
            in the precision of its device, points.
        least_loss: No choice of as many of the picks loses less on the mean, points.
        num_requests: Devices and budgets served or not.
        num_unserved: Requests that none of the subnets can keep; each counts as 100 points.
        optimal: Whether the choice is proven the best of as many of the picks.
        serves: What each request runs, devices in order.
    """

    archs: tuple[AnyArch, ...]
    mean_loss: float
    least_loss: float
    num_requests: int
    num_unserved: int
    optimal: bool
    serves: tuple[Served, ...]

    def __post_init__(self) -> None:
        models = range(len(self.archs))
        if any(one.model is not None and one.model not in models for one in self.serves):
            raise BadArtifact(
                f"serves: names a model beyond the {len(self.archs)} of archs; search again"
            )


@dataclass(frozen=True, kw_only=True)
class FleetOutcome:
    """What a search found on many devices.

    Attributes:
        devices: Each device.
        representatives: Devices that were searched; the others share what those met.
        num_evaluations: Archs whose accuracy was predicted, in each precision anew.
        portfolio: The best choice of one subnet, of two, and so on; empty if none was asked for.
        seed: Seed of the search.
        limits: What a subnet may cost at most besides latency, by names in ``ofa.space.COSTS``.
    """

    devices: tuple[DeviceOutcome, ...]
    representatives: tuple[str, ...]
    num_evaluations: int
    portfolio: tuple[Choice, ...]
    seed: int
    limits: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.devices or not all(device.front for device in self.devices):
            raise BadArtifact("devices and their fronts must not be empty; search again")


def write_fleet(path: Path, outcome: FleetOutcome, *, inputs: Mapping[str, Path]) -> None:
    """Write what a fleet's search found."""
    body = {"fleet": asdict(outcome)}
    artifacts.write_json(path, body, schema=_FLEET, version=_FLEET_VERSION, inputs=inputs)


def is_fleet(path: Path) -> bool:
    """Whether a JSON file says that it holds a fleet.

    Raises:
        BadArtifact: If it is missing, or not a JSON object.
    """
    schema = artifacts.read_foreign_json(path).get("schema")
    return isinstance(schema, dict) and schema.get("name") == _FLEET


def read_fleet(path: Path) -> FleetOutcome:
    """What a fleet's search found.

    Raises:
        BadArtifact: If the file is missing, corrupt, no fleet, or an older version's.
    """
    body = artifacts.read_json(path, schema=_FLEET, version=_FLEET_VERSION)
    return artifacts.parse(FleetOutcome, body.get("fleet"), where=f"{path}: fleet")
