"""The published predictors' features and arithmetic."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from reference import fill
from reference.fill import GOLDEN, choices
from torch import nn

from ofa.errors import BadArtifact, IllegalSpace
from ofa.reference.dialects import read_arch
from ofa.reference.predictor import (
    TRAINED_SIZES,
    Form,
    ReferencePredictor,
    layers_of,
    percent,
    read_predictor,
    write_predictor,
)
from ofa.space import FAMILIES, Encoding

SPACE = replace(FAMILIES["ofa_mbv3_w1.2"](), resolutions=TRAINED_SIZES)
FORM = Form(layout="tutorial", resolutions=TRAINED_SIZES, num_slots=20)


def _state(sizes=(128, 400, 400, 400, 1)):
    shapes = {}
    for index, (width_in, width_out) in enumerate(pairwise(sizes)):
        shapes |= {f"{2 * index}.weight": (width_out, width_in), f"{2 * index}.bias": (width_out,)}
    return {name: tensor.numpy() for name, tensor in fill.state(shapes).items()}


def _predictor(space=SPACE, form=FORM):
    _, layers = layers_of(_state((form.num_features, 400, 400, 400, 1)), where="file")
    return ReferencePredictor(encoding=Encoding(space), form=form, layers=layers)


def _columns(predictor, space, case):
    arch = read_arch(choices(case["arch"]), space, resolution=case["r"])
    (features,) = predictor.features(Encoding(space).encode([arch]))
    return np.flatnonzero(features).tolist()


@pytest.mark.parametrize("case", GOLDEN["features"]["tutorial"], ids=lambda case: case["r"])
def test_tutorial_features_are_those_of_the_reference(case):
    assert _columns(_predictor(), SPACE, case) == case["columns"]


@pytest.mark.parametrize("case", GOLDEN["features"]["nas"], ids=lambda case: case["r"])
def test_nas_features_are_those_of_the_reference(case):
    sizes = (128, 160, 192, 224)
    space = replace(FAMILIES["ofa_proxyless_w1.3"](), resolutions=sizes)
    predictor = _predictor(space, Form(layout="nas", resolutions=sizes, num_slots=21))

    assert predictor.form.num_features == 130
    assert _columns(predictor, space, case) == case["columns"]


def test_the_arithmetic_is_that_of_plain_torch_layers():
    linears = [nn.Linear(*sizes) for sizes in ((128, 400), (400, 400), (400, 400), (400, 1))]
    plain = nn.Sequential(linears[0], *(m for linear in linears[1:] for m in (nn.ReLU(), linear)))
    plain.load_state_dict({name: torch.from_numpy(array) for name, array in _state().items()})
    predictor = _predictor()
    genotypes = predictor.encoding.sample(64, np.random.default_rng(0))

    with torch.no_grad():
        wanted = 100 * plain.double()(torch.from_numpy(predictor.features(genotypes)))[:, 0]

    np.testing.assert_allclose(predictor.top1(genotypes), wanted.numpy(), rtol=0, atol=1e-6)
    assert predictor(genotypes).dtype == np.float32
    np.testing.assert_allclose(predictor(genotypes), predictor.top1(genotypes), atol=5e-5)


def test_the_slope_is_that_of_the_layers():
    predictor = _predictor()
    encoding = predictor.encoding
    arch = encoding.encode([encoding.space.largest()])
    features = predictor.features(arch)
    step = 1e-6 * np.eye(features.shape[1])

    by_feature = (percent(predictor.layers, features + step)
                  - percent(predictor.layers, features - step)) / 2e-6  # fmt: skip
    slope = predictor.slope(arch)[0]

    # The largest arch makes the last choice of every gene, and every feature is of one choice.
    last = np.cumsum(encoding.num_choices) - 1
    chosen = [by_feature[column] for column in np.flatnonzero(features[0])]
    depths = slope[encoding.num_choices[0] :][: encoding.num_choices[encoding.depth_genes].sum()]
    assert not depths.any()
    assert sorted(slope[np.delete(last, encoding.depth_genes)]) == pytest.approx(
        sorted(chosen), rel=1e-3, abs=1e-4
    )
    assert slope.shape == (encoding.num_choices.sum(),)


def test_a_smaller_space_gives_the_same_predictions_for_the_same_archs():
    part = replace(
        SPACE, resolutions=(192,), kernel_sizes=(3, 7), depths=(2, 3), expand_ratios=(4,)
    )
    small, large = _predictor(part), _predictor()
    genotypes = small.encoding.sample(20, np.random.default_rng(0))

    archs = small.encoding.decode(genotypes)

    np.testing.assert_array_equal(small.top1(genotypes), large.top1(large.encoding.encode(archs)))


def test_choices_it_was_not_trained_on_are_refused():
    with pytest.raises(IllegalSpace, match=r"space.resolutions: \[128\] are beyond the predictor"):
        _predictor(replace(SPACE, resolutions=(128, 160)))
    with pytest.raises(IllegalSpace, match=r"space.expand_ratios: \[2\] are beyond"):
        _predictor(replace(SPACE, expand_ratios=(2, 3)))
    with pytest.raises(IllegalSpace, match="more than the 20 that the predictor reads"):
        _predictor(replace(FAMILIES["ofa_proxyless_w1.3"](), resolutions=(160,)))


def test_a_predictor_survives_being_written_and_read(tmp_path):
    predictor = _predictor()
    genotypes = predictor.encoding.sample(5, np.random.default_rng(0))

    write_predictor(tmp_path / "predictor.safetensors", predictor)
    again = read_predictor(tmp_path / "predictor.safetensors", predictor.encoding)

    np.testing.assert_array_equal(again.top1(genotypes), predictor.top1(genotypes))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"6.bias": None}, "lacks tensor 6.bias"),
        ({"8.bias": np.zeros(1)}, "holds the unknown tensor 8.bias"),
        ({"2.weight": np.zeros((400, 300))}, r"2.weight has shape \(400, 300\)"),
        ({"6.weight": np.zeros((2, 400)), "6.bias": np.zeros(2)}, "ends in 2 outputs"),
    ],
)
def test_tensors_that_are_no_published_predictor_are_refused(change, problem):
    state = {name: array for name, array in (_state() | change).items() if array is not None}

    with pytest.raises(BadArtifact, match=problem):
        layers_of(state, where="file")
