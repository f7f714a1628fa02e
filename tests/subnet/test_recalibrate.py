import pytest
import torch
from torch import nn

from ofa.subnet import extract, recalibrate_batchnorm_, recalibrating


@pytest.fixture
def net(supernet, tiny_space):
    return extract(supernet, tiny_space, tiny_space.smallest())


def norms(net):
    return [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]


def test_the_first_norm_gets_the_statistics_of_its_input(net):
    images = torch.randn(40, 3, 12, 12)
    x = net.stem.conv(images).double()

    recalibrate_batchnorm_(net, images.split(16))

    assert not net.training
    torch.testing.assert_close(net.stem.bn.running_mean, x.mean((0, 2, 3)).float())
    variance = x.var((0, 2, 3), correction=0).float()
    torch.testing.assert_close(net.stem.bn.running_var, variance)


def test_the_reference_average_leaves_out_the_variance_between_chunks(net):
    images = torch.randn(32, 3, 12, 12)
    images[16:] += 2.0
    x = net.stem.conv(images)
    within = torch.stack([x[:16].var((0, 2, 3), correction=0), x[16:].var((0, 2, 3), correction=0)])

    recalibrate_batchnorm_(net, images.split(16), average="reference")

    torch.testing.assert_close(net.stem.bn.running_var, within.mean(0))


def test_one_chunk_makes_evaluation_equal_training(net):
    images = torch.randn(64, 3, 12, 12)

    recalibrate_batchnorm_(net, images.split(64))

    evaluated = net(images)
    torch.testing.assert_close(evaluated, net.train()(images), rtol=1e-4, atol=1e-4)


def test_the_supernets_statistics_do_not_matter(net):
    images = torch.randn(32, 3, 12, 12)
    recalibrate_batchnorm_(net, [images])
    expected = net(images)
    for norm in norms(net):
        norm.running_mean.fill_(7)
        norm.running_var.fill_(9)

    recalibrate_batchnorm_(net, [images])

    torch.testing.assert_close(net(images), expected, rtol=0, atol=0)


def test_two_processes_with_half_the_chunks_each_agree_with_one(net):
    chunks = torch.randn(64, 3, 12, 12).split(16)
    recalibrate_batchnorm_(net, torch.cat(chunks).split(16))
    expected = [norm.running_var.clone() for norm in norms(net)]
    halves = []  # float64 sums of a process that saw the second half only

    with recalibrating([net], reduce=lambda sums: halves.append(sums) or sums):
        for chunk in chunks[2:]:
            net(chunk)
    pending = iter(halves)
    with recalibrating([net], reduce=lambda sums: sums + next(pending)):
        for chunk in chunks[:2]:
            net(chunk)

    for norm, variance in zip(norms(net), expected, strict=True):
        torch.testing.assert_close(norm.running_var, variance, rtol=1e-6, atol=1e-7)


def test_a_process_without_a_chunk_takes_the_statistics_of_the_others(net):
    chunks = torch.randn(32, 3, 12, 12).split(16)
    others = []  # float64 sums of a process that saw all chunks
    with recalibrating([net], reduce=lambda sums: others.append(sums) or sums):
        for chunk in chunks:
            net(chunk)
    expected = [norm.running_var.clone() for norm in norms(net)]
    for norm in norms(net):
        norm.running_var.fill_(9)
    pending = iter(others)

    with recalibrating([net], reduce=lambda sums: sums + next(pending)):
        pass

    for norm, variance in zip(norms(net), expected, strict=True):
        assert torch.equal(norm.running_var, variance)


def test_a_failed_pass_leaves_the_net_as_it_was_found(net):
    momentum = norms(net)[0].momentum

    with pytest.raises(RuntimeError, match="channels"):
        recalibrate_batchnorm_(net, [torch.randn(4, 2, 12, 12)])

    assert not net.training
    assert norms(net)[0].momentum == momentum
    assert not norms(net)[0]._forward_hooks
