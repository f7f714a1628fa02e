"""One device of a fleet as a front of its own, which ``extract`` and ``deploy`` take."""

import math
from pathlib import Path

from ofa.errors import InfeasibleBudget, OfaError, UnknownDevice
from ofa.fleet_files import Choice, FleetOutcome, Served, read_fleet
from ofa.pipeline.front_pick import best_within, front_path
from ofa.run_files import Candidate, FrontPoint, SearchOutcome, write_front

_ROUNDED = 1e-3  # budgets are shown with four digits, and typed as they are shown


def front_of_fleet(
    *, fleet: Path, device: str, budget_ms: float, out: Path, models: int | None = None
) -> Path:
    """Write the front of one device of a fleet, with a subnet within a budget as the choice.

    Args:
        fleet: File that ``search_fleet`` wrote.
        device: Id of a device in it.
        budget_ms: Any latency, whether the fleet was asked for it or not; with ``models``, one of
            those asked of the device, to a tenth of a percent.
        models: The choice is what serves the device of so many subnets for all, which need not lie
            on the device's front; ``None`` takes the best of that front.

    Returns:
        ``out/fronts/<device>.json``.

    Raises:
        UnknownDevice: If the fleet has no such device; lists those it has.
        InfeasibleBudget: If the fastest subnet of its front, or each of the subnets for all, takes
            longer.
        OfaError: If so many subnets were not chosen, or not for this budget; lists what was.
    """
    outcome = read_fleet(fleet)
    by_name = {one.device: one for one in outcome.devices}
    if device not in by_name:
        names = ", ".join(by_name)
        raise UnknownDevice(f"{fleet}: holds no device {device!r}; name one of: {names}")
    found = by_name[device]
    if models is None:
        point = best_within(found.front, budget_ms, where=fleet, device=device)
    else:
        choice = _choice(outcome, models, where=fleet)
        served = _served(choice, device, budget_ms, where=fleet)
        assert served.model is not None
        assert served.predicted_top1 is not None and served.estimated_ms is not None
        budget_ms = served.budget_ms
        point = FrontPoint(
            arch=choice.archs[served.model],
            predicted_top1=served.predicted_top1,
            estimated_ms=served.estimated_ms,
        )
    chosen = Candidate(
        arch=point.arch,
        predicted_top1=point.predicted_top1,
        estimated_ms=point.estimated_ms,
        search_top1=None,
    )
    path = front_path(out, device, where=fleet)
    front = SearchOutcome(
        device=device,
        budget_ms=budget_ms,
        budget_is_given=True,
        lowest_ms=found.lowest_ms,
        highest_ms=found.highest_ms,
        num_evaluations=outcome.num_evaluations,
        exhaustive=False,
        front=found.front,
        random_front=(),
        candidates=(chosen,),
        seed=outcome.seed,
        limits=outcome.limits,
        precision=found.precision,
    )
    write_front(path, front, inputs={"fleet": fleet})
    return path


def _choice(outcome: FleetOutcome, models: int, *, where: Path) -> Choice:
    """The choice of so many subnets for all."""
    by_number = {len(choice.archs): choice for choice in outcome.portfolio}
    if not by_number:
        raise OfaError(f"{where}: holds no models for all devices; search with --max-models")
    if models not in by_number:
        most = max(by_number)
        numbers = f"1 to {most}" if most > 1 else "1"
        raise OfaError(f"{where}: holds no choice of {models} models; give --models {numbers}")
    return by_number[models]


def _served(choice: Choice, device: str, budget_ms: float, *, where: Path) -> Served:
    """What a device runs of a choice within a budget that it was asked for."""
    of_device = [one for one in choice.serves if one.device == device]
    if not of_device:
        raise InfeasibleBudget(
            f"{where}: {device} can keep none of the budgets it was asked for, so no model was "
            "chosen for it; search with higher ones"
        )
    served = min(of_device, key=lambda one: abs(one.budget_ms - budget_ms))
    if not math.isclose(served.budget_ms, budget_ms, rel_tol=_ROUNDED):
        asked = ", ".join(f"{ms:.4g}" for ms in sorted({one.budget_ms for one in of_device}))
        raise OfaError(
            f"{where}: models were chosen for {device} within {asked} ms, not {budget_ms:g} ms; "
            "give one of these, or leave out --models"
        )
    if served.model is None:
        raise InfeasibleBudget(
            f"{where}: none of the {len(choice.archs)} models for all serves {device} within "
            f"{served.budget_ms:.4g} ms; give more --models, or leave them out for its own pick"
        )
    return served
