"""Every runtime builds real engines of a trained network and runs them where it can."""

import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from ofa.data import resized
from ofa.errors import BadArtifact, EngineRefused, MissingExtra, MissingHardware, OfaError
from ofa.opened import evaluator, find_checkpoint
from ofa.runtime import RUNTIMES, OrtSession, Source, with_precision
from ofa.runtime.onnx_export import FromPixels, export_onnx
from ofa.runtime.onnxruntime import ort_session, session_options

ROOT = Path(__file__).parents[2]
NUM_IMAGES = 200


def runtime(name):
    """A runtime, or a visible skip with the line that installs it."""
    found = RUNTIMES[name]
    if not found.available():
        pytest.skip(f"pip install '{found.requirement}'")
    return found


@cache
def trained():
    """The smallest subnet of the shipped supernet, calibration images, test images, torch form."""
    judge = evaluator(find_checkpoint("fashion_mnist"), "test")
    arch = judge.space.smallest()
    net = judge.subnet(arch).to(memory_format=torch.contiguous_format)
    scale = {"mean": judge.normalization.mean, "std": judge.normalization.std}
    model = export_onnx(net, in_channels=1, resolution=arch.resolution, **scale)
    calibration, images = (
        resized(data.images[:NUM_IMAGES], arch.resolution).numpy()
        for data in (judge.calibration, judge.images)
    )
    return model, calibration, images, FromPixels(net, input_type="uint8", **scale)


def in_precision(precision, profile):
    """What an engine of the trained network is built from."""
    model, calibration, _, net = trained()
    graph = with_precision(model, precision, profile=profile, calibration=calibration)
    return Source(onnx=graph, precision=precision, net=net, images=calibration)


def whole():
    """The same in full precision."""
    return in_precision("fp32", RUNTIMES["onnxruntime"].profile)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "executorch", "tflite", "ncnn"])
def test_an_engine_keeps_the_labels_of_the_float_network(name, precision):
    _model, _, images, _ = trained()
    chosen = runtime(name)
    reference = OrtSession(trained()[0]).run(images)

    if precision not in chosen.precisions:
        others = " or ".join(chosen.precisions)
        with pytest.raises(EngineRefused, match=f"in {precision}; choose --precision {others}"):
            chosen.build(in_precision(precision, chosen.profile))
        return
    session = chosen.load(chosen.build(in_precision(precision, chosen.profile)), threads=1)
    logits = session.run(images)

    agreement = (logits.argmax(1) == reference.argmax(1)).mean()
    assert logits.dtype == np.float32
    assert agreement >= {"fp32": 1, "fp16": 0.99, "int8": 0.95}[precision]
    if precision == "fp32":
        np.testing.assert_allclose(logits, reference, atol=1e-4)
    engine = session.describe()
    assert (engine.runtime, engine.version) == (name, chosen.version())
    assert (engine.input_type, engine.resolution, engine.num_classes) == ("uint8", 22, 10)


def test_an_8_bit_tflite_file_holds_the_ranges_that_a_moving_average_would_cut_off():
    tflite, images = runtime("tflite"), trained()[2]
    reference = OrtSession(trained()[0]).run(images)

    logits = tflite.load(tflite.build(in_precision("int8", tflite.profile))).run(images)

    assert (logits.argmax(1) == reference.argmax(1)).mean() >= 0.98  # 0.96 by the moving average


def test_the_mobile_file_gives_the_logits_of_the_portable_one():
    source = whole()
    images = trained()[2]

    files = RUNTIMES["onnxruntime"].build(source)

    assert files["engine.onnx"] == source.onnx
    mobile = ort_session(files["engine.ort"], session_options(threads=1))
    (logits,) = mobile.run(None, {mobile.get_inputs()[0].name: images})
    np.testing.assert_allclose(logits, OrtSession(source.onnx).run(images), atol=1e-5)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "ncnn"])
def test_an_engine_that_is_no_engine_or_lacks_a_file_is_refused_in_one_line(name):
    chosen = runtime(name)
    files = chosen.build(whole())

    for broken in ({}, dict.fromkeys(files, b"no engine")):
        with pytest.raises(BadArtifact, match="again") as refusal:
            chosen.load(broken)
        assert "\n" not in str(refusal.value)


