"""Engines as they are timed: in the precision in which the device computes."""

from collections import Counter

import numpy as np
import onnx
import pytest

from ofa.latency.engines import engine_of
from ofa.latency.plan import informative_plan
from ofa.runtime import OrtSession
from ofa.runtime.onnx_export import export_onnx
from ofa.runtime.quantization import UNSIGNED, quantize
from ofa.space import network
from ofa.subnet import extract


def operators(engine: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_from_string(engine).graph.node)


def weight_types(engine: bytes) -> set[int]:
    return {tensor.data_type for tensor in onnx.load_from_string(engine).graph.initializer}


@pytest.fixture
def smallest(tiny_space):
    return network(tiny_space, tiny_space.smallest())


def test_what_is_timed_in_int8_is_the_graph_that_ships(tiny_space, supernet):
    """A new network has equal biases, which must be quantized like those of a trained one."""
    arch = tiny_space.largest()
    trained = export_onnx(
        extract(supernet, tiny_space, arch),
        in_channels=3,
        resolution=arch.resolution,
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
    )
    images = np.random.default_rng(1).integers(0, 256, (16, 3, 16, 16), dtype=np.uint8)

    shipped = quantize(trained, profile=UNSIGNED, calibration=images, method="minmax")

    timed = engine_of(network(tiny_space, arch), precision="int8")
    assert operators(timed) == operators(shipped)


def test_an_int8_device_times_quantized_engines(smallest):
    quantized = engine_of(smallest, precision="int8")

    assert "QuantizeLinear" in operators(quantized)
    assert onnx.TensorProto.INT8 in weight_types(quantized)
    assert "QuantizeLinear" not in operators(engine_of(smallest))


def test_a_half_precision_device_times_halves(smallest):
    assert onnx.TensorProto.FLOAT16 in weight_types(engine_of(smallest, precision="fp16"))


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_every_engine_runs_on_a_whole_batch(smallest, precision):
    engine = engine_of(smallest, batch=3, precision=precision)

    logits = OrtSession(engine).run(np.zeros((3, 3, 12, 12), np.uint8))

    assert logits.shape == (3, 4)


def test_results_of_another_precision_are_results_of_another_plan(tiny_space):
    plans = [informative_plan(tiny_space, num=1, precision=p) for p in ("fp32", "int8")]

    assert plans[0].names == plans[1].names
    assert plans[0].identity() != plans[1].identity()
