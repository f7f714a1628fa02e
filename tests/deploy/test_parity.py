import numpy as np
import pytest
import torch

from ofa.deploy import check_parity, run_in_chunks, torch_logits
from ofa.errors import ParityFailure
from ofa.runtime import OrtSession

LOGITS = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.31]], np.float32)


def test_an_exported_network_agrees_with_its_engine(net, engine, images):
    def normalize(pixels):
        return (pixels / 255 - 0.3) / 0.35

    found = check_parity(
        run_in_chunks(torch_logits(net, normalize), images, chunk_size=7),
        run_in_chunks(OrtSession(engine).run, images, chunk_size=9),
        rung="torch to ONNX Runtime",
    )

    assert 0 < found.max_abs_error < 1e-4
    assert (found.num_images, found.num_top1_differing) == (20, 0)


def test_small_differences_that_change_no_label_pass_and_are_told():
    found = check_parity(LOGITS, LOGITS + np.float32(5e-5), rung="a to b")

    assert found.max_abs_error == pytest.approx(5e-5, rel=1e-2)
    assert (found.num_images, found.num_top1_differing) == (3, 0)


@pytest.mark.parametrize(
    ("error", "complaint"),
    [
        ([[0, 0], [2e-4, 0], [0, 0]], r"differ by up to 0.0002.* 0 of 3 images"),
        ([[0, 0], [0, 0], [0.1, 0]], r"1 of 3 images"),
        ([[0, 0], [np.nan, 0], [0, 0]], r"differ by up to nan"),
    ],
    ids=["logits", "label", "not a number"],
)
def test_an_engine_that_differs_is_refused_by_the_name_of_its_rung(error, complaint):
    with pytest.raises(ParityFailure, match=f"torch to ONNX Runtime: .*{complaint}"):
        check_parity(LOGITS, LOGITS + np.float32(error), rung="torch to ONNX Runtime")


def test_a_changed_label_is_refused_however_small_the_change():
    tie = np.array([[0.5, 0.50001]], np.float32)

    with pytest.raises(ParityFailure, match="1 of 1 images"):
        check_parity(tie, tie[:, ::-1].copy(), rung="a to b")


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
