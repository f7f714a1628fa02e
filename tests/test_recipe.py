from dataclasses import replace
from pathlib import Path

import pytest

from ofa.artifacts import parse, read_yaml
from ofa.errors import OfaError
from ofa.recipe import Augment, Data, Phase, Recipe, Train
from ofa.space import ResNetSpace, SearchSpace, Stage

ROOT = Path(__file__).parent.parent
RECIPES = sorted([*ROOT.glob("recipes/*.yaml"), *ROOT.glob("checkpoints/*/*.yaml")])
PHASE = Phase(name="p", epochs=1, learning_rate=0.1)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_parses_and_is_headed_by_its_command(path):
    recipe = parse(Recipe, read_yaml(path), where=str(path))

    assert recipe.train.phases
    header = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert any(f"ofa train --recipe {path.relative_to(ROOT)}" in line for line in header)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Phase(name="p", epochs=0, learning_rate=0.1), "phase 'p': epochs is 0; use 1"),
        (
            lambda: Phase(name="p", epochs=1, learning_rate=0.1, final_learning_rate=0.2),
            "final_learning_rate 0.2 is not between 0 and learning_rate 0.1",
        ),
        (lambda: Train(), "train.phases: there are none"),
        (lambda: Train(phases=(PHASE,), batch_size=1), "batch_size: 1 is too few"),
        (lambda: Train(phases=(PHASE,), validate_random=-1), "validate_random: -1 is no number"),
        (lambda: Train(phases=(PHASE,), weight_decay=-0.1), "weight_decay: -0.1 is no number from"),
        (lambda: Train(phases=(PHASE,), momentum=1.0), "momentum: 1.0 is not from 0 to below 1"),
        (lambda: Train(phases=(PHASE,), label_smoothing=2), "label_smoothing: 2 is not from 0 to"),
        (lambda: replace(PHASE, warmup_epochs=-1), "phase 'p': warmup_epochs -1 is below 0"),
        (lambda: Augment(erase_probability=1.5), "erase_probability: 1.5 is not between 0 and 1"),
        (lambda: Data(num_search=0), "data.num_search: 0 is too few"),
        (lambda: Data(workers=-1), "data.workers: -1 is below 0; use 0 or more"),
        (lambda: Train(phases=(PHASE,), seed=-1), "train.seed: -1 is no number from 0 up"),
        (
            lambda: Phase(name="p", epochs=1, learning_rate=0.1, sampler="uniform"),
            "trains no largest net to learn from in place; set teacher to 'none'",
        ),
        (
            lambda: Phase(name="p", epochs=1, learning_rate=0.1, sampler="macs", num_random=0),
            "num_random is 0, but sampler 'macs' needs 1 or more",
        ),
        (
            lambda: Train(phases=(replace(PHASE, teacher="big"), PHASE)),
            r"teacher 'big' is not an earlier phase; use one of \['in_place', 'none'\]",
        ),
        (lambda: Train(phases=(PHASE, PHASE)), "phase 'p': the name is taken"),
        (lambda: Data(stream=True), "data.stream: only folders are streamed; set data.root"),
        (
            lambda: Recipe(train=Train(phases=(replace(PHASE, width_ratios=(1.0,)),))),
            "a mobilenet_v3 space has no width_ratios",
        ),
        (
            lambda: Recipe(
                train=Train(phases=(Phase(name="p", epochs=1, learning_rate=1, depths=(9,)),))
            ),
            r"depths \[9\] are not in space.depths \[2, 3, 4\]",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_refused_with_its_mend(make, message):
    with pytest.raises(OfaError, match=message):
        make()


def test_a_phase_shrinks_stages_with_depths_of_their_own():
    own = Stage(width=40, stride=2, depths=(1, 2, 3, 4))
    fixed = Stage(width=48, depths=(1,))
    space = SearchSpace(stages=(Stage(width=24, stride=2), own, fixed))

    part = replace(PHASE, depths=(3, 4)).subspace(space)

    assert part.stage_depths == ((3, 4), (3, 4), (1,))  # what has one depth keeps it
    deep = replace(space, stages=(replace(own, depths=(1, 2)),))
    with pytest.raises(
        OfaError, match=r"depths \[3, 4\] are not in space.stages.0.depths \[1, 2\]"
    ):
        replace(PHASE, depths=(3, 4)).subspace(deep)


def test_a_phase_shrinks_stage_widths_and_stage_depths_of_a_bottleneck_space():
    phase = replace(PHASE, width_ratios=(0.8, 1.0), depths=(4, 6))

    part = phase.subspace(ResNetSpace())

    assert part.width_ratios == (0.8, 1.0)
    assert [stage.depths for stage in part.stages] == [(4,), (4,), (4, 6), (4,)]
