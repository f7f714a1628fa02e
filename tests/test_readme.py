"""Every command, script and link that the documents show is there, and takes what is shown."""

import ast
import re
import shlex
import textwrap
from pathlib import Path

import pytest

from ofa.cli import COMMANDS
from ofa.cli.parsing import build_parser, options_of

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "devices/*/*.md", "checkpoints/*/*.md", "recipes/*")
    for path in ROOT.glob(pattern)
)
PAGES = [path for path in DOCUMENTS if path.suffix == ".md"]
COMMAND = re.compile(r"^(?:#\s+|\$ |    )?ofa ([a-z-]+)(.*)$", re.MULTILINE)
SCRIPT = re.compile(r"python ((?:tools|benchmarks)/\w+\.py)([^`\n]*)")
MAKE = re.compile(r"(?:^|`)make ([a-z]+)", re.MULTILINE)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
MADE = re.compile(r"/docs/reference/(commands|python(/\w+)?)\.md$")  # by tools/docs_site.py
PARSER = build_parser(COMMANDS, flags_of=COMMANDS, list_recipe_fields=True)


def shown(pattern):
    """Each match in a document, named after where it stands."""
    return [
        pytest.param(*groups, id=f"{path.name}: {' '.join(groups).strip()}")
        for path in DOCUMENTS
        for groups in (match.groups() for match in pattern.finditer(path.read_text()))
    ]


def flags(text):
    """The options of a command line, without what follows it in a shell."""
    words = shlex.split(text.split(" #")[0].rstrip("\\"))
    return [word.partition("=")[0] for word in words if word.startswith("--")]


def test_documents_show_commands():
    assert len(shown(COMMAND)) >= 50
    assert len(shown(SCRIPT)) >= 10


@pytest.mark.parametrize(("command", "rest"), shown(COMMAND))
def test_a_command_shown_is_one_and_has_the_options_shown(command, rest):
    assert command in COMMANDS or command == "COMMAND"
    known = {*options_of(PARSER, command), "--help"}

    assert [flag for flag in flags(rest) if flag not in known] == []


@pytest.mark.parametrize(("script", "rest"), shown(SCRIPT))
def test_a_script_shown_exists_and_has_the_options_shown(script, rest):
    tree = ast.parse((ROOT / script).read_text())
    known = {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and getattr(call.func, "attr", "") == "add_argument"
        and isinstance(call.args[0], ast.Constant)
    }

    assert [flag for flag in flags(rest) if flag not in known] == []


@pytest.mark.parametrize("target", sorted({param.values[0] for param in shown(MAKE)}))
def test_a_make_target_shown_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_linked_exists(path):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text())

    missing = {
        (path.parent / link).resolve() for link in links if not (path.parent / link).exists()
    }
    assert [str(link) for link in missing if not MADE.search(str(link))] == []


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(textwrap.dedent(code), id=f"{path.name}: {code.splitlines()[0]}")
        for path in PAGES
        for code in PYTHON.findall(path.read_text())
    ],
)
def test_python_shown_is_python_and_imports_what_exists(code):
    tree = ast.parse(code)

    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    exec(compile(ast.Module(body=imports, type_ignores=[]), "shown", "exec"), {})


def test_the_supernet_is_used_as_the_page_about_it_shows(monkeypatch):
    monkeypatch.chdir(ROOT)
    (code,) = PYTHON.findall((ROOT / "docs/explanations/supernet.md").read_text())
    names = {}

    exec(code, names)

    assert names["logits"].shape == (1, 10)
