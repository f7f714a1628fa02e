"""Engines as they are timed: in the precision in which the device computes."""

from collections import Counter
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from ofa.errors import OfaError
from ofa.latency.engines import engine_of
from ofa.latency.plan import informative_plan
from ofa.runtime import RUNTIMES, OrtSession
from ofa.runtime.loaders import LOADERS
from ofa.runtime.onnx_export import export_onnx
from ofa.runtime.quantization import UNSIGNED, quantize
from ofa.space import network
from ofa.subnet import extract


def onnx_of(net, **how) -> bytes:
    """The ONNX file of an engine of ONNX Runtime."""
    return engine_of(net, **how)["engine.onnx"]


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

    timed = onnx_of(network(tiny_space, arch), precision="int8")
    assert operators(timed) == operators(shipped)


def test_an_int8_device_times_quantized_engines(smallest):
    quantized = onnx_of(smallest, precision="int8")

    assert "QuantizeLinear" in operators(quantized)
    assert onnx.TensorProto.INT8 in weight_types(quantized)
    assert "QuantizeLinear" not in operators(onnx_of(smallest))


def test_a_half_precision_device_times_halves(smallest):
    assert onnx.TensorProto.FLOAT16 in weight_types(onnx_of(smallest, precision="fp16"))


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_every_engine_runs_on_a_whole_batch(smallest, precision):
    engine = onnx_of(smallest, batch=3, precision=precision)

    logits = OrtSession(engine).run(np.zeros((3, 3, 12, 12), np.uint8))

    assert logits.shape == (3, 4)


def test_an_engine_of_another_runtime_is_built_by_it(smallest):
    assert list(engine_of(smallest, runtime="ncnn")) == ["engine.param", "engine.bin"]


@pytest.mark.parametrize("name", sorted({*LOADERS, "executorch"} - {"onnxruntime"}))
def test_every_runtime_is_timed_with_the_same_network(name, tiny_space):
    """Also with kernels that XNNPACK has to be given in parts."""
    if not RUNTIMES[name].available():
        pytest.skip(f"pip install '{RUNTIMES[name].requirement}'")
    space = replace(tiny_space, kernel_sizes=(7,))
    net = network(space, space.largest())
    images = np.random.default_rng(0).integers(0, 256, (1, 3, 16, 16), dtype=np.uint8)

    logits = []
    for runtime in ("onnxruntime", name):
        torch.manual_seed(0)  # the weights are random
        logits.append(RUNTIMES[runtime].load(engine_of(net, runtime=runtime)).run(images))

    np.testing.assert_allclose(logits[1], logits[0], atol=1e-5)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"runtime": "pytorch"}, "'pytorch' builds no engines here; use one of .*ncnn"),
        (
            {"runtime": "ncnn", "batch": 4},
            "ncnn is timed with one image a run, not 4; set batch: 1",
        ),
        ({"runtime": "ncnn", "precision": "int8"}, "ncnn: builds no engines in int8"),
    ],
)
def test_what_no_runtime_builds_is_refused(smallest, how, message):
    with pytest.raises(OfaError, match=message):
        engine_of(smallest, **how)


def test_results_of_another_runtime_or_precision_are_results_of_another_plan(tiny_space):
    one, *others = [
        informative_plan(tiny_space, num=1, precision=precision, runtime=runtime)
        for runtime, precision in (("ncnn", "fp32"), ("ncnn", "fp16"), ("tflite", "fp32"))
    ]

    for other in others:
        assert one.names == other.names
        assert one.identity() != other.identity()
