"""What is known of a deployed subnet: the facts of a manifest, and the numbers a report shows.

A prediction, an estimate and a measurement of one quantity are fields of different names, so that
no reader can take one for another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ofa import artifacts
from ofa.deploy.ladder import Ladder
from ofa.errors import BadArtifact
from ofa.provenance import provenance
from ofa.space import AnyArch, AnySpace, check_arch


@dataclass(frozen=True, kw_only=True)
class Target:
    """The device that the subnet was chosen for.

    Attributes:
        id: Name of the device's folder.
        hardware: Product, chip and unit, e.g. ``Google Pixel, Snapdragon 821, cpu``.
        runtime: What runs the networks whose latencies are known there, e.g. ``tflite``.
        precision: Arithmetic, e.g. ``fp32``.
        threads: Threads of the runtime; ``None`` if not published.
        batch: Images a run.
    """

    id: str
    hardware: str
    runtime: str
    precision: str
    threads: int | None
    batch: int


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Latency of one run, and how sure it is.

    Attributes:
        latency_ms: Best estimate, or median of the measurements.
        low_ms: Lower end of the interval.
        high_ms: Upper end of the interval.
        interval: What the interval covers, e.g. ``90 % interval``.
        label: ``measured``, or what the estimate rests on; ``uncalibrated`` extrapolates.
        machine: Where.
    """

    latency_ms: float
    low_ms: float
    high_ms: float
    interval: str
    label: str
    machine: str


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One search for a budget, and what the engine of its choice then took.

    Attributes:
        searched_ms: Budget that was searched for.
        estimated_ms: Estimated latency of the choice.
        measured_ms: Median of its engine on the target; ``None`` where it cannot be timed there.
    """

    searched_ms: float
    estimated_ms: float
    measured_ms: float | None


@dataclass(frozen=True, kw_only=True)
class ShippedEngine:
    """One engine of a bundle.

    Attributes:
        name: Runtime, precision and, where it is bound to one, capability.
        runtime: Library that runs it, e.g. ``onnxruntime``.
        version: Version of the library that built it.
        precision: Arithmetic of weights and activations.
        capability: Hardware it was built for; ``None`` if it runs wherever its runtime does.
        files: Its files; the first is the one to load.
        num_bytes: Size of what is loaded: the first, with its weights where they lie apart. The
            same engine in another form, e.g. ``engine.ort``, is not counted.
        top1: On the test split, percent; ``None`` if it cannot run where the bundle was built.
        here: Latency on the machine that built it; ``None`` if it cannot run there.
        load: How to load it.
    """

    name: str
    runtime: str
    version: str
    precision: str
    capability: str | None
    files: tuple[str, ...]
    num_bytes: int
    top1: float | None
    here: Latency | None
    load: str


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Images that set the ranges of an 8-bit engine.

    Attributes:
        method: How ranges are chosen.
        num_images: Images used.
        images_sha256: Hash of their pixels, in order.
    """

    method: str
    num_images: int
    images_sha256: str


