"""Bottleneck spaces: archs, genotypes and cost tables."""

from dataclasses import replace

import numpy as np
import pytest

from ofa.errors import IllegalArch, IllegalSpace
from ofa.space import (
    ResNetEncoding,
    ResNetSpace,
    ResNetStage,
    activation_bytes,
    macs,
    params,
    resnet_cost_table,
    resnet_network,
    summarize_space,
)

SPACE = ResNetSpace(resolutions=(128, 140, 224))
ENCODING = ResNetEncoding(SPACE)


def test_genotypes_and_archs_translate_both_ways():
    genotypes = ENCODING.sample(100, np.random.default_rng(0))

    archs = ENCODING.decode(genotypes)

    np.testing.assert_array_equal(ENCODING.encode(archs), genotypes)
    np.testing.assert_array_equal(ENCODING.canonical(genotypes), genotypes)
    assert ENCODING.decode(ENCODING.encode([SPACE.largest()])) == [SPACE.largest()]


def test_children_are_canonical_archs_of_the_space():
    rng = np.random.default_rng(0)
    parents = ENCODING.sample(50, rng)

    children = ENCODING.mutate(ENCODING.crossover(parents, parents[::-1], rng), rng, rate=0.3)

    np.testing.assert_array_equal(ENCODING.canonical(children), children)
    for arch in ENCODING.decode(children):
        SPACE.check(arch)
    assert len(ENCODING.unique(np.concatenate([children, children]))) <= 50


@pytest.mark.parametrize(
    ("cost", "reduce"), [(macs, "sum"), (params, "sum"), (activation_bytes, "max")]
)
def test_a_cost_table_agrees_with_every_network(cost, reduce):
    table = resnet_cost_table(ENCODING, cost, reduce=reduce)
    genotypes = ENCODING.sample(200, np.random.default_rng(0))

    costs = table(genotypes)

    networks = [resnet_network(SPACE, arch) for arch in ENCODING.decode(genotypes)]
    np.testing.assert_array_equal(costs, [cost(net) for net in networks])


def test_a_small_space_counts_its_subnets():
    stages = (ResNetStage(width=64, stride=1, depths=(1, 2)),)
    space = ResNetSpace(
        resolutions=(64,), stages=stages, width_ratios=(0.5, 1.0), expand_ratios=(0.25, 0.5)
    )
    encoding = ResNetEncoding(space)

    drawn = encoding.unique(encoding.sample(20_000, np.random.default_rng(0)))

    assert len(drawn) == space.num_subnets == 2 * 2**2 * 2 * (2 + 4)


def test_equal_archs_have_equal_names_and_unequal_ones_do_not():
    largest = SPACE.largest()

    assert largest.id == replace(largest).id != SPACE.smallest().id
    assert largest.depths == (4, 4, 6, 4)
    assert largest.describe().startswith("224px  w1/1+ | w1 e0.35 e0.35")


def test_what_a_space_does_not_hold_is_named():
    largest = SPACE.largest()
    with pytest.raises(IllegalArch, match=r"resolution: 132 is not one of \[128, 140, 224\]"):
        SPACE.check(replace(largest, resolution=132))
    stage = replace(largest.stages[0], width_ratio=0.7)
    with pytest.raises(IllegalArch, match=r"stages\.0 width_ratio: 0\.7 is not one of"):
        SPACE.check(replace(largest, stages=(stage, *largest.stages[1:])))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"resolutions": (224, 128)}, r"must rise without repeats; use \[128, 224\]"),
        ({"width_ratios": (0.5, float("nan"), 1.0)}, r"space\.width_ratios: .* must lie above 0"),
        ({"resolutions": tuple(range(64, 320))}, "256 choices are more than 255; use fewer"),
        (
            {"stages": (ResNetStage(width=64, stride=1, depths=tuple(range(1, 257))),)},
            r"space\.stages\.0\.depths: 256 choices are more than 255",
        ),
        ({"width_ratios": (0.5, 1.5)}, r"space\.width_ratios: the largest width is 1"),
        ({"stages": ()}, r"space\.stages: there are none"),
    ],
)
def test_an_illegal_space_is_refused(change, problem):
    with pytest.raises(IllegalSpace, match=problem):
        replace(SPACE, **change)


def test_a_bottleneck_space_is_summarized_too():
    text = str(summarize_space(SPACE))

    assert "width ratios [0.65, 0.8, 1.0]" in text
    assert "7491.64 M MACs, 48.11 M parameters" in text
    assert "projected skip" in text


SMALL = ResNetSpace(
    resolutions=(32, 64),
    stages=(
        ResNetStage(width=32, stride=1, depths=(1, 2)),
        ResNetStage(width=64, stride=2, depths=(1, 2)),
    ),
    width_ratios=(0.5, 1.0),
    expand_ratios=(0.25, 0.5),
)


def test_an_enumeration_holds_every_arch_once():
    encoding = ResNetEncoding(SMALL)

    genotypes = encoding.enumerate()

    assert len(encoding.unique(genotypes)) == len(genotypes) == SMALL.num_subnets
    np.testing.assert_array_equal(encoding.canonical(genotypes), genotypes)
    with pytest.raises(IllegalSpace, match="more than the 10,000,000 that can be enumerated"):
        ENCODING.enumerate()


@pytest.mark.parametrize("reduce", ["sum", "max"])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_cheapest_and_the_dearest_arch_are_those_of_the_enumeration(reduce, sign):
    encoding = ResNetEncoding(SMALL)
    rng = np.random.default_rng(0)
    costs: dict[object, float] = {}
    # Costs without any order among widths, so that no greedy choice finds the extreme.
    table = resnet_cost_table(
        encoding, lambda layer: costs.setdefault(layer, float(rng.random())), reduce=reduce
    )
    everyone = table(encoding.enumerate())

    found = table(table.extreme(sign=sign))[0]

    assert found == (everyone.min() if sign == 1 else everyone.max())


def test_archs_with_equal_starts_of_their_paths_have_equal_first_blocks():
    largest = SPACE.largest()
    shallower = replace(largest.stages[1], expand_ratios=largest.stages[1].expand_ratios[:3])
    other = replace(largest, stages=(largest.stages[0], shallower, *largest.stages[2:]))

    shared = sum(a == b for a, b in zip(largest.path, other.path, strict=False))

    assert shared == 1 + 4 + 3  # the stem, stage 0, three blocks of stage 1
