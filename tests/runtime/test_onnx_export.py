import json

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from ofa.runtime import OrtSession
from ofa.runtime.onnx_export import export_onnx
from ofa.space import FirstBlock, Head, SearchSpace, Stage, Stem, network
from ofa.subnet import StaticNet

SPACE = SearchSpace(
    in_channels=3,
    num_classes=5,
    resolutions=(16, 20),
    depths=(1, 2),
    stem=Stem(width=8, stride=1),
    first_block=FirstBlock(width=8, stride=2),
    stages=(Stage(width=16), Stage(width=24, activation="hardswish", squeeze_excite=True)),
    head=Head(expand_width=32, feature_width=40),
)
MEAN, STD = (0.48, 0.45, 0.4), (0.22, 0.23, 0.25)


def seeded_net(arch=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    net = StaticNet(network(SPACE, arch or SPACE.largest()))
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.2, generator=generator)
    for name, statistic in net.named_buffers():
        if statistic.is_floating_point():
            low = 0.5 if name.endswith("var") else -0.5
            nn.init.uniform_(statistic, low, low + 1, generator=generator)
    return net.eval()


def exported(net, resolution=20, **options):
    return export_onnx(net, in_channels=3, resolution=resolution, mean=MEAN, std=STD, **options)


def pixels(num=4, resolution=20):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (num, 3, resolution, resolution), dtype=np.uint8)


def torch_logits(net, images):
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (MEAN, STD))
    with torch.inference_mode():
        return net((torch.from_numpy(images) / 255 - mean) / std).numpy()


@pytest.mark.parametrize("arch", [SPACE.largest(), SPACE.smallest()], ids=["largest", "smallest"])
def test_the_file_gives_the_logits_of_the_network_on_normalized_images(arch):
    net, images = seeded_net(arch), pixels(resolution=arch.resolution)

    actual = OrtSession(exported(net, resolution=arch.resolution)).run(images)

    np.testing.assert_allclose(actual, torch_logits(net, images), rtol=1e-5, atol=1e-5)


def test_a_file_for_pixels_from_0_to_1_gives_the_same_logits():
    net, images = seeded_net(), pixels()
    shares = images.astype(np.float32) / 255

    actual = OrtSession(exported(net, input_type="float32")).run(shares)

    np.testing.assert_allclose(actual, torch_logits(net, images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("num", [1, 3])
def test_the_batch_is_free(num):
    assert OrtSession(exported(seeded_net())).run(pixels(num)).shape == (num, 5)


def test_equal_weights_give_equal_bytes_whatever_their_memory_layout():
    net = seeded_net()
    first = exported(net)

    channels_last = seeded_net().to(memory_format=torch.channels_last)

    assert exported(net) == first
    assert exported(channels_last) == first
    assert exported(seeded_net(seed=1)) != first


@pytest.mark.parametrize("training", [False, True])
def test_export_leaves_the_network_in_the_mode_it_was_in(training):
    net = seeded_net().train(training)

    engine = OrtSession(exported(net))

    assert all(module.training is training for module in net.modules())
    images = pixels()
    np.testing.assert_allclose(
        engine.run(images), torch_logits(net.eval(), images), rtol=1e-5, atol=1e-5
    )


def test_batch_norm_is_folded_and_activations_stay_single_operators():
    graph = onnx.load_from_string(exported(seeded_net())).graph

    operators = {node.op_type for node in graph.node}

    assert operators == {
        "Add", "Cast", "Conv", "Flatten", "Gemm", "HardSigmoid", "HardSwish", "Mul", "ReduceMean",
        "Relu", "Sub",
    }  # fmt: skip


def test_equal_tensors_are_tensors_of_their_own():
    new = StaticNet(network(SPACE, SPACE.largest())).eval()  # all its biases are 0

    graph = onnx.load_from_string(exported(new)).graph

    assert "Identity" not in {node.op_type for node in graph.node}
    np.testing.assert_allclose(
        OrtSession(exported(new)).run(pixels()), torch_logits(new, pixels()), atol=1e-5
    )


def test_names_and_shapes_are_those_a_user_relies_on():
    model = onnx.load_from_string(exported(seeded_net()))

    (images,), (logits,) = model.graph.input, model.graph.output
    sides = [side.dim_param or side.dim_value for side in images.type.tensor_type.shape.dim]

    assert (images.name, logits.name) == ("images", "logits")
    assert sides == ["batch", 3, 20, 20]
    assert [entry.version for entry in model.opset_import] == [17]


def test_the_file_records_its_maker_its_normalization_and_what_it_is_given():
    arch = SPACE.largest()
    model = onnx.load_from_string(exported(seeded_net(), metadata={"arch": arch.to_json()}))

    facts = {entry.key: entry.value for entry in model.metadata_props}

    assert model.producer_name == "ofa-toolkit"
    assert facts["arch"] == arch.to_json()
    assert facts["input_type"] == "uint8"
    assert tuple(json.loads(facts["mean"])) == MEAN
    assert tuple(json.loads(facts["std"])) == STD
