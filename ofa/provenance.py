"""Who makes an artifact: every JSON artifact opens with this."""

import logging
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import ofa

_log = logging.getLogger(__name__)


def provenance() -> dict[str, object]:
    """Who makes an artifact: command, versions, commit."""
    return {
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "ofa": ofa.__version__,
        "commit": _commit(),
        "torch": _version("torch"),
        "onnxruntime": _version("onnxruntime"),
        "python": ".".join(str(part) for part in sys.version_info[:3]),
    }


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
