#!/usr/bin/env python3
"""Try the ends of what pyproject.toml admits: install the oldest, or the newest, and run the tests.

::

    tools/bounds.py oldest ../oldest        # every lower bound, on this Python
    tools/bounds.py oldest ../oldest --keep torch==2.14.1 -- tests/space
    tools/bounds.py newest ../newest        # whatever pip takes
    tools/bounds.py wheel ../wheel          # the wheel without extras: every module imports

Run it by the Python to be tried; what follows ``--`` goes to pytest. The environment is made anew,
holds no package of this one, and is left for a look afterwards. Needs no package itself.
"""

import argparse
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEST_TOOLS = ("beartype", "hypothesis", "pytest", "pytest-timeout")
"""Of the extra ``test``: what the tests import. The optional runtimes are left out, whose tests
are skipped."""


def oldest(requirements: list[str], keep: list[str]) -> list[str]:
    """Each requirement at its lower bound; those named in ``keep`` as they are written there."""
    kept = {_name(pin): pin for pin in keep}
    return [kept.get(_name(line)) or re.sub(r">=([\d.]+),<[\d.]+$", r"==\1", line)
            for line in requirements]  # fmt: skip


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description="Try the ends of what pyproject.toml admits.")
    parser.add_argument("end", choices=("oldest", "newest", "wheel"))
    parser.add_argument("venv", type=Path, help="folder of the environment; made anew")
    parser.add_argument(
        "--keep", action="append", default=[], metavar="NAME==VERSION", help="version to hold"
    )
    cut = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    flags, for_pytest = parser.parse_args(sys.argv[1:cut]), sys.argv[cut + 1 :]

    venv.create(flags.venv, clear=True, with_pip=True)
    python = flags.venv.resolve() / "bin/python"
    if flags.end == "wheel":
        return _try_wheel(python, flags.venv.resolve() / "dist")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools = [x for x in project["optional-dependencies"]["test"] if _name(x) in TEST_TOOLS]
    wanted = [*project["dependencies"], *tools]
    wanted = oldest(wanted, flags.keep) if flags.end == "oldest" else [*wanted, *flags.keep]
    _run([python, "-m", "pip", "install", "--quiet", *wanted])
    _run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--editable", ROOT])
    _run([python, "-m", "pip", "list"])
    return subprocess.run([python, "-m", "pytest", *for_pytest], cwd=ROOT).returncode


def _try_wheel(python: Path, out: Path) -> int:
    """Build the wheel, install it alone, and import every module of it away from the clone."""
    _run([python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", out, ROOT])
    (wheel,) = out.glob("*.whl")
    _run([python, "-m", "pip", "install", "--quiet", wheel])
    program = (
        "import importlib, pkgutil, ofa\n"
        "modules = [m.name for m in pkgutil.walk_packages(ofa.__path__, 'ofa.')]\n"
        "for name in modules:\n"
        "    if name != 'ofa.__main__':\n"
        "        importlib.import_module(name)\n"
        "print(f'{len(modules)} modules of {ofa.__file__} import')\n"
    )
    _run([python, "-I", "-c", program], cwd=out)
    _run([python, "-I", "-m", "ofa", "devices"], cwd=out)
    return 0


def _name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return found[0].lower()


def _run(command: list[object], *, cwd: Path = ROOT) -> None:
    subprocess.run([str(part) for part in command], check=True, cwd=cwd)


if __name__ == "__main__":
    sys.exit(main())
