"""A bundle that times networks where nothing of ofa is installed: one zip that Python runs.

``python3 bundle.zip`` needs numpy and the library of one runtime. The bundle holds the modules of
this package that time and describe, unchanged, so a device is measured by the very code that
measures this machine; then the engines, and the plan that says what to do with them.
"""

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib import resources

from ofa.runtime.engine import EngineFiles
from ofa.runtime.rounds import Protocol
from ofa.runtime.runner import ENGINES, PLAN

MODULES = ("timing", "machine", "rounds", "loaders", "runner")
"""Modules of ``ofa.runtime`` that run on devices; they import numpy and each other alone."""
SCHEMA = {"name": "ofa.latency-rounds", "version": 1}
"""What a file of timed rounds opens with."""

_MAIN = """\
import json
import sys


def refuse(reason):
    print("ofa-answer " + json.dumps({"error": reason}))
    sys.exit(1)


if sys.version_info < (3, 10):
    refuse("Python %d.%d is too old; use 3.10 or newer" % sys.version_info[:2])
try:
    from ofa.runtime.runner import main

    status = main(sys.path[0], sys.argv[1:])
except ModuleNotFoundError as error:
    missing = (error.name or "a module").partition(".")[0].replace("_", "-")
    refuse(sys.executable + " lacks " + missing + "; install it there: pip install " + missing)
sys.exit(status)
"""


def bundle(
    engines: Iterable[tuple[str, EngineFiles]],
    *,
    names: Iterable[str],
    runtime: str,
    threads: int,
    protocol: Protocol,
    identity: Mapping[str, object] | None = None,
    readme: str = "",
) -> bytes:
    """The bundle of some engines.

    Args:
        engines: Name and files of each; names are made of letters, digits and hyphens.
        names: Names of the engines, in the order of the rounds; the first is the reference.
        runtime: What runs them: key of ``ofa.runtime.loaders.LOADERS``.
        identity: What the results are of; comes back with them.
        readme: What to tell the person who runs it.
    """
    plan = {
        "schema": SCHEMA,
        "identity": identity or {},
        "names": list(names),
        "runtime": runtime,
        "threads": threads,
        "protocol": asdict(protocol),
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:  # stored: weights do not compress
        archive.writestr("__main__.py", _MAIN)
        archive.writestr("ofa/__init__.py", "")
        archive.writestr("ofa/runtime/__init__.py", "")
        for module in MODULES:
            source = resources.files("ofa.runtime").joinpath(f"{module}.py").read_text()
            archive.writestr(f"ofa/runtime/{module}.py", source)
        archive.writestr(PLAN, json.dumps(plan, indent=2))
        if readme:
            archive.writestr("README.txt", readme)
        for name, files in engines:
            assert name.replace("-", "").isalnum(), name
            for file, content in files.items():
                archive.writestr(f"{ENGINES}{name}/{file}", content)
    return data.getvalue()
