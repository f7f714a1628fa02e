import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from ofa import artifacts
from ofa.checkpoint import (
    MeasuredArch,
    SupernetNotes,
    append_accuracy,
    read_accuracy,
    read_supernet,
    write_supernet,
)
from ofa.errors import BadArtifact
from ofa.recipe import Data


@pytest.fixture
def notes(tiny_space):
    return SupernetNotes(
        space=tiny_space,
        data=Data(),
        classes=tuple("abcd"),
        mean=(0.5,) * 3,
        std=(0.2,) * 3,
        ofa="0.1.0",
    )


@pytest.fixture
def supernet_file(tmp_path, notes):
    path = tmp_path / "supernet.safetensors"
    write_supernet(path, {"w": np.ones(3, np.float32)}, notes)
    return path


def test_a_supernet_file_knows_its_space_and_its_labels(supernet_file, notes):
    tensors, read = read_supernet(supernet_file)

    assert read == notes
    assert list(tensors) == ["w"]


def test_weights_without_notes_are_no_supernet(tmp_path):
    path = tmp_path / "w.safetensors"
    artifacts.write_tensors(path, {"w": np.ones(1)}, {})

    with pytest.raises(BadArtifact, match="holds no notes of a supernet"):
        read_supernet(path)


def test_class_names_must_fit_the_space(tmp_path, notes):
    body = asdict(notes) | {"classes": ["a"]}
    path = tmp_path / "w.safetensors"
    artifacts.write_tensors(path, {"w": np.ones(1)}, {"ofa": json.dumps(body)})

    with pytest.raises(BadArtifact, match="1 class names, but the space has 4"):
        read_supernet(path)


def test_measured_archs_are_appended_and_read_back_once_each(tmp_path, supernet_file, tiny_space):
    path = tmp_path / "accuracy.jsonl"
    first = MeasuredArch(arch=tiny_space.largest(), top1=91.25)
    second = MeasuredArch(arch=tiny_space.smallest(), top1=88.0)

    for record in (first, second, first):
        append_accuracy(path, record, supernet=supernet_file)

    assert read_accuracy(path, supernet=supernet_file) == [first, second]


def test_no_file_means_nothing_was_measured_yet(tmp_path, supernet_file):
    assert read_accuracy(tmp_path / "none.jsonl", supernet=supernet_file) == []


def test_accuracies_of_other_weights_are_refused(tmp_path, supernet_file, notes):
    path = tmp_path / "accuracy.jsonl"
    record = MeasuredArch(arch=notes.space.largest(), top1=91.25)
    append_accuracy(path, record, supernet=supernet_file)
    write_supernet(supernet_file, {"w": np.zeros(3, np.float32)}, notes)

    with pytest.raises(BadArtifact, match="made from another supernet"):
        read_accuracy(path, supernet=supernet_file)


def test_an_arch_that_the_space_does_not_hold_is_refused_by_file_and_line(
    tmp_path, supernet_file, tiny_space
):
    path = tmp_path / "accuracy.jsonl"
    strange = replace(tiny_space.largest(), resolution=20)
    for arch in (tiny_space.largest(), strange):
        append_accuracy(path, MeasuredArch(arch=arch, top1=90.0), supernet=supernet_file)

    told = r"accuracy\.jsonl, line 3: arch resolution: 20 is not one of .*; remove the line"
    with pytest.raises(BadArtifact, match=told):
        read_accuracy(path, supernet=supernet_file)
