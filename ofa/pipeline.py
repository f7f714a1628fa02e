"""The journey, one function per arrow: train, sample, fit_predictor, search, extract, deploy.

The command line and notebooks call these functions. Every one reads files and writes files, so a
journey can be left and taken up anywhere. Heavy libraries are imported inside the functions.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

import ofa
from ofa import artifacts
from ofa import checkpoint as files
from ofa.errors import BadArtifact
from ofa.latency import Device, LatencyModel, list_devices, load_device, load_model
from ofa.opened import (
    evaluator,
    find_checkpoint,
    judges,
    measure_search_top1,
    open_subnet,
    open_supernet,
    predictor,
    read_fit,
)
from ofa.recipe import Recipe
from ofa.run_files import (
    Candidate,
    FrontPoint,
    SearchOutcome,
    SubnetNotes,
    read_front,
    write_front,
    write_subnet,
)
from ofa.shipped import shipped
from ofa.space import Encoding, macs, network, params

if TYPE_CHECKING:
    from ofa.deploy import Bundle
    from ofa.predictor import FitReport
    from ofa.search import Front

T = TypeVar("T")
Track = Callable[[Iterable[T], str], Iterable[T]]
"""Passes items through and shows progress, e.g. ``ofa.cli.track``."""


def untracked(items: Iterable[T], label: str) -> Iterable[T]:
    """Items without any show of progress."""
    return items


def train(recipe: Recipe, *, out: Path, resume: bool = False, progress: bool = True) -> Path:
    """Train a supernet.

    Returns:
        ``out/supernet.safetensors``; beside it lie the resolved recipe, logs and ``last.ckpt``.

    Raises:
        OfaError: If the recipe does not fit the images, or the run to resume does not fit the
        recipe.
    """
    import torch

    from ofa.data import load_splits
    from ofa.evaluate import measure_top1
    from ofa.supernets import build_supernet
    from ofa.train import SupernetModule, fit

    if recipe.train.threads:
        torch.set_num_threads(recipe.train.threads)
    torch.manual_seed(recipe.train.seed)
    splits = load_splits(recipe.data, recipe.space)
    supernet = build_supernet(recipe.space)
    validate = partial(
        measure_top1,
        space=recipe.space,
        normalization=splits.normalization,
        calibration=splits.calibration,
        images=splits.search,
    )
    artifacts.write_yaml(out / "recipe.yaml", asdict(recipe))
    module = SupernetModule(
        supernet,
        recipe,
        data=splits.train,
        normalization=splits.normalization,
        validate=validate,
    )
    fit(module, folder=out, resume=resume, progress=progress)
    notes = files.SupernetNotes(
        space=recipe.space,
        data=recipe.data,
        classes=splits.train.classes,
        mean=splits.normalization.mean,
        std=splits.normalization.std,
        ofa=ofa.__version__,
    )
    tensors = {name: tensor.cpu().numpy() for name, tensor in module.average.state_dict().items()}
    files.write_supernet(out / files.SUPERNET, tensors, notes)
    return out / files.SUPERNET


def sample(
    *,
    checkpoint: str,
    num: int = 1000,
    draw: Literal["uniform", "macs"] = "macs",
    seed: int = 0,
    workers: int = 1,
    track: Track = untracked,
) -> Path:
    """Measure subnets on the search split, each recalibrated; goes on where it was cut off.

    Archs are drawn, then measured in rounds of 500, each in an order in which neighbors share their
    first layers, so that these are computed once.

    Args:
        num: Subnets to have measured in the end.
        draw: See ``ofa.evaluate.draw_archs``.
        workers: Processes that measure, each on one thread; their number changes no result.

    Returns:
        ``accuracy.jsonl`` in the checkpoint's folder.
    """
    from ofa.evaluate import draw_archs, in_sharing_order

    folder = find_checkpoint(checkpoint)
    path, supernet = folder / files.ACCURACY, folder / files.SUPERNET
    done = {record.arch for record in files.read_accuracy(path, supernet=supernet)}
    _, notes = open_supernet(folder)
    archs = draw_archs(Encoding(notes.space), num, draw=draw, seed=seed)
    rounds = [in_sharing_order(archs[start : start + 500]) for start in range(0, num, 500)]
    pending = [arch for members in rounds for arch in members if arch not in done]
    measured = measure_search_top1(folder, pending, workers=workers)
    for arch, top1 in zip(track(pending, "measuring subnets"), measured, strict=True):
        record = files.MeasuredArch(arch=arch, top1=top1)
        files.append_accuracy(path, record, supernet=supernet)
    return path


def fit_predictor(*, checkpoint: str, seed: int = 0) -> "FitReport":
    """Fit the accuracy predictor, and measure it on subnets left out in turn."""
    from ofa.predictor import fit_predictor as fit

    folder = find_checkpoint(checkpoint)
    supernet, accuracy = folder / files.SUPERNET, folder / files.ACCURACY
    _, notes = open_supernet(folder)
    measured = files.read_accuracy(accuracy, supernet=supernet)
    encoding = Encoding(notes.space)
    genotypes = encoding.encode([record.arch for record in measured])
    top1 = np.array([record.top1 for record in measured])
    fitted = fit(encoding, genotypes, top1, seed=seed)
    artifacts.write_tensors(folder / files.PREDICTOR, *fitted.predictor.state())
    artifacts.write_json(
        folder / files.PREDICTOR_REPORT,
        {"report": asdict(fitted.report)},
        schema="ofa.predictor",
        inputs={"supernet": supernet, "accuracy": accuracy},
    )
    return fitted.report


def devices() -> tuple[Device, ...]:
    """The devices that subnets can be made for."""
    return list_devices(shipped("devices"))


def profile(*, device: str, checkpoint: str, fresh: bool = False) -> LatencyModel:
    """The latency model of a device; a device at hand is measured on first use, then remembered.

    Args:
        fresh: Whether to measure again what is remembered.

    Raises:
        OfaError: If the device must be measured, but cannot be.
    """
    target = load_device(shipped("devices"), device)
    if target.description.target != "local":
        return load_model(target.model_path)
    from ofa.latency.host import host_model
    from ofa.latency.rig import onnxruntime_rig

    space = open_supernet(find_checkpoint(checkpoint))[1].space
    identity = artifacts.digest(space.to_dict())[:12]
    cache = artifacts.cache_folder() / "devices" / target.id / f"{identity}.json"
    if fresh:
        cache.unlink(missing_ok=True)
    return host_model(cache, space, onnxruntime_rig(threads=target.description.threads or 1))


def search(
    *,
    device: str,
    checkpoint: str,
    out: Path,
    budget_ms: float | None = None,
    seed: int = 0,
    num_candidates: int = 8,
    track: Track = untracked,
) -> Path:
    """Search the front of a device, then measure the most promising subnets within the budget.

    Args:
        budget_ms: Latency to stay within; ``None`` takes that of the front's knee, beyond which a
            millisecond buys less accuracy than on average.
        num_candidates: Archs whose accuracy is measured on the search split before one is chosen.

    Returns:
        ``out/fronts/<device>.json``.

    Raises:
        InfeasibleBudget: If no subnet is fast enough; tells the reachable range.
    """
    from ofa.search import check_budget, random_front, reachable_range, search_front

    target = load_device(shipped("devices"), device)
    folder = find_checkpoint(checkpoint)
    _, notes = open_supernet(folder)
    encoding = Encoding(notes.space)
    table = profile(device=device, checkpoint=checkpoint).table(encoding)
    reach = reachable_range(table) if budget_ms is None else check_budget(table, budget_ms)
    accuracy = predictor(folder, encoding)
    front = search_front(
        encoding, accuracy=accuracy, latency_ms=table, rng=np.random.default_rng(seed)
    )
    rivals = random_front(
        encoding,
        accuracy=accuracy,
        latency_ms=table,
        rng=np.random.default_rng(seed),
        max_evaluations=front.num_evaluations,
    )
    asked_ms = float(front.latency_ms[front.knee()]) if budget_ms is None else budget_ms
    judge = evaluator(folder, "search")
    rows = front.candidates(asked_ms, num=num_candidates)
    candidates = [
        Candidate(
            arch=point.arch,
            predicted_top1=point.predicted_top1,
            estimated_ms=point.estimated_ms,
            search_top1=judge.top1(point.arch),
        )
        for point in track(_points(encoding, front, rows), "measuring candidates")
    ]
    candidates.sort(key=lambda candidate: (-candidate.search_top1, candidate.estimated_ms))
    outcome = SearchOutcome(
        device=target.id,
        budget_ms=asked_ms,
        budget_is_given=budget_ms is not None,
        lowest_ms=reach.lowest,
        highest_ms=reach.highest,
        num_evaluations=front.num_evaluations,
        exhaustive=front.exhaustive,
        front=tuple(_points(encoding, front, np.arange(len(front)))),
        random_front=tuple(_points(encoding, rivals, np.arange(len(rivals)))),
        candidates=tuple(candidates),
        seed=seed,
    )
    path = out / "fronts" / f"{target.id}.json"
    inputs = {"supernet": folder / files.SUPERNET, "predictor": folder / files.PREDICTOR}
    write_front(path, outcome, inputs=inputs)
    return path


def extract(*, front: Path, checkpoint: str, out: Path) -> Path:
    """Cut out the subnet that a search chose, recalibrate it, and measure it on the test split.

    Args:
        front: File that ``search`` wrote.

    Returns:
        ``out/subnets/<arch id>``, with static weights and what was measured.
    """
    folder = find_checkpoint(checkpoint)
    _, notes = open_supernet(folder)
    chosen = read_front(front).chosen
    arch, layers = chosen.arch, network(notes.space, chosen.arch)
    judge = evaluator(folder, "test")
    net = judge.subnet(arch)
    labels = judge.images.labels
    hits = judge.predict(net, arch.resolution) == labels
    subnet = SubnetNotes(
        space=notes.space,
        arch=arch,
        classes=notes.classes,
        mean=notes.mean,
        std=notes.std,
        search_top1=chosen.search_top1,
        test_top1=100 * int(hits.sum()) / len(labels),
        num_test_images=len(labels),
        macs=macs(layers),
        params=params(layers),
        supernet_sha256=artifacts.sha256(folder / files.SUPERNET),
    )
    tensors = {name: tensor.contiguous().numpy() for name, tensor in net.state_dict().items()}
    path = out / "subnets" / arch.id
    write_subnet(path, tensors, subnet, inputs={"supernet": folder / files.SUPERNET})
    return path


def deploy(
    *,
    subnet: Path,
    front: Path,
    checkpoint: str,
    out: Path,
    input: Literal["uint8", "float32"] = "uint8",
) -> Path:
    """Export a subnet, check the engine against the network, time it here, and bundle it.

    Args:
        subnet: Folder that ``extract`` wrote.
        front: File that ``search`` wrote.

    Returns:
        ``out/bundles/<arch id>-<device>``.

    Raises:
        ParityFailure: If the engine differs from the network; nothing is written then.
    """
    from ofa.deploy import Order, assemble

    folder = find_checkpoint(checkpoint)
    outcome = read_front(front)
    net, tensors, notes = open_subnet(subnet)
    if notes.arch != outcome.chosen.arch:
        raise BadArtifact(f"{front}: chose another subnet than {subnet} holds; extract it first")
    supernet, accuracy = folder / files.SUPERNET, folder / files.ACCURACY
    measured = files.read_accuracy(accuracy, supernet=supernet)
    order = Order(
        net=net,
        tensors=tensors,
        notes=notes,
        outcome=outcome,
        device=load_device(shipped("devices"), outcome.device),
        model=profile(device=outcome.device, checkpoint=checkpoint),
        input_type=input,
        test=judges(folder).test,
        num_search_images=len(judges(folder).search),
        predictor_rmse=read_fit(folder).rmse,
        samples=tuple((record.arch, record.top1) for record in measured),
        inputs={
            "supernet": supernet,
            "predictor": folder / files.PREDICTOR,
            "front": front,
            "subnet": subnet / "subnet.safetensors",
        },
    )
    path = out / "bundles" / f"{notes.arch.id}-{outcome.device}"
    assemble(order, path)
    return path


def specialize(
    *,
    device: str,
    checkpoint: str,
    out: Path,
    budget_ms: float | None = None,
    seed: int = 0,
    input: Literal["uint8", "float32"] = "uint8",
    track: Track = untracked,
) -> "Bundle":
    """Walk from a supernet to a checked engine for one device: search, extract, deploy.

    Returns:
        The bundle, read back and checked.
    """
    from ofa.deploy import load_bundle

    front = search(
        device=device,
        checkpoint=checkpoint,
        out=out,
        budget_ms=budget_ms,
        seed=seed,
        track=track,
    )
    subnet = extract(front=front, checkpoint=checkpoint, out=out)
    path = deploy(subnet=subnet, front=front, checkpoint=checkpoint, out=out, input=input)
    return load_bundle(path)


def _points(encoding: Encoding, front: "Front", rows: np.ndarray) -> Sequence[FrontPoint]:
    return [
        FrontPoint(arch=arch, predicted_top1=float(top1), estimated_ms=float(latency_ms))
        for arch, top1, latency_ms in zip(
            encoding.decode(front.genotypes[rows]),
            front.top1[rows],
            front.latency_ms[rows],
            strict=True,
        )
    ]
