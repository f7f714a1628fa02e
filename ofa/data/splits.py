"""Three splits that never mix: train, search (held out of the training images), test."""

import torch
from jaxtyping import Int64
from torch import Tensor

from ofa.errors import BadData


def split_training_images(
    num_images: int, *, num_search: int, seed: int
) -> tuple[Int64[Tensor, "train"], Int64[Tensor, "search"]]:
    """Indices of the train and of the search split, each ascending.

    Raises:
        BadData: If nothing would be left to train on.
    """
    if num_search >= num_images:
        raise BadData(
            f"data.num_search: {num_search} of {num_images} training images cannot be held out; "
            f"use at most {num_images // 2}"
        )
    order = torch.randperm(num_images, generator=torch.Generator().manual_seed(seed))
    return order[num_search:].sort().values, order[:num_search].sort().values


def calibration_indices(
    train_indices: Int64[Tensor, "train"], *, num_calibration: int, seed: int
) -> Int64[Tensor, "calibration"]:
    """Training images that recalibrate batch norm, ascending; all if there are fewer."""
    generator = torch.Generator().manual_seed(seed + 1)
    chosen = torch.randperm(len(train_indices), generator=generator)[:num_calibration]
    return train_indices[chosen].sort().values
