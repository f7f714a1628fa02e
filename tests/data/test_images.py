import pytest
import torch

from ofa.data import ImageSet, Normalization, measure_normalization, resized
from ofa.errors import BadData


def test_normalization_is_measured_exactly_and_makes_unit_statistics():
    images = torch.randint(0, 256, (50, 2, 8, 8), dtype=torch.uint8)
    images[:, 1] //= 4

    inputs = measure_normalization(images)(images)

    torch.testing.assert_close(inputs.mean((0, 2, 3)), torch.zeros(2), atol=2e-3, rtol=0)
    torch.testing.assert_close(inputs.std((0, 2, 3)), torch.ones(2), atol=2e-3, rtol=0)


def test_normalization_is_that_of_the_engine():
    images = torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)

    inputs = Normalization(mean=(0.2,), std=(0.4,))(images)

    torch.testing.assert_close(inputs.flatten(), torch.tensor([-0.5, 0.0, 2.0]))


def test_resizing_gives_bytes_and_does_not_depend_on_the_batch():
    images = torch.randint(0, 256, (9, 3, 28, 28), dtype=torch.uint8)

    small = resized(images, 22)

    assert small.dtype == torch.uint8
    assert small.shape == (9, 3, 22, 22)
    assert torch.equal(small[4:5], resized(images[4:5], 22))


def test_labels_must_have_a_class():
    with pytest.raises(BadData, match="labels go up to 3, but there are 2 classes"):
        ImageSet(
            images=torch.zeros(2, 1, 4, 4, dtype=torch.uint8),
            labels=torch.tensor([0, 3]),
            classes=("a", "b"),
        )
