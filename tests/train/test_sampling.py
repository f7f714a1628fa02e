import numpy as np
import pytest

from ofa.recipe import Phase
from ofa.space import Encoding, cost_table, macs, network
from ofa.train import Elastic


def phase(**settings):
    return Phase(name="p", epochs=1, learning_rate=0.1, **settings)


def test_a_sandwich_starts_with_the_largest_and_ends_with_the_smallest(tiny_space):
    groups = Elastic(space=tiny_space, seed=0).draw(phase(num_random=2), 5)

    assert groups[0] == (tiny_space.largest(),)
    assert groups[-1] == (tiny_space.smallest(),)
    assert len(groups) == 4


def test_the_draw_depends_on_seed_and_step_alone(tiny_space):
    for sampler in ("sandwich", "macs", "best_up"):
        spec = phase(num_random=2, sampler=sampler)
        one, again, other = (Elastic(space=tiny_space, seed=seed) for seed in (0, 0, 1))
        drawn = [one.draw(spec, step) for step in range(20)]

        assert drawn == [again.draw(spec, step) for step in reversed(range(20))][::-1]
        assert len(set(drawn)) > 15
        assert drawn[3] != other.draw(spec, 3)


def test_the_middle_of_a_phase_is_always_the_same_few_archs(tiny_space):
    one, again, other = (Elastic(space=tiny_space, seed=seed) for seed in (0, 0, 1))
    narrow = phase(kernel_sizes=(3,))

    drawn = one.middle(narrow, 2)

    assert len(drawn) == 2 and drawn == again.middle(narrow, 2)
    assert drawn != other.middle(narrow, 2) and drawn != one.middle(phase(), 2)
    assert {block.kernel_size for arch in drawn for stage in arch.stages for block in stage} == {3}
    assert one.middle(narrow, 0) == ()


def test_a_space_of_one_arch_is_trained_once_a_step(tiny_space):
    spec = phase(num_random=3, resolutions=(16,), kernel_sizes=(5,), expand_ratios=(4,),
                 depths=(2,))  # fmt: skip

    assert Elastic(space=tiny_space, seed=0).draw(spec, 0) == ((tiny_space.largest(),),)
    assert Elastic(space=tiny_space, seed=0).middle(spec, 2) == ()


def test_the_uniform_sampler_draws_random_archs_alone(tiny_space):
    spec = phase(num_random=3, sampler="uniform", teacher="none")

    drawn = [Elastic(space=tiny_space, seed=0).draw(spec, step) for step in range(50)]

    assert all(len(groups) <= 3 for groups in drawn)
    assert (tiny_space.largest(),) not in [groups[0] for groups in drawn]


def test_macs_are_spread_evenly_over_their_logarithm(tiny_space):
    spec = phase(num_random=2, sampler="macs")
    table = cost_table(Encoding(tiny_space), macs)
    low, high = (
        np.log(macs(network(tiny_space, arch)))
        for arch in (tiny_space.smallest(), tiny_space.largest())
    )
    shares = np.array([
        (np.log([macs(network(tiny_space, arch)) for (arch,) in groups[1:-1]]) - low) / (high - low)
        for step in range(100)
        if len(groups := Elastic(space=tiny_space, seed=0).draw(spec, step)) == 4
    ])  # fmt: skip

    assert table(Encoding(tiny_space).encode([tiny_space.largest()]))[0] == round(np.exp(high))
    assert shares[:, 0].mean() == pytest.approx(0.25, abs=0.05)
    assert shares[:, 1].mean() == pytest.approx(0.75, abs=0.05)


def test_guided_samplers_offer_candidates_of_like_macs(tiny_space):
    spec = phase(num_random=1, sampler="worst_up", num_candidates=3)

    _, candidates, _ = Elastic(space=tiny_space, seed=0).draw(spec, 7)

    costs = [macs(network(tiny_space, arch)) for arch in candidates]
    assert len(set(candidates)) == 3
    assert max(costs) / min(costs) < 1.1
