"""Which subnets a step trains."""

import numpy as np

from ofa.space import AnyArch, AnySpace, encoding_of


def sandwich(space: AnySpace, *, seed: int, step: int, num_random: int) -> tuple[AnyArch, ...]:
    """Archs of one step: the largest, then ``num_random`` draws, then the smallest; no repeats.

    The draw depends on ``(seed, step)`` alone, so every rank visits the same subnets and a resumed
    run repeats the step it was cut off in.

    Source: Yu & Huang, ICCV 2019, arXiv:1903.05134.
    """
    encoding = encoding_of(space)
    drawn = encoding.decode(encoding.sample(num_random, np.random.default_rng((seed, step))))
    return tuple(dict.fromkeys((space.largest(), *drawn, space.smallest())))
