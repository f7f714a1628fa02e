"""The documentation's site and its notebook, as a reader gets them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.timeout(400)  # the site and the notebook take 30 s where nothing else runs


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built strictly: a warning is an error."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_fetches_nothing_from_elsewhere(site):
    fetched = re.compile(r'<(?:link|script|img|iframe)\b[^>]*\b(?:src|href)="?(?:https?:)?//[^">]*')
    own = re.compile(r'rel="?(?:canonical|prev|next)')

    foreign = [
        (page.name, match)
        for page in site.rglob("*.html")
        for match in fetched.findall(page.read_text())
        if not own.search(match)
    ]

    assert foreign == []


def test_pictures_have_words_and_pages_one_title(site):
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert all(re.search(r'alt="?[^"> ]', image) for image in re.findall(r"<img[^>]*>", text))
        assert len(re.findall(r"<h1\b", text)) == 1, page


def test_commands_and_public_names_are_in_the_reference(site):
    commands = (site / "reference/commands.html").read_text()
    pipeline = (site / "reference/python/pipeline.html").read_text()

    assert "ofa specialize --device NAME [options]" in commands
    assert 'id="ofa.pipeline.specialize"' in pipeline


def test_the_notebook_of_the_tour_runs_and_shows_what_it_shows():
    path = ROOT / "docs/tour.ipynb"
    notebook = nbformat.read(path, as_version=4)
    shown = [printed(cell) for cell in notebook.cells]

    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(ROOT)}}).execute()

    # Another processor rounds otherwise: numbers may move in their last digit.
    numbers = re.compile(r"[\d.,]+")
    for before, cell in zip(shown, notebook.cells, strict=True):
        assert numbers.sub("#", printed(cell)).split()[:3] == numbers.sub("#", before).split()[:3]


def printed(cell):
    return "".join(output.get("text", "") for output in cell.get("outputs", []))
