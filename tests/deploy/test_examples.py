"""The examples of ``docs/examples``: a workflow that GitHub reads, a Dockerfile that builds."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from ofa.cli import main

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples"


def test_the_workflow_is_one_that_github_reads():
    # YAML 1.1 takes the key ``on`` for true.
    body = yaml.safe_load((EXAMPLES / "deploy.yml").read_text())
    triggers = body[True]

    assert set(body) <= {"name", True, "permissions", "jobs", "env", "concurrency", "defaults"}
    assert set(triggers) <= {"push", "pull_request", "workflow_dispatch", "schedule"}
    for job in body["jobs"].values():
        assert {"runs-on", "steps"} <= set(job)
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert set(step) <= {"name", "uses", "run", "with", "env", "if", "id"}
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+", step.get("uses", "a/b@v1"))


def test_nothing_from_outside_is_pasted_into_a_shell():
    body = yaml.safe_load((EXAMPLES / "deploy.yml").read_text())

    runs = [step["run"] for job in body["jobs"].values() for step in job["steps"] if "run" in step]
    assert runs and not any("${{" in run for run in runs)


def test_the_workflows_commands_have_flags_that_exist(capsys):
    body = yaml.safe_load((EXAMPLES / "deploy.yml").read_text())
    steps = [step for job in body["jobs"].values() for step in job["steps"]]
    lines = [step["run"] for step in steps if step.get("run", "").startswith("ofa ")]
    for line in lines:
        _, command, *words = shlex.split(line)
        with pytest.raises(SystemExit):
            main([command, "--help"])
        known = capsys.readouterr().out
        assert [w for w in words if w.startswith("--") and w not in known] == []
    assert len(lines) == 2


def test_the_dockerfile_checks_the_bundle_and_runs_as_nobody_special():
    text = (EXAMPLES / "Dockerfile").read_text()
    instructions = [
        line.split()[0]
        for line in text.replace("\\\n", " ").splitlines()
        if line and not line.startswith("#")
    ]

    assert instructions[0] == "FROM" and instructions[-1] == "ENTRYPOINT"
    assert set(instructions) <= {"FROM", "RUN", "ARG", "COPY", "USER", "ENTRYPOINT"}
    assert "sha256sum --check manifest.json.sha256" in text
    assert instructions.index("USER") > instructions.index("COPY")
