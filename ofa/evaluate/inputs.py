"""Images as a network takes them, a chunk at a time.

What is kept of a resolution is bytes, a quarter of the floats that a network takes: ten thousand
images of 224 px are 1.5 GB.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ofa.data import ImageSet, Normalization, resized


@runtime_checkable
class Chunks(Protocol):
    """What a network computes on, some images at a time."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Float[Tensor, "m c h w"]: ...

    def __iter__(self) -> Iterator[Float[Tensor, "m c h w"]]: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class InputChunks:
    """Normalized images of one resolution, in their recorded order; made when they are asked for.

    Attributes:
        pixels: The images, resized.
        size: Images a chunk; the last one may have fewer.
        device: Where the chunks are needed.
    """

    pixels: UInt8[Tensor, "n c r r"]
    size: int
    normalization: Normalization
    device: torch.device

    def __len__(self) -> int:
        return -(-len(self.pixels) // self.size)

    def __getitem__(self, index: int, /) -> Float[Tensor, "m c r r"]:
        chunk = self.pixels[index * self.size : (index + 1) * self.size]
        inputs = self.normalization(chunk.to(self.device))
        if is_channels_last(self.device):
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return inputs

    def __iter__(self) -> Iterator[Float[Tensor, "m c r r"]]:
        return (self[index] for index in range(len(self)))


def is_channels_last(device: torch.device) -> bool:
    """Whether convolutions in float32 want their numbers in this order: oneDNN's do."""
    return device.type == "cpu"


@lru_cache(maxsize=4)
def pixels_at(images: ImageSet, resolution: int) -> UInt8[Tensor, "n c r r"]:
    """All images at a resolution; the last few sets are remembered."""
    return resized(images.images, resolution)
