import torch

from ofa.data import ImageSet, Normalization, resized
from ofa.evaluate.inputs import InputChunks, pixels_at

NORMALIZATION = Normalization(mean=(0.5, 0.4, 0.3), std=(0.25, 0.2, 0.3))


def image_set(num: int) -> ImageSet:
    generator = torch.Generator().manual_seed(num)
    images = torch.randint(0, 256, (num, 3, 16, 16), generator=generator, dtype=torch.uint8)
    return ImageSet(images=images, labels=torch.zeros(num, dtype=torch.int64), classes=("a",))


def test_chunks_hold_what_normalizing_all_images_at_once_gives():
    images = image_set(70)
    chunks = InputChunks(
        pixels=pixels_at(images, 12),
        size=32,
        normalization=NORMALIZATION,
        device=torch.device("cpu"),
    )

    for _ in range(2):  # a pass leaves them as they were
        assert [len(chunk) for chunk in chunks] == [32, 32, 6]
        assert torch.equal(torch.cat(list(chunks)), NORMALIZATION(resized(images.images, 12)))


def test_images_are_kept_as_bytes_and_resized_once():
    images = image_set(9)

    assert pixels_at(images, 12) is pixels_at(images, 12)
    assert pixels_at(images, 12).dtype == torch.uint8
