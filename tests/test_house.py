"""What the repository promises about itself: versions, dependencies, licences."""

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml

import ofa
from ofa.shipped import shipped

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NEEDED_UNIMPORTED = {"tensorboard": "Lightning's TensorBoardLogger writes through it"}


def test_the_changelog_opens_with_the_version_of_the_package():
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)

    assert versions[0] == ofa.__version__


def test_the_citation_is_of_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())

    assert citation["version"] == ofa.__version__
    assert citation["license"] == PROJECT["license"]


@pytest.mark.parametrize("folder", sorted(shipped("checkpoints").iterdir()), ids=lambda f: f.name)
def test_a_checkpoint_has_a_model_card_that_hubs_can_read(folder):
    _, front, text = (folder / "README.md").read_text().split("---\n", 2)
    card = yaml.safe_load(front)

    assert {"license", "library_name", "pipeline_tag", "datasets", "model-index"} <= set(card)
    figures = card["model-index"][0]["results"][0]["metrics"]
    assert all(f"{figure['value']:.2f} %" in text for figure in figures)


@pytest.mark.parametrize("path", sorted(ROOT.glob(".github/**/*.yml")), ids=lambda path: path.name)
def test_a_form_for_issues_is_readable(path):
    form = yaml.safe_load(path.read_text())

    assert path.name == "config.yml" or {"name", "description", "body"} <= set(form)


def test_hooks_run_what_is_installed_and_fetch_nothing():
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]

    assert [repo["repo"] for repo in repos] == ["local"]
    assert {hook["language"] for hook in repos[0]["hooks"]} == {"system"}


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_a_dependency_is_bounded_on_both_sides(requirement):
    assert re.fullmatch(r"[\w\[\]-]+>=[\d.]+,<[\d.]+", requirement)


def test_the_dependencies_are_exactly_what_the_package_imports():
    declared = {_normal(re.match(r"[\w-]+", line)[0]) for line in PROJECT["dependencies"]}
    distributions = metadata.packages_distributions()

    extras = {
        _normal(re.match(r"[\w-]+", line)[0])
        for extra, lines in PROJECT["optional-dependencies"].items()
        if extra not in ("test", "dev")
        for line in lines
    }

    imported = {
        _normal(distributions[name][0])
        for path in sorted((ROOT / "ofa").rglob("*.py"))
        for name in _top_level_imports(ast.parse(path.read_text()))
        if name not in sys.stdlib_module_names and name != "ofa"
    }

    assert (imported - extras) | set(NEEDED_UNIMPORTED) == declared


@pytest.mark.parametrize("kind", ["checkpoints", "devices", "recipes"])
def test_a_clone_finds_what_is_shipped_beside_the_package(kind):
    assert shipped(kind) == ROOT / kind
    assert any(shipped(kind).iterdir())


def test_the_package_tells_type_checkers_that_it_is_typed():
    assert (Path(ofa.__file__).parent / "py.typed").is_file()
    assert "Typing :: Typed" in PROJECT["classifiers"]


def test_the_whole_licence_is_included():
    text = (ROOT / "LICENSE").read_text()

    assert PROJECT["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def _top_level_imports(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
