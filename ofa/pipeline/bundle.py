"""Subnet to bundle."""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import ofa
from ofa import artifacts
from ofa import checkpoint as files
from ofa.errors import BadArtifact, ParityFailure
from ofa.latency import Device, load_device
from ofa.opened import (
    evaluator,
    find_checkpoint,
    judges,
    open_subnet,
    open_supernet,
    predictor_rmse,
)
from ofa.pipeline.device import profile, timing_target
from ofa.run_files import SubnetNotes, read_front
from ofa.shipped import shipped

if TYPE_CHECKING:
    from ofa.deploy import Assembled, Built, EngineCache, EngineRequest, Order
    from ofa.deploy.manifest import Attempt
    from ofa.evaluate import Judges

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the user wants of a bundle; what is ``None`` is as the device is described."""

    input: Literal["uint8", "float32"] = "uint8"
    """Pixels the engine takes."""
    precision: Literal["fp32", "fp16", "int8"] | None = None
    """Arithmetic."""
    runtime: str | None = None
    """What runs the engine."""
    capability: str | None = None
    """Hardware to build for, e.g. ``sm89``."""
    archive: bool = False
    """Whether to write one zip file in place of a folder."""
    cache: bool = True
    """Whether engines built before, and an equal bundle written before, are used."""


def deploy(
    *,
    subnet: Path,
    front: Path,
    checkpoint: str,
    out: Path,
    device: str | None = None,
    wish: Wish | None = None,
) -> Path:
    """Export a subnet, build its engines, check them against the network, time and bundle them.

    An equal request finds the bundle that is there already.

    Args:
        subnet: Folder that ``extract`` wrote.
        front: File that ``search`` wrote.
        device: Folder of the device; ``None`` takes the name that the front tells.

    Returns:
        ``out/bundles/<arch id>-<device>``, with runtime and precision where these are not the
        device's own, and with the input where it is not raw pixels.

    Raises:
        ParityFailure: If a form of the network differs from the one before; the bundle is kept
            under ``out/rejected`` then.
    """
    from ofa.deploy import assemble, build, load_bundle

    wish = wish or Wish()
    order = prepare(subnet=subnet, front=front, checkpoint=checkpoint, device=device, wish=wish)
    path = bundle_path(order, out, wish)
    if wish.cache and path.exists():
        try:
            if load_bundle(path).manifest.request == order.request_digest:
                return path
        except BadArtifact:
            pass  # what lies there is replaced below, or refused if it is no bundle
    tell_of_missing_runtime(order.device, wish)
    built = build(order, engine_cache(wish))
    attempt = attempt_of(order, built)
    return publish(assemble(order, built, (attempt,)), path, out)


def prepare(
    *, subnet: Path, front: Path, checkpoint: str, device: str | None = None, wish: Wish
) -> "Order":
    """Gather all that a bundle is made from.

    A subnet that was fine-tuned is none of the supernet's any more: its forms are compared from
    its own weights on, on the images that it was trained on last.

    Raises:
        BadArtifact: If the front chose another subnet, or a file does not belong to the others.
        BadData: If the images of a transferred subnet are missing.
    """
    from ofa.deploy import Order

    folder = find_checkpoint(checkpoint)
    outcome = read_front(front)
    net, tensors, notes = open_subnet(subnet)
    if notes.arch != outcome.chosen.arch:
        raise BadArtifact(f"{front}: chose another subnet than {subnet} holds; extract it first")
    supernet, accuracy = folder / files.SUPERNET, folder / files.ACCURACY
    if notes.supernet_sha256 != artifacts.sha256(supernet):
        raise BadArtifact(
            f"{subnet}: was cut from another supernet than {supernet}; give its --checkpoint"
        )
    opened, cut = open_supernet(folder)
    if not notes.transferred_to and (notes.space, notes.classes) != (cut.space, cut.classes):
        raise BadArtifact(
            f"{subnet}: has another space or other classes than {supernet}; deploy the subnet that "
            "ofa extract or ofa finetune wrote"
        )
    tuned = notes.finetuned_epochs > 0
    measured = files.read_accuracy(accuracy, supernet=supernet, precision=outcome.precision)
    is_predicted = outcome.scored_by == "predictor"
    named = device or outcome.device
    found = load_device(shipped("devices"), named)
    request = engine_request(found, wish)
    images = _images(folder, subnet, notes)
    asked = {
        "subnet": artifacts.sha256(subnet / "subnet.safetensors"),
        "outcome": artifacts.digest(asdict(outcome)),
        "device": artifacts.digest(asdict(found.description)),
        "engine": request.made_by(),
        "input": wish.input,
        "ofa": ofa.__version__,
    }
    return Order(
        supernet=None if tuned else opened,
        extracted=None if tuned else evaluator(folder, "test").subnet(notes.arch),
        net=net,
        tensors=tensors,
        notes=notes,
        outcome=outcome,
        device=found,
        target=timing_target(found, runtime=request.runtime),
        model=profile(device=named, checkpoint=checkpoint),
        request=request,
        input_type=wish.input,
        calibration=images.calibration,
        search=images.search,
        test=images.test,
        predictor_rmse=None
        if tuned or not is_predicted
        else predictor_rmse(folder, outcome.precision),
        samples=tuple((record.arch, record.top1) for record in measured),
        inputs={
            "supernet": supernet,
            **({"predictor": folder / files.PREDICTOR} if is_predicted else {}),
            "front": front,
            "subnet": subnet / "subnet.safetensors",
        },
        request_digest=artifacts.digest(asked),
    )


def _images(folder: Path, subnet: Path, notes: SubnetNotes) -> "Judges":
    """The images by which a subnet is judged: those it was trained on last."""
    from ofa.evaluate import find_judges

    if notes.transferred_to is None:
        return judges(folder)
    return find_judges(
        notes.transferred_to,
        notes.space,
        classes=notes.classes,
        mean=notes.mean,
        std=notes.std,
        files=notes.files,
        owner=subnet,
    )


def engine_request(device: Device, wish: Wish) -> "EngineRequest":
    """The engine that a device is meant to run.

    A device whose runtime builds no engines here gets the portable one, in 8 bits if its own is.

    Raises:
        OfaError: If the user names a runtime that is unknown.
    """
    from ofa.deploy.engines import PORTABLE, EngineRequest
    from ofa.runtime import RUNTIMES

    described = device.description
    known = RUNTIMES.get(described.runtime.name)
    builds = known is not None and known.available()
    keeps = builds or described.precision == "int8"
    return EngineRequest(
        runtime=wish.runtime or (described.runtime.name if builds else PORTABLE.runtime),
        precision=wish.precision or (described.precision if keeps else PORTABLE.precision),
        capability=wish.capability,
    )


def tell_of_missing_runtime(device: Device, wish: Wish) -> None:
    """Warn where the portable engine ships, which is not what the device was measured in."""
    from ofa.runtime import RUNTIMES

    if wish.runtime is not None:
        return
    named = device.description.runtime.name
    known = RUNTIMES.get(named)
    if known is None:
        _log.warning(
            "%s gets an engine of ONNX Runtime, since none is built here of the runtime in which "
            "it was measured (%s); choose another with --runtime", device.id, named,
        )  # fmt: skip
    elif not known.available():
        _log.warning(
            "%s was measured in %s, but gets an engine of ONNX Runtime; for its own, "
            "pip install '%s'", device.id, known.name, known.requirement,
        )  # fmt: skip


def bundle_path(order: "Order", out: Path, wish: Wish) -> Path:
    """Where the bundle of an order goes; the same for equal orders."""
    name = f"{order.notes.arch.id}-{order.device.id}"
    if order.notes.finetuned_epochs:
        name = f"{name}-finetuned"
    if order.request != engine_request(order.device, Wish()):
        name = f"{name}-{order.request.name}"
    if order.input_type != Wish().input:
        name = f"{name}-{order.input_type}"
    return out / "bundles" / (f"{name}.zip" if wish.archive else name)


def engine_cache(wish: Wish) -> "EngineCache":
    """Engines built before on this machine, unless the user wants them built anew."""
    from ofa.deploy import EngineCache

    return EngineCache(folder=artifacts.cache_folder() / "engines" if wish.cache else None)


def attempt_of(order: "Order", built: "Built") -> "Attempt":
    """What one search came to."""
    from ofa.deploy.manifest import Attempt

    return Attempt(
        searched_ms=order.outcome.budget_ms,
        estimated_ms=order.outcome.chosen.estimated_ms,
        measured_ms=built.measured.latency_ms if built.measured else None,
    )


def publish(assembled: "Assembled", path: Path, out: Path) -> Path:
    """Write a bundle whose ladder holds; keep another one aside.

    Raises:
        ParityFailure: Names the failing rung and where the rejected bundle lies.
    """
    from ofa.deploy import write_bundle

    failing = assembled.manifest.ladder.failing
    if failing is None:
        write_bundle(path, assembled.contents)
        return path
    rejected = reject(assembled, path, out)
    raise ParityFailure(f"{failing}; not shipped, kept with its report in {rejected}")


def reject(assembled: "Assembled", path: Path, out: Path) -> Path:
    """Keep a bundle that must not ship, for whoever finds out why."""
    from ofa.deploy import write_bundle

    rejected = out / "rejected" / path.name
    write_bundle(rejected, assembled.contents)
    return rejected
