"""A recipe that trains for real in seconds, and a checkpoint to search."""

import shutil
from dataclasses import replace

import pytest
from PIL import Image

from benchmarks.tiny_journey import SPACE, write_checkpoint
from ofa import checkpoint as files
from ofa.recipe import Data, Phase, Recipe, Train
from ofa.supernets import build_supernet


@pytest.fixture
def recipe(tmp_path, tiny_space):
    root = tmp_path / "images"
    for part in ("train", "test"):
        for shade, name in ((40, "dark"), (200, "light")):
            folder = root / part / name
            folder.mkdir(parents=True)
            for index in range(16):
                Image.new("RGB", (16, 16), (shade + index,) * 3).save(folder / f"{index}.png")
    phase = Phase(name="all", epochs=2, learning_rate=0.05)
    return Recipe(
        space=replace(tiny_space, num_classes=2),
        data=Data(name="image_folder", root=str(root), num_search=8, num_calibration=16),
        train=Train(phases=(phase,), batch_size=8, threads=1, accelerator="cpu"),
    )


@pytest.fixture
def checkpoint(fitted, tmp_path):
    """A copy of it to change."""
    return shutil.copytree(fitted, tmp_path / "checkpoint")


@pytest.fixture
def small_checkpoint(tmp_path):
    """A checkpoint whose space holds 18 subnets, none of them measured."""
    folder = tmp_path / "small"
    write_checkpoint(folder, num_measured=0)
    space = replace(SPACE, kernel_sizes=(3,), depths=(1,))
    notes = replace(files.read_supernet(folder / files.SUPERNET)[1], space=space)
    tensors = {name: value.numpy() for name, value in build_supernet(space).state_dict().items()}
    files.write_supernet(folder / files.SUPERNET, tensors, notes)
    return folder
