import numpy as np
import torch

from ofa.space import Encoding, network, params
from ofa.subnet import extract


def test_an_extracted_subnet_equals_the_supernet_at_its_arch(supernet, tiny_space):
    encoding = Encoding(tiny_space)
    drawn = encoding.decode(encoding.sample(50, np.random.default_rng(0)))

    for arch in (tiny_space.largest(), tiny_space.smallest(), *drawn):
        images = torch.randn(2, 3, arch.resolution, arch.resolution)
        with torch.no_grad():
            difference = extract(supernet, tiny_space, arch)(images) - supernet(images, arch)
        assert difference.abs().max() <= 1e-6, arch.describe()


def test_an_extracted_subnet_has_the_parameters_that_the_arithmetic_counts(supernet, tiny_space):
    encoding = Encoding(tiny_space)
    for arch in encoding.decode(encoding.sample(20, np.random.default_rng(1))):
        net = extract(supernet, tiny_space, arch)
        counted = sum(parameter.numel() for parameter in net.parameters())
        assert counted == params(network(tiny_space, arch))


def test_an_extracted_subnet_shares_no_memory_with_its_supernet(supernet, tiny_space):
    net = extract(supernet, tiny_space, tiny_space.largest())
    before = supernet.classifier.weight.clone()

    with torch.no_grad():
        net.classifier.weight.zero_()

    torch.testing.assert_close(supernet.classifier.weight, before)


def test_the_segments_of_a_net_are_the_net(supernet, tiny_space):
    net = extract(supernet, tiny_space, tiny_space.largest())
    images = x = torch.randn(2, 3, 16, 16)

    for segment in net.segments():
        x = segment(x)

    torch.testing.assert_close(x, net(images), rtol=0, atol=0)
