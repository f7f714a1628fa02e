"""Training from the pipeline: what it starts from, and what it tells before it starts."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ofa import pipeline
from ofa.errors import OfaError
from ofa.recipe import Augment
from ofa.space import Stage


def with_train(recipe, **settings):
    return replace(recipe, train=replace(recipe.train, **settings))


def of_the_largest(recipe):
    """One subnet a step, so that a hundred steps take little time."""
    (phase,) = recipe.train.phases
    one = {"resolutions": (16,), "kernel_sizes": (5,), "depths": (2,), "expand_ratios": (4,)}
    return with_train(recipe, phases=(replace(phase, **one, num_random=0),))


def spoil_an_image(recipe):
    """Make whoever reads the images fail."""
    (Path(recipe.data.root) / "train" / "dark" / "0.png").write_bytes(b"no image")


def files_of(run):
    return {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}


def test_a_run_that_may_be_resumed_starts_from_the_weights_named(recipe, tmp_path, caplog):
    start = pipeline.train(recipe, out=tmp_path / "first", progress=False)
    again = {"init": start, "out": tmp_path / "second", "resume": True, "progress": False}

    pipeline.train(recipe, **again)
    assert "tensors taken" in caplog.text
    caplog.clear()
    pipeline.train(recipe, **again)
    assert "tensors taken" not in caplog.text  # there is a checkpoint by now


def test_training_begins_by_telling_what_it_passes_over(recipe, tmp_path, caplog):
    (Path(recipe.data.root) / "train" / "dark" / "0.gif").write_bytes(b"no image that is read")

    pipeline.train(recipe, out=tmp_path / "run", progress=False)

    assert caplog.messages[0].endswith("are passed over: 1 .gif")


@pytest.mark.parametrize(
    ("of_a_run", "resume", "told"),
    [
        (
            ["last.ckpt"],
            False,
            r"run: holds an unfinished run \(last\.ckpt\); --resume goes on with",
        ),
        (["last.ckpt", "supernet.safetensors"], False, "run: holds a finished run .*another --out"),
        (["supernet.safetensors"], True, "run: holds a finished run .*another --out"),
    ],
)
def test_a_folder_that_holds_a_run_is_refused_before_images_are_read(
    of_a_run, resume, told, recipe, tmp_path
):
    spoil_an_image(recipe)
    out = tmp_path / "run"
    out.mkdir()
    for name in of_a_run:
        (out / name).write_bytes(b"hours of work")

    with pytest.raises(OfaError, match=told):
        pipeline.train(recipe, out=out, resume=resume, progress=False)

    assert files_of(out) == dict.fromkeys(of_a_run, b"hours of work")


def test_a_run_of_other_settings_is_refused_before_images_are_read_and_stays(recipe, tmp_path):
    out = tmp_path / "run"
    pipeline.train(recipe, out=out, progress=False)
    before = files_of(out)
    spoil_an_image(recipe)

    with pytest.raises(OfaError, match=r"train\.weight_decay was 0\.0001, is now 0\.5"):
        pipeline.train(with_train(recipe, weight_decay=0.5), out=out, resume=True, progress=False)

    assert files_of(out) == before


def test_a_run_of_other_images_stays_as_it_is(recipe, tmp_path):
    out = tmp_path / "run"
    pipeline.train(recipe, out=out, progress=False)
    before = files_of(out)
    train = Path(recipe.data.root) / "train"
    shutil.copytree(train / "light", train / "dark", dirs_exist_ok=True)

    with pytest.raises(OfaError, match="training images was"):
        pipeline.train(recipe, out=out, resume=True, progress=False)

    assert files_of(out) == before


def test_a_run_starts_from_a_checkpoint_by_its_folder(recipe, tmp_path, caplog):
    start = pipeline.train(recipe, out=tmp_path / "first", progress=False)

    pipeline.train(recipe, init=start.parent, out=tmp_path / "second", progress=False)

    assert f"{start}: " in caplog.text


def test_weights_that_fit_in_part_are_counted_in_a_line(recipe, tmp_path, caplog):
    start = pipeline.train(recipe, out=tmp_path / "first", progress=False)
    wide = replace(recipe.space, stages=(Stage(width=32, stride=2), *recipe.space.stages[1:]))
    caplog.clear()

    pipeline.train(replace(recipe, space=wide), init=start, out=tmp_path / "w", progress=False)

    (line,) = [m for m in caplog.messages if "tensors taken" in m]
    assert "left at their random start: stages.0.0." in line
    assert line.count("needed") == 3 and line.endswith(" more")


def test_weights_that_are_not_there_are_told_before_images_are_read(recipe, tmp_path):
    spoil_an_image(recipe)

    with pytest.raises(OfaError, match=r"nowhere: holds no supernet\.safetensors; give a folder"):
        pipeline.train(recipe, init=tmp_path / "nowhere", out=tmp_path / "run", progress=False)


@pytest.mark.parametrize("ask", [pipeline.plan, pipeline.find_learning_rate])
def test_images_that_fill_no_step_are_told_before_anything_runs(ask, recipe):
    with pytest.raises(OfaError, match="24 training images do not fill a step of 64 x 1 images"):
        ask(with_train(recipe, batch_size=64))


def test_a_plan_shares_the_images_out_among_devices(recipe):
    (alone,) = pipeline.plan(recipe, probe_steps=1)
    (shared,) = pipeline.plan(with_train(recipe, devices=3), probe_steps=1)

    assert (alone.steps, alone.images) == (6, 48)
    assert (shared.steps, shared.images) == (2, 48)


def test_a_rate_is_suggested_in_the_terms_of_the_recipe(recipe):
    recipe = of_the_largest(recipe)
    plain = pipeline.find_learning_rate(recipe)

    scaled = pipeline.find_learning_rate(with_train(recipe, reference_batch=16, batch_size=8))

    assert scaled.losses == plain.losses
    assert scaled.suggested == pytest.approx(2 * plain.suggested, rel=0.1)
    assert scaled.learning_rates == pytest.approx([2 * rate for rate in plain.learning_rates])


@pytest.mark.parametrize("change", [{"mixup_alpha": 0.5}, {"color_jitter": 0.5}])
def test_a_range_test_changes_images_as_training_does(change, recipe):
    recipe = of_the_largest(recipe)
    plain, changed = (
        pipeline.find_learning_rate(with_train(recipe, augment=Augment(**augment)))
        for augment in ({}, change)
    )

    assert changed.losses[0] != plain.losses[0]


def test_a_plan_counts_one_subnet_for_those_that_a_guided_sampler_chooses_among(recipe):
    (phase,) = recipe.train.phases
    guided = replace(phase, sampler="best_up", num_random=1)

    (estimate,) = pipeline.plan(with_train(recipe, phases=(guided,)), probe_steps=2)

    assert estimate.subnets_per_step == 3  # the largest, the smallest, and the chosen one


def test_without_a_teacher_a_range_test_distils_nothing(recipe):
    (phase,) = recipe.train.phases
    alone = replace(phase, sampler="uniform", num_random=2, teacher="none")

    losses = {
        pipeline.find_learning_rate(
            with_train(recipe, phases=(alone,), distillation=distillation)
        ).losses
        for distillation in ("cross_entropy", "alpha")
    }

    assert len(losses) == 1
