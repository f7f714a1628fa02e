"""A bottleneck supernet walks the whole journey, as an inverted-residual one does."""

from dataclasses import replace

import pytest

from ofa import pipeline
from ofa.checkpoint import read_accuracy, read_supernet, write_supernet
from ofa.cli import main
from ofa.deploy import load_bundle
from ofa.errors import BadData
from ofa.recipe import Augment, Data, Phase, Recipe, Train
from ofa.run_files import read_front
from ofa.space import ResNetArch, ResNetSpace, ResNetStage

SPACE = ResNetSpace(
    num_classes=2,
    resolutions=(24, 32),
    expand_ratios=(0.25, 0.5),
    width_ratios=(0.5, 1.0),
    stem_width=16,
    stages=(
        ResNetStage(width=32, stride=1, depths=(1, 2)),
        ResNetStage(width=64, stride=2, depths=(1, 2)),
    ),
)


@pytest.fixture(scope="module")
def run(striped_images, tmp_path_factory):
    """A run folder with a supernet of elastic depth, expand ratio and stage width."""
    out = tmp_path_factory.mktemp("run")
    recipe = Recipe(
        space=SPACE,
        data=Data(name="image_folder", root=str(striped_images), num_search=60, num_calibration=64),
        train=Train(
            batch_size=16,
            threads=1,
            validate_every=6,
            augment=Augment(crop_padding=0, flip=False),
            phases=(Phase(name="all", epochs=6, learning_rate=0.05),),
        ),
    )
    pipeline.train(recipe, out=out, progress=False)
    assert main(["sample", "--checkpoint", str(out), "--num", "60", "--quiet"]) == 0
    assert main(["fit-predictor", "--checkpoint", str(out), "--quiet"]) == 0
    return out


def test_it_is_searched_extracted_and_deployed(run):
    argv = ["--device", "pixel", "--checkpoint", str(run), "--out", str(run), "--quiet"]

    assert main(["specialize", *argv]) == 0

    (folder,) = (run / "bundles").iterdir()
    bundle = load_bundle(folder)
    manifest = bundle.manifest
    outcome = read_front(run / "fronts" / "pixel1.json")
    assert isinstance(manifest.arch, ResNetArch)
    assert manifest.space == read_supernet(run / "supernet.safetensors")[1].space == SPACE
    assert [rung.num_top1_differing for rung in manifest.ladder.rungs] == [0, 0, 0, 0]
    assert outcome.exhaustive
    assert outcome.num_evaluations == SPACE.num_subnets
    assert outcome.lowest_ms <= manifest.estimated.latency_ms <= outcome.highest_ms
    assert manifest.top1.test > 60  # of two classes
    report = (folder / "report.html").read_text()
    assert "narrows its channels, filters them together" in report
    assert "largest of 3×3" in report


def test_imported_weights_are_measured_on_images_of_the_users_own(
    run, striped_images, tmp_path, capsys
):
    tensors, notes = read_supernet(run / "supernet.safetensors")
    imported = replace(notes, data=None, classes=("0", "1"))
    write_supernet(tmp_path / "supernet.safetensors", tensors, imported)
    sample = ["sample", "--checkpoint", str(tmp_path), "--num", "4", "--quiet"]
    assert main(sample) == 1
    assert "import them again with --images FOLDER" in capsys.readouterr().err

    pipeline.pack_images(
        striped_images, checkpoint=str(tmp_path), num_search=60, num_calibration=64
    )

    assert main(sample) == 0
    assert read_supernet(tmp_path / "supernet.safetensors")[1].classes == ("columns", "rows")
    known = {one.arch: one.top1 for one in _accuracy(run)}
    measured = {one.arch: one.top1 for one in _accuracy(tmp_path)}
    assert len(measured) == 4
    assert measured.items() <= known.items()
    with pytest.raises(BadData, match=r"train: no such folder; put images into"):
        pipeline.pack_images(tmp_path, checkpoint=str(tmp_path))


def _accuracy(folder):
    return read_accuracy(folder / "accuracy.jsonl", supernet=folder / "supernet.safetensors")


def test_a_checkpoint_names_its_space_and_layers(run, capsys):
    assert main(["inspect", str(run / "supernet.safetensors")]) == 0

    shown = capsys.readouterr().out
    assert "resnet50d space" in shown
    assert "stem_residual" in shown
