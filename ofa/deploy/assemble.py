"""From a subnet to a bundle: export, build and time the engines, check them, describe, report."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from onnx import load_from_string

from ofa.data import Normalization
from ofa.deploy.bundle import ENGINE, bundle_contents, engine_path
from ofa.deploy.cache import EngineCache
from ofa.deploy.engines import (
    PORTABLE,
    BuiltEngine,
    build_engine,
    image_digest,
)
from ofa.deploy.layer_times import layer_times
from ofa.deploy.manifest import (
    Attempt,
    Calibration,
    Cost,
    Input,
    Latency,
    Manifest,
    ShippedEngine,
    Target,
    Top1,
    origin,
    resize_steps,
)
from ofa.deploy.order import Order
from ofa.deploy.picture import FrontPicture, FrontPoint, draw_front
from ofa.deploy.report import ReportData, class_accuracies, render_report
from ofa.deploy.timed import estimated, time_here, time_on
from ofa.deploy.verify import climb_forms
from ofa.evaluate import QuantizationImages, quantization_images
from ofa.latency import Device
from ofa.runtime import RUNTIMES, AbstractSession
from ofa.runtime.onnx_export import FromPixels, export_onnx
from ofa.space import AnyArch, activation_bytes, encoding_of, genotypes_of, network
from ofa.subnet import fold_batchnorm_


@dataclass(frozen=True, kw_only=True, eq=False)
class Built:
    """The engines of an order.

    Attributes:
        engines: The portable one, then the one that is meant for the target, if it is another.
        here: Latency on this machine of those that can run here, by name.
        measured: Latency on the target of the one meant for it, where it can be timed there.
    """

    engines: tuple[BuiltEngine, ...]
    here: Mapping[str, Latency]
    measured: Latency | None

    @property
    def meant(self) -> BuiltEngine:
        """The engine that is meant for the target."""
        return self.engines[-1]

    @property
    def timed(self) -> str:
        """The engine whose time here is told: the one meant, or else the portable one."""
        name = self.meant.request.name
        return name if name in self.here else PORTABLE.name


@dataclass(frozen=True, kw_only=True, eq=False)
class Assembled:
    """A bundle that is not written yet.

    Attributes:
        manifest: What is known of it.
        contents: Its files by name.
    """

    manifest: Manifest
    contents: Mapping[str, bytes]


def build(order: Order, cache: EngineCache) -> Built:
    """Export the network, build its engines, and time them.

    Raises:
        OfaError: If a runtime is missing or refuses the network; tells the mend.
    """
    notes = order.notes
    onnx = export_onnx(
        order.net,
        in_channels=notes.space.in_channels,
        resolution=notes.arch.resolution,
        mean=notes.mean,
        std=notes.std,
        input_type=order.input_type,
        metadata={"arch": notes.arch.to_json(), "labels": json.dumps(notes.classes)},
    )
    images = _quantization_images(order)
    requests = [PORTABLE] if order.request == PORTABLE else [PORTABLE, order.request]
    net = copy.deepcopy(order.net)
    fold_batchnorm_(net)
    pixels = FromPixels(net, mean=notes.mean, std=notes.std, input_type=order.input_type)
    engines = tuple(
        build_engine(
            onnx,
            pixels,
            request,
            images=images,
            cache=cache,
            threads=order.threads,
        )
        for request in requests
    )
    here = time_here(engines, _timed_images(order), threads=order.threads)
    meant = engines[-1]
    if order.is_here or order.target is None:
        measured = here.get(meant.request.name) if order.is_here else None
    else:
        measured = time_on(order.target, meant, threads=order.threads, batch=order.batch)
    return Built(engines=engines, here=here, measured=measured)


def assemble(order: Order, built: Built, attempts: tuple[Attempt, ...]) -> Assembled:
    """Check every form of the network against the one before, describe and report.

    A machine is faster in some seconds than in others. So the engine is timed on the target once
    more when the ladder was climbed, and the slower of the two counts.

    Args:
        attempts: Searches made for the budget, the last of which chose this subnet; in the
            manifest, the last one has the latency that counts.
    """
    notes, outcome = order.notes, order.outcome
    layers = network(notes.space, notes.arch)
    labels = order.test.labels.numpy()
    climbed = climb_forms(
        supernet=order.supernet,
        arch=notes.arch,
        extracted=order.extracted,
        subnet=order.net,
        engines=[
            (name, engine.request.precision, session)
            for engine in built.engines
            for name, session in _sessions(engine)
        ],
        unchecked={e.request.name: e.unchecked for e in built.engines if e.unchecked},
        normalization=Normalization(mean=notes.mean, std=notes.std),
        test=order.test,
        input_type=order.input_type,
    )
    measured = _slower(built.measured, _timed_again(order, built))
    if measured is not None:
        attempts = (*attempts[:-1], replace(attempts[-1], measured_ms=measured.latency_ms))
    judge = climbed.judge(built.meant.request.name, portable=PORTABLE.name)
    predicted = climbed.predicted[judge]
    shipped = tuple(_shipped(engine, built, climbed.top1) for engine in built.engines)
    is_predicted = outcome.scored_by == "predictor" and not notes.finetuned_epochs
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
            resize=resize_steps(notes.space, notes.arch.resolution),
        ),
        target=_target(order.device),
        budget_ms=outcome.budget_ms,
        budget_origin="asked" if outcome.budget_is_given else "knee of the front",
        attempts=attempts,
        limits=outcome.limits,
        top1=Top1(
            predicted=outcome.chosen.predicted_top1 if is_predicted else None,
            predicted_rmse=order.predictor_rmse,
            search=notes.search_top1
            if notes.finetuned_epochs or outcome.chosen.search_top1 is None
            else outcome.chosen.search_top1,
            num_search_images=len(order.search),
            test=climbed.top1[judge],
            num_test_images=len(labels),
            counted_by=judge,
        ),
        estimated=estimated(order.model.estimate(layers.layers), order.device),
        measured=measured,
        measured_at_build=None if order.is_here else built.here[built.timed],
        timed_at_build=None if order.is_here else built.timed,
        cost=Cost(
            macs=notes.macs,
            params=notes.params,
            activation_bytes=activation_bytes(layers),
            engine_bytes=built.meant.num_bytes,
        ),
        engine=built.meant.request.name,
        engines=shipped,
        calibration=_calibration(order, built.meant),
        ladder=climbed.ladder,
        supernet_sha256=notes.supernet_sha256,
        data_sha256={
            name: image_digest(images.images.numpy())
            for name, images in (
                ("calibration", order.calibration),
                ("search", order.search),
                ("test", order.test),
            )
        },
        request=order.request_digest,
        finetuned_epochs=notes.finetuned_epochs,
        transferred=notes.transferred_to is not None,
    )
    data = ReportData(
        manifest=manifest,
        origin=origin(order.inputs),
        picture=None if manifest.transferred else _picture(order, manifest),
        classes=class_accuracies(labels, predicted, notes.classes),
        layers=layer_times(layers, order.model),
    )
    engines: dict[str, bytes] = {}
    for engine, facts in zip(built.engines, shipped, strict=True):
        engines |= dict(zip(facts.files, engine.files.values(), strict=True))
    contents = bundle_contents(
        manifest,
        engines=engines,
        report=render_report(data),
        front=data.picture and draw_front(data.picture, format="png", width_inches=5.6),
        weights=order.tensors,
        inputs=order.inputs,
    )
    return Assembled(manifest=manifest, contents=contents)


def _sessions(engine: BuiltEngine) -> list[tuple[str, AbstractSession | None]]:
    """What is compared of an engine, by name: itself, then its other forms."""
    name = engine.request.name
    forms = [(f"{name}/{file}", session) for file, session in engine.forms.items()]
    return [(name, engine.session), *forms]


def _picture(order: Order, manifest: Manifest) -> FrontPicture:
    outcome, estimated = order.outcome, manifest.estimated
    return FrontPicture(
        front=tuple(_point(p.estimated_ms, p.predicted_top1) for p in outcome.front),
        random_front=tuple(_point(p.estimated_ms, p.predicted_top1) for p in outcome.random_front),
        uniform=tuple(_point(p.estimated_ms, p.predicted_top1) for p in outcome.uniform_front),
        candidates=tuple(
            _point(candidate.estimated_ms, candidate.search_top1)
            for candidate in outcome.candidates
            if candidate.search_top1 is not None
        ),
        samples=_points(order, order.samples),
        chosen=_point(estimated.latency_ms, manifest.top1.search),
        low_ms=estimated.low_ms,
        high_ms=estimated.high_ms,
        budget_ms=manifest.budget_ms,
        machine=estimated.machine,
        is_measured=outcome.scored_by == "measurement",
        is_best_measured=outcome.is_best_measured,
    )


def _timed_again(order: Order, built: Built) -> Latency | None:
    """Latency of the engine on the target now, where it could be measured before."""
    if built.measured is None or order.target is None:
        return None
    if not order.is_here:
        return time_on(order.target, built.meant, threads=order.threads, batch=order.batch)
    timed = time_here((built.meant,), _timed_images(order), threads=order.threads)
    return timed[built.meant.request.name]


def _timed_images(order: Order) -> np.ndarray:
    """What a run takes here: as many images as on the target, where this machine is the target."""
    images = _quantization_images(order).calibration
    return images[np.arange(order.batch if order.is_here else 1) % len(images)]


def _slower(first: Latency | None, second: Latency | None) -> Latency | None:
    known = [latency for latency in (first, second) if latency is not None]
    return max(known, key=lambda latency: latency.latency_ms, default=None)


def _quantization_images(order: Order) -> QuantizationImages:
    return quantization_images(
        order.calibration,
        order.search,
        resolution=order.notes.arch.resolution,
        input_type=order.input_type,
    )


def _calibration(order: Order, engine: BuiltEngine) -> Calibration | None:
    if order.request.precision != "int8":
        return None
    images = _quantization_images(order).calibration
    facts = {entry.key: entry.value for entry in load_from_string(engine.onnx).metadata_props}
    return Calibration(
        method=RUNTIMES[order.request.runtime].quantizer or facts["calibration"],
        num_images=len(images),
        images_sha256=image_digest(images),
    )


def _shipped(engine: BuiltEngine, built: Built, top1: Mapping[str, float]) -> ShippedEngine:
    name, runtime = engine.request.name, engine.request.runtime
    is_portable = engine.request == PORTABLE
    files = tuple(
        ENGINE if is_portable and file == ENGINE else engine_path(name, file)
        for file in engine.files
    )
    load = f'ofa.runtime.runtimes.RUNTIMES["{runtime}"].load(files)'
    if runtime == PORTABLE.runtime:
        load = f'onnxruntime.InferenceSession("{files[0]}")'
    return ShippedEngine(
        name=name,
        runtime=runtime,
        version=engine.version,
        precision=engine.request.precision,
        capability=engine.request.capability,
        files=files,
        num_bytes=engine.num_bytes,
        top1=top1.get(name),
        here=built.here.get(name),
        load=load,
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


def _point(latency_ms: float, top1: float) -> FrontPoint:
    return FrontPoint(latency_ms=latency_ms, top1=top1)


def _points(order: Order, archs: tuple[tuple[AnyArch, float], ...]) -> tuple[FrontPoint, ...]:
    if not archs:
        return ()
    encoding = encoding_of(order.notes.space)
    names, top1 = zip(*archs, strict=True)
    latency_ms = order.model.table(encoding)(genotypes_of(encoding, names))
    return tuple(_point(float(ms), accuracy) for ms, accuracy in zip(latency_ms, top1, strict=True))
