from pathlib import Path

import pytest
import torch

from ofa.data import resized
from ofa.errors import BadArtifact, OfaError
from ofa.opened import evaluator, find_checkpoint, judges

ROOT = str(Path(__file__).parent.parent)


def load(entry, *args):
    return torch.hub.load(ROOT, entry, *args, source="local", verbose=False)


def test_a_supernet_is_loaded_by_name_with_its_space():
    net = load("supernet", "fashion_mnist")
    arch = net.space.smallest()

    logits = net(torch.zeros(2, 1, arch.resolution, arch.resolution), arch)

    assert logits.shape == (2, 10)


def test_a_subnet_is_loaded_recalibrated_with_what_its_user_must_know():
    net = load("subnet", "fashion_mnist", "smallest")
    test = judges(find_checkpoint("fashion_mnist")).test
    images = resized(test.images[:500], net.resolution) / 255

    with torch.inference_mode():
        labels = net((images - net.mean[0]) / net.std[0]).argmax(1)

    assert net.classes == test.classes
    assert (labels == test.labels[:500]).float().mean() > 0.88


def test_a_subnet_is_loaded_by_the_text_of_its_arch():
    space = load("supernet").space
    arch = space.largest()

    by_text, by_name = load("subnet", "fashion_mnist", arch.to_json()), load("subnet")

    torch.testing.assert_close(by_text.state_dict(), by_name.state_dict(), rtol=0, atol=0)
    net = evaluator(find_checkpoint("fashion_mnist"), "test").subnet(arch)
    torch.testing.assert_close(by_text.state_dict(), net.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("arch", ["biggest", '{"resolution": 28}'])
def test_an_arch_that_is_none_is_refused(arch):
    with pytest.raises(OfaError, match="arch"):
        load("subnet", "fashion_mnist", arch)


def test_an_unknown_name_lists_the_shipped_ones():
    with pytest.raises(BadArtifact, match="fashion_mnist"):
        load("supernet", "nowhere")
