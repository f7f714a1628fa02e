import pytest

from ofa.data import calibration_indices, split_training_images
from ofa.errors import BadData


def test_train_and_search_never_mix_and_lose_nothing():
    train, search = split_training_images(1000, num_search=200, seed=0)

    assert len(search) == 200
    assert sorted(train.tolist() + search.tolist()) == list(range(1000))


def test_the_split_depends_on_the_seed_alone():
    first = split_training_images(100, num_search=10, seed=4)[1]

    assert first.equal(split_training_images(100, num_search=10, seed=4)[1])
    assert not first.equal(split_training_images(100, num_search=10, seed=5)[1])


def test_calibration_images_are_training_images_in_a_recorded_order():
    train, _ = split_training_images(1000, num_search=200, seed=0)

    chosen = calibration_indices(train, num_calibration=64, seed=0)

    assert set(chosen.tolist()) <= set(train.tolist())
    assert chosen.tolist() == sorted(chosen.tolist())
    assert len(calibration_indices(train, num_calibration=5000, seed=0)) == 800


def test_something_must_be_left_to_train_on():
    with pytest.raises(BadData, match="60 of 60 training images cannot be held out"):
        split_training_images(60, num_search=60, seed=0)
