"""Predictor and many devices to a fleet: fronts, picks, and the few subnets that serve all."""

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import ofa
from ofa import artifacts
from ofa import checkpoint as files
from ofa.errors import InfeasibleBudget, OfaError, UnknownDevice
from ofa.fleet_files import Choice, DeviceOutcome, FleetOutcome, Pick, write_fleet
from ofa.opened import find_checkpoint, predictor
from ofa.pipeline.device import devices as known_devices
from ofa.pipeline.kept import Kept
from ofa.pipeline.progress import Track, untracked
from ofa.pipeline.table import DeviceTable, device_table
from ofa.pipeline.watched import Watched
from ofa.run_files import FrontPoint
from ofa.space import AnyCostTable, AnyEncoding, AnySpace, CostTable, encoding_of, network

if TYPE_CHECKING:
    from ofa.search import Fleet, Range

_log = logging.getLogger(__name__)

_MAX_CANDIDATES = 1_000  # archs that a portfolio is chosen from


@dataclass(frozen=True, kw_only=True)
class FleetFile:
    """A fleet as a YAML file names it.

    Attributes:
        devices: Budgets of each device; the name may be a pattern as in a shell.
    """

    devices: dict[str, list[str | float]]

    def __post_init__(self) -> None:
        if not self.devices or not all(self.devices.values()):
            raise OfaError("devices: name one or more, each with one or more budgets")


def read_fleet_file(path: Path) -> dict[str, list[str]]:
    """Budgets of every device that a fleet file names.

    Raises:
        BadArtifact: If the file is missing or malformed.
    """
    wish = artifacts.parse(FleetFile, artifacts.read_yaml(path), where=str(path))
    return {
        device: [str(budget) for budget in budgets]
        for pattern, budgets in wish.devices.items()
        for device in match_devices([pattern])
    }


def match_devices(patterns: Sequence[str]) -> list[str]:
    """Devices that go by names, folders, or patterns such as ``devices/*`` and ``pixel*``.

    A pattern passes over devices without a latency model, which would have to be measured first;
    name those.

    Raises:
        UnknownDevice: If a pattern matches nothing.
    """
    found: dict[str, None] = {}
    modelled = [device for device in known_devices() if device.model_path.exists()]
    for pattern in patterns:
        if not re.search(r"[*?\[]", pattern):
            found[pattern] = None
            continue
        wanted = pattern.removeprefix("devices/")
        names = [device.id for device in modelled if fnmatch(device.id, wanted)]
        if not names:
            raise UnknownDevice(
                f"no device with a latency model matches {pattern!r}; see ofa devices"
            )
        found.update(dict.fromkeys(names))
    return list(found)


def search_fleet(
    *,
    budgets: dict[str, list[str]],
    checkpoint: str,
    out: Path,
    max_models: int = 0,
    seed: int = 0,
    limits: Mapping[str, float] | None = None,
    track: Track = untracked,
) -> Path:
    """Search the fronts of many devices at once, by prediction.

    Args:
        budgets: Budgets of each device, by its name: ``12.5`` is in ms, ``25%`` lies a quarter of
            the way from the device's fastest subnet to its slowest.
        max_models: Subnets that shall serve all devices and budgets; the curve of loss is computed
            up to as many. 0 chooses none.
        limits: What a subnet may cost at most besides latency, by names in ``ofa.space.COSTS``.

    Returns:
        ``out/fleet.json``; a picture, ``fleet.png``, lies beside it. Until it is written,
        ``out/fleet.partial`` keeps what is done, and an equal search goes on from there.

    Raises:
        InfeasibleBudget: If no device can keep any of its budgets, or no subnet keeps the limits.
        OfaError: If a budget cannot be read.
    """
    from ofa.search import limits_of, reachable_range
    from ofa.search import search_fleet as search

    folder = find_checkpoint(checkpoint)
    space = files.read_supernet(folder / files.SUPERNET)[1].space
    encoding = encoding_of(space)
    targets = [
        device_table(device, space=space, checkpoint=checkpoint)
        for device in track(list(budgets), "reading devices")
    ]
    bounds = limits_of(encoding, limits or {})
    ranges = [reachable_range(target.latency_ms, bounds) for target in targets]
    asked_ms = [
        [parse_budget(budget, reach) for budget in texts]
        for texts, reach in zip(budgets.values(), ranges, strict=True)
    ]
    if all(ms < reach.lowest for row, reach in zip(asked_ms, ranges, strict=True) for ms in row):
        lowest = [f"{t.device} {r.lowest:.3f} ms" for t, r in zip(targets, ranges, strict=True)]
        raise InfeasibleBudget(
            f"no device keeps any of its budgets; the lowest that can be kept: "
            f"{', '.join(lowest[:5])}: raise the budgets, or ask for shares such as 25%"
        )
    inputs = {"supernet": folder / files.SUPERNET, "predictor": folder / files.PREDICTOR}
    request = {
        "ofa": ofa.__version__,
        "inputs": {name: artifacts.sha256(path) for name, path in inputs.items()},
        "budgets_ms": asked_ms,
        "tables": [_digest(target.latency_ms) for target in targets],
        "limits": limits or {},
        "seed": seed,
    }
    accuracy = predictor(folder, encoding)
    if quantized := [target.device for target in targets if target.precision == "int8"]:
        _log.warning(
            "a fleet shares one accuracy, that of fp32; %s compute in int8, and lose a little of "
            "it: search such a device alone to see how much",
            ", ".join(quantized[:5]),
        )
    kept = Kept(out / "fleet.partial", artifacts.digest(request))
    fleet = search(
        encoding,
        accuracy=Watched(accuracy, latency_ms=None),
        latencies_ms=[target.latency_ms for target in targets],
        budgets_ms=asked_ms,
        rng=np.random.default_rng(seed),
        known=np.concatenate([reach.cheapest for reach in ranges]),
        limits=bounds,
        remember=kept,
    )
    outcome = FleetOutcome(
        devices=tuple(
            _outcome(encoding, fleet, index, targets[index], ranges[index], row, texts)
            for index, (row, texts) in enumerate(zip(asked_ms, budgets.values(), strict=True))
        ),
        representatives=tuple(targets[index].device for index in fleet.representatives),
        num_evaluations=fleet.num_evaluations,
        portfolio=_curve(encoding, fleet, targets, asked_ms, max_models) if max_models else (),
        seed=seed,
        limits=limits or {},
    )
    path = out / "fleet.json"
    write_fleet(path, outcome, inputs=inputs)
    kept.forget()

    from ofa.deploy.fleet_picture import draw_fleet  # loads torch, which an error need not wait for

    artifacts.write_atomically(out / "fleet.png", draw_fleet(outcome))
    return path


