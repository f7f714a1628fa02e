"""What the documentation's site takes from the repository: a hook of ``mkdocs.yml``.

The reference of commands is made of their parsers, and that of Python of the public names of each
room. Files outside ``docs/`` to which a page links, such as recipes and cards, are shown as pages.
"""

import importlib
import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from ofa.cli.entry import CHAPTERS, COMMANDS
from ofa.cli.parsing import build_parser, help_of

ROOT = Path(__file__).parent.parent
_LINK = re.compile(r"(\]\()((?:\.\./)+[^)#\s]+)")
_ROOMS = (
    "pipeline", "space", "supernets", "subnet", "nn", "data", "train", "evaluate", "predictor",
    "latency", "search", "runtime", "deploy", "reference",
)  # fmt: skip


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and the files outside ``docs/`` that pages link to."""
    made = {"reference/commands.md": _commands(), "reference/python.md": _python_index()}
    for room in _ROOMS:
        made[f"reference/python/{room}.md"] = _python(f"ofa.{room}")
    for uri in sorted(_linked_outside(files)):
        text = (ROOT / uri).read_text()
        if not uri.endswith(".md"):
            language = uri.rpartition(".")[2]
            text = f"# {uri}\n\n```{language}\n{text}\n```\n"
        made[_page_of(uri)] = _without_front_matter(text)
    for uri, text in made.items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links out of ``docs/`` lead to the pages made of those files."""
    here = PurePosixPath(page.file.src_uri)
    home = here.relative_to("source").parent if here.parts[0] == "source" else "docs" / here.parent

    def led(match: re.Match[str]) -> str:
        target = os.path.normpath(home / match[2])
        goal = target.removeprefix("docs/") if target.startswith("docs/") else _page_of(target)
        return match[1] + os.path.relpath(goal, here.parent)

    pattern = _LINK if here.parts[0] != "source" else re.compile(r"(\]\()((?!https?:|#)[^)#\s]+)")
    return pattern.sub(led, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leave out the colons that announce a literal block in docstrings."""
    return html.replace("<p>::</p>", "")


def _linked_outside(files: Files) -> set[str]:
    """Files outside ``docs/`` that its pages, and the pages made of such files, link to."""
    found: set[str] = {"CHANGELOG.md"}
    pages = [(f"docs/{file.src_uri}", file.content_string) for file in files.documentation_pages()]
    for uri, text in pages:
        for _, link in _LINK.findall(text):
            target = os.path.normpath(PurePosixPath(uri).parent / link)
            if not target.startswith("docs/"):
                found.add(target)
    return found


def _page_of(uri: str) -> str:
    return f"source/{uri}" if uri.endswith(".md") else f"source/{uri}.md"


def _without_front_matter(text: str) -> str:
    return text.split("---\n", 2)[2] if text.startswith("---\n") else text


def _commands() -> str:
    os.environ["COLUMNS"] = "80"
    parser = build_parser(COMMANDS, flags_of=COMMANDS)
    parts = ["# Commands\n\nWhat `ofa COMMAND --help` prints, command by command.\n"]
    for title, commands in CHAPTERS.items():
        parts.append(f"## {title}\n")
        parts += [f"### ofa {name}\n\n```text\n{help_of(parser, name)}```\n" for name in commands]
    return "\n".join(parts)


def _python(module: str) -> str:
    names = importlib.import_module(module).__all__
    listed = "\n".join(f"        - {name}" for name in names)
    return f"# {module}\n\n::: {module}\n    options:\n      members:\n{listed}\n"


def _python_index() -> str:
    parts = [
        "# Python\n",
        "`ofa.pipeline` holds one function an arrow; the command line and notebooks call these. "
        "The rooms below it import one another in one direction.\n",
    ]
    for room in _ROOMS:
        about = (importlib.import_module(f"ofa.{room}").__doc__ or "").partition("\n")[0]
        parts.append(f"- [`ofa.{room}`](python/{room}.md): {about}")
    return "\n".join(parts) + "\n"
