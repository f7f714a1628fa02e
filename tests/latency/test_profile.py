"""A profile is made round by round, goes on after any interruption, and is refused when noisy."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from latency.machines import Machine, latency_ms

from ofa.errors import BadArtifact, Disconnected, NoisyMachine, OfaError, TargetFailure
from ofa.latency.fit_profile import check_model, fit_profile
from ofa.latency.plan import informative_plan, random_plan
from ofa.latency.profile import run_plan
from ofa.latency.rounds_file import read_rounds
from ofa.runtime.rounds import Protocol
from ofa.space import Encoding, SearchSpace, Stage, Stem, network

SPACE = SearchSpace(
    in_channels=1,
    num_classes=10,
    resolutions=(22, 28),
    expand_ratios=(2, 3, 4),
    depths=(1, 2),
    stem=Stem(stride=1),
    stages=(Stage(width=24), Stage(width=40, stride=2, squeeze_excite=True)),
)


@cache
def plan_of(num: int, **settings):
    return informative_plan(SPACE, num=num, protocol=Protocol(num_round=8, **settings))


@pytest.fixture(autouse=True)
def no_engines(monkeypatch):
    """Machines of known latency look at names alone; exporting would take a fifth of a second."""
    monkeypatch.setattr("ofa.latency.plan.engine_of", lambda net, **how: {})


def machine_for(plan, **settings) -> Machine:
    known_ms = {name: latency_ms(network(SPACE, arch)) for name, arch in plan.by_name.items()}
    return Machine(known_ms=known_ms, **settings)


def test_a_profile_times_every_subnet_once_and_the_reference_in_every_round():
    plan = plan_of(20)
    machine = machine_for(plan)

    profile = run_plan(plan, machine)

    assert [timing.median_ms for timing in profile.timings] == list(machine.known_ms.values())
    assert profile.drift == 0
    assert len(machine.rounds) == 3
    assert all(names[0] == plan.names[0] for names in machine.rounds)


def test_the_model_of_a_profile_foretells_subnets_it_has_not_timed():
    plan = plan_of(40)
    model = fit_profile(SPACE, run_plan(plan, machine_for(plan)))
    encoding = Encoding(SPACE)
    unseen = encoding.sample(30, np.random.default_rng(99))

    foretold_ms = model.table(encoding)(unseen)

    true_ms = [latency_ms(network(SPACE, arch)) for arch in encoding.decode(unseen)]
    np.testing.assert_allclose(foretold_ms, true_ms, rtol=0.03)
    assert model.label == "calibrated"
    assert model.evidence.mape_percent < 2


def test_a_check_times_subnets_that_the_model_has_not_seen():
    plan = plan_of(40)
    model = fit_profile(SPACE, run_plan(plan, machine_for(plan)))
    others = random_plan(plan, num=10, seed=1)

    evidence = check_model(model, SPACE, run_plan(others, machine_for(others)))

    assert not set(others.names[1:]) & set(plan.names)
    assert evidence.num_networks == 10
    assert evidence.mape_percent < 2
    assert evidence.spearman > 0.99


def test_a_round_in_which_the_reference_drifted_is_timed_again():
    plan = plan_of(20)
    disturbed = machine_for(plan, noise=lambda round_: 1.5 if round_ == 1 else 1.0)

    profile = run_plan(plan, disturbed)

    assert len(disturbed.rounds) == 4
    assert disturbed.rounds[3] == disturbed.rounds[1]
    assert [timing.median_ms for timing in profile.timings] == list(disturbed.known_ms.values())


def test_a_machine_that_does_not_settle_is_refused():
    plan = plan_of(20)
    restless = machine_for(plan, noise=lambda round_: 1.2**round_)

    with pytest.raises(NoisyMachine, match=r"a desk.* differs by \d+% .* stop other programs"):
        run_plan(plan, restless)


def test_a_refused_machine_gets_new_passes_on_the_next_start(tmp_path):
    plan = plan_of(20)
    with pytest.raises(NoisyMachine):
        run_plan(
            plan, machine_for(plan, noise=lambda round_: 1.2**round_), tmp_path / "rounds.jsonl"
        )

    quiet = machine_for(plan, noise=lambda _: 2.0)
    profile = run_plan(plan, quiet, tmp_path / "rounds.jsonl")

    assert profile.drift == 0


def test_a_profile_that_was_cut_off_goes_on_where_it_stopped(tmp_path):
    plan, path = plan_of(20), tmp_path / "rounds.jsonl"
    run_plan(plan, machine_for(plan), path)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:30])  # the second round is cut short
    machine = machine_for(plan)

    profile = run_plan(plan, machine, path)

    assert machine.rounds == plan.rounds[1:]
    assert [timing.median_ms for timing in profile.timings] == list(machine.known_ms.values())
    assert len(read_rounds(path, plan)) == 3


@pytest.mark.parametrize("left", [b"", b'{"schema": {"na'])
def test_a_profile_that_was_cut_off_in_its_first_line_starts_again(left, tmp_path):
    plan, path = plan_of(20), tmp_path / "rounds.jsonl"
    path.write_bytes(left)

    run_plan(plan, machine_for(plan), path)

    assert len(read_rounds(path, plan)) == 3


def test_a_check_in_a_space_that_was_timed_whole_is_refused():
    few = replace(SPACE, resolutions=(28,), kernel_sizes=(3,), depths=(1,), expand_ratios=(2, 3))
    plan = informative_plan(few, num=50)

    with pytest.raises(OfaError, match="no subnet is left to check the model on"):
        random_plan(plan, num=10, seed=1)


def test_a_profile_killed_in_mid_round_is_resumed_by_the_next_start(tmp_path):
    program = textwrap.dedent(f"""
        import os, signal, sys
        sys.path[:0] = {sys.path!r}
        from pathlib import Path
        import ofa.latency.plan
        ofa.latency.plan.engine_of = lambda net, **how: {{}}
        from latency.test_profile import machine_for, plan_of
        from ofa.latency.profile import run_plan
        plan = plan_of(20)
        def noise(rounds):
            if rounds == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return 1.0
        run_plan(plan, machine_for(plan, noise=noise), Path(sys.argv[1]))
    """)
    path = tmp_path / "rounds.jsonl"
    killed = subprocess.run([sys.executable, "-c", program, str(path)], env=os.environ)
    plan = plan_of(20)
    machine = machine_for(plan)

    profile = run_plan(plan, machine, path)

    assert killed.returncode == -signal.SIGKILL
    assert machine.rounds == plan.rounds[2:]
    assert len(profile.timings) == len(plan.archs)


def test_a_target_that_was_cut_off_is_asked_again_but_not_for_ever():
    plan = plan_of(5)
    failures = iter([Disconnected("gone"), Disconnected("gone")])

    def once_more(rounds):
        for failure in failures:
            raise failure
        return 1.0

    assert run_plan(plan, machine_for(plan, noise=once_more)).drift == 0

    def never(rounds):
        raise Disconnected("gone for good")

    with pytest.raises(TargetFailure, match="gone for good"):
        run_plan(plan, machine_for(plan, noise=never))


def test_measurements_of_another_runtime_or_plan_are_not_mixed_in(tmp_path):
    plan, path = plan_of(20), tmp_path / "rounds.jsonl"
    run_plan(plan, machine_for(plan), path)

    with pytest.raises(BadArtifact, match=r"was measured on .* 1\.0, but this is .* 2\.0; .*fresh"):
        run_plan(plan, machine_for(plan, runtime_version="2.0"), path)
    for other in (plan_of(21), dataclasses.replace(plan, threads=2), plan_of(20, repeats=9)):
        with pytest.raises(BadArtifact, match="was measured for another"):
            run_plan(other, machine_for(other), path)


def _edit(body, *keys_and_value):
    *keys, last, value = keys_and_value
    for key in keys:
        body = body[key]
    body[last] = value


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda round_: _edit(round_, "index", 7), "round 7 is none of the 3"),
        (lambda round_: round_["timings"].popitem(), "times other subnets"),
        (lambda round_: _edit(round_, "timings", {"a": 1}), "line 2: timings"),
        (
            lambda round_: _edit(next(iter(round_["timings"].values())), "median_ms", -1.0),
            "not three rising latencies",
        ),
        (
            lambda round_: _edit(next(iter(round_["timings"].values())), "median_ms", "fast"),
            "median_ms",
        ),
        (
            lambda round_: _edit(round_, "provenance", "machine", "another"),
            "mixes measurements of several machines",
        ),
        (lambda round_: _edit(round_, "surprise", 1), "surprise"),
    ],
    ids=["index", "missing", "shape", "negative", "type", "machine", "unknown"],
)
def test_results_of_strangers_are_checked_line_by_line(edit, message, tmp_path):
    plan, path = plan_of(20), tmp_path / "results.jsonl"
    run_plan(plan, machine_for(plan), path)
    heading, first, *others = path.read_text().splitlines()
    round_ = json.loads(first)
    edit(round_)
    path.write_text("\n".join([heading, json.dumps(round_), *others, ""]))

    with pytest.raises(BadArtifact, match=message) as refusal:
        read_rounds(path, plan)

    assert "results.jsonl" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_none_of_ours_is_refused_by_name(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"schema": "mine"}\n')

    with pytest.raises(BadArtifact, match=r"results\.jsonl: does not open with the schema"):
        read_rounds(path, plan_of(20))
