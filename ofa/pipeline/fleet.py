"""Predictor and many devices to a fleet: fronts, picks, and the few subnets that serve all."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import ofa
from ofa import artifacts
from ofa import checkpoint as files
from ofa.errors import InfeasibleBudget
from ofa.fleet_files import Choice, DeviceOutcome, FleetOutcome, Pick, Served, write_fleet
from ofa.opened import find_checkpoint, predictor, quantized_predictor
from ofa.pipeline.fleet_request import parse_budget
from ofa.pipeline.kept import Kept
from ofa.pipeline.progress import Track, untracked
from ofa.pipeline.rounds import Accuracy, check_trust
from ofa.pipeline.table import DeviceTable, device_table
from ofa.pipeline.watched import Watched
from ofa.run_files import FrontPoint
from ofa.space import AnyCostTable, AnyEncoding, AnySpace, CostTable, encoding_of, kept_by, network

if TYPE_CHECKING:
    from ofa.search import Front, Limit, Range

_log = logging.getLogger(__name__)

_MAX_CANDIDATES = 1_000  # archs that a portfolio is chosen from


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

    Devices that compute in 8 bits are a fleet of their own, scored by what the predictor knows of
    accuracy after quantization; where it knows nothing, they count as accurate as in floats.

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
        OfaError: If a budget cannot be read, or the predictor ranks worse than was asked of it.
    """
    from ofa.search import limits_of
    from ofa.search import search_fleet as search

    folder = find_checkpoint(checkpoint)
    space = files.read_supernet(folder / files.SUPERNET)[1].space
    encoding = encoding_of(space)
    tables = [
        device_table(device, space=space, checkpoint=checkpoint)
        for device in track(list(budgets), "reading devices")
    ]
    bounds = limits_of(encoding, limits or {})
    accuracies = _accuracies(folder, encoding, tables)
    for precision in accuracies:
        check_trust(folder, precision)
    members = [
        _member(table, texts, bounds, accuracies)
        for table, texts in zip(tables, budgets.values(), strict=True)
    ]
    if all(ms < member.reach.lowest for member in members for ms in member.budgets_ms):
        lowest = [f"{one.table.device} {kept_by(one.reach.lowest):.3f} ms" for one in members[:5]]
        raise InfeasibleBudget(
            f"no device keeps any of its budgets; the lowest that can be kept: "
            f"{', '.join(lowest)}: raise the budgets, or ask for shares such as 25%"
        )
    inputs = {"supernet": folder / files.SUPERNET, "predictor": folder / files.PREDICTOR}
    request = {
        "ofa": ofa.__version__,
        "inputs": {name: artifacts.sha256(path) for name, path in inputs.items()},
        "budgets_ms": [member.budgets_ms for member in members],
        "tables": [_digest(member.table.latency_ms) for member in members],
        "precisions": [member.precision for member in members],
        "limits": limits or {},
        "seed": seed,
    }
    kept = Kept(out / "fleet.partial", artifacts.digest(request))
    fronts: dict[_Member, Front] = {}
    representatives: list[str] = []
    num_evaluations = 0
    for precision, accuracy in accuracies.items():
        alike = [member for member in members if member.precision == precision]
        fleet = search(
            encoding,
            accuracy=Watched(accuracy, latency_ms=None),
            latencies_ms=[member.table.latency_ms for member in alike],
            budgets_ms=[member.budgets_ms for member in alike],
            rng=np.random.default_rng(seed),
            known=np.concatenate([member.reach.cheapest for member in alike]),
            limits=bounds,
            remember=kept.within(precision),
        )
        fronts |= zip(alike, fleet.fronts, strict=True)
        representatives += [alike[index].table.device for index in fleet.representatives]
        num_evaluations += fleet.num_evaluations
    outcome = FleetOutcome(
        devices=tuple(_outcome(encoding, member, fronts[member]) for member in members),
        representatives=tuple(representatives),
        num_evaluations=num_evaluations,
        portfolio=_curve(encoding, members, fronts, accuracies, max_models) if max_models else (),
        seed=seed,
        limits=limits or {},
    )
    path = out / "fleet.json"
    write_fleet(path, outcome, inputs=inputs)
    kept.forget()

    from ofa.deploy.fleet_picture import draw_fleet  # loads torch, which an error need not wait for

    artifacts.write_atomically(out / "fleet.png", draw_fleet(outcome))
    return path


@dataclass(frozen=True, kw_only=True, eq=False)
class _Member:
    """A device of a fleet, and what is asked of it.

    Attributes:
        table: Its latencies.
        reach: Latencies between which the subnets lie that keep the limits.
        budgets: Latencies to stay within, as they were asked for.
        budgets_ms: The same in ms.
        precision: Numbers in which accuracies are predicted for it.
    """

    table: DeviceTable
    reach: "Range"
    budgets: Sequence[str]
    budgets_ms: Sequence[float]
    precision: files.Precision


@dataclass(frozen=True, kw_only=True, eq=False)
class _Request:
    """A budget that a device can keep.

    Attributes:
        member: The device.
        budget: Latency to stay within, as it was asked for.
        budget_ms: The same in ms.
        row: The device's own pick: the most accurate point of its front within it.
    """

    member: _Member
    budget: str
    budget_ms: float
    row: int


