"""Random operations on genotype matrices, whatever their columns mean.

Rows come out as drawn; an encoding sets the genes of absent blocks to 0 afterwards.
"""

import numpy as np
from jaxtyping import UInt8

Genotypes = UInt8[np.ndarray, "n genes"]


def drawn(num_choices: np.ndarray, num: int, rng: np.random.Generator) -> Genotypes:
    """``num`` rows, every gene uniform over its choices."""
    return rng.integers(0, num_choices, (num, len(num_choices)), dtype=np.uint8)


def redrawn(
    genotypes: Genotypes, num_choices: np.ndarray, rng: np.random.Generator, *, rate: float
) -> Genotypes:
    """Rows in which each gene was drawn anew with probability ``rate``."""
    fresh = rng.integers(0, num_choices, genotypes.shape, dtype=np.uint8)
    chosen = rng.random(genotypes.shape, dtype=np.float32) < rate
    return np.where(chosen, fresh, genotypes)


def crossed(mothers: Genotypes, fathers: Genotypes, rng: np.random.Generator) -> Genotypes:
    """Rows that take each gene from either parent with equal probability."""
    from_mother = rng.integers(0, 2, mothers.shape, dtype=np.uint8).astype(bool)
    return np.where(from_mother, mothers, fathers)


def distinct(genotypes: Genotypes) -> UInt8[np.ndarray, "distinct genes"]:
    """The distinct rows, in the order in which each first appears."""
    rows = np.ascontiguousarray(genotypes).view(f"V{genotypes.shape[1]}").ravel()
    first = np.unique(rows, return_index=True)[1]
    return genotypes[np.sort(first)]
