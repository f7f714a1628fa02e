"""Subnets are judged by the images of training; where these have changed, by none."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ofa import artifacts
from ofa.checkpoint import SupernetNotes
from ofa.data import load_splits
from ofa.data.decode import decode
from ofa.errors import BadArtifact, BadData
from ofa.evaluate import load_judges, write_judges
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
    data = Data(name="image_folder", root=str(root), num_search=8, num_calibration=12)
    splits = load_splits(data, space)
    seen = splits.normalization
    return SupernetNotes(
        space=space,
        data=data,
        classes=("cat", "dog"),
        mean=seen.mean,
        std=seen.std,
        ofa="0",
        files=splits.files,
    )


@pytest.fixture
def decoded(monkeypatch):
    """Paths of the images decoded since."""
    paths = []

    def recorded(path, **settings):
        paths.append(path)
        return decode(path, **settings)

    monkeypatch.setattr("ofa.data.image_folder.decode", recorded)
    return paths


def test_images_as_they_were_in_training_are_divided_as_they_were(notes, tmp_path):
    judges = load_judges(tmp_path, notes)

    splits = load_splits(notes.data, notes.space)
    for split in ("calibration", "search", "test"):
        assert getattr(judges, split).digest() == getattr(splits, split).digest()


def test_no_image_is_decoded_that_judges_nothing(notes, tmp_path, decoded):
    judges = load_judges(tmp_path, notes)

    assert len(set(decoded)) == len(decoded) == 8 + 12
    assert len(judges.test) == len(decoded) - (8 + 12) == 8


@pytest.mark.parametrize("files", [None, "of other files"])
def test_images_of_files_that_nobody_noted_are_known_by_all_their_pixels(
    notes, tmp_path, decoded, files
):
    judges = load_judges(tmp_path, replace(notes, files=files))

    assert len(decoded) == 40
    assert judges.search.digest() == load_splits(notes.data, notes.space).search.digest()


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


@pytest.fixture
def packed(notes, tmp_path):
    """A checkpoint folder whose images are packed."""
    write_judges(tmp_path / "packed", load_judges(tmp_path, notes))
    return tmp_path / "packed"


def test_images_that_take_several_blocks_are_read_as_they_were(notes, tmp_path, monkeypatch):
    judges = load_judges(tmp_path, notes)
    monkeypatch.setattr("ofa.data.packed._BLOCK_BYTES", 5 * 3 * 16 * 16)

    write_judges(tmp_path / "packed", judges)

    names = artifacts.read_tensors(tmp_path / "packed" / "images" / "calibration.safetensors")[0]
    assert sorted(names) == ["images", "images.1", "images.2", "labels"]
    found = load_judges(tmp_path / "packed", notes)
    for split in ("calibration", "search", "test"):
        assert getattr(found, split).digest() == getattr(judges, split).digest()


def test_a_missing_block_is_told(notes, packed, monkeypatch):
    path = packed / "images" / "search.safetensors"
    tensors, _ = artifacts.read_tensors(path)
    artifacts.write_tensors(path, tensors | {"images.2": tensors["images"]}, {})

    with pytest.raises(BadArtifact, match="does not hold packed images and their labels"):
        load_judges(packed, notes)


def test_test_images_that_are_damaged_show_when_they_are_used(notes, packed):
    path = packed / "images" / "test.safetensors"
    path.write_bytes(path.read_bytes()[:-9])

    judges = load_judges(packed, notes)

    assert len(judges.search) == 8
    with pytest.raises(BadArtifact, match=r"test\.safetensors: not a readable safetensors file"):
        _ = judges.test
