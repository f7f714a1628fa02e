"""The cost of quantizing is learned from few archs, on top of a predictor of float accuracy.

The ground truth is made up, so that the right answer is known.
"""

from dataclasses import replace

import numpy as np
import pytest

from ofa.errors import BadArtifact, OfaError
from ofa.predictor import OneHot, QuantizedPredictor, fit_predictor, fit_quantized
from ofa.space import Encoding


@pytest.fixture
def encoding(tiny_space):
    return Encoding(tiny_space)


@pytest.fixture
def top1(encoding):
    gain = np.random.default_rng(0).random(OneHot(encoding).num_features)
    return lambda genotypes: 80.0 + OneHot(encoding)(genotypes) @ gain


@pytest.fixture
def base(encoding, top1):
    genotypes = encoding.unique(encoding.sample(400, np.random.default_rng(1)))
    return fit_predictor(encoding, genotypes, top1(genotypes)).predictor


@pytest.fixture
def few(encoding):
    return encoding.unique(encoding.sample(60, np.random.default_rng(2)))[:40]


def cost(genotypes):
    """Large images lose more."""
    return 0.3 + 0.4 * genotypes[:, 0]


def test_forty_archs_teach_what_quantizing_costs_each(encoding, top1, base, few):
    fitted = fit_quantized(base, few, top1(few), top1(few) - cost(few), left_out=top1(few))

    unseen = encoding.enumerate()
    np.testing.assert_allclose(fitted.predictor(unseen), top1(unseen) - cost(unseen), atol=0.12)
    assert fitted.report.change_rmse < 0.2 * fitted.report.change_std


def test_differences_of_pure_noise_teach_no_more_than_their_mean(encoding, top1, base, few):
    noise = np.random.default_rng(3).normal(0, 0.1, len(few))

    fitted = fit_quantized(base, few, top1(few), top1(few) - 0.5 + noise, left_out=top1(few))

    change = fitted.predictor.change(encoding.enumerate())
    assert change.mean() == pytest.approx(-0.5, abs=0.06)
    assert change.std() < 0.05
    assert fitted.report.change_rmse == pytest.approx(fitted.report.change_std, rel=0.15)


def test_the_report_is_of_archs_that_neither_fit_has_seen(top1, base, few):
    error = np.random.default_rng(4).normal(0, 0.3, len(few))

    report = fit_quantized(
        base, few, top1(few), top1(few) - cost(few), left_out=top1(few) + error
    ).report

    assert report.num_pairs == 40
    assert report.mean_change == pytest.approx(-cost(few).mean())
    assert report.rmse == pytest.approx(np.sqrt((error**2).mean()), rel=0.2)
    assert report.kendall_tau > report.float_kendall_tau  # it knows who loses more


def test_too_few_quantized_archs_are_refused(encoding, top1, base):
    few = encoding.sample(9, np.random.default_rng(0))

    with pytest.raises(OfaError, match=r"9 archs measured before and after .* --precision int8"):
        fit_quantized(base, few, top1(few), top1(few), left_out=top1(few))


def test_a_predictor_comes_back_from_its_tensors_unchanged(encoding, top1, base, few):
    fitted = fit_quantized(base, few, top1(few), top1(few) - cost(few), left_out=top1(few))

    again = QuantizedPredictor.from_state(base, fitted.predictor.state())

    assert again is not None
    np.testing.assert_array_equal(again(few), fitted.predictor(few))
    assert QuantizedPredictor.from_state(base, base.state()[0]) is None


def test_half_a_predictor_and_one_of_another_space_are_refused(top1, base, few):
    fitted = fit_quantized(base, few, top1(few), top1(few) - cost(few), left_out=top1(few))

    with pytest.raises(BadArtifact, match=r"holds int8\.linear without its other half"):
        QuantizedPredictor.from_state(base, {"int8.linear": fitted.predictor.linear})
    with pytest.raises(BadArtifact, match=r"have shapes .* fit it again"):
        replace(fitted.predictor, linear=fitted.predictor.linear[:-1])


def test_the_slope_is_what_a_choice_adds_before_and_by_quantization(encoding, top1, base, few):
    quantized = fit_quantized(
        base, few, top1(few), top1(few) - cost(few), left_out=top1(few)
    ).predictor
    features = OneHot(encoding)(few)

    by_quantization = quantized.slope(few) - base.slope(few)

    change = quantized.shift + (features * by_quantization).sum(axis=1)
    np.testing.assert_allclose(change, quantized.change(few), atol=1e-5)
