"""The cost of quantizing is learned from few archs, on top of a predictor of float accuracy.

The ground truth is made up, so that the right answer is known.
"""

import numpy as np
import pytest

from ofa.errors import OfaError
from ofa.predictor import OneHot, fit_predictor, fit_quantized
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


def test_forty_archs_teach_what_quantizing_costs_each(encoding, top1, base):
    cost = lambda genotypes: 0.3 + 0.4 * genotypes[:, 0]  # noqa: E731  large images lose more
    few = encoding.unique(encoding.sample(60, np.random.default_rng(2)))[:40]

    fitted = fit_quantized(base, few, top1(few), top1(few) - cost(few))

    unseen = encoding.enumerate()
    np.testing.assert_allclose(fitted(unseen), top1(unseen) - cost(unseen), atol=0.12)
    assert fitted.rmse < 0.2 * fitted.shift_std


def test_differences_of_pure_noise_teach_no_more_than_their_mean(encoding, top1, base):
    few = encoding.unique(encoding.sample(60, np.random.default_rng(2)))[:40]
    noise = np.random.default_rng(3).normal(0, 0.1, len(few))

    fitted = fit_quantized(base, few, top1(few), top1(few) - 0.5 + noise)

    change = fitted(encoding.enumerate()) - base(encoding.enumerate())
    assert change.mean() == pytest.approx(-0.5, abs=0.06)
    assert change.std() < 0.05


def test_too_few_quantized_archs_are_refused(encoding, top1, base):
    few = encoding.sample(9, np.random.default_rng(0))

    with pytest.raises(OfaError, match="9 archs measured before and after"):
        fit_quantized(base, few, top1(few), top1(few))
