import pytest
import torch
from torch import nn

from ofa.nn import (
    ElasticBatchNorm2d,
    ElasticConv2d,
    ElasticDepthwiseConv2d,
    ElasticSqueezeExcite,
)


@pytest.mark.parametrize("out_channels", [4, 8])
@pytest.mark.parametrize("in_channels", [3, 6])
def test_an_elastic_conv_equals_a_plain_conv_holding_its_slice(in_channels, out_channels):
    elastic = ElasticConv2d(6, 8)
    plain = nn.Conv2d(in_channels, out_channels, 1, bias=False)
    plain.weight.data = elastic.weight.data[:out_channels, :in_channels]
    x = torch.randn(2, in_channels, 5, 5)

    torch.testing.assert_close(elastic(x, out_channels=out_channels), plain(x), rtol=0, atol=0)


def test_fresh_kernel_transforms_crop_the_center():
    conv = ElasticDepthwiseConv2d(4, kernel_sizes=(3, 5, 7))

    torch.testing.assert_close(conv.kernel(channels=4, kernel_size=7), conv.weight)
    torch.testing.assert_close(conv.kernel(channels=2, kernel_size=3), conv.weight[:2, :, 2:5, 2:5])


def test_the_smallest_kernel_passes_through_every_transform_on_its_way():
    conv = ElasticDepthwiseConv2d(2, kernel_sizes=(3, 5, 7))
    with torch.no_grad():
        for matrix in conv.transforms.values():
            matrix.copy_(torch.randn_like(matrix))
    five = conv.weight[:, 0, 1:6, 1:6].reshape(2, 25) @ conv.transforms["7to5"].T
    three = five.view(2, 5, 5)[:, 1:4, 1:4].reshape(2, 9) @ conv.transforms["5to3"].T

    torch.testing.assert_close(conv.kernel(channels=2, kernel_size=5).view(2, 25), five)
    torch.testing.assert_close(conv.kernel(channels=2, kernel_size=3).view(2, 9), three)


def test_kernel_transforms_learn():
    conv = ElasticDepthwiseConv2d(2, kernel_sizes=(3, 5))

    conv(torch.randn(1, 2, 6, 6), kernel_size=3).square().sum().backward()

    assert conv.transforms["5to3"].grad is not None
    assert conv.transforms["5to3"].grad.abs().sum() > 0


def test_batch_norm_trains_only_the_slice_it_normalizes():
    norm = ElasticBatchNorm2d(6)

    norm(torch.randn(8, 4, 3, 3) + 5)

    assert (norm.running_mean[:4] > 0.3).all()
    assert (norm.running_mean[4:] == 0).all()


def test_squeeze_excite_uses_leading_channels_only():
    gate = ElasticSqueezeExcite(8, 8)
    small = ElasticSqueezeExcite(4, 3)
    small.reduce.weight.data = gate.reduce.weight.data[:3, :4]
    small.reduce.bias.data = gate.reduce.bias.data[:3]
    small.expand.weight.data = gate.expand.weight.data[:4, :3]
    small.expand.bias.data = gate.expand.bias.data[:4]
    x = torch.randn(2, 4, 3, 3)

    torch.testing.assert_close(gate(x, se_channels=3), small(x, se_channels=3))
