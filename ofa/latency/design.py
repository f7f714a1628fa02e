"""Which subnets to time: those from which the cost of every layer can be told best.

Layers are never timed alone, since runtimes fuse neighbors and keep data in layouts of their own;
what counts is how networks that hold a layer differ from those that do not. A D-optimal choice of
subnets makes the volume of what remains unknown smallest.

Source: greedy D-optimal design, the pivoted Cholesky factorization of the candidates' kernel
(Kiefer & Wolfowitz, 1960, for the criterion).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ofa.latency.features import layer_key, network_features
from ofa.space import Encoding, Genotypes, Layer, cost_table, network

_CANDIDATES_A_SUBNET = 10
_SHARE_AT_RANDOM = 0.5


def space_layers(encoding: Encoding) -> dict[str, Layer]:
    """Every layer that a subnet of the space can hold, once each, by ``layer_key``."""
    layers: dict[str, Layer] = {}

    def note(layer: Layer) -> float:
        layers.setdefault(layer_key(layer), layer)
        return 0.0

    cost_table(encoding, note)
    return layers


def informative_subnets(encoding: Encoding, *, num: int, rng: np.random.Generator) -> Genotypes:
    """The largest subnet, the smallest, and up to ``num`` more, every one of them distinct.

    Half are chosen to be D-optimal over features and layers, which reaches the edges of the space;
    half are drawn at random, which is what the model will be asked about.
    """
    corners = encoding.encode([encoding.space.largest(), encoding.space.smallest()])
    drawn = encoding.sample(_CANDIDATES_A_SUBNET * (num + 1), rng)
    candidates = encoding.unique(np.concatenate([corners, drawn]))
    num = min(num + len(encoding.unique(corners)), len(candidates))
    num_random = int(_SHARE_AT_RANDOM * num)
    chosen = list(range(min(num, len(encoding.unique(corners)) + num_random)))
    chosen += _d_optimal(_design_rows(encoding, candidates), chosen, num=num - len(chosen))
    return candidates[chosen]


def layer_counts(
    nets_layers: Sequence[Sequence[Layer]], keys: Sequence[str]
) -> Float[np.ndarray, "n keys"]:
    """How often each network holds each layer."""
    index = {key: column for column, key in enumerate(keys)}
    counts = np.zeros((len(nets_layers), len(keys)))
    for row, layers in zip(counts, nets_layers, strict=True):
        for layer in layers:
            row[index[layer_key(layer)]] += 1
    return counts


def _design_rows(encoding: Encoding, genotypes: Genotypes) -> Float[np.ndarray, "n columns"]:
    """Features and layer counts of subnets, each column brought to unit mean square."""
    layers = [network(encoding.space, arch).layers for arch in encoding.decode(genotypes)]
    features = np.array([network_features(net) for net in layers])
    counts = layer_counts(layers, list(space_layers(encoding)))
    rows = np.concatenate([_unit(features), _unit(counts) / np.sqrt(counts.shape[1])], axis=1)
    return rows


def _unit(columns: np.ndarray) -> np.ndarray:
    scale = np.sqrt(np.mean(columns**2, axis=0))
    scale[scale == 0] = np.inf
    return columns / scale


def _d_optimal(rows: np.ndarray, chosen: Sequence[int], *, num: int) -> list[int]:
    """``num`` more rows, each the one of which the rows before it tell least."""
    variance = np.sum(rows**2, axis=1)
    factors = np.zeros((len(chosen) + num, len(rows)))
    added: list[int] = []
    for step in range(len(chosen) + num):
        pick = chosen[step] if step < len(chosen) else int(np.argmax(variance))
        known = factors[:step]
        covariance = rows @ rows[pick] - known.T @ known[:, pick]
        factors[step] = covariance / np.sqrt(1 + max(covariance[pick], 0.0))
        variance = variance - factors[step] ** 2
        if step >= len(chosen):
            added.append(pick)
        variance[[*chosen, *added]] = -np.inf
    return added
