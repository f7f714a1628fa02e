"""One device of a fleet as a front of its own, which ``extract`` and ``deploy`` take."""

from pathlib import Path

from ofa.errors import InfeasibleBudget, UnknownDevice
from ofa.fleet_files import read_fleet
from ofa.run_files import Candidate, SearchOutcome, write_front
from ofa.space import kept_by


def front_of_fleet(*, fleet: Path, device: str, budget_ms: float, out: Path) -> Path:
    """Write the front of one device of a fleet, with its best subnet within a budget as the choice.

    Args:
        fleet: File that ``search_fleet`` wrote.
        device: Id of a device in it.
        budget_ms: Any latency, whether the fleet was asked for it or not.

    Returns:
        ``out/fronts/<device>.json``.

    Raises:
        UnknownDevice: If the fleet has no such device; lists those it has.
        InfeasibleBudget: If the fastest subnet of its front takes longer.
    """
    outcome = read_fleet(fleet)
    by_name = {one.device: one for one in outcome.devices}
    if device not in by_name:
        names = ", ".join(by_name)
        raise UnknownDevice(f"{fleet}: holds no device {device!r}; name one of: {names}")
    found = by_name[device]
    within = [point for point in found.front if point.estimated_ms <= budget_ms]
    if not within:
        lowest_ms = kept_by(found.front[0].estimated_ms)
        raise InfeasibleBudget(
            f"{fleet}: no subnet on the front of {device} meets {budget_ms:g} ms; they take "
            f"{lowest_ms:.3f} to {found.front[-1].estimated_ms:.3f} ms: raise "
            "the budget"
        )
    best = max(within, key=lambda point: point.predicted_top1)
    chosen = Candidate(
        arch=best.arch,
        predicted_top1=best.predicted_top1,
        estimated_ms=best.estimated_ms,
        search_top1=None,
    )
    path = out / "fronts" / f"{device}.json"
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
