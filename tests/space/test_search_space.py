"""Spaces: how many subnets, which archs they hold, and which spaces nobody can build."""

from dataclasses import replace

import pytest

from ofa.errors import IllegalArch, IllegalSpace
from ofa.space import Arch, Block, Encoding, Head, SearchSpace, Stage, Stem


def test_the_default_space_is_the_published_one():
    # 4 resolutions; a stage of depth d has 9**d settings; 5 stages. The paper says "over 10^19".
    assert SearchSpace().num_subnets == 4 * (9**2 + 9**3 + 9**4) ** 5
    assert SearchSpace().num_subnets > 10**19


def test_a_stage_may_have_depths_of_its_own(tiny_space):
    deeper = replace(
        tiny_space, stages=(replace(tiny_space.stages[0], depths=(3,)), *tiny_space.stages[1:])
    )

    assert deeper.stage_depths == ((3,), (1, 2))
    assert deeper.largest().depths == (3, 2)
    assert deeper.num_subnets == 2 * 6**3 * (6 + 6**2)


def test_the_corners_are_the_extremes_of_every_choice(tiny_space):
    assert tiny_space.largest().describe() == "16px  k5e4 k5e4 | k5e4 k5e4"
    assert tiny_space.smallest().describe() == "12px  k3e2 | k3e2"


@pytest.mark.parametrize(
    ("arch", "complaint"),
    [
        (Arch(resolution=20, stages=()), "arch has 0 stages, but the space has 2"),
        (
            Arch(resolution=20, stages=((Block(kernel_size=3, expand_ratio=2),),) * 2),
            r"arch resolution: 20 is not one of \[12, 16\]",
        ),
        (
            Arch(resolution=16, stages=((Block(kernel_size=3, expand_ratio=2),) * 3,) * 2),
            r"arch stages.0 depth: 3 is not one of \[1, 2\]",
        ),
        (
            Arch(resolution=16, stages=((Block(kernel_size=7, expand_ratio=2),),) * 2),
            r"arch stages.0.0 kernel_size: 7 is not one of \[3, 5\]",
        ),
        (
            Arch(resolution=16, stages=((Block(kernel_size=3, expand_ratio=6),),) * 2),
            r"arch stages.0.0 expand_ratio: 6 is not one of \[2, 3, 4\]",
        ),
    ],
)
def test_an_illegal_arch_is_refused_with_gene_value_and_choices(tiny_space, arch, complaint):
    with pytest.raises(IllegalArch, match=complaint):
        tiny_space.check(arch)
    with pytest.raises(IllegalArch, match=complaint):
        Encoding(tiny_space).encode([arch])


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        ({"kernel_sizes": (3, 4)}, r"space.kernel_sizes: \[4\] are even.*use \[5\]"),
        ({"resolutions": ()}, "space.resolutions: there are no choices; give at least one"),
        ({"depths": (2, 1)}, r"space.depths: .* must rise without repeats; use \[1, 2\]"),
        ({"expand_ratios": (2, float("nan"))}, "space.expand_ratios: .* must lie above 0"),
        ({"depths": (0, 1)}, "space.depths: .* must lie above 0"),
        (
            {"resolutions": tuple(range(12, 300))},
            "space.resolutions: 288 choices are more than 255",
        ),
        ({"stages": ()}, "space.stages: there are none; add at least one stage"),
        ({"num_classes": 1}, "space.num_classes: 1 is too few; use 2 or more"),
        ({"in_channels": 0}, "space.in_channels: 0 is not in 1 to 65536"),
        ({"head": Head(expand_width=-8)}, "space.head.expand_width: -8 is not in 0 to 65536"),
        ({"stem": Stem(stride=3)}, "space.stem.stride: 3 is not a stride of 1 or 2"),
        ({"stages": (Stage(width=4),)}, "space.stages.0.width: 4 is not in 8 to 65536"),
        ({"stages": (Stage(width=8, depths=()),)}, "space.stages.0.depths: there are no choices"),
    ],
)
def test_an_illegal_space_is_refused_with_field_and_mend(tiny_space, change, mend):
    with pytest.raises(IllegalSpace, match=mend):
        replace(tiny_space, **change)


def test_a_last_feature_map_of_one_pixel_is_refused_with_the_stride_to_change(tiny_space):
    stages = (Stage(width=16, stride=2),) * 3

    with pytest.raises(
        IllegalSpace, match=r"at 8 px .* 1x1 before pooling.*set space.stages.2.stride to 1"
    ):
        replace(tiny_space, resolutions=(8, 16), stages=stages)
    replace(tiny_space, resolutions=(9, 16), stages=stages)


def test_two_spaces_tell_in_which_fields_they_differ(tiny_space):
    other = replace(tiny_space, num_classes=7)

    assert tiny_space.difference(tiny_space) == ""
    assert tiny_space.difference(other) == "num_classes: 4 against 7"
