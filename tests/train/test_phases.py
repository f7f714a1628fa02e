import pytest

from ofa.errors import OfaError
from ofa.recipe import Phase, Train
from ofa.space import SearchSpace
from ofa.train import phase_at, plan

LARGEST = Phase(name="largest", epochs=2, learning_rate=0.4, warmup_epochs=1, depths=(4,))
WIDTH = Phase(name="width", epochs=3, learning_rate=0.2, final_learning_rate=0.02)
TRAIN = Train(phases=(LARGEST, WIDTH), batch_size=8)


def test_phases_follow_one_another():
    planned = plan(TRAIN, num_images=80)

    assert [phase_at(planned, epoch).phase.name for epoch in range(5)] == (
        ["largest"] * 2 + ["width"] * 3
    )
    assert planned[1].first_epoch == 2
    assert planned[1].end_epoch == 5


def test_the_learning_rate_rises_then_falls_along_a_cosine():
    first, second = plan(TRAIN, num_images=80)

    assert first.learning_rate(0) == pytest.approx(0.04)
    assert first.learning_rate(9) == pytest.approx(0.4)
    assert first.learning_rate(15) == pytest.approx(0.2)
    assert second.learning_rate(20) == pytest.approx(0.2)
    assert second.learning_rate(35) == pytest.approx(0.11)
    assert second.learning_rate(49) == pytest.approx(0.02, rel=0.05)


def test_a_phase_trains_its_part_of_the_space():
    space = SearchSpace()

    assert LARGEST.subspace(space).depths == (4,)
    assert LARGEST.subspace(space).kernel_sizes == space.kernel_sizes


def test_a_phase_that_names_a_strange_choice_is_refused():
    phase = Phase(name="odd", epochs=1, learning_rate=0.1, kernel_sizes=(3, 9))

    with pytest.raises(OfaError, match=r"'odd': kernel_sizes \[9\] are not in space.kernel_sizes"):
        phase.subspace(SearchSpace())
