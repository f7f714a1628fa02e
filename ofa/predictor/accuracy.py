"""The accuracy predictor: choices add to top-1, pairs of them interact, and growth levels off.

``top1(x) = bias + linear · x + x · pairs · x - bend exp(-decay · x)`` over one-hot features ``x``.
It is fitted in closed form, and a million archs are a few matrix products: subnets of one supernet
are nearly additive, so little is left for a network to learn.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32

from ofa.errors import BadArtifact
from ofa.predictor.features import OneHot
from ofa.space import AnyEncoding, Genotypes

_TENSORS = ("bias", "linear", "pairs", "bend", "decay", "noise", "reach")
_MIN_MEMBERS = 3  # the whole and two folds, without which there is no spread
_CHUNK = 4096  # rows whose features stay in a core's cache


@dataclass(frozen=True, kw_only=True, eq=False)
class Interval:
    """Bounds of one quantity for many archs, percent.

    Attributes:
        low: float32[n].
        high: float32[n].
    """

    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class AccuracyPredictor:
    """Predicts the top-1 of archs of one supernet.

    The first member is fitted to all pairs; each other one lacks a fold of them, and how much those
    disagree says how well the pairs pin a prediction down.

    Attributes:
        encoding: Encoding of the space it was fitted on.
        bias: float32[members], percent.
        linear: float32[members, features], percentage points.
        pairs: float32[members, features, features], percentage points.
        bend: float32[members], percentage points.
        decay: float32[members, features].
        noise: float32[1], deviation of one measurement from what choices explain, percentage
            points.
        reach: float32[1], standard deviations that hold 90 % of the measurements left out.
    """

    encoding: AnyEncoding
    bias: np.ndarray
    linear: np.ndarray
    pairs: np.ndarray
    bend: np.ndarray
    decay: np.ndarray
    noise: np.ndarray
    reach: np.ndarray

    def __post_init__(self) -> None:
        members, size = self.bias.size, self._features.num_features
        if members < _MIN_MEMBERS:
            raise BadArtifact(
                f"predictor: it holds {members} members, but {_MIN_MEMBERS} or more are needed; "
                f"fit it again"
            )
        shapes = (
            (members,),
            (members, size),
            (members, size, size),
            (members,),
            (members, size),
            (1,),
            (1,),
        )
        for name, shape in zip(_TENSORS, shapes, strict=True):
            if getattr(self, name).shape != shape:
                raise BadArtifact(
                    f"predictor: {name} has shape {getattr(self, name).shape}, but this space "
                    f"needs {shape}; fit it again"
                )

    def __call__(self, genotypes: Genotypes) -> Float32[np.ndarray, "n"]:
        """Predicted top-1 of each arch, percent."""
        return self._predict(genotypes, slice(0, 1))[:, 0]

    def slope(self, genotypes: Genotypes) -> Float32[np.ndarray, "n features"]:
        """Points of top-1 that a little of each choice adds to each arch."""
        x = self._features(genotypes)
        pairs, decay = self.pairs[0], self.decay[0]
        falling = self.bend[0] * np.exp(-(x @ decay))
        return self.linear[0] + x @ (pairs + pairs.T) + falling[:, None] * decay

    def spread(self, genotypes: Genotypes) -> Float32[np.ndarray, "n"]:
        """Standard error of each prediction, percentage points.

        It counts what more pairs would mend, not the noise of one measurement.

        Source: the grouped jackknife, Efron & Tibshirani, "An Introduction to the Bootstrap", ch.
        11.
        """
        predictions = self._predict(genotypes, slice(1, None))
        return predictions.std(axis=1) * np.float32(np.sqrt(predictions.shape[1] - 1))

    def std(self, genotypes: Genotypes) -> Float32[np.ndarray, "n"]:
        """Standard deviation of a measurement around each prediction, percentage points."""
        return np.hypot(self.spread(genotypes), self.noise)

    def interval(self, genotypes: Genotypes) -> Interval:
        """Where a measurement of each arch lies, nine times out of ten."""
        predicted, margin = self(genotypes), self.reach * self.std(genotypes)
        return Interval(low=predicted - margin, high=predicted + margin)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """Tensors and notes from which ``from_state`` makes the predictor again."""
        tensors = {name: getattr(self, name) for name in _TENSORS}
        return tensors, {"space": json.dumps(self.encoding.space.to_dict())}

    @classmethod
    def from_state(
        cls, encoding: AnyEncoding, tensors: Mapping[str, np.ndarray], notes: Mapping[str, str]
    ) -> "AccuracyPredictor":
        """The predictor that ``state`` wrote.

        Raises:
            BadArtifact: If it was fitted on another space, or a tensor is missing or misshapen.
        """
        space = json.dumps(encoding.space.to_dict())
        if notes.get("space") != space:
            raise BadArtifact(
                "predictor: it was fitted on another space than the supernet's; fit it again"
            )
        missing = [name for name in _TENSORS if name not in tensors]
        if missing:
            raise BadArtifact(f"predictor: tensors {missing} are missing; fit it again")
        arrays = {name: np.asarray(tensors[name], np.float32) for name in _TENSORS}
        return cls(encoding=encoding, **arrays)

    @cached_property
    def _features(self) -> OneHot:
        return OneHot(self.encoding)

    def _predict(self, genotypes: Genotypes, members: slice) -> Float32[np.ndarray, "n members"]:
        chosen = range(len(self.bias))[members]
        predictions = np.empty((len(genotypes), len(chosen)), np.float32)
        for start in range(0, len(genotypes), _CHUNK):
            rows = slice(start, start + _CHUNK)
            x = self._features(genotypes[rows])
            for column, member in enumerate(chosen):
                weights = x @ self.pairs[member] + self.linear[member]
                falling = self.bend[member] * np.exp(-(x @ self.decay[member]))
                predictions[rows, column] = np.einsum("nf,nf->n", weights, x) - falling
        return predictions + self.bias[members]
