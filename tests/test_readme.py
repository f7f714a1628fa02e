"""Every command that the documents show is one that the command line understands."""

import re
import shlex
from pathlib import Path

import pytest

from ofa.cli import COMMANDS

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "devices/*/*.md", "checkpoints/*/*.md", "recipes/*")
    for path in ROOT.glob(pattern)
)
COMMAND = re.compile(r"^(?:#\s+|\$ )?ofa ([a-z-]+)(.*)$", re.MULTILINE)
SHOWN = [
    pytest.param(command, flags, id=f"{path.name}: ofa {command}{flags}")
    for path in DOCUMENTS
    for command, flags in COMMAND.findall(path.read_text())
]


def test_documents_show_commands():
    assert len(SHOWN) >= 10


@pytest.mark.parametrize(("command", "flags"), SHOWN)
def test_a_command_shown_has_flags_that_exist(command, flags, capsys):
    from ofa.cli import main

    with pytest.raises(SystemExit):
        main([command, "--help"])
    known = capsys.readouterr().out

    assert command in COMMANDS
    used = [word.partition("=")[0] for word in shlex.split(flags) if word.startswith("--")]
    assert [flag for flag in used if flag not in known] == []


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if p.suffix == ".md"], ids=lambda p: p.name)
def test_every_file_linked_exists(path):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text())

    assert [link for link in links if not (path.parent / link).exists()] == []
