"""Fits recover what a device costs, and cross-validation says how well."""

from functools import partial

import numpy as np
import pytest

from ofa.latency import FEATURES, network_features
from ofa.latency.fit import (
    Measurements,
    draw_from_networks,
    foretelling,
    named_draws,
    relative_nnls,
)
from ofa.latency.judge import judge
from ofa.space import Encoding, SearchSpace, network

NAMES = list(FEATURES)
COST = np.zeros(len(NAMES))
COST[[NAMES.index(name) for name in ("expand_macs", "depthwise_k2", "blocks", "networks")]] = (
    0.05,
    0.3,
    0.02,
    1.5,
)


def judged(fit, networks, *, num_folds=None):
    names = [str(i) for i in range(len(networks))]
    return judge(foretelling(fit), networks, names=names, num_folds=num_folds)


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    space = SearchSpace()
    encoding = Encoding(space)
    archs = encoding.decode(encoding.sample(60, np.random.default_rng(0)))
    return np.array([network_features(network(space, arch).layers) for arch in archs])


def test_exact_latencies_are_foretold_exactly(features):
    cost = relative_nnls(features, features @ COST)

    np.testing.assert_allclose(features @ cost, features @ COST, rtol=1e-9)
    assert (cost >= 0).all()


def test_the_unit_of_latency_only_scales_the_coefficients(features):
    noisy_ms = features @ COST * np.random.default_rng(1).lognormal(0, 0.05, len(features))

    in_ms, in_us = relative_nnls(features, noisy_ms), relative_nnls(features, 1000 * noisy_ms)

    np.testing.assert_allclose(1000 * features @ in_ms, features @ in_us, rtol=1e-9)


def test_equal_seeds_give_equal_draws(features):
    networks = Measurements(features=features, latency_ms=features @ COST + features[:, 0])

    first, second = (
        draw_from_networks(networks, correction=0.0, num_draws=3, seed=7) for _ in range(2)
    )

    np.testing.assert_array_equal(first, second)


def test_corrections_by_layer_explain_what_features_do_not(features):
    rng = np.random.default_rng(2)
    counts = rng.integers(0, 2, (len(features), 5)).astype(float)
    latency_ms = features @ COST + counts @ np.array([1.0, -0.5, 0.0, 0.5, 0.0])
    networks = Measurements(features=np.hstack([features, counts]), latency_ms=latency_ms)

    noises = {
        correction: judged(
            partial(draw_from_networks, correction=correction, num_draws=5, seed=0),
            networks,
            num_folds=5,
        ).noise
        for correction in (0.0, 3.0)
    }

    assert noises[3.0] < 0.7 * noises[0.0]


def test_cross_validation_never_shows_a_fit_the_network_it_is_judged_on(features):
    networks = Measurements(features=features[:6], latency_ms=np.arange(1.0, 7.0))
    seen: list[set[float]] = []

    def fit(rest: Measurements) -> np.ndarray:
        seen.append(set(rest.latency_ms.tolist()))
        return COST[None]

    judged(fit, networks)

    assert [set(range(1, 7)) - rest for rest in seen] == [{k} for k in range(1, 7)]


def test_a_constant_factor_shows_as_error_and_as_noise(features):
    networks = Measurements(features=features, latency_ms=features @ COST)

    result = judged(lambda _: 1.1 * COST[None], networks, num_folds=5)

    assert result.evidence.mape_percent == pytest.approx(10.0)
    assert result.evidence.max_percent == pytest.approx(10.0)
    assert result.evidence.spearman == 1.0
    assert result.evidence.coverage_percent == 100.0
    assert result.noise > np.log(1.1)


def test_intervals_cover_about_nine_in_ten_networks_under_random_noise(features):
    noisy_ms = features @ COST * np.random.default_rng(3).lognormal(0, 0.05, len(features))
    networks = Measurements(features=features, latency_ms=noisy_ms)
    fit = partial(draw_from_networks, correction=0.0, num_draws=20, seed=0)

    result = judged(fit, networks, num_folds=10)

    assert 82 <= result.evidence.coverage_percent <= 99


def test_draws_are_named_and_rows_of_nothing_left_out():
    draws = np.zeros((2, len(NAMES) + 1))
    draws[:, NAMES.index("blocks")] = 0.123456
    draws[1, -1] = -0.5

    assert named_draws(draws, ["pool-7-320"]) == {
        "blocks": (0.1235, 0.1235),
        "pool-7-320": (0.0, -0.5),
    }