@dataclass(frozen=True, kw_only=True)
class Top1:
    """Top-1 accuracies, percent.

    Attributes:
        predicted: By the accuracy predictor, for the search split; ``None`` where the search went
            by measurement alone, and of a subnet that was fine-tuned since.
        predicted_rmse: Root mean square error of the predictor on subnets held out, points;
            ``None`` for an imported predictor, or none.
        search: Measured on the search split, recalibrated: by this the subnet was chosen, unless
            it was fine-tuned since, or taken by its prediction.
        num_search_images: Images of the search split.
        test: Measured on the test split.
        num_test_images: Images of the test split.
        counted_by: Name of the engine that labeled the test images: the one that is meant for the
            target, or the portable one, if the other could not run where the bundle was built.
    """

    predicted: float | None
    predicted_rmse: float | None
    search: float
    num_search_images: int
    test: float
    num_test_images: int
    counted_by: str


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one image costs.

    Attributes:
        macs: Multiply-accumulates.
        params: Trainable parameters.
        activation_bytes: Peak of activations alive at once, float32.
        engine_bytes: Size of what is loaded of the engine.
    """

    macs: int
    params: int
    activation_bytes: int
    engine_bytes: int

    @property
    def weight_bytes(self) -> int:
        """Bytes of the parameters in float32."""
        return 4 * self.params


@dataclass(frozen=True, kw_only=True)
class Input:
    """What the engine takes; it subtracts ``mean`` and divides by ``std`` itself.

    Attributes:
        type: ``uint8`` for raw pixels, ``float32`` for pixels from 0 to 1.
        channels: 1 for grey, 3 for red, green and blue.
        resolution: Height and width, px.
        mean: Mean of each channel, as a share of the largest pixel.
        std: Standard deviation of each channel, likewise.
        resize: How an image of another size is brought to ``resolution``, see ``resize_steps``.
        layout: Order of the axes.
    """

    type: Literal["uint8", "float32"]
    channels: int
    resolution: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: str
    layout: str = "batch, channels, height, width"


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """A file that something was made from."""

    file: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a bundle comes from.

    Attributes:
        made_by: Command, versions and commit; ``None`` for what is not known.
        inputs: Files it was made from, by what they are.
    """

    made_by: Mapping[str, str | None]
    inputs: Mapping[str, InputFile]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that must be known of a bundle to use and to trust it.

    Attributes:
        arch: The subnet.
        space: Where it was found.
        classes: Name of each logit.
        input: What the engine takes.
        target: The device it was chosen for.
        budget_ms: Latency that it had to keep.
        budget_origin: Who set the budget, e.g. ``asked`` or ``knee of the front``.
        attempts: Searches until the budget held, the last one's choice shipped.
        limits: What it might cost at most besides latency, by names in ``ofa.space.COSTS``.
        top1: Accuracies.
        estimated: Latency on the target by its latency model.
        measured: Latency of this engine on the target, where it can be timed there.
        measured_at_build: Latency on the machine that built it, if that is not the target.
        timed_at_build: Name of the engine that this is of: the one that is meant for the target, or
            the portable one, if the other cannot be timed there.
        cost: Arithmetic and memory.
        engine: Name of the engine that is meant for the target.
        engines: All engines; the first is the portable ONNX file.
        calibration: What set the ranges of 8-bit engines, if there are any.
        ladder: Agreement of every form of the network with the one before, on the test split.
        supernet_sha256: Hash of the weights that the subnet was cut from.
        data_sha256: Hash of images and labels of each split that took part.
        request: Hash of everything asked; an equal request gives this bundle again.
        files: SHA-256 of every other file of the bundle; ``write_bundle`` fills it in.
        finetuned_epochs: Epochs that the subnet was trained further by itself; 0 as it was cut.
        transferred: Whether on images other than the supernet's, with a new head.
    """

    arch: AnyArch
    space: AnySpace
    classes: tuple[str, ...]
    input: Input
    target: Target
    budget_ms: float
    budget_origin: str
    attempts: tuple[Attempt, ...]
    top1: Top1
    estimated: Latency
    measured: Latency | None
    measured_at_build: Latency | None
    timed_at_build: str | None
    cost: Cost
    engine: str
    engines: tuple[ShippedEngine, ...]
    calibration: Calibration | None
    ladder: Ladder
    supernet_sha256: str
    data_sha256: Mapping[str, str]
    request: str
    files: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    finetuned_epochs: int = 0
    transferred: bool = False

    def __post_init__(self) -> None:
        check_arch(self.space, self.arch)
        if self.input.resolution != self.arch.resolution:
            raise BadArtifact(
                f"input.resolution: {self.input.resolution} px, but the arch takes "
                f"{self.arch.resolution} px; deploy the subnet again"
            )
        if len(self.classes) != self.space.num_classes:
            raise BadArtifact(
                f"classes: {len(self.classes)} names, but the space has {self.space.num_classes}; "
                "deploy the subnet again"
            )
        names = {engine.name for engine in self.engines}
        for field_name, name in (
            ("engine", self.engine),
            ("top1.counted_by", self.top1.counted_by),
        ):
            if name not in names:
                raise BadArtifact(
                    f"{field_name}: {name!r} is none of engines; deploy the subnet again"
                )

    @property
    def shipped(self) -> ShippedEngine:
        """The engine that is meant for the target."""
        return next(engine for engine in self.engines if engine.name == self.engine)

    @property
    def deployed_latency(self) -> Latency:
        """Latency on the target: measured where it could be, else estimated."""
        return self.measured or self.estimated


def resize_steps(space: AnySpace, resolution: int) -> str:
    """How test images were brought to ``resolution``; the engine's accuracy holds for no other way.

    Images are kept as squares of the largest resolution of the space, whatever the arch takes.
    """
    largest = max(space.resolutions)
    again = f", then resized to {resolution} px" if resolution != largest else ""
    return (
        f"shorter side resized to {largest} px, center square of {largest} px cropped{again}; "
        "bilinear with antialiasing, rounded to uint8 after each resize"
    )


def origin(inputs: Mapping[str, Path]) -> Origin:
    """The origin of what this process makes from ``inputs``."""
    files = {
        name: InputFile(file=path.name, sha256=artifacts.sha256(path))
        for name, path in inputs.items()
    }
    return Origin(made_by=provenance(), inputs=files)  # type: ignore[arg-type]
