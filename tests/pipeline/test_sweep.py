"""Sweeps train a small recipe for real, in seconds."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from ofa import pipeline
from ofa.artifacts import parse, read_yaml
from ofa.errors import BadArtifact, BadData, MissingExtra, OfaError
from ofa.recipe import Recipe
from ofa.train import Varied

RATES = Varied(field="train.phases.all.learning_rate", low=1e-3, high=0.2)


def swept(recipe, out, num_trials, **options):
    return pipeline.sweep(
        recipe, varied=[RATES], out=out, num_trials=num_trials, progress=False, **options
    )


def test_a_sweep_goes_on_where_it_was_cut_off_and_writes_the_best_recipe(recipe, tmp_path):
    first = swept(recipe, tmp_path / "sweep", 1, epochs=1)
    both = swept(recipe, tmp_path / "sweep", 2, epochs=1)

    assert both.trials[0] == first.trials[0]
    assert [trial.number for trial in both.trials] == [0, 1]
    assert both.trials[0].values != both.trials[1].values
    assert both.best.top1 == max(trial.top1 for trial in both.trials)
    best = parse(Recipe, read_yaml(both.recipe), where="recipe")
    assert best.train.phases[0].learning_rate == both.best.values[RATES.field]
    assert best.train.phases[0].epochs == 2  # at its full length

    with pytest.raises(BadArtifact, match="a sweep of another recipe or other fields"):
        swept(recipe, tmp_path / "sweep", 3, epochs=2)


def test_trials_that_cannot_train_are_told_and_leave_nothing(recipe, tmp_path):
    large = Varied(field="train.batch_size", choices=(1000,))

    with pytest.raises(OfaError, match=r"none of 2 trials came to an end: .* do not fill a step"):
        pipeline.sweep(recipe, varied=[large], out=tmp_path / "sweep", num_trials=2, progress=False)

    assert not (tmp_path / "sweep").exists()


def test_a_sweep_over_several_devices_is_refused_before_anything_is_written(recipe, tmp_path):
    many = replace(recipe, train=replace(recipe.train, devices=2))

    with pytest.raises(OfaError, match=r"a sweep trains on one device; add --train\.devices 1"):
        swept(many, tmp_path / "sweep", 2)

    assert not (tmp_path / "sweep").exists()


def test_missing_images_show_before_anything_is_written(recipe, tmp_path):
    (Path(recipe.data.root) / "train").rename(tmp_path / "elsewhere")

    with pytest.raises(BadData, match="train: no such folder; put images into"):
        swept(recipe, tmp_path / "sweep", 2)

    assert not (tmp_path / "sweep").exists()


def test_a_misspelt_field_shows_before_anything_is_written(recipe, tmp_path):
    wrong = Varied(field="train.learning_rate", low=0.1, high=0.2)

    with pytest.raises(OfaError, match=r"train\.learning_rate: no such field"):
        pipeline.sweep(recipe, varied=[wrong], out=tmp_path / "sweep", progress=False)

    assert not (tmp_path / "sweep").exists()


def test_a_study_that_is_no_study_is_named(recipe, tmp_path):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.journal").write_text("no journal\n")

    with pytest.raises(BadArtifact, match=r"sweep\.journal: is no study"):
        swept(recipe, tmp_path / "sweep", 1)


def test_without_optuna_the_install_line_is_told(recipe, tmp_path, monkeypatch):
    module = import_module("ofa.pipeline.sweep")  # the package's name of that is the function
    monkeypatch.setattr(module, "find_spec", lambda name: None)

    with pytest.raises(MissingExtra, match=r"pip install 'ofa-toolkit\[optuna\]'"):
        swept(recipe, tmp_path / "sweep", 1)

    assert not (tmp_path / "sweep").exists()
