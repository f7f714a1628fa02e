"""The file of a profile that is under way: a heading, then one line a round, written at once.

The file may come from a stranger, who ran a bundle on a device that no one else can reach, so every
line is checked: the plan, the names, the numbers, and that one machine and runtime made them all.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.latency.plan import Plan
from ofa.runtime.bundle import SCHEMA
from ofa.runtime.rounds import Round
from ofa.runtime.timing import Timing

MIN_MS, MAX_MS = 1e-3, 3.6e6
"""No runtime answers within a microsecond, and nobody waits for an hour."""


def begin_rounds(path: Path, plan: Plan) -> None:
    """Write the heading, unless it is there."""
    if not artifacts.holds_a_line(path):
        path.unlink(missing_ok=True)
        heading = {"schema": SCHEMA, "identity": plan.identity()}
        artifacts.append_line(path, {**heading, "made_by": artifacts.provenance()})


def append_round(path: Path, round_: Round) -> None:
    """Add a round, flushed to disk."""
    artifacts.append_line(path, asdict(round_))


def read_rounds(path: Path, plan: Plan) -> list[Round]:
    """The rounds in a file, in the order in which they were timed.

    Raises:
        BadArtifact: If the file is of another plan, holds what cannot be, or comes from more than
        one machine or runtime.
    """
    lines = artifacts.read_lines(path)
    heading = lines[0] if lines else {}
    if heading.get("schema") != SCHEMA:
        raise BadArtifact(
            f"{path}: does not open with the schema {SCHEMA['name']!r}, version "
            f"{SCHEMA['version']}; give the results of an ofa bundle"
        )
    _check_identity(path, heading.get("identity"), plan)
    rounds = [
        artifacts.parse(Round, body, where=f"{path}, line {number}")
        for number, body in enumerate(lines[1:], start=2)
    ]
    for number, round_ in enumerate(rounds, start=2):
        check_round(round_, plan.rounds, where=f"{path}, line {number}")
    if len({round_.provenance.identity for round_ in rounds}) > 1:
        raise BadArtifact(
            f"{path}: mixes measurements of several machines or runtimes; measure anew"
        )
    return rounds


def check_round(round_: Round, rounds: Sequence[Sequence[str]], *, where: str) -> None:
    """Refuse what no device can have measured: other networks, or latencies that cannot be.

    Args:
        rounds: Names of each round's networks.

    Raises:
        BadArtifact: Names ``where`` and what cannot be.
    """
    if not 0 <= round_.index < len(rounds):
        raise BadArtifact(f"{where}: round {round_.index} is none of the {len(rounds)} planned")
    if set(round_.timings) != set(rounds[round_.index]):
        raise BadArtifact(f"{where}: times other subnets than round {round_.index} holds")
    for name, timing in round_.timings.items():
        if not _is_plausible(timing):
            raise BadArtifact(
                f"{where}: {name}: {timing.p10_ms}, {timing.median_ms}, {timing.p90_ms} ms are not "
                "three rising latencies"
            )


def _check_identity(path: Path, found: object, plan: Plan) -> None:
    expected = plan.identity()
    found = found if isinstance(found, dict) else {}
    differing = [name for name, value in expected.items() if found.get(name) != value]
    if differing:
        raise BadArtifact(
            f"{path}: was measured for another {' and '.join(differing)}; give the same --device, "
            "--checkpoint and --num as when it was packed"
        )


def _is_plausible(timing: Timing) -> bool:
    rising = MIN_MS < timing.p10_ms <= timing.median_ms <= timing.p90_ms < MAX_MS
    return rising and timing.repeats >= 1
