"""Flags that several commands share; each means the same everywhere."""

from pathlib import Path

from jsonargparse import ArgumentParser


def add_device(parser: ArgumentParser) -> None:
    """``--device``, which may be given several times."""
    parser.add_argument(
        "--device",
        action="append",
        required=True,
        metavar="NAME",
        help="device id or alias, see ofa devices; give it again for several",
    )


def add_budget(parser: ArgumentParser) -> None:
    """``--budget-ms``."""
    parser.add_argument(
        "--budget-ms",
        type=float,
        default=None,
        metavar="MS",
        help="latency to stay within; default: the front's knee, beyond which a ms buys little",
    )


def add_checkpoint(parser: ArgumentParser) -> None:
    """``--checkpoint``."""
    parser.add_argument(
        "--checkpoint",
        default="fashion_mnist",
        metavar="FOLDER",
        help="folder of a supernet, or the name of a shipped one",
    )


def add_input(parser: ArgumentParser) -> None:
    """``--input``: the pixels an engine takes."""
    parser.add_argument(
        "--input",
        choices=["uint8", "float32"],
        default="uint8",
        help="pixels the engine takes: raw bytes, or numbers from 0 to 1",
    )


def add_out(parser: ArgumentParser, default: str) -> None:
    """``--out``."""
    parser.add_argument(
        "--out", type=Path, default=Path(default), metavar="FOLDER", help="where results go"
    )


def add_seed(parser: ArgumentParser) -> None:
    """``--seed``."""
    parser.add_argument("--seed", type=int, default=0, help="equal seeds give equal results")
