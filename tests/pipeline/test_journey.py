"""A whole journey tells what was asked, and what was chosen for whoever asked nothing."""

import shutil
from dataclasses import replace
from typing import get_args

import pytest

from ofa import pipeline
from ofa.checkpoint import (
    ACCURACY,
    SUPERNET,
    MeasuredArch,
    Precision,
    append_accuracy,
    read_supernet,
    write_supernet,
)
from ofa.errors import BadData
from ofa.pipeline.bundle import Wish
from ofa.recipe import Data
from ofa.shipped import shipped
from ofa.space import encoding_of


def test_a_twin_that_is_searched_within_the_knee_of_its_device_keeps_no_budget_that_was_asked(
    small_checkpoint, tmp_path
):
    supernet = small_checkpoint / SUPERNET
    encoding = encoding_of(read_supernet(supernet)[1].space)
    for precision, lost in zip(get_args(Precision), (0.0, 20.0), strict=True):
        for number, arch in enumerate(encoding.decode(encoding.enumerate())):
            record = MeasuredArch(arch=arch, top1=50.0 + number - lost, precision=precision)
            append_accuracy(small_checkpoint / ACCURACY, record, supernet=supernet)
        twin = shutil.copytree(shipped("devices") / "pixel4-cpu", tmp_path / precision)
        described = (twin / "device.yaml").read_text()
        own = described.replace("[pixel4]", "[]").replace("fp32", precision)
        (twin / "device.yaml").write_text(own)

    bundle = pipeline.specialize(
        device=str(tmp_path / "int8"), checkpoint=str(small_checkpoint), out=tmp_path / "run",
        wish=Wish(runtime="onnxruntime"), precisions=True,
    )  # fmt: skip

    assert bundle.manifest.target.precision == "fp32"
    assert bundle.manifest.budget_origin == "knee of the front"


def test_images_to_fine_tune_on_that_are_missing_show_before_the_search(small_checkpoint, tmp_path):
    tensors, notes = read_supernet(small_checkpoint / SUPERNET)
    data = Data(name="image_folder", root=str(tmp_path / "gone"))
    write_supernet(small_checkpoint / SUPERNET, tensors, replace(notes, data=data))

    with pytest.raises(BadData, match=r"gone/train: no such folder"):
        pipeline.specialize(
            device="pixel", checkpoint=str(small_checkpoint), out=tmp_path / "run",
            finetune_epochs=1,
        )  # fmt: skip

    assert not (tmp_path / "run").exists()
