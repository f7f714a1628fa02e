"""What a long search leaves behind, so that an equal one goes on where it was cut off.

Every part is one file, written whole or not at all; parts of another request are made anew.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ofa import artifacts

if TYPE_CHECKING:
    from ofa.search import Arrays


@dataclass(frozen=True)
class Kept:
    """Arrays in a folder.

    Attributes:
        folder: One file a name.
        request: Digest of all that decides the arrays.
    """

    folder: Path
    request: str

    def __call__(self, name: str, make: Callable[[], "Arrays"]) -> "Arrays":
        """Arrays of a name: those kept from before, else made, and kept from now on."""
        path = self.folder / f"{name}.safetensors"
        if path.exists():
            arrays, notes = artifacts.read_tensors(path)
            if notes.get("request") == self.request:
                return arrays
        arrays = make()
        artifacts.write_tensors(path, arrays, {"request": self.request})
        return arrays

    def within(self, part: str) -> "Kept":
        """Arrays of one part of the request, in a folder of its own."""
        return replace(self, folder=self.folder / part)

    def forget(self) -> None:
        """Remove the folder, once the result is written."""
        shutil.rmtree(self.folder, ignore_errors=True)