def parse_budget(text: str, reach: "Range") -> float:
    """A budget in ms, given in ms or as a share of a device's range.

    Raises:
        OfaError: If it is neither.
    """
    share = text.strip().endswith("%")
    try:
        number = float(text.strip().removesuffix("%"))
    except ValueError:
        number = np.nan
    if not 0 <= number < np.inf or (share and number > 100):
        raise OfaError(
            f"budget {text!r}: give milliseconds, such as 12.5, or a share of each device's range "
            "from 0% to 100%, such as 25%"
        )
    return reach.lowest + number / 100 * (reach.highest - reach.lowest) if share else number


def _digest(table: AnyCostTable) -> str:
    """SHA-256 of all costs of a table."""
    parts = (
        (table.fixed, table.slots)
        if isinstance(table, CostTable)
        else (table.stem, table.slots, table.tail)
    )
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def _outcome(
    encoding: AnyEncoding,
    fleet: "Fleet",
    index: int,
    target: DeviceTable,
    reach: "Range",
    asked_ms: Sequence[float],
    texts: Sequence[str],
) -> DeviceOutcome:
    front = fleet.fronts[index]
    archs = encoding.decode(front.genotypes)
    points = tuple(
        FrontPoint(arch=arch, predicted_top1=float(top1), estimated_ms=float(latency_ms))
        for arch, top1, latency_ms in zip(archs, front.top1, front.latency_ms, strict=True)
    )
    chosen = [
        points[front.best_under(ms)] if ms >= front.latency_ms[0] else None for ms in asked_ms
    ]
    return DeviceOutcome(
        device=target.device,
        lowest_ms=reach.lowest,
        highest_ms=reach.highest,
        front=points,
        picks=tuple(
            Pick(
                budget=text,
                budget_ms=budget_ms,
                point=point,
                interval_ms=_interval_ms(target, encoding.space, point),
            )
            for text, budget_ms, point in zip(texts, asked_ms, chosen, strict=True)
        ),
    )


def _interval_ms(
    target: DeviceTable, space: AnySpace, point: FrontPoint | None
) -> tuple[float, float] | None:
    """90 % interval of a pick's latency, where there is a pick and a model knows it."""
    if not (target.model and point):
        return None
    estimate = target.model.estimate(network(space, point.arch).layers)
    return estimate.low_ms, estimate.high_ms


def _curve(
    encoding: AnyEncoding,
    fleet: "Fleet",
    targets: Sequence[DeviceTable],
    asked_ms: Sequence[Sequence[float]],
    max_models: int,
) -> tuple[Choice, ...]:
    """The best choices of subnets for all budgets that can be kept, among the picks of them all."""
    from ofa.search import portfolios

    requests = [
        (index, budget_ms, front.best_under(budget_ms))
        for index, (front, row) in enumerate(zip(fleet.fronts, asked_ms, strict=True))
        for budget_ms in row
        if budget_ms >= front.latency_ms[0]
    ]
    genotypes = np.array([fleet.fronts[index].genotypes[row] for index, _, row in requests])
    best_top1 = np.array([fleet.fronts[index].top1[row] for index, _, row in requests])
    candidates, first, uses = np.unique(genotypes, axis=0, return_index=True, return_counts=True)
    kept = np.sort(np.argsort(-uses, kind="stable")[:_MAX_CANDIDATES])
    candidates, top1 = candidates[kept], best_top1[first[kept]]
    costs_ms = [target.latency_ms(candidates) for target in targets]
    feasible = np.array([costs_ms[index] <= budget_ms for index, budget_ms, _ in requests])
    curve = portfolios(top1, feasible, best_top1=best_top1, max_models=max_models)
    return tuple(
        Choice(
            archs=tuple(encoding.decode(candidates[list(one.archs)])),
            mean_loss=one.loss,
            least_loss=one.least_loss,
            num_requests=len(requests),
            num_unserved=one.num_unserved,
            optimal=one.optimal,
            serves=tuple(one.archs.index(arch) if arch >= 0 else -1 for arch in one.serves),
        )
        for one in curve
    )
