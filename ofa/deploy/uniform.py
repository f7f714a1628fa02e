"""Uniform subnets: the nets one would make by hand, one choice for all blocks."""

from itertools import product

from ofa.space import Arch, Block, SearchSpace


def uniform_archs(space: SearchSpace) -> list[Arch]:
    """Every arch of one kernel size, one expand ratio and one depth, at every resolution.

    A depth that a stage does not offer is replaced by the nearest one that it does.
    """
    archs = []
    for resolution, kernel_size, expand_ratio, depth in product(
        space.resolutions, space.kernel_sizes, space.expand_ratios, space.depths
    ):
        block = Block(kernel_size=kernel_size, expand_ratio=expand_ratio)
        stages = tuple(
            (block,) * min(stage.depths or space.depths, key=lambda d: (abs(d - depth), d))
            for stage in space.stages
        )
        archs.append(Arch(resolution=resolution, stages=stages))
    return list(dict.fromkeys(archs))
