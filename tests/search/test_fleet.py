"""Many devices, one pool of archs: as good as a search of each."""

from functools import partial

import numpy as np
import pytest

import ofa.search.fleet as fleet_module
from ofa.errors import OfaError
from ofa.search import Fleet, Problem, search_fleet, search_front
from ofa.space import Encoding, LinearLayer, PoolLayer, SearchSpace, cost_table, macs

ENCODING = Encoding(SearchSpace())


def accuracy(genotypes: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    gain = rng.random(ENCODING.num_genes)
    return 70 + 10 * np.tanh(genotypes @ gain / 40)


def device(seed: int):
    """Latency by work and by number of layers, in a ratio of its own."""
    rng = np.random.default_rng(seed)
    per_mac, per_layer, per_kernel = 10 ** rng.uniform(-1, 0, 3)

    def layer_ms(layer) -> float:
        kernel = 0 if isinstance(layer, LinearLayer | PoolLayer) else layer.kernel_size
        return per_mac * macs(layer) / 1e7 + 0.3 * per_layer + 0.05 * per_kernel * kernel**2

    return cost_table(ENCODING, layer_ms)


DEVICES = [device(seed) for seed in range(6)]


def budgets_of(table) -> list[float]:
    ms = table(ENCODING.sample(1000, np.random.default_rng(0)))
    return np.quantile(ms, [0.1, 0.5, 0.9]).tolist()


def found(*, seed: int = 0, **settings) -> Fleet:
    return search_fleet(
        ENCODING,
        accuracy=accuracy,
        latencies_ms=DEVICES,
        budgets_ms=[budgets_of(table) for table in DEVICES],
        rng=np.random.default_rng(seed),
        **settings,
    )


def test_no_device_does_worse_than_by_a_search_of_its_own():
    fleet = found(num_representatives=3, max_evaluations=10_000)

    regrets = []
    for table, front in zip(DEVICES, fleet.fronts, strict=True):
        alone = Problem(
            encoding=ENCODING, accuracy=accuracy, latency_ms=table, max_evaluations=20_000
        )
        own = search_front(alone, np.random.default_rng(1))
        for budget_ms in budgets_of(table):
            pick = front.best_under(budget_ms)
            assert front.latency_ms[pick] <= budget_ms
            regrets.append(own.top1[own.best_under(budget_ms)] - front.top1[pick])
    assert len(fleet.representatives) == 3
    assert np.mean(regrets) <= 0.05
    assert np.max(regrets) <= 0.3


def test_equal_seeds_give_equal_fleets():
    one, other = (found(num_representatives=2, max_evaluations=2000) for _ in range(2))

    assert one.representatives == other.representatives
    for front, again in zip(one.fronts, other.fronts, strict=True):
        assert (front.genotypes == again.genotypes).all()


def test_refinement_makes_no_pick_worse_and_some_better():
    coarse = found(num_representatives=1, max_evaluations=500, num_rounds=0)
    fine = found(num_representatives=1, max_evaluations=500, num_rounds=2)

    gains = [
        new.top1[new.best_under(budget_ms)] - old.top1[old.best_under(budget_ms)]
        for table, old, new in zip(DEVICES, coarse.fronts, fine.fronts, strict=True)
        for budget_ms in budgets_of(table)
        if budget_ms >= old.latency_ms[0]
    ]
    assert min(gains) >= 0
    assert max(gains) > 0


def test_like_devices_are_searched_once():
    table = DEVICES[0]
    twice_as_slow = lambda genotypes: 2 * table(genotypes)  # noqa: E731

    fleet = search_fleet(
        ENCODING,
        accuracy=accuracy,
        latencies_ms=[table, table, twice_as_slow],
        budgets_ms=[[1.0], [], [1e9]],
        rng=np.random.default_rng(0),
        max_evaluations=1000,
    )

    assert len(fleet.representatives) == 1


def test_each_arch_is_asked_once_for_the_pool_and_once_around_picks():
    asked: list[np.ndarray] = []

    def counted(genotypes: np.ndarray) -> np.ndarray:
        asked.append(genotypes)
        return accuracy(genotypes)

    fleet = search_fleet(
        ENCODING,
        accuracy=counted,
        latencies_ms=DEVICES[:3],
        budgets_ms=[budgets_of(table) for table in DEVICES[:3]],
        rng=np.random.default_rng(0),
        max_evaluations=1000,
    )

    rows = np.concatenate(asked)
    assert len(rows) == fleet.num_evaluations
    # Once for the pool, which forgets what is not in it, and once around the picks.
    assert np.unique(rows, axis=0, return_counts=True)[1].max() <= 2


@pytest.mark.parametrize("wrong_ms", [np.nan, np.inf, 0.0, -1.0])
def test_a_device_of_impossible_latency_is_refused_by_number(wrong_ms):
    broken = lambda genotypes: np.full(len(genotypes), wrong_ms)  # noqa: E731

    with pytest.raises(OfaError, match="device 2 of 2 is not a finite number above 0"):
        search_fleet(
            ENCODING,
            accuracy=accuracy,
            latencies_ms=[DEVICES[0], broken],
            budgets_ms=[[], []],
            rng=np.random.default_rng(0),
        )


def test_an_accuracy_that_is_no_number_is_refused():
    with pytest.raises(OfaError, match="not a finite number"):
        search_fleet(
            ENCODING,
            accuracy=lambda genotypes: np.full(len(genotypes), np.nan),
            latencies_ms=DEVICES[:1],
            budgets_ms=[[]],
            rng=np.random.default_rng(0),
        )


def test_a_fleet_of_no_device_is_refused():
    with pytest.raises(OfaError, match="give one or more devices"):
        search_fleet(
            ENCODING,
            accuracy=accuracy,
            latencies_ms=[],
            budgets_ms=[],
            rng=np.random.default_rng(0),
        )


def test_a_fleet_that_was_cut_off_goes_on_after_its_last_batch(monkeypatch):
    monkeypatch.setattr(fleet_module, "_BATCH", 2)
    kept, made = {}, []

    def remember(name, make, *, last=None):
        if name not in kept:
            made.append(name)
            kept[name] = make()
        if name == last:
            raise KeyboardInterrupt
        return kept[name]

    with pytest.raises(KeyboardInterrupt):
        found(
            num_representatives=2,
            max_evaluations=1000,
            remember=partial(remember, last="devices-3"),
        )
    resumed = found(num_representatives=2, max_evaluations=1000, remember=remember)
    whole = found(
        num_representatives=2,
        max_evaluations=1000,
    )

    assert made == ["pool", "devices-1", "devices-3", "devices-5"]
    assert resumed.num_evaluations == whole.num_evaluations
    assert resumed.representatives == whole.representatives
    for front, other in zip(resumed.fronts, whole.fronts, strict=True):
        np.testing.assert_array_equal(front.genotypes, other.genotypes)
        np.testing.assert_array_equal(front.latency_ms, other.latency_ms)
