"""Random changes to whole batches of training images, drawn from a seeded generator."""

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor

from ofa.recipe import Augment


def augmented(
    images: UInt8[Tensor, "n c h w"], spec: Augment, generator: torch.Generator
) -> UInt8[Tensor, "n c h w"]:
    """Images shifted, mirrored and erased, each on its own draw.

    Args:
        generator: A CPU generator, so that draws do not depend on where the images lie.
    """
    n, _, height, width = images.shape
    padding = spec.crop_padding
    shifts = torch.randint(0, 2 * padding + 1, (2, n), generator=generator)
    mirrored = torch.rand(n, generator=generator) < (0.5 if spec.flip else 0.0)
    rows = torch.arange(height)[None, :] + shifts[0][:, None]
    columns = torch.arange(width)[None, :]
    columns = torch.where(mirrored[:, None], width - 1 - columns, columns) + shifts[1][:, None]
    if spec.padding_mode == "constant":
        images = F.pad(images, [padding] * 4)
    else:
        rows, columns = _reflected(rows - padding, height), _reflected(columns - padding, width)
    device = images.device
    index = torch.arange(n, device=device)[:, None, None]
    shifted = images[index, :, rows.to(device)[:, :, None], columns.to(device)[:, None, :]]
    result = shifted.permute(0, 3, 1, 2)
    if spec.erase_probability:
        boxes = _boxes(n, height, width, spec.erase_probability, generator).to(device)
        result = result.masked_fill(boxes[:, None], 0)
    return result


def _reflected(index: Tensor, size: int) -> Tensor:
    """Any index as one within ``size``, going back and forth between the first and the last."""
    period = max(2 * (size - 1), 1)
    index = index % period
    return torch.minimum(index, period - index)


def _boxes(
    n: int, height: int, width: int, probability: float, generator: torch.Generator
) -> Tensor:
    """Masks of one rectangle an image: 2 to 20 % of its area, sides 1:3 to 3:1."""
    u = torch.rand(5, n, generator=generator)
    area = (0.02 + 0.18 * u[0]) * height * width
    aspect = torch.exp((2 * u[1] - 1) * torch.log(torch.tensor(3.0)))
    box_height = (area * aspect).sqrt().round().clamp(1, height)
    box_width = (area / aspect).sqrt().round().clamp(1, width)
    top = (u[2] * (height - box_height + 1)).floor()
    left = (u[3] * (width - box_width + 1)).floor()
    y, x = torch.arange(height), torch.arange(width)
    inside_y = (y >= top[:, None]) & (y < (top + box_height)[:, None])
    inside_x = (x >= left[:, None]) & (x < (left + box_width)[:, None])
    chosen = u[4] < probability
    return inside_y[:, :, None] & inside_x[:, None, :] & chosen[:, None, None]
