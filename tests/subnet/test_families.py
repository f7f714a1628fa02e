"""Subnets of all published families against first principles: no golden number, other code."""

from dataclasses import replace

import pytest
import torch
from reference import fill
from torch import nn

from ofa.space import FAMILIES, RESNET_FAMILIES, macs, network, params
from ofa.subnet import build_subnet, extract

SPACES = {name: make() for name, make in (FAMILIES | RESNET_FAMILIES).items()}
CORNERS = ("largest", "smallest")


def _counted_macs(net, images):
    """Multiply-accumulates by hooks on torch's own layers, as they run."""
    total = 0

    def count(module, args, output):
        nonlocal total
        if isinstance(module, nn.Conv2d):
            per_output = module.weight[0].numel()
            total += output[0].numel() * per_output
        else:
            total += module.in_features * module.out_features

    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        net(images)
    return total


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("family", SPACES)
def test_macs_and_parameters_are_those_of_the_layers_that_run(family, corner):
    space = replace(SPACES[family], resolutions=(132,))
    arch = getattr(space, corner)()
    layers = network(space, arch)
    with torch.device("meta"):
        net = build_subnet(layers)

    counted = _counted_macs(net, torch.zeros(1, 3, 132, 132, device="meta"))

    assert counted == macs(layers)
    assert sum(parameter.numel() for parameter in net.parameters()) == params(layers)


@pytest.mark.parametrize("family", SPACES)
@torch.no_grad()
def test_the_smallest_subnet_gives_the_logits_of_its_supernet(family):
    space = replace(SPACES[family], resolutions=(36,))  # an odd number of pixels on the way down
    supernet, arch = fill.supernet(space), space.smallest()
    images = fill.images(2, 36).double()

    net = extract(supernet, space, arch)

    torch.testing.assert_close(net(images), supernet(images, arch), rtol=0, atol=1e-9)
    x = images
    for segment in net.segments():
        x = segment(x)
    torch.testing.assert_close(x, net(images), rtol=0, atol=0)
