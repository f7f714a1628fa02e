"""Times the subnets of a plan on a target, round by round, and goes on after any interruption."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ofa import artifacts
from ofa.errors import BadArtifact, Disconnected, NoisyMachine
from ofa.latency.plan import Plan
from ofa.latency.rounds_file import append_round, begin_rounds, check_round, read_rounds
from ofa.runtime.engine import EngineFiles
from ofa.runtime.machine import Provenance
from ofa.runtime.rounds import Round, largest_drift, latest_rounds, next_round
from ofa.runtime.target import AbstractTarget
from ofa.runtime.timing import Timing
from ofa.space import AnyArch

_TRIES = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Subnets of a space, timed on one device."""

    archs: tuple[AnyArch, ...]
    """Subnets timed."""
    timings: tuple[Timing, ...]
    """Timing of each."""
    drift: float
    """Largest deviation of a round's reference from the median reference, relative."""
    provenance: Provenance
    """Circumstances of the last round."""


def run_plan(plan: Plan, target: AbstractTarget, path: Path | None = None) -> Profile:
    """Time the subnets of a plan.

    Args:
        path: Where each round is written as soon as it is done, and taken up from; ``None`` keeps
            nothing.

    Raises:
        NoisyMachine: If the reference network's latency differs from round to round to the last.
        TargetFailure: If the target fails; what is done is kept.
        BadArtifact: If ``path`` holds measurements of something else, the device changes meanwhile,
            or tells what cannot be.
    """
    done = _resume(plan, target, path) if path else []
    resumed = len(done)
    rounds = plan.rounds
    reference = rounds[0][0]
    known = {reference: plan.engine(reference)}
    while (index := next_round(rounds, done, plan.protocol, resumed=resumed)) < len(rounds):
        round_ = _measure(target, plan.engines(index, known=known), plan, index)
        if done:
            _check_same(done[-1].provenance, round_.provenance, where=round_.provenance.machine)
        done.append(round_)
        if path:
            append_round(path, round_)
        _log.info("timed round %d of %d", index + 1, len(rounds))
    return settled(plan, done, who=done[-1].provenance.machine)


def settled(plan: Plan, done: Sequence[Round], *, who: str) -> Profile:
    """The profile that finished rounds make.

    Raises:
        NoisyMachine: If one of them drifted.
        BadArtifact: If one is missing.
    """
    rounds, latest = plan.rounds, latest_rounds(done)
    missing = [index for index in range(len(rounds)) if index not in latest]
    if missing:
        raise BadArtifact(
            f"{who}: {len(missing)} of {len(rounds)} rounds are missing; start it again there, it "
            "goes on where it stopped"
        )
    drift = largest_drift(rounds, done)
    if drift > plan.protocol.max_drift:
        raise NoisyMachine(
            f"{who}: one network's latency still differs by {drift:.0%} from round to round "
            f"after {plan.protocol.max_passes} passes, more than {plan.protocol.max_drift:.0%}; "
            "stop other programs and try again"
        )
    timings: dict[str, Timing] = {}
    for index in reversed(range(len(rounds))):  # so that the reference counts as timed in its own
        timings |= latest[index].timings
    return Profile(
        archs=plan.archs,
        timings=tuple(timings[name] for name in plan.names),
        drift=drift,
        provenance=done[-1].provenance,
    )


def _resume(plan: Plan, target: AbstractTarget, path: Path) -> list[Round]:
    """The rounds that an earlier start wrote."""
    if artifacts.holds_a_line(path) and (done := read_rounds(path, plan)):
        _check_same(done[-1].provenance, target.describe(), where=str(path))
        return done
    begin_rounds(path, plan)
    return []


def _check_same(before: Provenance, now: Provenance, *, where: str) -> None:
    if before.identity != now.identity:
        raise BadArtifact(
            f"{where}: was measured on {', '.join(before.identity)}, but this is "
            f"{', '.join(now.identity)}; start again to measure anew, with --fresh if need be"
        )


def _measure(
    target: AbstractTarget, engines: dict[str, EngineFiles], plan: Plan, index: int
) -> Round:
    """One round; a target that was cut off is asked again."""
    for _ in range(_TRIES - 1):
        try:
            return _measure_once(target, engines, plan, index)
        except Disconnected as error:
            _log.warning("%s: asking again", error)
    return _measure_once(target, engines, plan, index)


def _measure_once(
    target: AbstractTarget, engines: dict[str, EngineFiles], plan: Plan, index: int
) -> Round:
    protocol = plan.protocol
    timings = target.measure(
        engines, threads=plan.threads, warmup=protocol.warmup, repeats=protocol.repeats
    )
    round_ = Round(index=index, timings=timings, provenance=target.describe())
    check_round(round_, plan.rounds, where=f"{round_.provenance.machine}, round {index + 1}")
    return round_
