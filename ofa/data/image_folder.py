"""Anybody's images: one folder a class, decoded once into memory, or whenever they are used."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from ofa.artifacts import digest
from ofa.data.decode import decode
from ofa.data.images import ImageSet
from ofa.errors import BadData
from ofa.threads import one_thread

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
_STAT_THREADS = 16  # that wait for the file system, which may be far away
_PATHS_A_TASK = 1000
_Part = Literal["train", "test"]
_FOLDERS: dict[_Part, tuple[str, ...]] = {"train": ("train",), "test": ("test", "val", "valid")}


@dataclass(frozen=True, kw_only=True, eq=False)
class FolderImages:
    """Labeled image files, decoded when they are asked for.

    Attributes:
        paths: Image files.
        labels: Index into ``classes`` of each.
        classes: Name of each label.
        channels: 1 makes images gray, 3 makes them color.
        size: Side of the square that ``batch`` resizes and crops to, px.
    """

    paths: tuple[Path, ...]
    labels: Int64[Tensor, "n"]
    classes: tuple[str, ...]
    channels: int
    size: int

    def __len__(self) -> int:
        return len(self.paths)

    def image(self, index: int) -> UInt8[Tensor, "c h w"]:
        """One image as it was taken, of any shape.

        Raises:
            BadData: If the file is not a readable image.
        """
        return decode(self.paths[index], channels=self.channels)

    def batch(self, indices: Int64[Tensor, "m"]) -> UInt8[Tensor, "m c s s"]:
        """Several images, resized and cropped to squares."""
        return torch.stack([square(self.image(int(i)), self.size) for i in indices])

    def digest(self) -> str:
        """SHA-256 of file names, sizes in bytes and labels."""
        starts = range(0, len(self), _PATHS_A_TASK)
        with ThreadPoolExecutor(_STAT_THREADS) as pool:
            parts = pool.map(lambda i: _facts(self.paths[i : i + _PATHS_A_TASK]), starts)
            files = [facts for part in parts for facts in part]
        return digest([files, self.labels.tolist()])

    def take(self, indices: Int64[Tensor, "m"]) -> "FolderImages":
        """The images at ``indices``, in that order."""
        return FolderImages(
            paths=tuple(self.paths[int(i)] for i in indices),
            labels=self.labels[indices],
            classes=self.classes,
            channels=self.channels,
            size=self.size,
        )

    def load(self, *, threads: int | None = None) -> ImageSet:
        """All images, decoded into memory.

        Args:
            threads: That decode; ``None`` takes as many as torch computes with, 2 at least.
                Their number changes nothing.

        Raises:
            BadData: If one is unreadable, or all do not fit.
        """
        shape = (len(self), self.channels, self.size, self.size)
        try:
            images = torch.empty(shape, dtype=torch.uint8)
        except RuntimeError as error:
            gigabytes = len(self) * self.channels * self.size**2 / 1e9
            raise BadData(
                f"{self.paths[0].parent.parent}: {len(self)} images of {self.size} px need "
                f"{gigabytes:.1f} GB of memory, more than there is; set data.stream to true, or "
                "use smaller space.resolutions"
            ) from error

        def decode(index: int) -> None:
            images[index] = square(self.image(index), self.size)

        pool = ThreadPoolExecutor(threads or max(2, torch.get_num_threads()))
        with one_thread(), pool:  # a core an image, whatever torch would use for one
            for _ in pool.map(decode, range(len(self))):
                pass
        return ImageSet(images=images, labels=self.labels, classes=self.classes)


def class_names(root: Path, *, part: _Part) -> tuple[str, ...]:
    """Names of the class folders of ``root/part``, in alphabetical order.

    Raises:
        BadData: If the folder is missing, or has fewer than 2 of them.
    """
    folder = _part_folder(root, part)
    folders = [entry for entry in folder.iterdir() if entry.is_dir()]
    classes = tuple(sorted(entry.name for entry in folders if not _is_hidden(entry, folder)))
    if len(classes) < 2:
        raise BadData(
            f"{folder}: holds {len(classes)} class folders, but 2 or more are needed; put images "
            f"into {folder}/<class>/"
        )
    return classes


def index_image_folder(root: Path, *, part: _Part, channels: int, size: int) -> FolderImages:
    """Images of ``root/part/<class>/*``, each class a folder; ``val`` may stand for ``test``.

    They come in one order that mixes the classes, so that any run of them is a fair sample: batch
    norm recalibrated on chunks of a single class each would serve no class. Hidden files and
    folders are left out: what editors and archivers leave behind may end as an image does.

    Raises:
        BadData: If a folder is missing or empty.
    """
    classes = class_names(root, part=part)
    folder = _part_folder(root, part)
    paths = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in EXTENSIONS and not _is_hidden(path, folder)
    ]
    missing = sorted(set(range(len(classes))) - {label for _, label in paths})
    if missing:
        raise BadData(
            f"{folder / classes[missing[0]]}: holds no image ({', '.join(EXTENSIONS)}); "
            "add some or remove the folder"
        )
    order = torch.randperm(len(paths), generator=torch.Generator().manual_seed(0)).tolist()
    return FolderImages(
        paths=tuple(paths[i][0] for i in order),
        labels=torch.tensor([paths[i][1] for i in order]),
        classes=classes,
        channels=channels,
        size=size,
    )


def passed_over(root: Path) -> dict[str, int]:
    """How many files of each ending lie among the images and are none, the most first."""
    folders = [_part_folder(root, part) for part in _FOLDERS]
    endings = Counter(
        path.suffix.lower() or "without an ending"
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix.lower() not in EXTENSIONS and not _is_hidden(path, folder) and path.is_file()
    )
    return dict(endings.most_common())


def square(image: UInt8[Tensor, "c h w"], size: int) -> UInt8[Tensor, "c s s"]:
    """The center square of an image whose shorter side was resized to ``size`` px."""
    from torchvision.transforms.v2.functional import center_crop, resize

    return center_crop(resize(image, [size], antialias=True), [size, size])


def _facts(paths: Sequence[Path]) -> list[tuple[str, str, int]]:
    """Class, name and size in bytes of each file."""
    return [(path.parent.name, path.name, path.stat().st_size) for path in paths]


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(name.startswith(".") for name in path.relative_to(folder).parts)


def _part_folder(root: Path, part: _Part) -> Path:
    folders = [root / name for name in _FOLDERS[part]]
    found = next((folder for folder in folders if folder.is_dir()), None)
    if found is None:
        others = f" (nor {' nor '.join(str(f) for f in folders[1:])})" if folders[1:] else ""
        raise BadData(
            f"{folders[0]}: no such folder{others}; put images into {folders[0]}/<class>/"
        )
    return found
