import numpy as np
import pytest

from ofa.data import load_cifar
from ofa.errors import BadData


@pytest.fixture
def cifar100(tmp_path):
    """Three training images and one test image, in CIFAR-100's binary form."""
    rows = np.random.default_rng(0).integers(0, 256, (4, 2 + 3072), dtype=np.uint8)
    rows[:, :2] = [[9, 1], [9, 0], [9, 1], [9, 0]]
    (tmp_path / "train.bin").write_bytes(rows[:3].tobytes())
    (tmp_path / "test.bin").write_bytes(rows[3:].tobytes())
    (tmp_path / "fine_label_names.txt").write_text("apple\nbear\n")
    return tmp_path, rows


def test_images_and_fine_labels_are_read_without_unpickling(cifar100):
    folder, rows = cifar100

    data = load_cifar("cifar100", "train", download=False, folder=folder)

    assert data.classes == ("apple", "bear")
    assert data.labels.tolist() == [1, 0, 1]
    assert np.array_equal(data.images.numpy().reshape(3, -1), rows[:3, 2:])


def test_a_file_cut_short_is_named(cifar100):
    folder, rows = cifar100
    (folder / "train.bin").write_bytes(rows[:3].tobytes()[:-1])

    with pytest.raises(BadData, match=r"train\.bin: not a CIFAR file"):
        load_cifar("cifar100", "train", download=False, folder=folder)


def test_where_it_was_sought_and_how_to_get_it_is_said(tmp_path):
    with pytest.raises(BadData, match=r"no: cifar10 is not there; .* --data\.download true"):
        load_cifar("cifar10", "test", download=False, folder=tmp_path / "no")
