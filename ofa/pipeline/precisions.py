"""One device in all the precisions it is known in, and whether 8 bits pay there.

The twins of a device, which differ from it in precision alone, are searched like any other device,
each with its own latencies and accuracies. What they found is then laid side by side.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ofa import checkpoint as files
from ofa.errors import InfeasibleBudget, OfaError
from ofa.latency import Device, Estimate, twins
from ofa.opened import find_checkpoint
from ofa.pipeline.device import find_device, profile
from ofa.run_files import SearchOutcome, read_front
from ofa.space import AnyArch, network


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A device in one precision, among its twins.

    Attributes:
        device: Folder of the device.
        precision: Numbers it computes in.
        path: Front that was found; ``None`` if no subnet is fast enough.
        top1: Of the best subnet within the budget, percent; measured where there were images.
        estimate: Latency of that subnet, and what the number rests on.
        num_points: Points of its front that no twin dominates.
        lowest_ms: Latency of the fastest of these; ``None`` if there are none.
        highest_ms: Latency of the slowest of these.
    """

    device: Path
    precision: str
    path: Path | None
    top1: float | None
    estimate: Estimate | None
    num_points: int
    lowest_ms: float | None
    highest_ms: float | None


@dataclass(frozen=True, kw_only=True)
class PrecisionContest:
    """What each precision reaches on one device.

    Attributes:
        budget_ms: Latency that all kept within.
        is_measured: Whether the best of each was measured, rather than predicted.
        contenders: The best within the budget first; the device itself before an equal twin.
    """

    budget_ms: float
    is_measured: bool
    contenders: tuple[Contender, ...]

    @property
    def winner(self) -> Contender:
        """What to deploy."""
        return self.contenders[0]


def search_precisions(
    find: Callable[..., Path], *, device: str, checkpoint: str, budget_ms: float | None = None
) -> PrecisionContest:
    """Search a device in every precision it is described in.

    Args:
        find: ``search``, all settled but its ``device`` and ``budget_ms``.
        device: Id or alias of a device, or its folder; its twins lie beside it.
        budget_ms: As of ``search``; ``None`` takes the knee of the device itself for all.

    Raises:
        OfaError: If the device has no twin.
        InfeasibleBudget: If no subnet is fast enough in any precision; tells what is.
    """
    found = find_device(device)
    every = twins(found)
    if len(every) < 2:
        raise OfaError(
            f"{device}: is described in {found.description.precision} alone; leave out "
            "--precisions, or put beside it a folder whose device.yaml has another precision, and "
            "the same hardware, runtime, threads, batch and target"
        )
    paths: dict[Device, Path | None] = {}
    refused: InfeasibleBudget | None = None
    for twin in every:
        try:
            paths[twin] = path = find(device=str(twin.folder), budget_ms=budget_ms)
        except InfeasibleBudget as error:
            paths[twin] = None
            refused = refused or error
        else:
            budget_ms = read_front(path).budget_ms
    if refused and not any(paths.values()):
        raise refused
    space = files.read_supernet(find_checkpoint(checkpoint) / files.SUPERNET)[1].space

    def estimate(twin: Device, arch: AnyArch) -> Estimate:
        model = profile(device=str(twin.folder), checkpoint=checkpoint)
        return model.estimate(network(space, arch).layers)

    return compare_precisions(paths, estimate)


def compare_precisions(
    paths: Mapping[Device, Path | None], estimate: Callable[[Device, AnyArch], Estimate]
) -> PrecisionContest:
    """Lay the fronts of twins side by side; ``None`` stands for one that is too slow."""
    outcomes = {device: read_front(path) for device, path in paths.items() if path}
    leading = _leading(outcomes)
    contenders: list[Contender] = []
    for device, path in paths.items():
        chosen = outcomes[device].chosen if device in outcomes else None
        leads = leading.get(device, [])
        contenders.append(
            Contender(
                device=device.folder,
                precision=device.description.precision,
                path=path,
                top1=chosen.top1 if chosen else None,
                estimate=estimate(device, chosen.arch) if chosen else None,
                num_points=len(leads),
                lowest_ms=min(leads, default=None),
                highest_ms=max(leads, default=None),
            )
        )
    contenders.sort(key=lambda one: -np.inf if one.top1 is None else one.top1, reverse=True)
    return PrecisionContest(
        budget_ms=next(iter(outcomes.values())).budget_ms,
        is_measured=all(one.chosen.search_top1 is not None for one in outcomes.values()),
        contenders=tuple(contenders),
    )


def _leading(outcomes: Mapping[Device, SearchOutcome]) -> dict[Device, list[float]]:
    """Latencies of the points of each front that none of another dominates."""
    from ofa.search import non_dominated

    points = [(device, point) for device, one in outcomes.items() for point in one.front]
    kept = non_dominated(
        np.array([point.estimated_ms for _, point in points]),
        np.array([point.predicted_top1 for _, point in points]),
    )
    leading: dict[Device, list[float]] = {device: [] for device in outcomes}
    for (device, point), leads in zip(points, kept, strict=True):
        if leads:
            leading[device].append(point.estimated_ms)
    return leading
