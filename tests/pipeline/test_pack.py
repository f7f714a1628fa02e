"""Packing a checkpoint loses nothing that lies where it is packed to."""

import shutil

import pytest

from ofa import pipeline
from ofa.errors import BadArtifact


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_checkpoint_is_not_packed_into_its_own_folder(checkpoint):
    before = contents(checkpoint)

    with pytest.raises(BadArtifact, match="is the checkpoint to pack; choose another --out"):
        pipeline.pack(checkpoint=str(checkpoint), out=checkpoint)

    assert contents(checkpoint) == before


@pytest.mark.parametrize("name", ["last.ckpt", "logs/version_0/metrics.csv", "images/rows/0.png"])
def test_a_folder_that_holds_anything_else_is_refused_by_its_name_and_stays(
    checkpoint, tmp_path, name
):
    out = tmp_path / "out"
    shutil.copytree(checkpoint, out)
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).write_text("the only copy")
    before = contents(out)

    with pytest.raises(BadArtifact, match=rf"out: holds {name}, which is no part of a packed"):
        pipeline.pack(checkpoint=str(checkpoint), out=out)

    assert contents(out) == before


def test_an_older_packed_checkpoint_is_replaced(checkpoint, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(checkpoint, out)
    (out / "accuracy").mkdir()
    (out / "accuracy" / "2-of-2.jsonl").write_text("measured by a process beside another")

    pipeline.pack(checkpoint=str(checkpoint), out=out)

    assert {path.relative_to(out) for path in contents(out)} == {
        path.relative_to(checkpoint) for path in contents(checkpoint)
    }
