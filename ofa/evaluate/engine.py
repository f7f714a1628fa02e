"""Images as an engine takes them, and its logits on all of them."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Shaped
from torch import Tensor

from ofa.data import resized

CHUNK_SIZE = 250

Logits = Float32[np.ndarray, "n classes"]
Forward = Callable[[np.ndarray], Logits]


def engine_images(images: Tensor, *, resolution: int, input_type: str) -> np.ndarray:
    """Raw images as an engine takes them."""
    pixels = resized(images, resolution).numpy()
    return pixels if input_type == "uint8" else pixels.astype(np.float32) / np.float32(255)


def run_in_chunks(
    logits: Forward, images: Shaped[np.ndarray, "n c h w"], *, chunk_size: int = CHUNK_SIZE
) -> Logits:
    """Logits of all images, computed ``chunk_size`` at a time to bound memory."""
    starts = range(0, len(images), chunk_size)
    return np.concatenate([logits(images[start : start + chunk_size]) for start in starts])
