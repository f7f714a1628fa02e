"""From a subnet to a bundle: export, check against the network, time here, describe, report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ofa.artifacts import Tensors
from ofa.data import ImageSet, Normalization, resized
from ofa.deploy.bundle import write_bundle
from ofa.deploy.manifest import Cost, Input, Latency, Manifest, Target, Top1, origin
from ofa.deploy.parity import check_parity, run_in_chunks, torch_logits
from ofa.deploy.picture import FrontPoint
from ofa.deploy.report import ReportData, class_accuracies, render_front, render_report
from ofa.latency import Device, Estimate, LatencyModel
from ofa.run_files import SearchOutcome, SubnetNotes
from ofa.runtime import OrtSession, describe_machine, measure_ms
from ofa.runtime.onnx_export import InputType, export_onnx
from ofa.space import AnyArch, activation_bytes, encoding_of, genotypes_of, network
from ofa.subnet import Subnet


@dataclass(frozen=True, kw_only=True, eq=False)
class Order:
    """One subnet for one device.

    Attributes:
        net: The recalibrated network.
        tensors: Its weights by name.
        notes: What was measured of it.
        outcome: The search that chose it.
        device: Where it will run.
        model: Latency model of the device.
        input_type: Pixels the engine takes.
        test: Images on which engine and network are compared.
        num_search_images: Images of the search split.
        predictor_rmse: Error of the accuracy predictor on subnets held out, percentage points;
            ``None`` for an imported one.
        samples: Archs measured at random with their search top-1, for the report.
        inputs: Files it was made from, by what they are.
    """

    net: Subnet
    tensors: Tensors
    notes: SubnetNotes
    outcome: SearchOutcome
    device: Device
    model: LatencyModel
    input_type: InputType
    test: ImageSet
    num_search_images: int
    predictor_rmse: float | None
    samples: tuple[tuple[AnyArch, float], ...]
    inputs: Mapping[str, Path]


def assemble(order: Order, folder: Path) -> None:
    """Write the bundle of an order.

    Raises:
        ParityFailure: If the engine differs from the network; nothing is written then.
        BadArtifact: If the folder cannot be written.
    """
    notes = order.notes
    engine = export_onnx(
        order.net,
        in_channels=notes.space.in_channels,
        resolution=notes.arch.resolution,
        mean=notes.mean,
        std=notes.std,
        input_type=order.input_type,
        metadata={"arch": notes.arch.to_json(), "labels": json.dumps(notes.classes)},
    )
    session = OrtSession(engine, threads=order.device.description.threads or 1)
    pixels = resized(order.test.images, notes.arch.resolution).numpy()
    images = pixels if order.input_type == "uint8" else pixels.astype(np.float32) / np.float32(255)
    normalize = Normalization(mean=notes.mean, std=notes.std)
    logits = run_in_chunks(session.run, images)
    parity = check_parity(
        run_in_chunks(torch_logits(order.net, normalize), pixels),
        logits,
        rung="torch to ONNX Runtime",
    )
    labels, predicted = order.test.labels.numpy(), logits.argmax(1)
    here = _timed(session, images[:1])
    is_here = order.device.description.target == "local"
    layers = network(notes.space, notes.arch)
    manifest = Manifest(
        arch=notes.arch,
        space=notes.space,
        classes=notes.classes,
        input=Input(
            type=order.input_type,
            channels=notes.space.in_channels,
            resolution=notes.arch.resolution,
            mean=notes.mean,
            std=notes.std,
        ),
        target=_target(order.device),
        budget_ms=order.outcome.budget_ms,
        budget_origin="asked" if order.outcome.budget_is_given else "knee of the front",
        top1=Top1(
            predicted=order.outcome.chosen.predicted_top1,
            predicted_rmse=order.predictor_rmse,
            search=notes.search_top1,
            num_search_images=order.num_search_images,
            test=float((predicted == labels).mean()) * 100,
            num_test_images=len(labels),
        ),
        estimated=_estimated(order.model.estimate(layers.layers), order.device),
        measured=here if is_here else None,
        measured_at_build=None if is_here else here,
        cost=Cost(
            macs=notes.macs,
            params=notes.params,
            activation_bytes=activation_bytes(layers),
            engine_bytes=len(engine),
        ),
        parity=parity,
    )
    data = ReportData(
        manifest=manifest,
        origin=origin(order.inputs),
        front=tuple(
            FrontPoint(latency_ms=point.estimated_ms, top1=point.predicted_top1)
            for point in order.outcome.front
        ),
        candidates=tuple(
            FrontPoint(latency_ms=candidate.estimated_ms, top1=candidate.search_top1)
            for candidate in order.outcome.candidates
            if candidate.search_top1 is not None
        ),
        samples=_sample_points(order),
        classes=class_accuracies(labels, predicted, notes.classes),
    )
    write_bundle(
        folder,
        manifest,
        engine=engine,
        report=render_report(data),
        front=render_front(data),
        weights=order.tensors,
        inputs=order.inputs,
    )


def _timed(session: OrtSession, image: np.ndarray) -> Latency:
    timing = measure_ms([lambda: session.run(image)], warmup=20, repeats=200)[0]
    engine = session.describe()
    return Latency(
        latency_ms=timing.median_ms,
        low_ms=timing.p10_ms,
        high_ms=timing.p90_ms,
        interval="10th to 90th percentile",
        label="measured",
        machine=f"{describe_machine()}, {engine.runtime} {engine.version}, "
        f"threads {engine.threads}",
    )


def _estimated(estimate: Estimate, device: Device) -> Latency:
    return Latency(
        latency_ms=estimate.latency_ms,
        low_ms=estimate.low_ms,
        high_ms=estimate.high_ms,
        interval="90 % interval",
        label=estimate.label,
        machine=device.description.hardware.name,
    )


def _target(device: Device) -> Target:
    description = device.description
    hardware = description.hardware
    return Target(
        id=device.id,
        hardware=f"{hardware.name}, {hardware.soc}, {hardware.unit}",
        runtime=description.runtime.name,
        precision=description.precision,
        threads=description.threads,
        batch=description.batch,
    )


def _sample_points(order: Order) -> tuple[FrontPoint, ...]:
    if not order.samples:
        return ()
    encoding = encoding_of(order.notes.space)
    archs, top1 = zip(*order.samples, strict=True)
    latency_ms = order.model.table(encoding)(genotypes_of(encoding, archs))
    return tuple(
        FrontPoint(latency_ms=float(ms), top1=accuracy)
        for ms, accuracy in zip(latency_ms, top1, strict=True)
    )
