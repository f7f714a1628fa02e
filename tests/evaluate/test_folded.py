import pytest
import torch
from torch import nn

from ofa.evaluate import fuse_layers_
from ofa.nn import ACTIVATIONS, ConvBatchNorm
from ofa.space import ConvLayer
from ofa.subnet import extract, recalibrate_batchnorm_


def test_a_folded_net_gives_the_logits_of_the_whole_without_any_norm(supernet, tiny_space):
    net = extract(supernet, tiny_space, tiny_space.largest())
    images = torch.randn(40, 3, 16, 16)
    recalibrate_batchnorm_(net, [images])
    with torch.no_grad():
        expected = net(images)
        fuse_layers_(net)

        torch.testing.assert_close(net(images), expected, rtol=1e-4, atol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("batchnorm", [True, False])
def test_every_activation_is_computed_once(activation, batchnorm):
    layer = ConvLayer(
        in_channels=3, out_channels=8, in_size=9, kernel_size=3, stride=2,
        activation=activation, batchnorm=batchnorm,
    )  # fmt: skip
    net = ConvBatchNorm(layer).eval()
    images = 20 * torch.randn(4, 3, 9, 9)
    with torch.no_grad():
        expected = net(images)
        fuse_layers_(net)

        torch.testing.assert_close(net(images), expected, rtol=1e-4, atol=1e-4)


def test_folding_leaves_the_supernet_alone(supernet, tiny_space):
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}

    fuse_layers_(extract(supernet, tiny_space, tiny_space.smallest()))

    assert all(torch.equal(before[name], now) for name, now in supernet.state_dict().items())