def test_an_ncnn_engine_whose_weights_are_cut_off_or_that_names_strange_layers_is_refused():
    ncnn = runtime("ncnn")
    files = ncnn.build(whole())
    cut = files["engine.bin"][:5000]
    strange = files["engine.param"].replace(b"HardSwish", b"RootShell")

    for broken in ({"engine.bin": cut}, {"engine.param": strange}):
        with pytest.raises(BadArtifact, match="cannot run it as a classifier; deploy it again"):
            ncnn.load({**files, **broken})


def test_an_openvino_graph_without_layers_is_refused():
    graph = (
        b'<?xml version="1.0"?><net name="n" version="11"><layers></layers><edges></edges></net>'
    )

    with pytest.raises(BadArtifact, match="does not map one batch of images"):
        runtime("openvino").load({"engine.xml": graph, "engine.bin": b""})


@pytest.mark.parametrize(
    ("name", "file", "magic"), [("executorch", "pte", b"ET12"), ("tflite", "tflite", b"TFL3")]
)
@pytest.mark.parametrize("is_begun", [False, True])
def test_a_file_that_is_no_engine_is_refused_in_one_line(name, file, magic, is_begun):
    chosen = runtime(name)
    broken = b"\x00" * 4 + magic + b"\xff" * 200 if is_begun else b"no engine"

    with pytest.raises(BadArtifact, match="deploy it again") as refusal:
        chosen.load({f"engine.{file}": broken})

    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("capability", RUNTIMES["tensorrt_rtx"].capabilities)
def test_an_rtx_engine_is_built_without_a_gpu_or_refused_with_the_mend(capability, precision):
    rtx = runtime("tensorrt_rtx")
    model = in_precision(precision, rtx.profile)

    if capability == "sm75" and precision != "fp16":
        with pytest.raises(EngineRefused, match="sm75: its matrix products are half precision"):
            rtx.build(model, capability=capability)
    else:
        (plan,) = rtx.build(model, capability=capability).values()
        assert plan[:4] == b"vtrt"


