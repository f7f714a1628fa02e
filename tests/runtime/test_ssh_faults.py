"""A profile over ssh that is disturbed: here a real sshd, and a Python there that does wrong."""

import sys
from pathlib import Path

import pytest
from runtime.ssh_server import SSHD, ssh_server

from ofa.errors import BadArtifact, Disconnected, OfaError, TargetFailure
from ofa.latency.plan import Plan, informative_plan
from ofa.latency.profile import run_plan
from ofa.latency.rounds_file import read_rounds
from ofa.runtime import open_target
from ofa.runtime.rounds import Protocol
from ofa.space import SearchSpace, Stage, Stem

pytestmark = pytest.mark.skipif(
    SSHD is None, reason="needs sshd: apt-get install openssh-server openssh-client"
)

SPACE = SearchSpace(
    in_channels=1,
    num_classes=10,
    resolutions=(12,),
    expand_ratios=(2, 3),
    depths=(1,),
    stem=Stem(stride=1),
    stages=(Stage(width=16),),
)
CHANGED = """
import json, sys
line = sys.stdin.readline()
answer = json.loads(line.removeprefix("ofa-answer "))
timings = answer.get("timings", {})
for timing in timings.values():
    for name in ("median_ms", "p10_ms", "p90_ms"):
        timing[name] *= FACTOR
for name in list(timings)[:SHORTER]:
    del timings[name]
print(("ofa-answer " + json.dumps(answer) + "\\n") * TIMES, end="")
"""


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Four subnets, timed in two rounds."""
    protocol = Protocol(num_round=2, warmup=1, repeats=2, max_drift=100.0)
    return informative_plan(SPACE, num=2, protocol=protocol)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ssh_server(tmp_path_factory.mktemp("sshd")) as running:
        yield running


def target_running(server, folder: Path, script: str):
    """The server as a target, whose Python is a script."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return open_target(server.address, python=str(path), ssh_config=server.config)


def changed(folder: Path, *, factor: float = 1.0, shorter: int = 0, times: int = 1) -> str:
    """A script that changes what a proper Python answers."""
    settings = {"FACTOR": factor, "SHORTER": shorter, "TIMES": times}
    text = CHANGED
    for name, value in settings.items():
        text = text.replace(name, repr(value))
    (folder / "change.py").write_text(text)
    return f'{sys.executable} "$@" | {sys.executable} {folder / "change.py"}'


def after_round_one(folder: Path, fault: str, *, mended: bool = False) -> str:
    """A script that answers twice, for the first round, and then does wrong."""
    proper = f'exec {sys.executable} "$@"'
    if mended:
        return proper
    count = f"n=$(($(cat {folder}/count 2>/dev/null) + 1)); echo $n > {folder}/count"
    return f"{count}; if [ $n -gt 2 ]; then {fault}; fi; {proper}"


FAULTS = {
    "the connection drops": ("kill -9 $PPID", Disconnected, "connection failed"),
    "the disk is full": ("ulimit -f 0", TargetFailure, "bundle cannot be copied there"),
    "Python has gone": ("exit 127", TargetFailure, "cannot run"),
}


@pytest.mark.parametrize(("fault", "error", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_in_mid_profile_is_one_line_and_the_next_start_goes_on(
    fault, error, message, plan, server, tmp_path
):
    rounds = tmp_path / "rounds.jsonl"
    target = target_running(server, tmp_path, after_round_one(tmp_path, fault))
    with pytest.raises(error, match=message) as refusal:
        run_plan(plan, target, rounds)
    assert "\n" not in str(refusal.value) and server.address in str(refusal.value)
    first = rounds.read_bytes()
    assert len(read_rounds(rounds, plan)) == 1

    mended = target_running(server, tmp_path, after_round_one(tmp_path, fault, mended=True))
    profile = run_plan(plan, mended, rounds)

    assert len(profile.timings) == 4
    assert rounds.read_bytes().startswith(first)


def test_a_runtime_that_changes_in_mid_profile_is_not_mixed_in(plan, server, tmp_path):
    rounds = tmp_path / "rounds.jsonl"
    renewed = "import onnxruntime; onnxruntime.__version__ = '99.9'"
    fault = f'exec {sys.executable} -c "{renewed}\n$2"'
    target = target_running(server, tmp_path, after_round_one(tmp_path, fault))

    with pytest.raises(BadArtifact, match=r"was measured on .*, but this is .* onnxruntime 99\.9"):
        run_plan(plan, target, rounds)

    assert len(read_rounds(rounds, plan)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"factor": -1.0}, "are not three rising latencies"),
        ({"factor": 1e5}, "so its latencies are not in ms"),
        ({"factor": 1e-5}, "are not three rising latencies"),
        ({"shorter": 1}, "sent 2 timings, but was asked for 3"),
        ({"times": 2}, "answers 2 times to one question"),
    ],
    ids=["negative", "in ns", "in s", "short", "twice"],
)
def test_results_that_cannot_be_are_one_line_and_never_kept(
    change, message, server, tmp_path, plan
):
    three = informative_plan(SPACE, num=1, protocol=Protocol(num_round=3, warmup=1, repeats=2))
    rounds = tmp_path / "rounds.jsonl"
    target = target_running(server, tmp_path, changed(tmp_path, **change))

    with pytest.raises(OfaError, match=message) as refusal:
        run_plan(three, target, rounds)

    assert "\n" not in str(refusal.value)
    assert read_rounds(rounds, three) == []


def test_a_host_key_that_changes_in_mid_profile_is_told_with_the_mend(plan, server, tmp_path):
    known, config = tmp_path / "known", tmp_path / "config"
    known.write_text(server.known_hosts.read_text())
    config.write_text(server.config.read_text().replace(str(server.known_hosts), str(known)))
    algorithm, public = (server.config.parent / "key.pub").read_text().split()[:2]
    place = server.known_hosts.read_text().split()[0]
    proper = target_running(server, tmp_path, f'exec {sys.executable} "$@"')
    target = open_target(server.address, python=proper.python, ssh_config=config)
    rounds = tmp_path / "rounds.jsonl"
    run_plan(informative_plan(SPACE, num=2, protocol=plan.protocol), target, rounds)
    known.write_text(f"{place} {algorithm} {public}\n")

    with pytest.raises(TargetFailure, match="its host key differs from the known one"):
        run_plan(plan, target, rounds)

    assert len(read_rounds(rounds, plan)) == 2
