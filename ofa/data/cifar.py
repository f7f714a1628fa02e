"""CIFAR-10 and CIFAR-100: 50,000 training and 10,000 test photographs, 32 px, color.

The binary files are read, not the pickles, so nothing downloaded can run.

Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from ofa.artifacts import cache_folder, read_bytes
from ofa.data.download import downloaded
from ofa.data.images import ImageSet
from ofa.errors import BadData

_URL = "https://www.cs.toronto.edu/~kriz/{name}"
_PIXELS = 3 * 32 * 32


@dataclass(frozen=True, kw_only=True)
class _Files:
    archive: str
    md5: str
    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    names: str
    labels_an_image: int  # the last one counts


_FILES = {
    "cifar10": _Files(
        archive="cifar-10-binary.tar.gz",
        md5="c32a1d4ab5d03f1284b67883e8d87530",
        folder="cifar-10-batches-bin",
        train=tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
        test=("test_batch.bin",),
        names="batches.meta.txt",
        labels_an_image=1,
    ),
    "cifar100": _Files(
        archive="cifar-100-binary.tar.gz",
        md5="03b5dce01913d631647c71ecec9e9cb8",
        folder="cifar-100-binary",
        train=("train.bin",),
        test=("test.bin",),
        names="fine_label_names.txt",
        labels_an_image=2,
    ),
}


def load_cifar(
    name: Literal["cifar10", "cifar100"],
    part: Literal["train", "test"],
    *,
    download: bool,
    folder: Path | None = None,
) -> ImageSet:
    """Training or test images.

    Args:
        download: Whether torchvision may fetch the files if the folder does not hold them.
        folder: Where the extracted archive lies; by default in the package's cache.

    Raises:
        BadData: If a file is missing or of the wrong size.
    """
    files = _FILES[name]
    folder = folder or cache_folder() / files.folder
    if not folder.is_dir():
        if not download:
            raise BadData(
                f"{folder}: {name} is not there; extract {_URL.format(name=files.archive)} so that "
                "it is, or let ofa train fetch it by --data.download true"
            )
        from torchvision.datasets.utils import download_and_extract_archive

        with downloaded(folder, files.folder) as place:
            download_and_extract_archive(
                _URL.format(name=files.archive), place, md5=files.md5, remove_finished=True
            )
    classes = tuple(read_bytes(folder / files.names).decode("utf-8", "replace").split())
    rows = np.concatenate(
        [_rows(folder / file, files.labels_an_image) for file in getattr(files, part)]
    )
    pixels = rows[:, files.labels_an_image :].reshape(-1, 3, 32, 32)
    return ImageSet(
        images=torch.from_numpy(np.ascontiguousarray(pixels)),
        labels=torch.from_numpy(rows[:, files.labels_an_image - 1].astype(np.int64)),
        classes=classes,
    )


def _rows(path: Path, labels_an_image: int) -> np.ndarray:
    data = np.frombuffer(read_bytes(path), np.uint8)
    width = labels_an_image + _PIXELS
    if not len(data) or len(data) % width:
        raise BadData(f"{path}: not a CIFAR file, {len(data)} bytes are not rows of {width}; "
                      "remove its folder and download it again")  # fmt: skip
    return data.reshape(-1, width)
