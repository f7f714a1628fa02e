"""Every format that a stranger may hand over: a sound file of each, and the reader that takes it.

A reader goes as far as its user would: weights into their network, a space into its layers, a model
into an estimate, an engine into a run. It gets a folder of its own to write into.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hostile.attacks import Kind

from ofa import artifacts
from ofa.space import Encoding, FirstBlock, Head, SearchSpace, Stage, Stem

ROOT = Path(__file__).parent.parent.parent
SPACE = SearchSpace(
    in_channels=1,
    num_classes=3,
    resolutions=(12, 16),
    kernel_sizes=(3, 5),
    expand_ratios=(2, 3),
    depths=(1, 2),
    stem=Stem(width=8, stride=1),
    first_block=FirstBlock(width=8, stride=2),
    stages=(Stage(width=16), Stage(width=24, activation="hardswish", squeeze_excite=True)),
    head=Head(expand_width=32, feature_width=0),
)
ENCODING = Encoding(SPACE)
ARCH = SPACE.smallest()
CLASSES = ("coat", "shirt", "boot")


@dataclass(frozen=True, kw_only=True)
class Format:
    """One format.

    Attributes:
        kind: How an attack takes it apart.
        sound: Files of it without a fault, of which attacks are made.
        read: Its reader, given an empty folder and the content of a file.
    """

    kind: Kind
    sound: Callable[[], list[bytes]]
    read: Callable[[Path, bytes], object]


FORMATS: dict[str, Format] = {}


def format_(name: str, kind: Kind, sound: Callable[[], list[bytes]]) -> Callable:
    """Register the reader of a format."""

    def add(read: Callable[[Path, bytes], object]) -> Callable[[Path, bytes], object]:
        FORMATS[name] = Format(kind=kind, sound=cache(sound), read=read)
        return read

    return add


def placed(folder: Path, name: str, data: bytes) -> Path:
    """A new file in the folder of a reader."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def json_file(schema: str, body: dict, *, version: int = 1) -> bytes:
    """A JSON artifact."""
    return artifacts.json_artifact(body, schema=schema, version=version, inputs={})
