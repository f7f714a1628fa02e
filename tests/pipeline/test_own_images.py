"""Images of the user's own beside weights that were not trained on them."""

import shutil

import pytest
from PIL import Image

from benchmarks.tiny_journey import write_images
from ofa import checkpoint as files
from ofa import pipeline
from ofa.checkpoint import append_accuracy, read_accuracy, read_supernet
from ofa.errors import BadArtifact
from ofa.evaluate import load_judges


@pytest.fixture
def images(tmp_path):
    write_images(tmp_path / "images")
    return tmp_path / "images"


def test_what_was_measured_on_other_images_is_refused_until_those_are_back(
    small_checkpoint, images, tmp_path
):
    path, supernet = small_checkpoint / files.ACCURACY, small_checkpoint / files.SUPERNET
    others = shutil.copytree(images, tmp_path / "others")
    some = next((others / "train").rglob("*.png"))
    Image.new("RGB", (16, 16), (9, 9, 9)).save(some)
    pipeline.pack_images(images, checkpoint=str(small_checkpoint))
    arch = read_supernet(supernet)[1].space.largest()
    append_accuracy(path, files.MeasuredArch(arch=arch, top1=50.0), supernet=supernet)

    pipeline.pack_images(others, checkpoint=str(small_checkpoint))

    with pytest.raises(BadArtifact, match=r"accuracy\.jsonl: was made from another supernet"):
        read_accuracy(path, supernet=supernet)
    pipeline.pack_images(images, checkpoint=str(small_checkpoint))
    assert len(read_accuracy(path, supernet=supernet)) == 1


def test_hidden_files_count_as_little_for_the_split_as_for_the_images(small_checkpoint, images):
    shown = list((images / "train").rglob("*.png"))
    for path in shown:
        (path.parent / f"._{path.name}").write_bytes(b"left behind by an archiver")

    pipeline.pack_images(images, checkpoint=str(small_checkpoint))

    notes = read_supernet(small_checkpoint / files.SUPERNET)[1]
    assert len(load_judges(small_checkpoint, notes).search) == len(shown) // 2
