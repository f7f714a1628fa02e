"""Subnets are judged by the images of training; where these have changed, by none."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ofa.checkpoint import SupernetNotes
from ofa.data import load_splits
from ofa.errors import BadData
from ofa.evaluate import load_judges
from ofa.recipe import Data

RNG = np.random.default_rng(0)


def add_images(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        pixels = RNG.integers(0, RNG.integers(50, 256), (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")


@pytest.fixture
def root(tmp_path):
    for part, count in (("train", 20), ("test", 4)):
        for name in ("cat", "dog"):
            add_images(tmp_path / "photos" / part / name, range(count))
    return tmp_path / "photos"


@pytest.fixture
def notes(root, tiny_space):
    space = replace(tiny_space, num_classes=2)
    data = Data(name="image_folder", root=str(root), num_search=8)
    seen = load_splits(data, space).normalization
    return SupernetNotes(
        space=space, data=data, classes=("cat", "dog"), mean=seen.mean, std=seen.std, ofa="0"
    )


def test_images_as_they_were_in_training_are_divided_as_they_were(notes, tmp_path):
    judges = load_judges(tmp_path, notes)

    splits = load_splits(notes.data, notes.space)
    for split in ("calibration", "search", "test"):
        assert getattr(judges, split).digest() == getattr(splits, split).digest()


def test_images_added_since_training_are_refused_lest_trained_ones_judge(notes, root, tmp_path):
    add_images(root / "train" / "dog", range(20, 24))

    told = (
        r"photos: these are not the images that .* was trained on, their mean and standard "
        "deviation of pixels differ; bring those back, or train on yours"
    )
    with pytest.raises(BadData, match=told):
        load_judges(tmp_path, notes)


def test_a_class_in_the_place_of_another_is_refused(notes, root, tmp_path):
    for part in ("train", "test"):
        (root / part / "cat").rename(root / part / "wolf")

    with pytest.raises(BadData, match="their classes differ; bring those back"):
        load_judges(tmp_path, notes)


def test_statistics_that_another_machine_rounds_otherwise_are_the_same(notes, tmp_path):
    rounded = replace(notes, mean=tuple(round(mean + 1e-4, 4) for mean in notes.mean))

    assert len(load_judges(tmp_path, rounded).search) == 8
