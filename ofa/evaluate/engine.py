"""Images as an engine takes them, and its logits on all of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Float32, Shaped, UInt8
from torch import Tensor

from ofa.data import resized
from ofa.runtime import AbstractSession

CHUNK_SIZE = 250
_SMALL_CHUNK_SIZE = 32  # of which there are many in hand at once

Logits = Float32[np.ndarray, "n classes"]
Forward = Callable[[np.ndarray], Logits]


def engine_images(images: Tensor, *, resolution: int, input_type: str) -> np.ndarray:
    """Raw images as an engine takes them."""
    return _engine_input(resized(images, resolution).numpy(), input_type)


def _engine_input(pixels: UInt8[np.ndarray, "n c r r"], input_type: str) -> np.ndarray:
    """Pixels at an engine's resolution as it takes them: bytes, or floats from 0 to 1."""
    return pixels if input_type == "uint8" else pixels.astype(np.float32) / np.float32(255)


def run_in_chunks(
    logits: Forward,
    images: Shaped[np.ndarray, "n c h w"],
    *,
    chunk_size: int = CHUNK_SIZE,
    threads: int = 1,
) -> Logits:
    """Logits of all images, computed ``chunk_size`` at a time to bound memory.

    Args:
        threads: How many chunks to compute at once.
    """
    chunks = [images[start : start + chunk_size] for start in range(0, len(images), chunk_size)]
    if threads == 1:  # in this thread, since torch computes with other numbers of cores in others
        return np.concatenate([logits(chunk) for chunk in chunks])
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(logits, chunks)))


def run_engine(
    session: AbstractSession,
    images: Shaped[np.ndarray, "n c r r"],
    *,
    input_type: str | None = None,
) -> Logits:
    """Logits of an engine on all images; on all cores, if several threads may run it.

    Args:
        images: As the engine takes them; pixels, if ``input_type`` is given.
        input_type: What to make of each chunk of pixels.
    """
    is_shared = session.is_thread_safe

    def logits(chunk: np.ndarray) -> Logits:
        return session.run(_engine_input(chunk, input_type) if input_type else chunk)

    return run_in_chunks(
        logits,
        images,
        chunk_size=_SMALL_CHUNK_SIZE if is_shared else CHUNK_SIZE,
        threads=torch.get_num_threads() if is_shared else 1,
    )
