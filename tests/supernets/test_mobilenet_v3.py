from dataclasses import replace

import pytest
import torch

from ofa.errors import IllegalArch, IllegalSpace
from ofa.space import Block, SearchSpace, network, params
from ofa.supernets import build_supernet


def test_every_choice_changes_the_logits(supernet, tiny_space):
    largest = tiny_space.largest()
    images = torch.randn(2, 3, 16, 16)
    (first, second), stage = largest.stages
    variants = [
        replace(largest, stages=((first,), stage)),
        replace(largest, stages=((replace(first, kernel_size=3), second), stage)),
        replace(largest, stages=((replace(first, expand_ratio=2), second), stage)),
        replace(largest, stages=((first, second), (Block(kernel_size=5, expand_ratio=3),) * 2)),
    ]

    logits = supernet(images, largest)

    for variant in variants:
        assert not torch.allclose(supernet(images, variant), logits, atol=1e-4), variant.describe()


def test_the_largest_subnet_and_its_kernel_transforms_are_all_the_weights(supernet, tiny_space):
    total = sum(parameter.numel() for parameter in supernet.parameters())
    transforms = 4 * (3**2) ** 2  # 4 elastic blocks, one 5-to-3 matrix each

    assert total - transforms == params(network(tiny_space, tiny_space.largest()))


def test_an_illegal_arch_is_refused_before_any_tensor_moves(supernet, tiny_space):
    arch = replace(tiny_space.largest(), resolution=13)

    with pytest.raises(IllegalArch, match=r"resolution: 13 is not one of \[12, 16\]"):
        supernet(torch.randn(1, 3, 13, 13), arch)


def test_an_unknown_family_names_the_known_ones():
    with pytest.raises(IllegalSpace, match=r"'resnet9' is not one of .*'mobilenet_v3'"):
        build_supernet(SearchSpace(family="resnet9"))
