"""Archs as data: identity and text."""

import json

from ofa.space import Arch, Block

ARCH = Arch(
    resolution=160,
    stages=(
        (Block(kernel_size=7, expand_ratio=6), Block(kernel_size=3, expand_ratio=4)),
        (Block(kernel_size=5, expand_ratio=3),),
    ),
)


def test_depth_is_the_number_of_blocks():
    assert ARCH.depths == (2, 1)


def test_the_id_is_the_same_on_every_machine_and_for_whole_ratios_of_any_type():
    floats = Arch(
        resolution=160,
        stages=tuple(
            tuple(
                Block(kernel_size=b.kernel_size, expand_ratio=float(b.expand_ratio)) for b in stage
            )
            for stage in ARCH.stages
        ),
    )

    assert ARCH.id == floats.id == "4275732be1"
    assert floats == ARCH and hash(floats) == hash(ARCH)


def test_json_holds_the_whole_arch():
    assert json.loads(ARCH.to_json()) == {
        "resolution": 160,
        "stages": [
            [{"kernel_size": 7, "expand_ratio": 6}, {"kernel_size": 3, "expand_ratio": 4}],
            [{"kernel_size": 5, "expand_ratio": 3}],
        ],
    }


def test_an_arch_describes_itself_in_one_line():
    assert ARCH.describe() == "160px  k7e6 k3e4 | k5e3"
