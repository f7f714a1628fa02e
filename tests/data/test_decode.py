"""Files are seen as a viewer shows them."""

import struct

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2.functional import pil_to_tensor

from ofa.data.decode import decode
from ofa.errors import BadData

LEVELS = np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8)
GRAY = torch.from_numpy(LEVELS)[None]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("mode", "name"),
    [("L", "a.png"), ("RGB", "a.png"), ("P", "a.png"), ("1", "a.png"), ("RGB", "a.jpg"),
     ("CMYK", "a.jpg"), ("CMYK", "a.tif"), ("RGB", "a.ppm")],
)  # fmt: skip
def test_ordinary_images_are_what_pillow_makes_of_them(tmp_path, mode, name, channels):
    path = tmp_path / name
    Image.fromarray(np.stack([LEVELS, LEVELS.T.reshape(5, 7), 255 - LEVELS], -1)).convert(
        mode
    ).save(path)

    found = decode(path, channels=channels)

    plain = pil_to_tensor(Image.open(path).convert({1: "L", 3: "RGB"}[channels]))
    assert torch.equal(found, plain)


@pytest.mark.parametrize(
    ("levels", "name"),
    [
        (LEVELS.astype(np.uint16) * 257, "a.png"),
        (LEVELS.astype(np.uint16) * 257, "a.tif"),
        (LEVELS.astype(np.int32) * 257, "a.tif"),
    ],
)
def test_16_bits_are_brought_to_8(tmp_path, levels, name):
    Image.fromarray(levels).save(tmp_path / name)

    assert torch.equal(decode(tmp_path / name, channels=1), GRAY)
    assert torch.equal(decode(tmp_path / name, channels=3), GRAY.expand(3, -1, -1))


def test_16_bits_may_come_with_the_upper_ones_first(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 7 5 65535\n" + (LEVELS.astype(">u2") * 257).tobytes())

    assert torch.equal(decode(path, channels=1), GRAY)


def test_a_photo_is_turned_as_the_camera_was(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # its top is at the right
    Image.fromarray(LEVELS).save(tmp_path / "a.png", exif=exif)

    assert torch.equal(decode(tmp_path / "a.png", channels=1), torch.rot90(GRAY, -1, (1, 2)))


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "L"])
def test_what_is_transparent_is_white(tmp_path, mode):
    black = Image.new("LA", (2, 1), (0, 255))
    black.putpixel((1, 0), (0, 0))
    path = tmp_path / "a.png"
    if mode == "P":
        image = Image.new("P", (2, 1), 0)
        image.putpalette([0, 0, 0, 0, 0, 0])
        image.putpixel((1, 0), 1)
        image.save(path, transparency=1)
    elif mode == "L":
        image = Image.new("L", (2, 1), 0)
        image.putpixel((1, 0), 1)
        image.save(path, transparency=1)
    else:
        black.convert(mode).save(path)

    for channels in (1, 3):
        assert decode(path, channels=channels)[:, 0].tolist() == [[0, 255]] * channels


def test_half_transparent_is_half_white(tmp_path):
    Image.new("RGBA", (1, 1), (200, 0, 0, 128)).save(tmp_path / "a.png")

    assert decode(tmp_path / "a.png", channels=3).flatten().tolist() == [227, 127, 127]


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (Image.new("F", (2, 2), 0.5), "floating-point"),
        (Image.new("I", (2, 2), 70_000), "more than 16 bits"),
    ],
)
def test_levels_of_which_none_is_known_to_be_white_are_refused(tmp_path, image, problem):
    image.save(tmp_path / "a.tif")

    with pytest.raises(BadData, match=rf"a.tif: not a readable image \(.*{problem}.*; mend or"):
        decode(tmp_path / "a.tif", channels=1)


def test_a_broken_chunk_is_told_with_the_name_of_the_file(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(LEVELS).save(path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"IDAT", struct.pack(">I", 0x01020304)))

    with pytest.raises(BadData, match=r"a\.png: not a readable image"):
        decode(path, channels=1)
