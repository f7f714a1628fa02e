import pytest
import torch

from ofa.data import augmented
from ofa.recipe import Augment

IMAGES = torch.randint(1, 256, (64, 3, 12, 12), dtype=torch.uint8)


def generator():
    return torch.Generator().manual_seed(0)


def test_without_any_change_images_stay_as_they_are():
    spec = Augment(crop_padding=0, flip=False)

    assert torch.equal(augmented(IMAGES, spec, generator()), IMAGES)


def test_about_half_of_the_images_are_mirrored_each_as_a_whole():
    changed = augmented(IMAGES, Augment(crop_padding=0), generator())

    mirrored = (changed == IMAGES.flip(3)).all((1, 2, 3))
    untouched = (changed == IMAGES).all((1, 2, 3))
    assert (mirrored ^ untouched).all()
    assert 16 < mirrored.sum() < 48


@pytest.mark.parametrize("mode", ["reflect", "constant"])
def test_a_shifted_image_is_a_window_of_the_padded_one(mode):
    spec = Augment(crop_padding=2, padding_mode=mode, flip=False)

    changed = augmented(IMAGES, spec, generator())

    padded = torch.nn.functional.pad(IMAGES.float(), [2] * 4, mode=mode).byte()

    for image, whole in zip(changed, padded, strict=True):
        windows = whole.unfold(1, 12, 1).unfold(2, 12, 1)
        assert (windows == image[:, None, None]).all((0, 3, 4)).any()


def test_an_image_is_mirrored_as_often_as_a_wide_border_needs():
    row = torch.arange(3, dtype=torch.uint8).view(1, 1, 1, 3).expand(200, 1, 3, 3)

    changed = augmented(row, Augment(crop_padding=7, flip=False), generator())

    endless = [0, 1, 2, 1] * 9
    windows = {tuple(endless[start : start + 3]) for start in range(4)}
    assert {tuple(image[0, 0].tolist()) for image in changed} == windows


def test_an_erased_rectangle_covers_at_most_a_quarter():
    spec = Augment(crop_padding=0, flip=False, erase_probability=1.0)

    erased = (augmented(IMAGES, spec, generator()) == 0).all(1)

    shares = erased.float().mean((1, 2))
    assert (shares > 0).all()
    assert shares.max() < 0.26


def test_changes_depend_on_the_generator_alone():
    spec = Augment(erase_probability=0.5)

    assert torch.equal(augmented(IMAGES, spec, generator()), augmented(IMAGES, spec, generator()))
