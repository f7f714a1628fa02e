"""A prior and a few measurements give coefficients; more measurements overrule it."""

from dataclasses import replace

import numpy as np
import pytest

from ofa.errors import BadArtifact
from ofa.latency import FEATURES
from ofa.latency.posterior import (
    GROUPS,
    Measured,
    Prior,
    design,
    fit_both,
    plain_prior,
    posterior,
)
from ofa.latency.residual import NUM_COLUMNS, Residual, reach_of, residual_columns
from ofa.space import Encoding, PoolLayer, SearchSpace, network

NAMES = list(FEATURES)
KNOWN = np.zeros(len(NAMES))
for name, cost_ms in {"expand_macs": 0.05, "project_macs": 0.04, "depthwise_k2": 0.3,
                      "wide_elements": 0.4, "hardswish_elements": 0.5}.items():  # fmt: skip
    KNOWN[NAMES.index(name)] = cost_ms
SPACE = SearchSpace()
ENCODING = Encoding(SPACE)
LAYERS = [
    network(SPACE, arch).layers
    for arch in ENCODING.decode(ENCODING.sample(80, np.random.default_rng(0)))
]
REACH = reach_of(layer for layers in LAYERS for layer in layers)


def measured(cost: np.ndarray, num: int = 80, residual: Residual | None = None):
    """Networks on a device of known cost."""
    networks = [Measured(name="", layers=layers, latency_ms=1.0) for layers in LAYERS[:num]]
    data = design(networks, REACH)
    return replace(data, latency_ms=data.work(residual) @ cost)


def test_every_feature_is_in_one_group():
    assert sorted(name for members in GROUPS.values() for name in members) == sorted(FEATURES)


def test_a_device_of_another_speed_is_known_from_one_network():
    unseen = measured(3 * KNOWN)

    (cost,) = posterior(measured(3 * KNOWN, 1), Prior(coefficients=KNOWN), num_draws=1)

    np.testing.assert_allclose(unseen.features @ cost, unseen.latency_ms, rtol=1e-3)


def test_a_constant_that_the_known_device_lacks_is_found_by_four_networks():
    slow_start = KNOWN + 8.0 * (np.arange(len(NAMES)) == NAMES.index("networks"))
    unseen = measured(slow_start)

    (cost,) = posterior(measured(slow_start, 6), Prior(coefficients=KNOWN), num_draws=1)

    errors = np.abs(unseen.features @ cost / unseen.latency_ms - 1)
    assert errors.mean() < 0.05


def test_many_networks_overrule_the_prior():
    other = KNOWN * np.linspace(0.4, 2.5, len(NAMES))

    few, many = (
        posterior(measured(other, num), Prior(coefficients=KNOWN), num_draws=1)[0]
        for num in (3, 80)
    )

    unseen = measured(other)
    errors = [np.abs(unseen.features @ cost / unseen.latency_ms - 1).mean() for cost in (few, many)]
    assert errors[1] < 0.5 * errors[0]
    assert errors[1] < 0.01


def test_one_wild_measurement_hardly_moves_the_rest():
    data = measured(KNOWN, 40)
    wild = replace(data, latency_ms=data.latency_ms * np.where(np.arange(40) == 7, 1.6, 1.0))

    (cost,) = posterior(wild, plain_prior(wild), num_draws=1)

    errors = np.abs(data.features @ cost / data.latency_ms - 1)
    assert np.median(errors) < 0.01


def test_draws_average_to_the_best_estimate_and_part_less_with_more_networks():
    prior = Prior(coefficients=KNOWN)
    unseen = measured(KNOWN).features[70:]

    spreads = []
    for num in (3, 60):
        data = measured(KNOWN * np.linspace(0.8, 1.2, len(NAMES)), num)
        (best,) = posterior(data, prior, num_draws=1)
        draws = posterior(data, prior, num_draws=30)
        np.testing.assert_allclose(draws.mean(axis=0), best, atol=1e-9)
        spreads.append(np.mean((unseen @ draws.T).std(axis=1) / (unseen @ best)))

    assert spreads[1] < 0.5 * spreads[0]


def test_equal_seeds_give_equal_draws():
    first, second = (
        posterior(measured(KNOWN, 5), Prior(coefficients=KNOWN), num_draws=3, seed=4)
        for _ in range(2)
    )

    np.testing.assert_array_equal(first, second)


def test_no_measurements_are_refused():
    with pytest.raises(BadArtifact, match=r"there are none; measure at least one network"):
        posterior(measured(KNOWN, 0), Prior(coefficients=KNOWN))


def test_a_residual_explains_what_work_does_not():
    coefficients = np.zeros(NUM_COLUMNS)
    coefficients[[0, 1]] = 0.1, -0.15
    truth = Residual(reach=REACH, coefficients=tuple(coefficients))
    data = measured(KNOWN, residual=truth)
    seen, unseen = data.rows(np.arange(60)), data.rows(np.arange(60, 80))

    plain, residual = fit_both(seen, plain_prior(seen), reach=REACH, ridge=1e-4)
    (without,) = posterior(seen, plain_prior(seen), num_draws=1)

    errors = np.abs(unseen.work(residual) @ plain / unseen.latency_ms - 1).mean()
    errors_without = np.abs(unseen.features @ without / unseen.latency_ms - 1).mean()
    assert errors < 0.5 * errors_without


def test_a_residual_is_bounded_and_asks_nothing_beyond_what_was_measured():
    wild = Residual(reach=REACH, coefficients=(9.0, *(0.0,) * (NUM_COLUMNS - 1)))
    block = LAYERS[0][2]
    far = replace(block, out_channels=10_000, in_channels=10_000)
    edge = replace(block, out_channels=int(REACH[3][1]), in_channels=int(REACH[1][1]))

    assert wild.factor(block) == 1.6
    assert wild.factor(PoolLayer(in_size=7, channels=8)) == 1.0
    np.testing.assert_array_equal(residual_columns(far, REACH), residual_columns(edge, REACH))


@pytest.mark.parametrize(
    ("reach", "coefficients", "message"),
    [
        (REACH, (0.0,), r"coefficients: 1, but need"),
        (REACH[:2], (0.0,) * NUM_COLUMNS, r"reach: needs 0 < low <= high"),
    ],
)
def test_a_malformed_residual_is_refused(reach, coefficients, message):
    with pytest.raises(BadArtifact, match=message):
        Residual(reach=reach, coefficients=coefficients)
