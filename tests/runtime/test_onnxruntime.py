import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from ofa.errors import BadArtifact, MissingHardware, OfaError
from ofa.runtime import OrtSession


def flat_engine(image_shape=("batch", 1, 4, 4), element=TensorProto.UINT8, metadata=None):
    """Logits are the pixels themselves, as numbers."""
    nodes = [
        helper.make_node("Cast", ["images"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["numbers"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "flat",
        [helper.make_tensor_value_info("images", element, image_shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ("batch", 16))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    return model.SerializeToString()


def test_a_session_runs_a_batch_of_images():
    images = np.arange(32, dtype=np.uint8).reshape(2, 1, 4, 4)

    logits = OrtSession(flat_engine()).run(images)

    np.testing.assert_array_equal(logits, images.reshape(2, 16).astype(np.float32))
    assert logits.dtype == np.float32


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="may find a GPU"
)
def test_a_session_that_would_fall_back_to_the_cpu_is_refused():
    with (
        pytest.warns(UserWarning, match="not in available provider names"),
        pytest.raises(MissingHardware, match="CPUExecutionProvider would compute in its place"),
    ):
        OrtSession(flat_engine(), provider="CUDAExecutionProvider")


def test_a_session_tells_what_it_runs():
    engine = OrtSession(flat_engine(metadata={"arch": "tiny"}), threads=2).describe()

    assert (engine.runtime, engine.provider) == ("onnxruntime", "CPUExecutionProvider")
    assert engine.threads == 2
    assert (engine.input_type, engine.in_channels, engine.resolution) == ("uint8", 1, 4)
    assert engine.num_classes == 16
    assert engine.metadata == {"arch": "tiny"}


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 1, 4, 4), np.float32),
        np.zeros((2, 3, 4, 4), np.uint8),
        np.zeros((2, 1, 5, 5), np.uint8),
        np.zeros((1, 4, 4), np.uint8),
    ],
    ids=["type", "channels", "size", "no batch"],
)
def test_images_of_another_type_or_shape_are_refused_with_what_is_needed(images):
    session = OrtSession(flat_engine())

    with pytest.raises(OfaError, match=r"takes uint8\[n, 1, 4, 4\].*resize them to 4 px"):
        session.run(images)


@pytest.mark.parametrize(
    "model", [b"", b"no model", flat_engine()[:-20]], ids=["empty", "foreign", "truncated"]
)
def test_bytes_that_are_no_model_are_refused_in_one_line(model):
    with pytest.raises(BadArtifact, match="deploy it again") as refusal:
        OrtSession(model)

    assert "\n" not in str(refusal.value)


def test_an_operator_of_another_runtime_is_refused():
    model = onnx.load_from_string(flat_engine())
    model.graph.node[1].domain = "elsewhere"

    with pytest.raises(BadArtifact, match=r"operator elsewhere:\w+ is none that ofa writes"):
        OrtSession(model.SerializeToString())


def test_a_model_that_takes_no_images_is_refused():
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1, 3], [0.0] * 3)
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 3))
    node = helper.make_node("Identity", ["w"], ["logits"])
    graph = helper.make_graph([node], "constant", [], [logits], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    with pytest.raises(BadArtifact, match="does not map one batch of images"):
        OrtSession(model.SerializeToString())


@pytest.mark.parametrize(
    "model",
    [
        flat_engine(image_shape=("batch", 1, 2, 8)),
        flat_engine(image_shape=("batch", 1, 16)),
        flat_engine(element=TensorProto.INT64),
    ],
    ids=["oblong", "not images", "neither pixels nor shares"],
)
def test_a_model_that_does_not_classify_square_images_is_refused(model):
    with pytest.raises(BadArtifact, match="give an engine of ofa"):
        OrtSession(model)
