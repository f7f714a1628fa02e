import torch
from torch import nn

from ofa.evaluate import fold_batchnorm_
from ofa.subnet import extract, recalibrate_batchnorm_


def test_a_folded_net_gives_the_logits_of_the_whole_without_any_norm(supernet, tiny_space):
    net = extract(supernet, tiny_space, tiny_space.largest())
    images = torch.randn(40, 3, 16, 16)
    recalibrate_batchnorm_(net, images)
    with torch.no_grad():
        expected = net(images)
        fold_batchnorm_(net)

        torch.testing.assert_close(net(images), expected, rtol=1e-4, atol=1e-5)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())


def test_folding_leaves_the_supernet_alone(supernet, tiny_space):
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}

    fold_batchnorm_(extract(supernet, tiny_space, tiny_space.smallest()))

    assert all(torch.equal(before[name], now) for name, now in supernet.state_dict().items())
