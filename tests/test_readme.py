"""Every command, script and link that the documents show is there, and takes what is shown."""

import ast
import re
import shlex
import textwrap
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ofa.cli import COMMANDS, main
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
    assert command in COMMANDS
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
    text = path.read_text()
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    links += re.findall(r'<(?:img|source)[^>]* src(?:set)?="([^"]+)"', text)

    assert [link for link in links if not (path.parent / link).exists()] == []


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


def test_both_overviews_tell_the_same_and_what_the_demo_prints():
    wide, narrow = (
        ElementTree.parse(ROOT / "docs" / name).getroot()
        for name in ("overview.svg", "overview_narrow.svg")
    )
    text = (ROOT / "README.md").read_text()
    latency, low, high, top1 = (
        re.search(pattern, text)[1]
        for pattern in (
            r" latency +([\d.]+) ms", r"interval ([\d.]+)–", r"interval [\d.]+–([\d.]+)",
            r"([\d.]+) % +measured, 10,000 test images",
        )
    )  # fmt: skip
    shown = {
        f"{float(latency):.3g} ms", f"{float(low):.3g}–{float(high):.3g}, uncalibrated",
        f"{top1} %",
    }  # fmt: skip

    words = [
        {part for line in root.itertext() for part in re.split(r"(?<=%), \w+ ", line)}
        for root in (wide, narrow)
    ]

    assert all(shown <= told for told in words)
    numbers = [{part for part in told if re.search(r"\d (?:ms|%|kB)$", part)} for told in words]
    assert numbers[0] == numbers[1] and len(numbers[0]) >= 15


def sessions(path):
    """Commands that a document shows together with what they print."""
    blocks = re.findall(r"^```\n\$ (ofa .*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
    return [
        (lines[0], [line for line in lines[1:] if line]) for b in blocks if (lines := b.split("\n"))
    ]


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        pytest.param(command, printed, id=command)
        for path in (ROOT / "README.md", ROOT / "docs/tour.md")
        for command, printed in sessions(path)
        if command != "ofa specialize --device pixel"  # the demo, which CI runs by itself
    ],
)
def test_a_command_prints_what_is_shown(command, printed, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(ROOT)

    main(shlex.split(command)[1:])

    told = capsys.readouterr()
    lines = {alike(line) for line in (told.out + told.err).splitlines()}
    assert [line for line in printed if line != "..." and alike(line) not in lines] == []


def alike(line):
    """A line without what another processor rounds otherwise: its numbers, and its blanks."""
    return " ".join(re.sub(r"[\d.e,+−-]*\d", "#", line).split())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_own_images_come_to_an_engine_by_the_lines_of_the_readme(
    striped_images, monkeypatch, tmp_path
):
    text = (ROOT / "README.md").read_text()
    block = re.search(r"## Your images\n.*?```\n(.*?)```", text, re.DOTALL)[1]
    smaller = {
        "--out runs/mine": "--out runs/mine --recipe tiny --data.num_search 60",
        "--num 1000": "--num 60",  # a predictor needs 50
        "--device host": "--device pixel",  # which needs no profile of this machine
        "IMAGES": str(striped_images),
    }
    for long, short in smaller.items():
        block = block.replace(long, short)
    monkeypatch.chdir(tmp_path)

    for line in block.splitlines():
        assert main([*shlex.split(line)[1:], "--quiet"]) == 0, line

    assert list(tmp_path.glob("runs/specialize/bundles/*-pixel1/engine.onnx"))
