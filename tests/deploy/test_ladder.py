import numpy as np
import pytest
import torch

from ofa.data import ImageSet, Normalization, resized
from ofa.deploy import Form, climb, torch_logits
from ofa.deploy.verify import AtArch, climb_forms
from ofa.evaluate import run_in_chunks
from ofa.runtime import OrtSession
from ofa.runtime.onnx_export import export_onnx
from ofa.subnet import extract, recalibrate_batchnorm_

LOGITS = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.31]], np.float32)
LABELS = np.array([1, 0, 1])


def form(name, logits, precision="fp32"):
    return Form(name=name, precision=precision, logits=np.asarray(logits, np.float32))


def rung(logits, precision="fp32"):
    (found,) = climb([form("subnet", LOGITS)], [form("engine", logits, precision)], LABELS).rungs
    return found


def test_small_differences_that_change_no_label_hold_and_are_told():
    found = rung(LOGITS + np.float32(5e-5))

    assert found.holds
    assert found.max_abs_error == pytest.approx(5e-5, rel=1e-2)
    assert (found.num_images, found.num_top1_differing, found.top1) == (3, 0, 100)


def test_logits_that_tie_to_rounding_may_name_either_label():
    tied = LOGITS.copy()
    tied[0] = [0.9, 0.90001]
    rounded = tied.copy()
    rounded[0] = [0.90002, 0.90001]

    (found,) = climb([form("subnet", tied)], [form("engine", rounded)], LABELS).rungs

    assert found.holds and found.num_top1_differing == 1


@pytest.mark.parametrize(
    ("error", "complaint"),
    [
        ([[0, 0], [2e-4, 0], [0, 0]], "differ by up to 0.0002, 0 of 3 images"),
        ([[0, 0], [0, 0], [0.1, 0]], "1 of 3 images"),
        ([[0, 0], [np.nan, 0], [0, 0]], "differ by up to not a number"),
    ],
    ids=["logits", "label", "not a number"],
)
def test_a_rung_that_fails_says_which_and_by_how_much(error, complaint):
    found = rung(LOGITS + np.float32(error))

    assert not found.holds
    assert str(found).startswith("subnet to engine: ")
    assert complaint in str(found)


def test_reduced_precision_is_judged_by_the_accuracy_it_costs_not_by_its_logits():
    assert rung(3 * LOGITS, "int8").holds
    assert not rung(3 * LOGITS, "fp32").holds
    worse = rung(LOGITS[:, ::-1], "int8")
    assert not worse.holds and worse.top1_drop == 100
    assert not rung(np.full_like(LOGITS, np.nan), "int8").holds


@pytest.mark.parametrize(("num_wrong", "holds"), [(5, True), (6, False)])
def test_int8_may_cost_half_a_point_and_not_an_image_more(num_wrong, holds):
    labels = np.zeros(1000, np.int64)
    right = np.tile(np.float32([1, 0]), (1000, 1))
    below = right.copy()
    below[:num_wrong] = [0, 1]

    ladder = climb([form("subnet", right)], [form("int8", below, "int8")], labels)

    assert (ladder.failing is None) == holds


def test_the_first_failing_rung_is_the_one_that_is_named():
    wrong = LOGITS + np.float32(1)

    ladder = climb([form("a", LOGITS), form("b", wrong), form("c", wrong)], [], LABELS)

    assert [rung.name for rung in ladder.rungs] == ["a to b", "b to c"]
    assert ladder.failing is ladder.rungs[0]


@pytest.fixture
def judged():
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (48, 3, 16, 16), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 4, (48,), generator=generator)
    return ImageSet(images=images, labels=labels, classes=("a", "b", "c", "d"))


@pytest.fixture
def forms(supernet, tiny_space, judged):
    """A supernet, a recalibrated subnet of it, and what the ladder needs besides."""
    normalization = Normalization(mean=(0.5,) * 3, std=(0.25,) * 3)
    arch = tiny_space.smallest()
    net = extract(supernet, tiny_space, arch)
    recalibrate_batchnorm_(net, [normalization(resized(judged.images, arch.resolution))])
    onnx = export_onnx(
        net,
        in_channels=3,
        resolution=arch.resolution,
        mean=normalization.mean,
        std=normalization.std,
    )
    return {
        "supernet": supernet,
        "arch": arch,
        "extracted": net,
        "subnet": net,
        "engines": [("portable", "fp32", OrtSession(onnx))],
        "unchecked": {"other": "no such device here"},
        "normalization": normalization,
        "test": judged,
        "input_type": "uint8",
    }


def test_the_whole_ladder_holds_from_supernet_to_engine(forms):
    climbed = climb_forms(**forms)

    assert [rung.name for rung in climbed.ladder.rungs] == [
        "supernet to extracted", "extracted to subnet", "subnet to portable",
    ]  # fmt: skip
    assert climbed.ladder.failing is None
    assert climbed.ladder.unchecked == {"other": "no such device here"}
    assert climbed.top1["portable"] == climbed.ladder.rungs[-1].top1


@torch.no_grad()
def test_weights_changed_in_the_supernet_are_found_at_the_first_rung(forms):
    next(forms["supernet"].parameters()).mul_(1.5)

    failing = climb_forms(**forms).ladder.failing

    assert failing is not None and failing.name == "supernet to extracted"


def test_weights_changed_in_the_bundle_are_found_at_theirs(forms, supernet, tiny_space):
    forms["subnet"] = extract(supernet, tiny_space, forms["arch"])  # never recalibrated

    failing = climb_forms(**forms).ladder.failing

    assert failing is not None and failing.name == "extracted to subnet"


def test_the_supernet_is_run_with_the_subnets_statistics_and_left_as_it_was(forms):
    before = {name: tensor.clone() for name, tensor in forms["supernet"].state_dict().items()}

    AtArch(forms["supernet"], forms["arch"], statistics=forms["extracted"])

    after = forms["supernet"].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_chunks_change_nothing_but_memory(net, images):
    logits = torch_logits(net, lambda pixels: pixels / 255)

    whole = run_in_chunks(logits, images, chunk_size=100)
    sizes = []
    run_in_chunks(lambda chunk: (sizes.append(len(chunk)), logits(chunk))[1], images, chunk_size=8)

    assert sizes == [8, 8, 4]
    np.testing.assert_allclose(
        run_in_chunks(logits, images, chunk_size=8), whole, rtol=0, atol=1e-5
    )
    assert not torch.is_inference_mode_enabled()
