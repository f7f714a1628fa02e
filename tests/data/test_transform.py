import pytest
import torch

from ofa.data import drawing, image_transform, mixed
from ofa.recipe import Augment

IMAGE = torch.randint(0, 256, (3, 20, 30), dtype=torch.uint8)


def test_without_changes_to_single_images_there_is_no_transform():
    assert image_transform(Augment(), 16) is None


@pytest.mark.parametrize(
    "augment",
    [Augment(crop_min_area=0.1), Augment(color_jitter=0.4), Augment(randaugment_ops=2)],
    ids=["crop", "color", "randaugment"],
)
def test_what_an_image_becomes_depends_on_its_key_alone(augment):
    transform = image_transform(augment, 16)
    assert transform is not None
    before = torch.get_rng_state()

    first, again, other = (transform(IMAGE, (0, 1, key)) for key in (5, 5, 6))

    assert first.shape == (3, 16, 16)
    assert first.dtype == torch.uint8
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_drawing_leaves_the_global_generator_as_it_was():
    with drawing((1, 2)):
        one = torch.rand(3)
    expected = torch.rand(3)
    with drawing((1, 2)):
        assert torch.equal(torch.rand(3), one)
    assert not torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("augment", [Augment(mixup_alpha=1.0), Augment(cutmix_alpha=1.0)])
def test_labels_are_mixed_as_their_images_are(augment):
    labels = torch.arange(4)
    images = torch.eye(4)[:, :, None, None].expand(4, 4, 8, 8).contiguous()  # a channel a class

    changed, shares = mixed(images, labels, augment, (0, 3), num_classes=4)

    assert shares.shape == (4, 4)
    torch.testing.assert_close(changed.mean((2, 3)), shares, atol=1e-6, rtol=0)
    assert not torch.equal(shares, torch.eye(4))
