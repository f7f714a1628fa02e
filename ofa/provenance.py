"""Who makes an artifact: every JSON artifact opens with this.

Artifacts travel to strangers, so no path in them names the home folder of who made them.
"""

import logging
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

import ofa

_log = logging.getLogger(__name__)


def provenance() -> dict[str, object]:
    """Who makes an artifact: command, versions, commit."""
    return {
        "command": command(sys.argv),
        "ofa": ofa.__version__,
        "commit": _commit(),
        "torch": _version("torch"),
        "onnxruntime": _version("onnxruntime") or _version("onnxruntime-gpu"),
        "python": ".".join(str(part) for part in sys.version_info[:3]),
    }


def command(argv: Sequence[str]) -> str:
    """A command line as a shell reads it, whatever its words hold."""
    return " ".join([shlex.quote(Path(argv[0]).name), *map(_quoted, argv[1:])])


def without_home(text: str) -> str:
    """A text in which the home folder is ``~``, as in ``--out=~/runs``."""
    home = Path.home()
    if home == Path(home.anchor):
        return text
    return re.sub(rf"{re.escape(str(home))}(?=/|$)", "~", text)


def _quoted(word: str) -> str:
    word = without_home(word)
    if word.startswith("~/"):  # within quotes a shell would not expand it
        return "~/" + shlex.quote(word.removeprefix("~/"))
    return shlex.quote(word)


@cache
def _commit() -> str | None:
    """Git commit of the package's own checkout; ``None`` for an installed wheel."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        _log.debug("no git commit: %s", error)
        return None
    return done.stdout.strip() or None


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
