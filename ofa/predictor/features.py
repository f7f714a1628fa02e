"""What a predictor sees of an arch: one 0/1 column for every choice of every gene.

Choices of absent blocks have no column set, so depth shows in the block columns as well as in its
own.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32

from ofa.space import AnyEncoding, Genotypes

_ABSENT = 255  # no gene has so many choices


@dataclass(frozen=True)
class OneHot:
    """Turns genotype matrices of one space into features."""

    encoding: AnyEncoding

    @property
    def num_features(self) -> int:
        """Columns of the features."""
        return int(self.encoding.num_choices.sum())

    def __call__(self, genotypes: Genotypes) -> Float32[np.ndarray, "n features"]:
        """Features of each arch, each 0 or 1."""
        marked = np.where(self.encoding.live_genes(genotypes), genotypes, np.uint8(_ABSENT))
        return (marked[:, self._genes] == self._choices).astype(np.float32)

    @cached_property
    def _genes(self) -> np.ndarray:
        num_choices = self.encoding.num_choices
        return np.repeat(np.arange(len(num_choices)), num_choices)

    @cached_property
    def _choices(self) -> np.ndarray:
        return np.concatenate([np.arange(n, dtype=np.uint8) for n in self.encoding.num_choices])
