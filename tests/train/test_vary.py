import pytest

from ofa.errors import OfaError
from ofa.recipe import Phase, Recipe, Train
from ofa.train import Varied, read_varied, shortened, with_fields


@pytest.fixture
def recipe():
    phases = (
        Phase(name="largest", epochs=10, learning_rate=0.2, warmup_epochs=1),
        Phase(name="elastic", epochs=30, learning_rate=0.1),
    )
    return Recipe(train=Train(phases=phases))


@pytest.mark.parametrize(
    ("text", "varied"),
    [
        ("train.weight_decay=1e-5..1e-3", Varied(field="train.weight_decay", low=1e-5, high=1e-3)),
        ("train.batch_size=64..256", Varied(field="train.batch_size", low=64, high=256)),
        (
            "train.distillation=cross_entropy,alpha",
            Varied(field="train.distillation", choices=("cross_entropy", "alpha")),
        ),
        (
            "train.augment.flip=true,false",
            Varied(field="train.augment.flip", choices=(True, False)),
        ),
        ("train.momentum=0.9,0.95", Varied(field="train.momentum", choices=(0.9, 0.95))),
    ],
)
def test_ranges_and_choices_are_read_as_yaml_reads_them(text, varied):
    assert read_varied(text) == varied


def test_ranges_are_whole_or_logarithmic_as_their_ends_tell():
    assert read_varied("train.batch_size=64..256").is_whole
    assert not read_varied("train.momentum=0.8..0.95").is_log
    assert read_varied("train.weight_decay=1e-5..1e-4").is_log


@pytest.mark.parametrize(
    "text", ["train.momentum", "=1..2", "a=", "a=2..1", "a=x..y", "a=1..", "a=.nan..1", "a=[1],2"]
)
def test_what_is_no_range_and_no_choice_is_refused(text):
    with pytest.raises(OfaError):
        read_varied(text)


def test_fields_are_found_by_path_and_phases_by_name(recipe):
    other = with_fields(
        recipe, {"train.weight_decay": 0.5, "train.phases.elastic.learning_rate": 0.3}
    )

    assert other.train.weight_decay == 0.5
    assert [phase.learning_rate for phase in other.train.phases] == [0.2, 0.3]
    assert other.space == recipe.space


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("train.weight_dekay", 1.0, r"train.weight_dekay: no such field of a recipe; there are"),
        ("train.phases.shrink.epochs", 1, "there is no 'shrink'; phases are largest, elastic"),
        ("train.phases.7.epochs", 1, "there is no '7'"),
        ("train.batch_size.x", 1, "no such field"),
        ("train.batch_size", 1, "too few for batch norm"),
        ("train.batch_size", "many", "train.batch_size"),
    ],
)
def test_fields_that_are_not_there_or_may_not_have_a_value_are_named(recipe, field, value, message):
    with pytest.raises(OfaError, match=message):
        with_fields(recipe, {field: value})


def test_a_recipe_is_shortened_phase_by_phase(recipe):
    short = with_fields(recipe, shortened(recipe.train.phases, 4))

    assert [phase.epochs for phase in short.train.phases] == [1, 3]
    assert short.train.phases[0].warmup_epochs == pytest.approx(0.1)
