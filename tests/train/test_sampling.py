from dataclasses import replace

from ofa.train import sandwich


def test_a_step_trains_the_largest_first_and_the_smallest_last(tiny_space):
    archs = sandwich(tiny_space, seed=0, step=5, num_random=2)

    assert archs[0] == tiny_space.largest()
    assert archs[-1] == tiny_space.smallest()
    assert len(archs) == 4


def test_the_draw_depends_on_seed_and_step_alone(tiny_space):
    drawn = [sandwich(tiny_space, seed=0, step=step, num_random=2) for step in range(20)]

    assert drawn == [sandwich(tiny_space, seed=0, step=step, num_random=2) for step in range(20)]
    assert len(set(drawn)) > 15
    assert drawn[3] != sandwich(tiny_space, seed=1, step=3, num_random=2)


def test_a_space_of_one_arch_is_trained_once_a_step(tiny_space):
    alone = replace(
        tiny_space, resolutions=(16,), kernel_sizes=(5,), expand_ratios=(4,), depths=(2,)
    )

    assert sandwich(alone, seed=0, step=0, num_random=3) == (alone.largest(),)
