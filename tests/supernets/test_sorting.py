from dataclasses import replace

import torch

from ofa.space import ResNetSpace, ResNetStage, SearchSpace, Stage, mid_channels
from ofa.supernets import build_supernet, sort_channels_, sort_expansion_channels_


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


def test_a_subnet_of_a_ratio_already_trained_stays_as_it_was():
    space = SearchSpace(
        num_classes=4,
        resolutions=(16,),
        kernel_sizes=(3,),
        expand_ratios=(3, 4, 6),
        depths=(2,),
        stages=(Stage(width=40, squeeze_excite=True),),
    )
    torch.manual_seed(0)
    supernet = build_supernet(space).eval()
    with torch.no_grad():
        for block in supernet.stages[0]:  # gates that tell one channel from another
            block.squeeze_excite.expand.weight.normal_()
            block.squeeze_excite.reduce.bias.normal_()
    trained = space.uniform(resolution=16, depths=(2,), kernel_size=3, expand_ratio=4)
    images = torch.randn(4, 3, 16, 16)
    before = supernet(images, trained)

    sort_expansion_channels_(supernet, space, expand_ratios=(4, 6))

    torch.testing.assert_close(supernet(images, trained), before)


def test_a_narrower_bottleneck_already_trained_stays_as_it_was():
    space = ResNetSpace(
        num_classes=4,
        resolutions=(32,),
        width_ratios=(0.65, 1.0),
        stem_width=32,
        stages=(ResNetStage(width=64, stride=1, depths=(2,)),),
    )
    torch.manual_seed(0)
    supernet = build_supernet(space).eval()
    trained = replace(space, expand_ratios=(0.35,))
    largest = trained.largest()
    (stage,) = largest.stages
    narrow = replace(largest, stages=(replace(stage, width_ratio=0.65),))
    images = torch.randn(4, 3, 32, 32)
    before = [supernet(images, arch) for arch in (largest, narrow)]

    sort_channels_(supernet, space, trained=trained)

    after = [supernet(images, arch) for arch in (largest, narrow)]
    torch.testing.assert_close(after, before)
    sort_channels_(supernet, space, trained=replace(trained, width_ratios=(1.0,)))
    assert not torch.allclose(supernet(images, narrow), before[1])
