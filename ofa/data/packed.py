"""Small images in one small file, without loss and without code inside.

Pixels run down the columns, image after image, through one xz stream, which learns statistics
across images. On the 10,000 Fashion-MNIST test images (28x28) that takes 361 bytes an image; xz
along rows takes 378, xz of Paeth residuals 383, PNG 389, lossless WebP 396, gzip 438.
"""

import lzma
import math
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate

import numpy as np
import torch
from jaxtyping import UInt8

from ofa.errors import BadArtifact, BadData

_HEADER = struct.Struct("<8s4I")
_MAGIC = b"OFAIMG\x00\x01"
_MAX_SIDE = 4096
_DICTIONARY_BYTES = 8 * 2**20
_DECODER_BYTES = 16 * 2**20
_BLOCK_BYTES = 64 * 2**20
_SMALL_BYTES = 2**28
_MOST_RATIO = 32  # of images to their packed form, where they take more
_FILTERS = [
    {
        "id": lzma.FILTER_LZMA2,
        "preset": 9 | lzma.PRESET_EXTREME,
        "dict_size": _DICTIONARY_BYTES,
        "lc": 4,  # the most context a literal can have: four bits of the pixel above it
        "lp": 0,
        "pb": 0,
    }
]


def pack_images(images: np.ndarray) -> bytes:
    """Images of one size as bytes; equal images give equal bytes under one version of liblzma.

    Args:
        images: uint8[n, c, h, w], of 1 or 3 channels.

    Raises:
        BadData: If they are something else, or none.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or not _is_legal(images.shape):
        raise BadData(
            f"images are {images.dtype}{list(images.shape)}, but packing needs uint8[n, c, h, w] "
            f"with n >= 1, c 1 or 3, and sides of 1 to {_MAX_SIDE} px; convert or resize them first"
        )
    columns = images.transpose(0, 1, 3, 2).tobytes()
    stream = lzma.compress(columns, format=lzma.FORMAT_XZ, filters=_FILTERS)
    return _HEADER.pack(_MAGIC, *images.shape) + stream


def unpack_images(
    data: bytes, *, where: str = "packed images", max_bytes: int = _SMALL_BYTES
) -> UInt8[np.ndarray, "n c h w"]:
    """The images that ``pack_images`` wrote.

    Never allocates more than twice ``max_bytes`` and 16 MiB, whatever the data say.

    Args:
        data: Content of the file.
        where: Name of the file, for the error.
        max_bytes: Most bytes the images may take once unpacked.

    Raises:
        BadArtifact: If the data are cut off, changed, foreign, or claim more than ``max_bytes``.
    """
    n, c, h, w = _claimed(data, where=where, max_bytes=max_bytes)
    num_bytes = math.prod((n, c, h, w))
    decoder = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_DECODER_BYTES)
    try:
        pixels = decoder.decompress(memoryview(data)[_HEADER.size :], max_length=num_bytes)
        # The checksum follows the last pixel; of a stream that is too long, one byte shows here.
        excess = b"" if decoder.eof else decoder.decompress(b"", max_length=1)
    except lzma.LZMAError as error:
        raise BadArtifact(f"{where}: is damaged ({error}); copy or make it again") from error
    if len(pixels) != num_bytes or excess or not decoder.eof or decoder.unused_data:
        raise BadArtifact(
            f"{where}: does not hold exactly the {n} images of {c}x{h}x{w} that its header claims; "
            "copy or make it again"
        )
    columns = np.frombuffer(pixels, dtype=np.uint8).reshape(n, c, w, h)
    return np.ascontiguousarray(columns.transpose(0, 1, 3, 2))


def pack_in_blocks(images: np.ndarray) -> list[bytes]:
    """Images in blocks of some 64 MiB, each as ``pack_images`` packs it, as many at once as cores.

    Raises:
        BadData: As of ``pack_images``.
    """
    size = max(1, _BLOCK_BYTES // max(images[:1].nbytes, 1))
    starts = range(0, max(len(images), 1), size)
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return list(pool.map(lambda start: pack_images(images[start : start + size]), starts))


def unpack_blocks(
    blocks: Sequence[bytes], *, where: str = "packed images"
) -> UInt8[np.ndarray, "n c h w"]:
    """The images that ``pack_in_blocks`` wrote.

    Raises:
        BadArtifact: As of ``unpack_images``; or if the blocks hold images of different shapes, or
            more than 256 MiB and 32 times their own bytes.
    """
    most = max(_SMALL_BYTES, _MOST_RATIO * sum(map(len, blocks)))
    shapes = [_claimed(block, where=where, max_bytes=_SMALL_BYTES) for block in blocks]
    shape = (sum(n for n, *_ in shapes), *shapes[0][1:])
    if len({claimed[1:] for claimed in shapes}) > 1 or math.prod(shape) > most:
        raise BadArtifact(
            f"{where}: its blocks hold images of different shapes, or more than {most:,} bytes in "
            "all; make the file again"
        )
    images = np.empty(shape, np.uint8)
    ends = list(accumulate(n for n, *_ in shapes))

    def fill(index: int) -> None:
        start = ends[index] - shapes[index][0]
        images[start : ends[index]] = unpack_images(blocks[index], where=where)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for _ in pool.map(fill, range(len(blocks))):
            pass
    return images


def _claimed(data: bytes, *, where: str, max_bytes: int) -> tuple[int, int, int, int]:
    """The shape that a header claims.

    Raises:
        BadArtifact: If it is missing, not legal, or takes more than ``max_bytes``.
    """
    if len(data) < _HEADER.size or not data.startswith(_MAGIC):
        raise BadArtifact(f"{where}: does not hold packed images; make the file again")
    _, n, c, h, w = _HEADER.unpack_from(data)
    if not _is_legal((n, c, h, w)) or math.prod((n, c, h, w)) > max_bytes:
        raise BadArtifact(
            f"{where}: claims {n} images of {c}x{h}x{w}, but only 1 or 3 channels, sides of 1 to "
            f"{_MAX_SIDE} px and {max_bytes:,} bytes in all are read; make the file again"
        )
    return n, c, h, w


def _is_legal(shape: tuple[int, ...]) -> bool:
    n, c, h, w = shape
    return n >= 1 and c in (1, 3) and 1 <= h <= _MAX_SIDE and 1 <= w <= _MAX_SIDE
