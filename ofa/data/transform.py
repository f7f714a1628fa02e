"""Random changes to single images, by torchvision, and mixtures of two.

torchvision draws from torch's global generator, so each image is changed under a state of its own,
which is put back afterwards: neither workers nor loading order change what an image becomes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from ofa.data.image_folder import square
from ofa.recipe import Augment


@contextmanager
def drawing(key: tuple[int, ...]) -> Iterator[None]:
    """Let torch's global CPU generator follow from ``key`` within the block alone."""
    seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)
    state = torch.Generator().manual_seed(seed).get_state()
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(state)
        yield


@dataclass(frozen=True, kw_only=True)
class ImageTransform:
    """Crop, color and RandAugment of one image."""

    augment: Augment
    size: int

    def __call__(
        self, image: UInt8[Tensor, "c h w"], key: tuple[int, ...]
    ) -> UInt8[Tensor, "c s s"]:
        """The image as ``key`` changes it, ``size`` px wide."""
        from torchvision.transforms import v2

        spec, size = self.augment, self.size
        with drawing(key):
            if spec.crop_min_area:
                crop = v2.RandomResizedCrop(size, scale=(spec.crop_min_area, 1), antialias=True)
                image = crop(image)
            else:
                image = square(image, size)
            if spec.color_jitter:
                image = v2.ColorJitter(*[spec.color_jitter] * 3)(image)
            if spec.randaugment_ops:
                image = v2.RandAugment(spec.randaugment_ops, spec.randaugment_magnitude)(image)
        return image


def image_transform(augment: Augment, size: int) -> ImageTransform | None:
    """What changes single images; ``None`` where nothing does, so that batches are made whole."""
    if augment.crop_min_area or augment.color_jitter or augment.randaugment_ops:
        return ImageTransform(augment=augment, size=size)
    return None


def mixed(
    images: Float[Tensor, "b c h w"],
    labels: Int64[Tensor, "b"],
    augment: Augment,
    key: tuple[int, ...],
    *,
    num_classes: int,
) -> tuple[Float[Tensor, "b c h w"], Int64[Tensor, "b"] | Float[Tensor, "b classes"]]:
    """A batch in which every image is mixed with another, and the shares of classes in each.

    Without mixup and CutMix in ``augment``, the batch as it is.
    """
    from torchvision.transforms import v2

    mixers = [
        mixer(alpha=alpha, num_classes=num_classes)
        for mixer, alpha in ((v2.MixUp, augment.mixup_alpha), (v2.CutMix, augment.cutmix_alpha))
        if alpha
    ]
    if not mixers:
        return images, labels
    with drawing(key):
        mixer = mixers[int(torch.randint(len(mixers), ()))]
        return mixer(images, labels)
