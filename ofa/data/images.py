"""Images in memory: decoded once, kept as bytes, resized once per resolution.

An image at a resolution is a uint8 image here, everywhere: what training's validation,
recalibration, search and the shipped engine see at 22 px are the same bytes.
"""

import hashlib
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from ofa.errors import BadData


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """Labeled images.

    Attributes:
        images: Raw pixels.
        labels: Index into ``classes`` of each image.
        classes: Name of each label.
    """

    images: UInt8[Tensor, "n c h w"]
    labels: Int64[Tensor, "n"]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise BadData(f"{len(self.images)} images, but {len(self.labels)} labels")
        if len(self.labels) and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < len(
            self.classes
        ):
            raise BadData(
                f"labels go up to {int(self.labels.max())}, but there are "
                f"{len(self.classes)} classes"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, index: int) -> UInt8[Tensor, "c h w"]:
        """One image."""
        return self.images[index]

    def batch(self, indices: Int64[Tensor, "m"]) -> UInt8[Tensor, "m c h w"]:
        """Several images."""
        return self.images[indices]

    def digest(self) -> str:
        """SHA-256 of pixels and labels."""
        pixels = hashlib.sha256(self.images.contiguous().numpy().data)
        pixels.update(self.labels.contiguous().numpy().data)
        return pixels.hexdigest()

    def take(self, indices: Int64[Tensor, "m"]) -> "ImageSet":
        """The images at ``indices``, in that order."""
        return ImageSet(
            images=self.images[indices], labels=self.labels[indices], classes=self.classes
        )


@dataclass(frozen=True, kw_only=True)
class Normalization:
    """What turns pixels into a network's input: ``(pixel / 255 - mean) / std``, a channel each.

    Attributes:
        mean: Mean pixel, as a share of 255.
        std: Standard deviation of a pixel, as a share of 255.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        mean = torch.tensor(self.mean, device=images.device).view(-1, 1, 1)
        std = torch.tensor(self.std, device=images.device).view(-1, 1, 1)
        return images.float().div_(255).sub_(mean).div_(std)


def measure_normalization(images: UInt8[Tensor, "n c h w"]) -> Normalization:
    """Mean and standard deviation of each channel, from exact integer sums; rounded to 4 digits."""
    pixels = images.shape[0] * images.shape[2] * images.shape[3]
    levels = torch.arange(256, dtype=torch.float64)
    mean, std = [], []
    for channel in range(images.shape[1]):
        counts = torch.zeros(256, dtype=torch.float64)
        for part in images[:, channel].split(1000):  # a channel is copied to be counted
            counts += torch.bincount(part.flatten(), minlength=256)
        average = float((counts * levels).sum() / pixels)
        variance = float((counts * (levels - average) ** 2).sum() / pixels)
        mean.append(round(average / 255, 4))
        std.append(max(round(variance**0.5 / 255, 4), 1e-3))
    return Normalization(mean=tuple(mean), std=tuple(std))


def resized(images: UInt8[Tensor, "n c h w"], resolution: int) -> UInt8[Tensor, "n c r r"]:
    """Square images resized to ``resolution`` px: bilinear, antialiased, rounded to bytes."""
    from torchvision.transforms.v2.functional import resize

    if images.shape[-1] == resolution and images.shape[-2] == resolution:
        return images
    return resize(images, [resolution, resolution], antialias=True)
