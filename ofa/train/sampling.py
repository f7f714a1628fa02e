"""Which subnets a step trains."""

import numpy as np

from ofa.space import Arch, Encoding, SearchSpace


def sandwich(space: SearchSpace, *, seed: int, step: int, num_random: int) -> tuple[Arch, ...]:
    """Archs of one step: the largest, then ``num_random`` draws, then the smallest; no repeats.

    The draw depends on ``(seed, step)`` alone, so every rank visits the same subnets and a resumed
    run repeats the step it was cut off in.

    Source: Yu & Huang, ICCV 2019, arXiv:1903.05134.
    """
    encoding = Encoding(space)
    drawn = encoding.decode(encoding.sample(num_random, np.random.default_rng((seed, step))))
    return tuple(dict.fromkeys((space.largest(), *drawn, space.smallest())))
