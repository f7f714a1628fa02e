"""A latency model estimates, tabulates, and says how sure it is."""

import dataclasses
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.latency import Evidence, LatencyModel, Source, layer_key, load_device, load_model
from ofa.latency.features import network_features
from ofa.latency.model import most_work
from ofa.latency.residual import NUM_COLUMNS, Residual, reach_of
from ofa.search import check_budget, reachable_range
from ofa.space import (
    Encoding,
    FirstBlock,
    Head,
    ResNetSpace,
    ResNetStage,
    SearchSpace,
    Stage,
    Stem,
    macs,
    network,
)

SHIPPED = Path(__file__).parent.parent.parent / "devices"
SPACE = SearchSpace(
    in_channels=1,
    num_classes=10,
    resolutions=(22, 28),
    expand_ratios=(2, 4),
    depths=(1, 2),
    stem=Stem(stride=1),
    first_block=FirstBlock(stride=2),
    head=Head(expand_width=320, feature_width=0),
    stages=(Stage(width=24), Stage(width=40, stride=2, squeeze_excite=True)),
)
MODEL = LatencyModel(
    label="calibrated",
    fitted_ms=(0.5, 5.0),
    noise=0.05,
    evidence=Evidence(
        method="leave-one-out",
        num_networks=4,
        mape_percent=2.0,
        max_percent=4.0,
        spearman=1.0,
        coverage_percent=100.0,
    ),
    sources=(
        Source(repository="owner/name", commit="abc1234", path="table.csv", licence="MIT", rows=9),
    ),
    draws={"expand_macs": (0.4, 0.6), "blocks": (0.2, 0.2), "networks": (0.3, 0.1)},
)
SMALLEST = network(SPACE, SPACE.smallest())
RESNET = ResNetSpace(
    num_classes=10, resolutions=(32,), stages=(ResNetStage(width=32, stride=1, depths=(1,)),)
)


def features_of(*networks):
    return np.array([network_features(net.layers) for net in networks])


def test_the_table_of_a_space_agrees_with_single_estimates_to_the_last_bit():
    corrected = with_draws(**MODEL.draws, **{layer_key(SMALLEST.stages[1][0]): (0.01, -0.03)})
    encoding = Encoding(SPACE)
    genotypes = encoding.sample(50, np.random.default_rng(0))

    table_ms = corrected.table(encoding)(genotypes)

    singly_ms = [
        corrected.estimate(network(SPACE, arch).layers).latency_ms
        for arch in encoding.decode(genotypes)
    ]
    np.testing.assert_array_equal(table_ms, singly_ms)


@pytest.mark.parametrize("device", ["note10", "pixel1", "1080ti"])
def test_a_budget_that_equals_the_latency_of_a_network_alone_is_met_by_it(device):
    model = load_model(load_device(SHIPPED, device).model_path)
    table = model.table(Encoding(SPACE))
    reach = reachable_range(table)
    fastest = Encoding(SPACE).decode(reach.cheapest)[0]

    alone_ms = model.estimate(network(SPACE, fastest).layers).latency_ms

    assert alone_ms == reach.lowest
    assert check_budget(table, alone_ms).lowest == alone_ms


def test_where_draws_agree_the_interval_is_the_noise():
    estimate = with_draws(expand_macs=(0.5, 0.5, 0.5)).estimate(SMALLEST.layers)

    assert np.log(estimate.high_ms / estimate.latency_ms) == pytest.approx(MODEL.noise)
    assert np.log(estimate.latency_ms / estimate.low_ms) == pytest.approx(MODEL.noise)


def test_the_interval_widens_where_what_the_draws_dispute_weighs_more():
    disputed = with_draws(expand_macs=(1.0, 1.0), networks=(0.0, 0.4))

    widths = {}
    for arch in (SPACE.smallest(), SPACE.largest()):
        estimate = disputed.estimate(network(SPACE, arch).layers)
        widths[arch] = estimate.high_ms / estimate.low_ms

    assert widths[SPACE.smallest()] > 1.3 * widths[SPACE.largest()]


@pytest.mark.parametrize(
    ("fitted_ms", "label"),
    [((0.5, 5.0), "calibrated"), ((20.0, 143.0), "uncalibrated"), ((1e-4, 2e-4), "uncalibrated")],
)
def test_an_estimate_beyond_the_latencies_of_the_fit_is_uncalibrated(fitted_ms, label):
    model = dataclasses.replace(MODEL, fitted_ms=fitted_ms)

    assert model.estimate(SMALLEST.layers).label == label