def _accuracies(
    folder: Path, encoding: AnyEncoding, tables: Sequence[DeviceTable]
) -> dict[files.Precision, Accuracy]:
    """What predicts accuracies in each precision of some devices.

    Without int8, and with a warning, where the predictor knows nothing of it.
    """
    quantized = [table.device for table in tables if table.precision == "int8"]
    after = quantized_predictor(folder, encoding) if quantized else None
    found: dict[files.Precision, Accuracy] = {}
    if after is None or len(quantized) < len(tables):
        found["fp32"] = predictor(folder, encoding)
    if after is not None:
        found["int8"] = after
    elif quantized:
        _log.warning(
            "predictor: knows no accuracy after quantization, so the subnets of %s, which compute "
            "in int8, are predicted as accurate as in fp32; run ofa sample --precision int8 "
            "--num 60, then ofa fit-predictor, or search such a device alone to have them measured",
            ", ".join(quantized[:5]),
        )
    return found


def _member(
    table: DeviceTable,
    budgets: Sequence[str],
    limits: Sequence["Limit"],
    accuracies: Mapping[files.Precision, Accuracy],
) -> _Member:
    from ofa.search import reachable_range

    reach = reachable_range(table.latency_ms, limits)
    return _Member(
        table=table,
        reach=reach,
        budgets=budgets,
        budgets_ms=[parse_budget(budget, reach) for budget in budgets],
        precision=table.precision if table.precision in accuracies else "fp32",
    )


def _outcome(encoding: AnyEncoding, member: _Member, front: "Front") -> DeviceOutcome:
    archs = encoding.decode(front.genotypes)
    points = tuple(
        FrontPoint(arch=arch, predicted_top1=float(top1), estimated_ms=float(latency_ms))
        for arch, top1, latency_ms in zip(archs, front.top1, front.latency_ms, strict=True)
    )
    chosen = [
        points[front.best_under(ms)] if ms >= front.latency_ms[0] else None
        for ms in member.budgets_ms
    ]
    return DeviceOutcome(
        device=member.table.device,
        precision=member.precision,
        lowest_ms=member.reach.lowest,
        highest_ms=member.reach.highest,
        front=points,
        picks=tuple(
            Pick(
                budget=text,
                budget_ms=budget_ms,
                point=point,
                interval_ms=_interval_ms(member.table, encoding.space, point),
            )
            for text, budget_ms, point in zip(
                member.budgets, member.budgets_ms, chosen, strict=True
            )
        ),
    )


def _interval_ms(
    table: DeviceTable, space: AnySpace, point: FrontPoint | None
) -> tuple[float, float] | None:
    """90 % interval of a pick's latency, where there is a pick and a model knows it."""
    if not (table.model and point):
        return None
    estimate = table.model.estimate(network(space, point.arch).layers)
    return estimate.low_ms, estimate.high_ms


def _curve(
    encoding: AnyEncoding,
    members: Sequence[_Member],
    fronts: Mapping[_Member, "Front"],
    accuracies: Mapping[files.Precision, Accuracy],
    max_models: int,
) -> tuple[Choice, ...]:
    """The best choices of subnets for all budgets that can be kept, among the picks of them all.

    Each subnet counts as accurate as it is in the precision of the device that runs it.
    """
    from ofa.search import portfolios

    requests = [
        _Request(member=member, budget=budget, budget_ms=ms, row=fronts[member].best_under(ms))
        for member in members
        for budget, ms in zip(member.budgets, member.budgets_ms, strict=True)
        if ms >= fronts[member].latency_ms[0]
    ]
    picks = np.array([fronts[one.member].genotypes[one.row] for one in requests])
    best_top1 = np.array([fronts[one.member].top1[one.row] for one in requests])
    candidates, own, uses = np.unique(picks, axis=0, return_inverse=True, return_counts=True)
    own = own.reshape(-1)
    top1_in = {name: accuracy(candidates).astype(float) for name, accuracy in accuracies.items()}
    for one, pick, value in zip(requests, own, best_top1, strict=True):
        top1_in[one.member.precision][pick] = value  # asked among other archs, it rounds otherwise
    on_member = {member: member.table.latency_ms(candidates) for member in members}
    top1 = np.array([top1_in[one.member.precision] for one in requests])
    latency_ms = np.array([on_member[one.member] for one in requests])
    feasible = latency_ms <= np.array([one.budget_ms for one in requests])[:, None]
    kept = np.argsort(-uses, kind="stable")[:_MAX_CANDIDATES]
    kept = np.union1d(kept, own[~feasible[:, kept].any(axis=1)])  # every request finds one
    candidates, top1, latency_ms = candidates[kept], top1[:, kept], latency_ms[:, kept]
    curve = portfolios(top1, feasible[:, kept], best_top1=best_top1, max_models=max_models)
    return tuple(
        Choice(
            archs=tuple(encoding.decode(candidates[list(chosen.archs)])),
            mean_loss=chosen.loss,
            least_loss=chosen.least_loss,
            num_requests=len(requests),
            num_unserved=chosen.num_unserved,
            optimal=chosen.optimal,
            serves=tuple(
                _served(*of_request, archs=chosen.archs)
                for of_request in zip(requests, chosen.serves, top1, latency_ms, strict=True)
            ),
        )
        for chosen in curve
    )


def _served(
    request: _Request,
    column: int,
    top1: np.ndarray,
    latency_ms: np.ndarray,
    *,
    archs: tuple[int, ...],
) -> Served:
    """What a request runs of the candidates chosen: that of a column, -1 for none."""
    asked = Served(
        device=request.member.table.device, budget=request.budget, budget_ms=request.budget_ms
    )
    if column < 0:
        return asked
    return replace(
        asked,
        model=archs.index(column),
        predicted_top1=float(top1[column]),
        estimated_ms=float(latency_ms[column]),
    )


def _digest(table: AnyCostTable) -> str:
    """SHA-256 of all costs of a table."""
    parts = (
        (table.fixed, table.slots)
        if isinstance(table, CostTable)
        else (table.stem, table.slots, table.tail)
    )
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
