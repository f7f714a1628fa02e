"""A predictor as it is kept, read back, and asked."""

from dataclasses import replace

import numpy as np
import pytest

from ofa.errors import BadArtifact
from ofa.predictor import AccuracyPredictor, OneHot, fit_predictor
from ofa.space import Encoding


@pytest.fixture
def predictor(tiny_space) -> AccuracyPredictor:
    encoding = Encoding(tiny_space)
    rng = np.random.default_rng(0)
    genotypes = encoding.unique(encoding.sample(300, rng))
    top1 = 80.0 + OneHot(encoding)(genotypes) @ rng.random(26) + rng.normal(0, 0.1, len(genotypes))
    return fit_predictor(encoding, genotypes, top1).predictor


def test_a_prediction_is_the_formula_of_its_first_member(predictor):
    genotypes = predictor.encoding.enumerate()
    x = OneHot(predictor.encoding)(genotypes).astype(np.float64)
    quadratic = np.einsum("nf,fg,ng->n", x, predictor.pairs[0].astype(np.float64), x)
    falling = predictor.bend[0] * np.exp(-x @ predictor.decay[0])

    expected = predictor.bias[0] + x @ predictor.linear[0] + quadratic - falling

    assert predictor(genotypes).dtype == np.float32
    np.testing.assert_allclose(predictor(genotypes), expected, rtol=2e-6)


def test_the_slope_is_that_of_the_formula(predictor):
    genotypes = predictor.encoding.sample(5, np.random.default_rng(1))
    x = OneHot(predictor.encoding)(genotypes).astype(np.float64)

    def formula(x):
        falling = predictor.bend[0] * np.exp(-(x @ predictor.decay[0]))
        return (x @ predictor.pairs[0] * x).sum(axis=1) + x @ predictor.linear[0] - falling

    step = 1e-4 * np.eye(x.shape[1])
    expected = np.stack([(formula(x + one) - formula(x - one)) / 2e-4 for one in step], axis=1)

    np.testing.assert_allclose(predictor.slope(genotypes), expected, rtol=1e-3, atol=1e-3)


def test_predictions_do_not_depend_on_the_rows_beside_them(predictor):
    genotypes = np.tile(predictor.encoding.enumerate(), (4, 1))
    assert len(genotypes) > 4096

    in_one, row_by_row = predictor(genotypes), [predictor(row[None])[0] for row in genotypes[:50]]

    np.testing.assert_allclose(in_one[:50], row_by_row, rtol=1e-6)
    np.testing.assert_allclose(
        in_one[-50:], in_one[len(in_one) // 4 - 50 : len(in_one) // 4], rtol=1e-6
    )
    assert predictor(genotypes[:0]).shape == (0,)


def test_the_spread_is_the_jackknife_error_over_the_folds(predictor):
    genotypes = predictor.encoding.sample(5, np.random.default_rng(0))
    tensors, notes = predictor.state()
    folds = [
        AccuracyPredictor.from_state(
            predictor.encoding,
            {
                name: tensor
                if name in ("noise", "reach")
                else np.repeat(tensor[fold : fold + 1], 3, axis=0)
                for name, tensor in tensors.items()
            },
            notes,
        )(genotypes)
        for fold in range(1, len(predictor.bias))
    ]

    expected = np.sqrt((len(folds) - 1) * np.var(folds, axis=0))

    np.testing.assert_allclose(predictor.spread(genotypes), expected, rtol=1e-3)


def test_the_interval_reaches_as_far_as_spread_and_noise_together(predictor):
    genotypes = predictor.encoding.sample(5, np.random.default_rng(0))

    interval = predictor.interval(genotypes)

    std = np.sqrt(predictor.spread(genotypes) ** 2 + predictor.noise**2)
    np.testing.assert_allclose(predictor.std(genotypes), std, rtol=1e-5)
    np.testing.assert_allclose(interval.high - interval.low, 2 * predictor.reach * std, rtol=1e-3)
    np.testing.assert_allclose((interval.high + interval.low) / 2, predictor(genotypes), rtol=1e-6)


def test_state_makes_the_same_predictor_again(predictor):
    genotypes = predictor.encoding.enumerate()

    again = AccuracyPredictor.from_state(predictor.encoding, *predictor.state())

    np.testing.assert_array_equal(again(genotypes), predictor(genotypes))


def test_the_state_of_another_space_is_refused(predictor):
    other = Encoding(replace(predictor.encoding.space, num_classes=5))

    with pytest.raises(
        BadArtifact, match="fitted on another space than the supernet's; fit it again"
    ):
        AccuracyPredictor.from_state(other, *predictor.state())


@pytest.mark.parametrize(
    ("name", "spoil", "complaint"),
    [
        ("pairs", lambda tensor: None, r"tensors \['pairs'\] are missing"),
        (
            "linear",
            lambda tensor: tensor[:, 1:],
            r"linear has shape \(11, 25\), .* needs \(11, 26\)",
        ),
        ("pairs", lambda tensor: tensor[1:], "pairs has shape"),
        ("bias", lambda tensor: tensor[:2], "holds 2 members, but 3 or more are needed"),
        ("bias", lambda tensor: tensor[None], "bias has shape"),
    ],
)
def test_a_state_that_is_not_whole_is_refused(predictor, name, spoil, complaint):
    tensors, notes = predictor.state()
    changed = spoil(tensors[name])
    tensors = {key: tensor for key, tensor in tensors.items() if key != name}
    if changed is not None:
        tensors[name] = np.asarray(changed)

    with pytest.raises(BadArtifact, match=complaint):
        AccuracyPredictor.from_state(predictor.encoding, tensors, notes)