def test_an_estimate_of_work_that_no_fitted_network_did_is_uncalibrated():
    mobile = replace(MODEL, fitted_work=most_work(features_of(SMALLEST)), fitted_ms=(0.01, 1e6))
    bottlenecks = network(RESNET, RESNET.smallest())

    assert mobile.estimate(SMALLEST.layers).label == "calibrated"
    assert mobile.estimate(bottlenecks.layers).label == "uncalibrated"
    assert (
        replace(mobile, fitted_work=most_work(features_of(SMALLEST, bottlenecks)))
        .estimate(bottlenecks.layers)
        .label
        == "calibrated"
    )


def test_a_layer_that_was_measured_counts_what_was_measured():
    first = SMALLEST.layers[0]
    measured = dataclasses.replace(MODEL, layers_ms={layer_key(first): 7.0})

    others_ms = MODEL.estimate(SMALLEST.layers[1:]).latency_ms

    assert measured.estimate(SMALLEST.layers).latency_ms == pytest.approx(7.0 + others_ms)


def test_a_network_of_measured_layers_is_a_table_sum():
    layers_ms = {layer_key(layer): 0.1 for layer in SMALLEST.layers}
    model = dataclasses.replace(MODEL, layers_ms=layers_ms)

    assert model.estimate(SMALLEST.layers).label == "table-sum"
    assert model.estimate(network(SPACE, SPACE.largest()).layers).label != "table-sum"


def test_a_residual_scales_blocks_in_estimate_and_table_alike():
    blocks = [layer for stage in SMALLEST.stages for layer in stage]
    residual = Residual(reach=reach_of(blocks), coefficients=(0.25, *(0.0,) * (NUM_COLUMNS - 1)))
    model = dataclasses.replace(MODEL, residual=residual)
    encoding = Encoding(SPACE)

    block_ms = MODEL.estimate(blocks).latency_ms - 0.2

    assert model.estimate(blocks).latency_ms == pytest.approx(0.2 + 1.25 * block_ms)
    table_ms = model.table(encoding)(encoding.encode([SPACE.smallest()]))
    assert table_ms[0] == pytest.approx(model.estimate(SMALLEST.layers).latency_ms)


def test_a_measured_layer_that_takes_no_time_is_refused():
    with pytest.raises(BadArtifact, match=r"layers_ms: x takes no time; measure it again"):
        dataclasses.replace(MODEL, layers_ms={"x": 0.0})


def test_an_estimate_prints_what_it_is_and_its_interval():
    text = str(MODEL.estimate(SMALLEST.layers))

    assert "ms estimated (calibrated, 90 % interval " in text


def test_a_model_comes_back_from_its_file_unchanged(tmp_path):
    path = tmp_path / "model.yaml"
    artifacts.write_yaml(path, dataclasses.asdict(MODEL), header="A model.")

    assert load_model(path) == MODEL


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        ({}, r"there must be a row"),
        ({"blocks": (0.1,), "networks": (0.1, 0.2)}, r"each row needs one value a draw"),
        ({"blocks": (0.1, -0.3)}, r"blocks is negative"),
        ({"blocks": (0.0, 0.0)}, r"no feature costs any time"),
    ],
)
def test_draws_that_no_device_can_have_are_refused(draws, message):
    with pytest.raises(BadArtifact, match=message):
        with_draws(**draws)


def test_corrections_that_leave_no_time_are_refused():
    model = with_draws(blocks=(0.1, 0.1), **{layer_key(SMALLEST.stem): (-9.0, -9.0)})

    with pytest.raises(BadArtifact, match=r"ms for a network; fit it again"):
        model.estimate(SMALLEST.layers)


def test_the_shipped_pixel_takes_longer_for_more_work_and_is_unsure_far_below_its_networks():
    model = load_model(load_device(SHIPPED, "pixel").model_path)
    small, large = (network(SPACE, arch) for arch in (SPACE.smallest(), SPACE.largest()))

    small_estimate, large_estimate = model.estimate(small.layers), model.estimate(large.layers)

    assert macs(small) < macs(large)
    assert small_estimate.latency_ms < large_estimate.latency_ms
    assert small_estimate.label == "uncalibrated"
    small_width = math.log(small_estimate.high_ms / small_estimate.low_ms)
    assert small_width > 3 * 2 * model.noise


def test_the_shipped_pixel_foretells_a_full_size_network_as_calibrated():
    model = load_model(load_device(SHIPPED, "pixel").model_path)
    space = SearchSpace()
    arch = space.uniform(resolution=192, depths=(3,) * 5, kernel_size=5, expand_ratio=4)

    estimate = model.estimate(network(space, arch).layers)

    assert estimate.label == "calibrated"
    assert estimate.high_ms / estimate.low_ms < 1.5


def with_draws(**draws: tuple[float, ...]) -> LatencyModel:
    return dataclasses.replace(MODEL, draws=draws)
