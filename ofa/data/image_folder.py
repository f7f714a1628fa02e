"""Anybody's images: one folder a class, decoded once into memory."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from ofa.data.images import ImageSet
from ofa.errors import BadData

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff")


def load_image_folder(
    root: Path, *, part: str, channels: int, size: int, threads: int = 2
) -> ImageSet:
    """Images of ``root/part/<class>/*``, each class a folder, classes in alphabetical order.

    Each image is resized so that its shorter side is ``size`` px, then cropped to the center
    square.

    Raises:
        BadData: If a folder is missing or empty, an image is unreadable, or all do not fit in
        memory.
    """
    folder = root / part
    if not folder.is_dir():
        raise BadData(f"{folder}: no such folder; put images into {folder}/<class>/")
    classes = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir()))
    if len(classes) < 2:
        raise BadData(f"{folder}: holds {len(classes)} class folders, but 2 or more are needed")
    paths = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in EXTENSIONS
    ]
    missing = sorted(set(range(len(classes))) - {label for _, label in paths})
    if missing:
        raise BadData(
            f"{folder / classes[missing[0]]}: holds no image ({', '.join(EXTENSIONS)}); "
            "add some or remove the folder"
        )
    try:
        images = torch.empty(len(paths), channels, size, size, dtype=torch.uint8)
    except RuntimeError as error:
        gigabytes = len(paths) * channels * size**2 / 1e9
        raise BadData(
            f"{folder}: {len(paths)} images of {size} px need {gigabytes:.1f} GB of memory, more "
            "than there is; use fewer images or smaller space.resolutions"
        ) from error

    def decode(index: int) -> None:
        images[index] = _decode(paths[index][0], channels=channels, size=size)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(decode, range(len(paths))):
            pass
    return ImageSet(
        images=images, labels=torch.tensor([label for _, label in paths]), classes=classes
    )


def _decode(path: Path, *, channels: int, size: int) -> Tensor:
    from PIL import Image, UnidentifiedImageError
    from torchvision.transforms.v2.functional import center_crop, pil_to_tensor, resize

    try:
        with Image.open(path) as file:
            image = pil_to_tensor(file.convert({1: "L", 3: "RGB"}[channels]))
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        raise BadData(f"{path}: not a readable image ({error}); mend or remove it") from error
    return center_crop(resize(image, [size], antialias=True), [size, size])
