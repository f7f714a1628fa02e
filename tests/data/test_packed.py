"""Packed images come back exactly, and hostile files are refused in bounded memory."""

import lzma
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ofa.data import packed as module
from ofa.data.packed import pack_images, pack_in_blocks, unpack_blocks, unpack_images
from ofa.errors import BadArtifact, BadData

HEADER_BYTES = 24


@pytest.fixture
def packed() -> bytes:
    return pack_images(_gradient(5, 3, 7, 4))


@settings(deadline=None, max_examples=30)
@given(
    images=st.tuples(
        st.integers(1, 4), st.sampled_from([1, 3]), st.integers(1, 9), st.integers(1, 9)
    ).flatmap(lambda shape: arrays(np.uint8, shape))
)
def test_images_come_back_bit_for_bit(images):
    unpacked = unpack_images(pack_images(images))

    assert unpacked.dtype == np.uint8
    assert unpacked.flags.c_contiguous
    np.testing.assert_array_equal(unpacked, images)


def test_unpacked_images_can_be_changed_in_place(packed):
    images = unpack_images(packed)

    images += 1

    np.testing.assert_array_equal(images, _gradient(5, 3, 7, 4) + 1)


def test_the_memory_layout_of_the_images_does_not_show_in_the_bytes(packed):
    channels_last = np.ascontiguousarray(_gradient(5, 3, 7, 4).transpose(0, 2, 3, 1))

    assert pack_images(channels_last.transpose(0, 3, 1, 2)) == packed


def test_smooth_images_take_a_fraction_of_their_bytes():
    images = _gradient(100, 1, 28, 28)

    assert len(pack_images(images)) < images.nbytes / 10


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 1, 4, 4), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((2, 2, 4, 4), np.uint8),
        np.zeros((0, 1, 4, 4), np.uint8),
        np.zeros((1, 1, 1, 4097), np.uint8),
    ],
)
def test_what_is_no_batch_of_small_images_is_not_packed(images):
    with pytest.raises(BadData, match=r"packing needs uint8\[n, c, h, w\]"):
        pack_images(images)


@pytest.mark.parametrize("num_bytes", [0, 7, HEADER_BYTES - 1])
def test_a_file_without_a_header_is_refused(packed, num_bytes):
    with pytest.raises(BadArtifact, match="does not hold packed images"):
        unpack_images(packed[:num_bytes])


def test_a_foreign_file_is_refused_by_its_name():
    with pytest.raises(BadArtifact, match=r"^test\.images: does not hold packed images"):
        unpack_images(b"\x89PNG\r\n\x1a\n" + bytes(100), where="test.images")


def test_a_file_cut_off_anywhere_is_refused(packed):
    for num_bytes in range(len(packed)):
        with pytest.raises(BadArtifact):
            unpack_images(packed[:num_bytes])


def test_a_flipped_bit_anywhere_is_noticed(packed):
    for position in range(len(packed)):
        changed = bytearray(packed)
        changed[position] ^= 0x10
        with pytest.raises(BadArtifact):
            unpack_images(bytes(changed))


def test_bytes_after_the_images_are_refused(packed):
    with pytest.raises(BadArtifact, match="exactly the 5 images of 3x7x4"):
        unpack_images(packed + b"more")


@pytest.mark.parametrize("num_images", [4, 6])
def test_a_header_that_miscounts_the_images_is_refused(packed, num_images):
    with pytest.raises(BadArtifact, match=f"exactly the {num_images} images"):
        unpack_images(_with_shape(packed, (num_images, 3, 7, 4)))


@pytest.mark.parametrize(
    "shape",
    [(2**32 - 1, 1, 28, 28), (0, 1, 28, 28), (1, 2, 28, 28), (1, 1, 0, 28), (1, 3, 5000, 1)],
)
def test_impossible_dimensions_are_refused_before_anything_is_decoded(packed, shape):
    claims = f"claims {shape[0]} images of {shape[1]}x{shape[2]}x{shape[3]}"

    with pytest.raises(BadArtifact, match=claims):
        unpack_images(_with_shape(packed, shape)[:HEADER_BYTES])


def test_a_decompression_bomb_is_refused_in_little_memory(packed):
    zeros = lzma.compress(bytes(2**26))
    bomb = _with_shape(packed, (1, 1, 8, 8))[:HEADER_BYTES] + zeros

    tracemalloc.start()
    with pytest.raises(BadArtifact, match="exactly the 1 images"):
        unpack_images(bomb)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 2**24


def test_a_stream_that_asks_for_a_huge_dictionary_is_refused(packed):
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**25, "mf": lzma.MF_HC3, "nice_len": 3}]
    stream = lzma.compress(bytes(64), filters=filters)
    header = _with_shape(packed, (1, 1, 8, 8))[:HEADER_BYTES]

    with pytest.raises(BadArtifact, match=r"is damaged \(Memory usage limit exceeded\)"):
        unpack_images(header + stream)


def _gradient(n: int, c: int, h: int, w: int) -> np.ndarray:
    index, channel, row, column = np.ogrid[:n, :c, :h, :w]
    return (3 * index + 50 * channel + 5 * row + 2 * column).astype(np.uint8)


@pytest.mark.parametrize(("num_images", "num_blocks"), [(3, 1), (4, 1), (5, 2), (11, 3)])
def test_many_images_come_back_from_their_blocks(monkeypatch, num_images, num_blocks):
    images = _gradient(num_images, 3, 7, 4)
    monkeypatch.setattr(module, "_BLOCK_BYTES", images[:4].nbytes)

    blocks = pack_in_blocks(images)

    assert len(blocks) == num_blocks
    np.testing.assert_array_equal(unpack_blocks(blocks), images)


def test_no_images_are_not_packed_in_blocks_either():
    with pytest.raises(BadData, match=r"packing needs uint8\[n, c, h, w\]"):
        pack_in_blocks(np.zeros((0, 1, 4, 4), np.uint8))


def test_blocks_of_images_of_different_shapes_are_refused(packed):
    with pytest.raises(BadArtifact, match=r"^here: its blocks hold images of different shapes"):
        unpack_blocks([packed, pack_images(_gradient(5, 3, 4, 7))], where="here")


def test_blocks_of_more_images_than_their_bytes_can_hold_are_refused(packed):
    claims = _with_shape(packed, (2**17, 1, 28, 28))  # 98 MiB each

    with pytest.raises(BadArtifact, match=r"or more than 268,435,456 bytes in all"):
        unpack_blocks([claims] * 3)


def _with_shape(packed: bytes, shape: tuple[int, int, int, int]) -> bytes:
    return packed[:8] + struct.pack("<4I", *shape) + packed[HEADER_BYTES:]
