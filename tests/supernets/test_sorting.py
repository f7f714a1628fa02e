import torch

from ofa.space import mid_channels
from ofa.supernets import sort_expansion_channels_


def test_sorting_leaves_the_largest_subnet_as_it_was(supernet, tiny_space):
    images = torch.randn(4, 3, 16, 16)
    before = supernet(images, tiny_space.largest())

    sort_expansion_channels_(supernet, tiny_space, expand_ratios=(4,))

    torch.testing.assert_close(supernet(images, tiny_space.largest()), before)


def test_channels_come_in_order_of_importance(supernet, tiny_space):
    sort_expansion_channels_(supernet, tiny_space, expand_ratios=(4,))

    for block in supernet.stages.modules():
        if hasattr(block, "project"):
            importance = block.project.weight.abs().sum((0, 2, 3))
            assert (importance.diff() <= 1e-6).all()


def test_channels_stay_in_the_bands_already_trained(supernet, tiny_space):
    block = supernet.stages[0][1]
    width = mid_channels(16, 3)
    first_band = set(block.project.weight[0, :width, 0, 0].tolist())

    sort_expansion_channels_(supernet, tiny_space, expand_ratios=(3, 4))

    assert set(block.project.weight[0, :width, 0, 0].tolist()) == first_band
