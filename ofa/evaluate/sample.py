"""Which subnets to measure for the predictor."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from ofa.errors import OfaError
from ofa.space import AnyArch, AnyEncoding, cost_table, genotypes_of, macs

Draw = Literal["uniform", "macs"]


def draw_archs(encoding: AnyEncoding, num: int, *, draw: Draw, seed: int) -> Sequence[AnyArch]:
    """``num`` distinct archs; a longer list starts with the shorter one of the same seed.

    Args:
        draw: ``uniform`` draws every gene uniformly, which crowds medium sizes; ``macs`` spreads
        the
            archs evenly over the logarithm of their MACs, corners included, so that both ends of a
            front
            are learned as well as its middle.

    Raises:
        OfaError: If the space holds fewer archs.
    """
    if num > encoding.space.num_subnets:
        raise OfaError(f"num: {num} archs asked, but the space holds {encoding.space.num_subnets}")
    rng = np.random.default_rng(seed)
    if encoding.space.num_subnets <= 4 * num:
        return encoding.decode(rng.permutation(encoding.enumerate())[:num])
    if draw == "uniform":
        chosen = encoding.sample(0, rng)
        while len(chosen) < num:
            chosen = encoding.unique(np.concatenate([chosen, encoding.sample(1024, rng)]))
        return encoding.decode(chosen[:num])
    table = cost_table(encoding, macs)
    corners = genotypes_of(encoding, [encoding.space.largest(), encoding.space.smallest()])
    low, high = np.sort(np.log(table(corners)))
    chosen = corners
    while len(chosen) < num:
        # Each round draws targets first, then takes the nearest of a fixed number of candidates.
        candidates = _spread_candidates(encoding, rng)
        costs = np.log(table(candidates))
        order = np.argsort(costs)
        targets = rng.uniform(low, high, 512)
        place = np.searchsorted(costs[order], targets).clip(max=len(order) - 1)
        chosen = encoding.unique(np.concatenate([chosen, candidates[order[place]]]))
    return encoding.decode(chosen[:num])


def _spread_candidates(encoding: AnyEncoding, rng: np.random.Generator) -> np.ndarray:
    """Archs of all sizes: half uniform, half with every gene leaning to its low or high choices."""
    uniform = encoding.sample(4096, rng)
    lean = rng.uniform(0.25, 4.0, (4096, 1))
    draws = rng.random((4096, encoding.num_genes)) ** lean * encoding.num_choices
    leaning = encoding.canonical(draws.astype(np.uint8))
    return np.concatenate([uniform, leaning])
