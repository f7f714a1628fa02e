"""A runtime that is not installed answers with the line that installs it."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from ofa.errors import MissingExtra
from ofa.runtime import RUNTIMES

PROJECT = tomllib.loads((Path(__file__).parent.parent.parent / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]


@pytest.mark.parametrize("name", RUNTIMES)
@pytest.mark.parametrize(
    "use", [lambda r: r.version(), lambda r: r.build(b""), lambda r: r.load({})]
)
def test_without_its_package_a_runtime_gives_the_line_that_installs_it(name, use):
    absent = replace(RUNTIMES[name], distribution="a-package-that-nobody-has")

    assert not absent.available()
    with pytest.raises(MissingExtra, match=re.escape(f"pip install '{absent.requirement}'")):
        use(absent)


@pytest.mark.parametrize("name", RUNTIMES)
def test_the_extra_that_is_named_brings_the_package(name):
    runtime = RUNTIMES[name]
    extra = re.fullmatch(r"ofa-toolkit\[(.+)\]", runtime.requirement)
    if extra is None:  # comes with the project, or in place of what does
        assert runtime.requirement == runtime.distribution
        return
    assert any(line.startswith(runtime.distribution) for line in EXTRAS[extra[1]])
