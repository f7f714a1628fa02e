"""Which subnets to measure next, given a predictor of those measured so far."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8

from ofa.evaluate.sample import Cost, spread
from ofa.space import AnyEncoding, Genotypes

_NUM_CANDIDATES = 4096


def most_informative(
    encoding: AnyEncoding,
    num: int,
    *,
    accuracy: Callable[[Genotypes], Float[np.ndarray, "n"]],
    std: Callable[[Genotypes], Float[np.ndarray, "n"]],
    cost: Cost,
    known: Genotypes,
    rng: np.random.Generator,
) -> UInt8[np.ndarray, "asked genes"]:
    """``num`` archs not among ``known``: half where ``accuracy`` is unsure, half on its front.

    The candidates are spread over ``cost``. Of each of equally filled cost bins, the arch of
    largest ``std`` is taken, and that of the highest optimistic accuracy (prediction plus ``std``),
    which is where a search would go next.

    Source: the optimism is that of the upper confidence bound, Srinivas et al., ICML 2010,
    arXiv:0912.3995.
    """
    drawn = encoding.unique(
        np.concatenate([known, spread(encoding, _NUM_CANDIDATES, cost=cost, rng=rng)])
    )
    candidates = drawn[len(known) :]
    unsure = std(candidates)
    optimistic = accuracy(candidates) + unsure
    chosen: list[int] = []
    bins = np.array_split(np.argsort(cost(candidates), kind="stable"), max(1, num // 2))
    for merit in (unsure, optimistic):
        chosen += [int(members[np.argmax(merit[members])]) for members in bins if len(members)]
    ranked = dict.fromkeys([*chosen, *np.argsort(-unsure).tolist()])
    return candidates[list(ranked)[:num]]
