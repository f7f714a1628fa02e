"""Fitting finds a known function behind noisy accuracies, and reports honestly how well.

The ground truth here is made up on purpose, so that the right answer is known: choices that add up,
pairs that interact, growth that levels off, and noise of 0.1 points.
"""

from collections.abc import Callable

import numpy as np
import pytest

from ofa.errors import OfaError
from ofa.predictor import MIN_PAIRS, OneHot, fit_predictor, kendall_tau, rmse
from ofa.space import Encoding, SearchSpace, Stage

ENCODING = Encoding(
    SearchSpace(
        resolutions=(32, 40, 48),
        depths=(1, 2, 3),
        stages=(Stage(width=16), Stage(width=24, stride=2), Stage(width=32)),
    )
)
NOISE = 0.1


def truth(*, interaction: float = 0.3, saturation: float = 0.3) -> Callable:
    """Top-1 of archs, 93 percent on average, with a deviation of about 0.6 points."""
    rng = np.random.default_rng(0)
    features = OneHot(ENCODING)
    gain = rng.random(features.num_features) + np.tile(np.arange(3), features.num_features // 3)
    together = interaction * rng.normal(size=(features.num_features,) * 2)

    def score(genotypes):
        x = features(genotypes)
        return x @ gain + np.einsum("nf,nf->n", x @ together, x) / 10

    reference = score(ENCODING.sample(2000, rng))

    def top1(genotypes):
        size = (score(genotypes) - reference.mean()) / reference.std()
        return 93.0 - 0.6 * np.expm1(-saturation * size) / saturation

    return top1


def pairs(num: int, top1: Callable) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    genotypes = ENCODING.unique(ENCODING.sample(2 * num, rng))[:num]
    return genotypes, top1(genotypes) + rng.normal(0, NOISE, num)


@pytest.mark.parametrize(("num", "worst_rmse", "least_tau"), [(250, 0.14, 0.86), (800, 0.07, 0.92)])
def test_the_truth_behind_the_noise_is_found(num, worst_rmse, least_tau):
    top1 = truth()
    fitted = fit_predictor(ENCODING, *pairs(num, top1))
    unseen = ENCODING.sample(2000, np.random.default_rng(2))

    predicted = fitted.predictor(unseen)

    assert rmse(predicted, top1(unseen)) <= worst_rmse
    assert kendall_tau(predicted, top1(unseen)) >= least_tau


def test_the_report_foretells_the_error_on_subnets_never_seen():
    top1 = truth()
    genotypes, measured = pairs(1500, top1)
    fitted = fit_predictor(ENCODING, genotypes[:500], measured[:500])

    predicted = fitted.predictor(genotypes[500:])

    report = fitted.report
    assert report.num_pairs == 500 and report.num_folds == 10
    assert report.rmse == pytest.approx(rmse(predicted, measured[500:]), rel=0.1)
    assert report.kendall_tau == pytest.approx(kendall_tau(predicted, measured[500:]), abs=0.02)
    assert abs(report.winner_bias) < 0.15
    assert report.top1_std == pytest.approx(measured[500:].std(), rel=0.1)


def test_the_corners_are_foretold_although_random_draws_lie_far_from_them():
    top1 = truth(interaction=0)
    space = ENCODING.space
    corners = ENCODING.encode([space.smallest(), space.largest()])

    predicted = fit_predictor(ENCODING, *pairs(600, top1)).predictor(corners)

    np.testing.assert_allclose(predicted, top1(corners), atol=0.35)


def test_noise_that_no_arch_explains_is_not_fitted():
    rng = np.random.default_rng(0)
    genotypes = ENCODING.unique(ENCODING.sample(300, rng))
    noise = 93.0 + rng.normal(0, NOISE, len(genotypes))

    report = fit_predictor(ENCODING, genotypes, noise).report

    assert abs(report.kendall_tau) < 0.15
    assert report.rmse < 1.15 * report.top1_std


def test_the_spread_shrinks_with_more_pairs():
    top1, unseen = truth(), ENCODING.sample(500, np.random.default_rng(2))

    few, many = (
        fit_predictor(ENCODING, *pairs(num, top1)).predictor.spread(unseen) for num in (120, 800)
    )

    assert (few > 0).all() and np.median(many) < 0.6 * np.median(few)


def test_one_seed_gives_one_predictor():
    genotypes, measured = pairs(100, truth())

    first, again = (fit_predictor(ENCODING, genotypes, measured, seed=5) for _ in range(2))

    np.testing.assert_array_equal(first.predictor(genotypes), again.predictor(genotypes))
    assert first.report == again.report


def test_nine_of_ten_measurements_lie_within_the_interval():
    top1 = truth()
    genotypes, measured = pairs(1500, top1)
    fitted = fit_predictor(ENCODING, genotypes[:500], measured[:500])

    interval = fitted.predictor.interval(genotypes[500:])

    within = (interval.low <= measured[500:]) & (measured[500:] <= interval.high)
    assert 0.85 <= within.mean() <= 0.95
    assert 0.85 <= fitted.report.coverage <= 0.95


def test_the_bias_is_told_for_each_fifth_of_the_accuracies():
    report = fit_predictor(ENCODING, *pairs(300, truth())).report

    assert len(report.bias_by_bin) == 5
    assert max(np.abs(report.bias_by_bin)) < 0.1


def test_a_predictor_below_the_gate_is_not_trusted():
    genotypes, measured = pairs(100, truth())

    strict, lax = (
        fit_predictor(ENCODING, genotypes, measured, min_tau=tau).report for tau in (0.99, 0.5)
    )

    assert not strict.is_trusted and lax.is_trusted


def test_many_pairs_are_fitted_as_few_are():
    # Above as many pairs as columns the fit solves the other of the two equal systems.
    top1 = truth()
    genotypes, measured = pairs(1600, top1)

    report = fit_predictor(ENCODING, genotypes, measured, num_folds=3).report

    assert report.rmse <= 1.1 * NOISE


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda g, a: (g[: MIN_PAIRS - 1], a[: MIN_PAIRS - 1]), "49 measured subnets are too few"),
        (
            lambda g, a: (np.concatenate([g[:1], g[:-1]]), a),
            "measured twice; keep one line of each",
        ),
        (lambda g, a: (g, np.append(a[1:], np.nan)), "accuracy nan is not a percentage"),
        (lambda g, a: (g, np.append(a[1:], 101.0)), "accuracy 101.0 is not a percentage"),
        (lambda g, a: (g, np.full(100, 10.0)), "all 100 accuracies are 10.0; check the supernet"),
    ],
)
def test_pairs_that_teach_nothing_are_refused(spoil, complaint):
    with pytest.raises(OfaError, match=complaint):
        fit_predictor(ENCODING, *spoil(*pairs(100, truth())))
