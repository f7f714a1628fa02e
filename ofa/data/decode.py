"""An image file as 8-bit pixels, as a viewer shows it: upright, on white where it is transparent.

Left alone, Pillow clips 16 bits to white, forgets how the camera was held, and shows what lies
beneath transparency. ``run.py`` of a bundle decodes as is done here, and a test compares the two.
"""

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from ofa.errors import BadData

if TYPE_CHECKING:
    from PIL.Image import Image

_MODES = {1: "L", 3: "RGB"}


def decode(path: Path, *, channels: int) -> UInt8[Tensor, "c h w"]:
    """The pixels of an image file, of any shape; of 16 bits, the upper 8.

    Args:
        channels: 1 makes it gray, 3 color.

    Raises:
        BadData: If the file is no readable image, or nobody can tell which of its levels is white.
    """
    from PIL import Image, ImageOps
    from torchvision.transforms.v2.functional import pil_to_tensor

    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)
        return pil_to_tensor(_opaque(_of_8_bits(image)).convert(_MODES[channels]))
    except (
        OSError,
        SyntaxError,  # a broken chunk of a PNG
        ValueError,
        struct.error,
        Image.DecompressionBombError,
    ) as error:
        raise BadData(f"{path}: not a readable image ({error}); mend or remove it") from error


def _of_8_bits(image: "Image") -> "Image":
    from PIL import Image

    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers; save it with 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image
    levels = np.asarray(image)
    if levels.min() < 0 or levels.max() >= 2**16:
        raise ValueError("its pixels need more than 16 bits; save it with 8 or 16 bits")
    return Image.fromarray((levels >> 8).astype(np.uint8))


def _opaque(image: "Image") -> "Image":
    from PIL import Image

    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
