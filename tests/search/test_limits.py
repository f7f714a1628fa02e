"""Limits on MACs, parameters and memory, against enumeration."""

from dataclasses import replace

import numpy as np
import pytest

from ofa.errors import InfeasibleBudget, OfaError
from ofa.search import (
    STRATEGIES,
    Problem,
    check_budget,
    compare,
    excess,
    limits_of,
    reachable_range,
    search_fleet,
    search_front,
)
from ofa.space import (
    COSTS,
    Encoding,
    ResNetSpace,
    SearchSpace,
    Stage,
    cost_table,
    encoding_of,
    macs,
    network,
)

SMALL = Encoding(
    SearchSpace(
        resolutions=(32, 48),
        kernel_sizes=(3, 5),
        stages=(Stage(width=16, depths=(1, 3)), Stage(width=24, stride=2, depths=(1, 2))),
    )
)
LARGE = Encoding(SearchSpace())
EVERY_ARCH = SMALL.enumerate()


def accuracy(genotypes):
    gain = np.random.default_rng(0).random(genotypes.shape[1])
    return 60.0 + genotypes @ gain


class Watched:
    """The accuracy above with its slope; remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, genotypes):
        self.asked.append(genotypes)
        return accuracy(genotypes)

    def slope(self, genotypes):
        gain = np.random.default_rng(0).random(genotypes.shape[1])
        each = [g * np.arange(n) for g, n in zip(gain, LARGE.num_choices, strict=True)]
        return np.tile(np.concatenate(each), (len(genotypes), 1))


def uneven_ms(encoding, seed=0):
    """A latency by which costly layers may be fast ones."""
    draw = np.random.default_rng(seed)
    return cost_table(encoding, lambda layer: float(draw.uniform(0.1, 2.0)))


def middle(encoding, share=0.3):
    """Each cost, bounded some way up its range."""
    found = {}
    for name, cost in COSTS.items():
        reach = reachable_range(cost.table(encoding))
        found[name] = reach.lowest + share * (reach.highest - reach.lowest)
    return found


@pytest.mark.parametrize("name", COSTS)
def test_a_limit_counts_what_its_cost_counts(name):
    limit = limits_of(SMALL, {name: 1000.0})[0]
    arch = SMALL.space.largest()

    ratio = excess([limit], SMALL.encode([arch]))[0]

    assert ratio == pytest.approx(COSTS[name].layer_cost(network(SMALL.space, arch)) / 1000)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_keeps_the_limits_and_asks_nothing_beyond_them(name):
    limits = limits_of(LARGE, middle(LARGE))
    watched = Watched()

    problem = Problem(
        encoding=LARGE,
        accuracy=watched,
        latency_ms=uneven_ms(LARGE),
        limits=limits,
        max_evaluations=60 if name == "bayes" else 600,
    )
    front = STRATEGIES[name](problem, np.random.default_rng(0))

    assert excess(limits, np.concatenate(watched.asked)).max() <= 1
    assert excess(limits, front.genotypes).max() <= 1


def test_the_front_within_limits_is_that_of_the_archs_that_keep_them():
    limits, latency_ms = limits_of(SMALL, middle(SMALL)), uneven_ms(SMALL)
    allowed = EVERY_ARCH[excess(limits, EVERY_ARCH) <= 1]
    assert 0 < len(allowed) < len(EVERY_ARCH) // 2

    problem = Problem(encoding=SMALL, accuracy=accuracy, latency_ms=latency_ms, limits=limits)
    front = search_front(problem, np.random.default_rng(0))

    for ms in np.quantile(latency_ms(allowed), (0.1, 0.5, 1.0)):
        best = accuracy(allowed)[latency_ms(allowed) <= ms].max()
        assert front.top1[front.best_under(ms)] == best


@pytest.mark.parametrize("seed", range(8))
def test_the_fastest_within_limits_is_nearly_that_of_all_archs(seed):
    limits, latency_ms = limits_of(SMALL, middle(SMALL, 0.1)), uneven_ms(SMALL, seed)
    allowed = EVERY_ARCH[excess(limits, EVERY_ARCH) <= 1]

    reach = reachable_range(latency_ms, limits)

    assert excess(limits, reach.cheapest)[0] <= 1
    least = latency_ms(allowed).min()
    assert least * (1 - 1e-9) <= reach.lowest <= 1.1 * least


@pytest.mark.parametrize("encoding", [LARGE, encoding_of(ResNetSpace())], ids=["mbconv", "resnet"])
def test_limits_that_cannot_be_kept_are_told_with_the_range(encoding):
    reach = reachable_range(COSTS["macs"].table(encoding))
    limits = limits_of(encoding, {"macs": 0.5 * reach.lowest})

    with pytest.raises(InfeasibleBudget, match=rf"set the limit to {reach.lowest:,.0f} or more"):
        check_budget(uneven_ms(encoding), 1e6, limits)


@pytest.mark.parametrize("encoding", [LARGE, encoding_of(ResNetSpace())], ids=["mbconv", "resnet"])
def test_limits_that_exclude_each_other_are_told_with_the_nearest_subnet(encoding):
    table = COSTS["macs"].table(encoding)
    reach = reachable_range(table)
    opposed = table.beyond(np.inf).plus(table, -1e-6)  # the more MACs, the faster
    always = "fixed" if encoding is LARGE else "stem"
    opposed = replace(opposed, **{always: getattr(opposed, always) + 2e-6 * reach.highest})
    fastest_ms = reachable_range(opposed).lowest

    with pytest.raises(
        InfeasibleBudget, match=r"no subnet keeps .* at once; alone, each can be"
    ) as told:
        check_budget(opposed, 1.05 * fastest_ms, limits_of(encoding, {"macs": 1.05 * reach.lowest}))

    assert "the nearest subnet has" in str(told.value)


def test_a_strategy_that_meets_nothing_within_the_limits_is_a_row_without_a_result():
    reach = reachable_range(COSTS["macs"].table(LARGE))
    limits = limits_of(LARGE, {"macs": 1.01 * reach.lowest})
    latency_ms = cost_table(LARGE, lambda layer: macs(layer) / 1e6)

    problem = Problem(
        encoding=LARGE,
        accuracy=accuracy,
        latency_ms=latency_ms,
        max_latency_ms=100.0,
        limits=limits,
        max_evaluations=500,
    )
    rows = compare(problem, strategies=["evolution"], seeds=[0])

    assert [(row.strategy, row.top1 is None) for row in rows] == [
        ("evolution", False),
        ("random", True),
    ]
    assert rows[0].hypervolume is None


def test_a_fleet_keeps_the_limits():
    limits = limits_of(LARGE, middle(LARGE))
    tables = [uneven_ms(LARGE, seed) for seed in range(3)]
    ranges = [reachable_range(table, limits) for table in tables]

    fleet = search_fleet(
        LARGE,
        accuracy=accuracy,
        latencies_ms=tables,
        budgets_ms=[[1.2 * reach.lowest, reach.highest] for reach in ranges],
        rng=np.random.default_rng(0),
        known=np.concatenate([reach.cheapest for reach in ranges]),
        limits=limits,
        max_evaluations=1500,
    )

    assert all(excess(limits, front.genotypes).max() <= 1 for front in fleet.fronts)


@pytest.mark.parametrize(
    ("most", "mend"),
    [({"flops": 1.0}, "max flops: is not one of macs, params"), ({"macs": -1.0}, "above 0")],
)
def test_a_limit_that_means_nothing_is_refused(most, mend):
    with pytest.raises(OfaError, match=mend):
        limits_of(LARGE, most)
