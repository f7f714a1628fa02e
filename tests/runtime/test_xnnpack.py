"""What XNNPACK is slow on is written otherwise, and computes the same."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from ofa.runtime.xnnpack import narrowed
from ofa.space import network
from ofa.subnet import build_subnet


def widest_depthwise(net: nn.Module) -> int:
    """Taps of the largest depthwise kernel."""
    return max(
        module.kernel_size[0] * module.kernel_size[1]
        for module in net.modules()
        if isinstance(module, nn.Conv2d) and module.groups > 1
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 9, 10])
def test_a_wide_depthwise_kernel_becomes_three_that_sum_up_to_it(stride, bias, size):
    conv = nn.Conv2d(6, 6, 7, stride, 3, groups=6, bias=bias).eval()
    images = torch.randn(2, 6, size, size)

    narrow = narrowed(nn.Sequential(conv))

    assert widest_depthwise(narrow) == 21
    torch.testing.assert_close(narrow(images), conv(images))


def test_a_subnet_keeps_its_logits_and_is_left_alone_itself(tiny_space):
    space = replace(tiny_space, kernel_sizes=(3, 5, 7))
    net = build_subnet(network(space, space.largest())).eval()
    images = torch.rand(2, 3, 16, 16)

    narrow = narrowed(net)

    assert widest_depthwise(net) == 49
    assert widest_depthwise(narrow) <= 25
    torch.testing.assert_close(narrow(images), net(images))
