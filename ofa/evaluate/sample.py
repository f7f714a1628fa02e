"""Which subnets to measure for the predictor, when nothing is known yet."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

from ofa.errors import OfaError
from ofa.space import AnyArch, AnyEncoding, Genotypes, cost_table, genotypes_of, macs

Draw = Literal["uniform", "macs", "latency", "tree"]
Cost = Callable[[Genotypes], Float[np.ndarray, "n"]]

_TREE_SIZE = 8  # archs that share their first block
_LEAST_NEW = 32  # of 512 or 1,024 drawn: once fewer are new, the space is nearly drawn


def draw_archs(
    encoding: AnyEncoding, num: int, *, draw: Draw, seed: int, latency_ms: Cost | None = None
) -> Sequence[AnyArch]:
    """``num`` distinct archs; a longer list starts with the shorter one of the same seed.

    Args:
        draw: ``uniform`` draws every gene uniformly, which crowds medium sizes; ``macs`` and
            ``latency`` spread the archs evenly over the logarithm of that cost, corners included,
            so that both ends of a front are learned as well as its middle; ``tree`` spreads them
            over MACs in groups that share their first layers, which an evaluator computes once.
        latency_ms: Latency of genotypes on a device; ``latency`` needs it.

    Raises:
        OfaError: If the space holds fewer archs, or no latency is given to spread over.
    """
    if num > encoding.space.num_subnets:
        raise OfaError(
            f"num: {num} archs asked, but the space holds {encoding.space.num_subnets}; ask for "
            "fewer with --num"
        )
    if draw == "latency" and latency_ms is None:
        raise OfaError("draw: latency needs a device to spread over; add --device NAME")
    rng = np.random.default_rng(seed)
    cost = latency_ms if draw == "latency" and latency_ms else cost_table(encoding, macs)
    corners = genotypes_of(encoding, [encoding.space.largest(), encoding.space.smallest()])
    chosen = encoding.sample(0, rng) if draw == "uniform" else corners
    num_new = _LEAST_NEW  # never looks at num, on which the order must not depend
    while len(chosen) < num and num_new >= _LEAST_NEW:
        num_chosen = len(chosen)
        if draw == "uniform":
            more = encoding.sample(1024, rng)
        else:
            more = spread(encoding, 512, cost=cost, rng=rng)
            if draw == "tree":
                more = grafted(encoding, more, cost=cost, rng=rng)
        chosen = encoding.unique(np.concatenate([chosen, more]))
        num_new = len(chosen) - num_chosen
    if len(chosen) < num:
        rest = np.random.default_rng(seed).permutation(encoding.enumerate())
        chosen = encoding.unique(np.concatenate([chosen, rest]))
    return encoding.decode(chosen[:num])


def spread(encoding: AnyEncoding, num: int, *, cost: Cost, rng: np.random.Generator) -> Genotypes:
    """``num`` archs spread evenly over the logarithm of ``cost``; some may be equal."""
    corners = genotypes_of(encoding, [encoding.space.largest(), encoding.space.smallest()])
    low, high = np.sort(np.log(cost(corners)))
    # Targets are drawn first, then the nearest of a fixed number of candidates is taken for each.
    candidates = _candidates(encoding, rng)
    costs = np.log(cost(candidates))
    order = np.argsort(costs)
    targets = rng.uniform(low, high, num)
    place = np.searchsorted(costs[order], targets).clip(max=len(order) - 1)
    return candidates[order[place]]


def grafted(
    encoding: AnyEncoding, genotypes: Genotypes, *, cost: Cost, rng: np.random.Generator
) -> UInt8[np.ndarray, "grafted genes"]:
    """Archs made alike in their first layers, group by group, the later the layer the smaller.

    Archs of like cost form groups of 8. All take resolution and first block from the first of
    them; each later block is shared by ever fewer neighbors, and the last block by none. So every
    gene keeps its distribution and the archs their spread of cost, while few distinct first layers
    are left to compute.
    """
    sorted_rows = genotypes[np.argsort(cost(genotypes), kind="stable")]
    groups = np.resize(
        sorted_rows, (-(-len(genotypes) // _TREE_SIZE) * _TREE_SIZE, encoding.num_genes)
    )
    rows = groups.copy()
    index = np.arange(len(rows))
    depth_of_sharing = np.linspace(np.log2(_TREE_SIZE), 0, encoding.num_slots)
    spans = 2 ** np.floor(depth_of_sharing).astype(int)
    first, *slots = encoding.genes_in_order
    rows[:, first] = groups[index // _TREE_SIZE * _TREE_SIZE][:, first]
    for genes, span in zip(slots, spans, strict=True):
        rows[:, genes] = groups[index // span * span][:, genes]
    shuffled = rng.permutation(rows.reshape(-1, _TREE_SIZE, encoding.num_genes))
    return encoding.canonical(shuffled.reshape(-1, encoding.num_genes))


def _candidates(encoding: AnyEncoding, rng: np.random.Generator) -> Genotypes:
    """Archs of all sizes: half uniform, half with every gene leaning to its low or high choices."""
    uniform = encoding.sample(4096, rng)
    lean = rng.uniform(0.25, 4.0, (4096, 1))
    draws = rng.random((4096, encoding.num_genes)) ** lean * encoding.num_choices
    leaning = encoding.canonical(draws.astype(np.uint8))
    return np.concatenate([uniform, leaning])