def test_rtx_refuses_the_8_bit_graph_of_another_runtime():
    rtx = runtime("tensorrt_rtx")

    with pytest.raises(EngineRefused, match="profile of this runtime") as refusal:
        rtx.build(in_precision("int8", RUNTIMES["onnxruntime"].profile), capability="sm86")

    assert "\n" not in str(refusal.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_an_rtx_engine_is_not_run_without_a_gpu():
    rtx = runtime("tensorrt_rtx")

    with pytest.raises(MissingHardware, match="load it on the target"):
        rtx.load(rtx.build(whole(), capability="sm86"))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_tensorrt_engine_keeps_the_labels_of_the_float_network(precision):
    tensorrt = runtime("tensorrt")
    model, _, images, _ = trained()

    session = tensorrt.load(tensorrt.build(in_precision(precision, tensorrt.profile)))

    agreement = (session.run(images).argmax(1) == OrtSession(model).run(images).argmax(1)).mean()
    assert agreement >= {"fp32": 0.99, "fp16": 0.98, "int8": 0.95}[precision]


def test_hexagon_contexts_are_built_ahead_of_time_and_the_graph_runs_on_the_emulator():
    """In a process of its own, since the plugin stays in a process for good."""
    runtime("qnn")
    program = """
import numpy as np
from test_runtimes import in_precision, trained, whole
from ofa.errors import EngineRefused
from ofa.runtime import RUNTIMES, OrtSession

qnn, (model, _, images, _) = RUNTIMES["qnn"], trained()
before = OrtSession(model).run(images)
for precision in ("fp16", "int8"):
    graph = in_precision(precision, qnn.profile)
    contexts = [qnn.build(graph, capability=c)["engine.context.onnx"] for c in qnn.capabilities]
    session = qnn.load(qnn.build(graph, capability="v75"))
    logits = session.run(images[:20])
    assert len(set(contexts)) == len(contexts) == 4
    assert session.describe().is_emulated and session.describe().provider.startswith("QNN")
    assert (logits.argmax(1) == before[:20].argmax(1)).all()
try:
    qnn.build(whole(), capability="v75")
except EngineRefused as refusal:
    assert "choose --precision fp16 or int8" in str(refusal)
else:
    raise AssertionError("float32 was not refused")
after = OrtSession(model)
np.testing.assert_array_equal(after.run(images), before)
assert after.describe().provider == "CPUExecutionProvider"
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"},
    )

    assert done.returncode == 0, done.stderr


def test_a_graph_for_hexagon_is_judged_before_it_is_loaded():
    stranger = onnx.load_from_string(trained()[0])
    stranger.graph.node[0].op_type = "RandomNormalLike"

    with pytest.raises(BadArtifact, match=":RandomNormalLike is none that ofa writes"):
        runtime("qnn").load({"engine.onnx": stranger.SerializeToString()})


def test_a_plan_of_tensorrt_is_bound_to_the_gpu_that_is_here(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H200")
    for is_there, name in ((True, "NVIDIA H200"), (False, "")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda is_there=is_there: is_there)
        assert RUNTIMES["tensorrt"].bound_to() == name
    assert RUNTIMES["onnxruntime"].bound_to() == ""


def test_an_unknown_capability_is_refused_with_the_known_ones():
    with pytest.raises(EngineRefused, match="choose one of sm75, sm80"):
        runtime("tensorrt_rtx").build(whole(), capability="sm87")
    with pytest.raises(EngineRefused, match="leave 'sm86' out"):
        RUNTIMES["onnxruntime"].build(whole(), capability="sm86")


def test_a_runtime_that_is_not_installed_says_how_to_install_it():
    absent = [found for found in RUNTIMES.values() if not found.available()]
    if not absent:
        pytest.skip("every runtime is installed")

    with pytest.raises(MissingExtra, match=re.escape(f"pip install '{absent[0].requirement}'")):
        absent[0].build(whole())


def test_an_engine_is_loaded_without_the_packages_that_only_build_it():
    whole_runtime = RUNTIMES["onnxruntime"]
    bare = replace(whole_runtime, builds_with=("a-package-that-nobody-has",))
    files = whole_runtime.build(whole())

    assert whole_runtime.available() and not bare.available()
    with pytest.raises(MissingExtra, match="with a-package-that-nobody-has, which is not"):
        bare.build(whole())
    assert bare.load(files).describe().num_classes == 10


def test_every_optional_runtime_is_an_extra_of_the_project():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]

    for found in RUNTIMES.values():
        extra = re.fullmatch(r"ofa-toolkit\[(.+)\]", found.requirement)
        if extra:
            assert extras[extra[1]][0].startswith(f"{found.distribution}>=")


def test_int8_needs_images_to_calibrate_on():
    model, calibration, _, _ = trained()
    profile = RUNTIMES["onnxruntime"].profile

    with pytest.raises(OfaError, match="needs calibration images"):
        with_precision(model, "int8", profile=profile)
    with pytest.raises(OfaError, match="3 calibration images do not tell"):
        with_precision(model, "int8", profile=profile, calibration=calibration[:3])


def test_the_measure_of_accuracy_chooses_the_method_of_calibration():
    model, calibration, _, _ = trained()
    seen = []

    def likes_the_second(candidate):
        seen.append(candidate)
        return float(len(seen) == 2)

    chosen = with_precision(
        model,
        "int8",
        profile=RUNTIMES["onnxruntime"].profile,
        calibration=calibration[:32],
        top1=likes_the_second,
    )

    facts = {entry.key: entry.value for entry in onnx.load_from_string(chosen).metadata_props}
    assert len(seen) == 3
    assert (facts["precision"], facts["calibration"]) == ("int8", "entropy")


def test_the_runtime_of_the_page_runs():
    page = (ROOT / "docs/write_a_runtime.md").read_text()
    names = {"__name__": "page"}
    exec(re.search(r"```python\n(.*?)```", page, flags=re.DOTALL)[1], names)
    model, _, images, _ = trained()

    session = names["ONNX_REFERENCE"].load(names["ONNX_REFERENCE"].build(whole()))

    expected = OrtSession(model).run(images[:4])
    np.testing.assert_allclose(session.run(images[:4]), expected, atol=1e-4)
    assert session.describe().num_classes == 10


def test_quantization_prints_and_logs_nothing(capsys, caplog):
    in_precision("int8", RUNTIMES["onnxruntime"].profile)

    assert capsys.readouterr().out == ""
    assert caplog.text == ""
