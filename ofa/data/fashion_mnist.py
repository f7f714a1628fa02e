"""Fashion-MNIST: 60,000 training and 10,000 test images of clothes, 28 px, gray, MIT licence.

Source: Xiao et al., arXiv:1708.07747.
"""

import gzip
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from ofa.artifacts import cache_folder
from ofa.data.download import downloaded
from ofa.data.images import ImageSet
from ofa.errors import BadData

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")

_FILES = {"train": "train", "test": "t10k"}
_AGAIN = "remove it, then install or download it again"
_NUM_IMAGES = {"train": 60_000, "test": 10_000}


def load_fashion_mnist(
    part: Literal["train", "test"], *, download: bool, folders: tuple[Path, ...] | None = None
) -> ImageSet:
    """Training or test images.

    Args:
        download: Whether torchvision may fetch the files if no folder holds them.
        folders: Where to look, in order; by default the package's cache, then the Debian package.

    Raises:
        BadData: If the files are nowhere, or corrupt.
    """
    cache = cache_folder()
    folders = folders or (cache / "FashionMNIST" / "raw", DEBIAN_FOLDER)
    folder = next(
        (f for f in folders if (f / f"{_FILES[part]}-images-idx3-ubyte.gz").exists()), None
    )
    if folder is None and download:
        from torchvision.datasets import FashionMNIST

        folder = cache / "FashionMNIST" / "raw"
        with downloaded(folder, "FashionMNIST/raw") as place:
            FashionMNIST(place, download=True)
    if folder is None:
        raise BadData(
            f"Fashion-MNIST is neither in {' nor in '.join(str(f) for f in folders)}; "
            "apt-get install dataset-fashion-mnist, or let ofa train fetch it by "
            "--data.download true"
        )
    count = _NUM_IMAGES[part]
    images = _read_idx(folder / f"{_FILES[part]}-images-idx3-ubyte.gz", (count, 28, 28))
    labels = _read_idx(folder / f"{_FILES[part]}-labels-idx1-ubyte.gz", (count,))
    return ImageSet(
        images=torch.from_numpy(images)[:, None],
        labels=torch.from_numpy(labels).long(),
        classes=CLASSES,
    )


def _read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    header = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    size = len(header) + int(np.prod(shape))
    try:
        with gzip.open(path) as file:
            data = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadData(f"{path}: cannot be read ({error}); {_AGAIN}") from error
    if len(data) != size or not data.startswith(header):
        raise BadData(f"{path}: not an idx file of shape {shape}; {_AGAIN}")
    return np.frombuffer(data, np.uint8, offset=len(header)).reshape(shape).copy()
