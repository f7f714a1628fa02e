"""Data sets from the network, in folders that appear whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ofa.artifacts import new_folder
from ofa.errors import BadData


@contextmanager
def downloaded(folder: Path, inner: str) -> Iterator[str]:
    """Where to download and extract what becomes ``folder``.

    Args:
        inner: Folder within that place in which the files of ``folder`` will lie.

    Raises:
        BadData: If the network fails.
    """
    with new_folder(folder) as place:
        try:
            yield str(place)
        except (OSError, RuntimeError) as error:  # of urllib, and of torchvision
            reason = " ".join(str(error).split())
            raise BadData(
                f"{folder}: cannot be downloaded ({reason}); try again, or put the files there"
            ) from error
        for file in (place / inner).iterdir():
            file.replace(place / file.name)
        shutil.rmtree(place / Path(inner).parts[0])
