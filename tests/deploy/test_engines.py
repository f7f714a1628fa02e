"""Engines are built once for equal requests, and for those alone."""

from dataclasses import replace

import numpy as np
import pytest

from ofa.deploy import EngineCache, EngineRequest, engines
from ofa.deploy.engines import BuiltEngine, build_engine
from ofa.errors import EngineRefused
from ofa.evaluate import QuantizationImages
from ofa.runtime import RUNTIMES
from ofa.runtime.onnx_export import FromPixels

MEAN, STD = (0.5,), (0.25,)


@pytest.fixture
def build(net, engine, images, tmp_path):
    """Builds an engine of the network, and tells how many entries the cache holds then."""

    def build(precision: str, settling: QuantizationImages, runtime: str = "onnxruntime") -> int:
        build_engine(
            engine,
            FromPixels(net, mean=MEAN, std=STD, input_type="uint8"),
            EngineRequest(runtime=runtime, precision=precision),
            images=settling,
            cache=EngineCache(folder=tmp_path),
            threads=1,
        )
        return len(list(tmp_path.iterdir()))

    return build


@pytest.fixture
def settling(images):
    return QuantizationImages(
        calibration=images[:16], search=images, labels=np.zeros(len(images), np.int64)
    )


def test_an_int8_engine_is_built_again_where_other_images_choose_its_calibration(build, settling):
    others = replace(settling, labels=settling.labels + 1)

    assert build("int8", settling) == build("int8", settling) == 2
    assert build("int8", others) == 4


def test_images_are_nothing_to_an_engine_of_full_precision(build, settling):
    others = replace(settling, labels=settling.labels + 1)

    assert build("fp32", settling) == build("fp32", others)


def test_an_engine_is_built_again_where_the_hardware_that_it_is_bound_to_is_another(
    build, settling, monkeypatch
):
    def build_on(gpu: str) -> int:
        bound = replace(RUNTIMES["onnxruntime"], bound_to=lambda: gpu)
        monkeypatch.setitem(RUNTIMES, "onnxruntime", bound)
        return build("fp32", settling)

    assert build_on("one GPU") == build_on("one GPU") == 2
    assert build_on("another GPU") == 4


def test_an_engine_is_built_again_once_the_code_that_builds_it_has_changed(
    build, settling, monkeypatch
):
    before = build("fp32", settling)
    monkeypatch.setattr(engines, "_code", lambda: "mended")

    assert build("fp32", settling) == 2 * before


def test_an_engine_of_any_runtime_is_built_again_after_a_new_version_of_what_quantizes_it(
    build, settling, monkeypatch
):
    other = replace(RUNTIMES["onnxruntime"], name="openvino")
    monkeypatch.setitem(RUNTIMES, "openvino", other)
    before = build("fp32", settling, runtime="openvino")
    newer = replace(RUNTIMES["onnxruntime"], distribution="numpy")
    monkeypatch.setitem(RUNTIMES, "onnxruntime", newer)

    assert build("fp32", settling, runtime="openvino") == 2 * before


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_no_graph_is_lowered_for_a_runtime_that_quantizes_by_itself(
    precision, build, engine, settling, monkeypatch
):
    given = []

    def builder(source, capability):
        given.append(source)
        return {"engine.onnx": source.onnx}

    own = replace(RUNTIMES["onnxruntime"], quantizer="its own", builder=builder, forms_loader=None)
    monkeypatch.setitem(RUNTIMES, "onnxruntime", own)

    build(precision, settling)

    (source,) = given
    assert (source.precision, source.onnx) == (precision, engine)


@pytest.mark.parametrize(("runtime", "precision"), [("executorch", "fp16"), ("ncnn", "int8")])
def test_a_precision_in_which_a_runtime_builds_nothing_is_refused_before_anything_is_built(
    runtime, precision
):
    with pytest.raises(EngineRefused, match=f"{runtime}: builds no engines in {precision}; choose"):
        EngineRequest(runtime=runtime, precision=precision)


@pytest.mark.parametrize(
    ("runtime", "files", "num_bytes"),
    [
        ("openvino", {"engine.xml": b"graph", "engine.bin": b"weights"}, 12),
        ("onnxruntime", {"engine.onnx": b"whole", "engine.ort": b"again"}, 5),
        ("ncnn", {"engine.param": b"graph", "engine.bin": b"weights"}, 12),
        ("qnn", {"engine.onnx": b"whole", "engine.context.onnx": b"again"}, 5),
    ],
)
def test_the_size_of_an_engine_is_that_of_all_files_that_are_loaded(runtime, files, num_bytes):
    engine = BuiltEngine(
        request=EngineRequest(runtime=runtime, precision="fp32"),
        version="1",
        onnx=b"graph",
        files=files,
        session=None,
    )

    assert engine.num_bytes == num_bytes
