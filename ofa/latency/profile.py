"""Times the subnets of a plan on a target, round by round, and goes on after any interruption."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ofa.errors import BadArtifact, Disconnected, NoisyMachine
from ofa.latency.plan import Plan
from ofa.latency.rounds_file import append_round, begin_rounds, read_rounds
from ofa.runtime.machine import Provenance
from ofa.runtime.rounds import Round, largest_drift, latest_rounds, next_round
from ofa.runtime.target import AbstractTarget
from ofa.runtime.timing import Timing
from ofa.space import Arch

_TRIES = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Subnets of a space, timed on one device."""

    archs: tuple[Arch, ...]
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
        BadArtifact: If ``path`` holds measurements of something else.
    """
    done = _resume(plan, target, path) if path else []
    resumed = len(done)
    rounds = plan.rounds
    reference = rounds[0][0]
    known = {reference: plan.engine(reference)}
    while (index := next_round(rounds, done, plan.protocol, resumed=resumed)) < len(rounds):
        timings = _measure(target, plan.engines(index, known=known), plan)
        done.append(Round(index=index, timings=timings, provenance=target.describe()))
        if path:
            append_round(path, done[-1])
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
    if path.exists() and (done := read_rounds(path, plan)):
        recorded, here = done[-1].provenance.identity, target.describe().identity
        if recorded != here:
            raise BadArtifact(
                f"{path}: was measured on {', '.join(recorded)}, but this is {', '.join(here)}; "
                "measure anew with --fresh"
            )
        return done
    begin_rounds(path, plan)
    return []


def _measure(target: AbstractTarget, engines: dict[str, bytes], plan: Plan) -> dict[str, Timing]:
    """Timings of one round; a target that was cut off is asked again."""
    for _ in range(_TRIES - 1):
        try:
            return _measure_once(target, engines, plan)
        except Disconnected as error:
            _log.warning("%s: asking again", error)
    return _measure_once(target, engines, plan)


def _measure_once(
    target: AbstractTarget, engines: dict[str, bytes], plan: Plan
) -> dict[str, Timing]:
    protocol = plan.protocol
    return target.measure(
        engines, threads=plan.threads, warmup=protocol.warmup, repeats=protocol.repeats
    )
