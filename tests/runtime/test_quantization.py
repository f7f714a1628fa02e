"""Calibration that holds the activations of a few images at a time."""

import numpy as np
import onnx
import pytest

from ofa.runtime import OrtSession, quantization
from ofa.runtime.onnx_export import export_onnx
from ofa.runtime.quantization import UNSIGNED, quantize
from ofa.subnet import extract

IMAGES = np.random.default_rng(0).integers(0, 256, (256, 3, 16, 16), dtype=np.uint8)


@pytest.fixture
def network(supernet, tiny_space):
    net = extract(supernet, tiny_space, tiny_space.largest())
    return export_onnx(net, in_channels=3, resolution=16, mean=(0.5,) * 3, std=(0.25,) * 3)


@pytest.fixture
def collected(monkeypatch):
    """How many batches each pass of a calibrator takes."""
    from onnxruntime.quantization.calibrate import HistogramCalibrater, MinMaxCalibrater

    sizes = []

    def recorded(collect):
        def counting(self, reader):
            taken = []

            class Counted:
                def get_next(self):
                    batch = reader.get_next()
                    taken.extend([batch] if batch else [])
                    return batch

            collect(self, Counted())
            sizes.append(len(taken))

        return counting

    for calibrator in (HistogramCalibrater, MinMaxCalibrater):
        monkeypatch.setattr(calibrator, "collect_data", recorded(calibrator.collect_data))
    return sizes


def test_ranges_are_the_same_however_many_images_are_held_at_once(network, monkeypatch, collected):
    whole = quantize(network, profile=UNSIGNED, calibration=IMAGES, method="minmax")
    assert collected == [8]
    collected.clear()

    monkeypatch.setattr(quantization, "_ACTIVATION_BYTES", 3 * _batch_bytes(network))
    parted = quantize(network, profile=UNSIGNED, calibration=IMAGES, method="minmax")

    assert collected == [2] * 4  # three would fit, and do not divide eight
    assert parted == whole


@pytest.mark.parametrize("method", ["entropy", "percentile"])
def test_histograms_of_a_batch_at_a_time_make_nearly_the_same_engine(
    network, monkeypatch, collected, method
):
    whole = quantize(network, profile=UNSIGNED, calibration=IMAGES, method=method)
    collected.clear()

    monkeypatch.setattr(quantization, "_ACTIVATION_BYTES", 1)
    parted = quantize(network, profile=UNSIGNED, calibration=IMAGES, method=method)

    assert collected == [1] * 8
    expected, found = (OrtSession(engine).run(IMAGES) for engine in (whole, parted))
    assert np.abs(found - expected).mean() < 0.1 * expected.std()


def _batch_bytes(network: bytes) -> int:
    graph = onnx.shape_inference.infer_shapes(onnx.load_from_string(network)).graph
    shapes = [[d.dim_value or 1 for d in v.type.tensor_type.shape.dim] for v in graph.value_info]
    return 4 * 32 * sum(int(np.prod(shape)) for shape in shapes)
