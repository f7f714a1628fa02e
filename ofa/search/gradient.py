"""Gradient ascent on relaxed genes through a predictor that tells its slope.

Every gene is a distribution over its choices, one set of distributions a latency target. Archs are
drawn from it and asked, as in any search; the slope of the predictor at each of them tells which
choices would have been better, and single-gene changes, looked up in the table, what they would
have cost: that is the exact gradient of the expected latency at a draw. A Lagrange multiplier a
target rises while its archs are too slow. All targets advance together, and start anew with other
targets once they have settled.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from ofa.errors import OfaError
from ofa.search.archive import Archive
from ofa.search.evolution import neighbors
from ofa.search.front import Front
from ofa.search.limits import excess
from ofa.search.problem import Problem
from ofa.space import AnyEncoding, Genotypes

_NUM_TARGETS = 8
_DRAWS = 4  # per target and step, the most likely arch among them
_STEPS = 120  # until the targets start anew
_RATE = 0.5
_PRICE_RATE = 0.5


@runtime_checkable
class Differentiable(Protocol):
    """An accuracy that tells its slope."""

    def __call__(self, genotypes: Genotypes) -> Float[np.ndarray, "n"]:
        """Top-1 of each arch, percent."""
        ...

    def slope(self, genotypes: Genotypes) -> Float[np.ndarray, "n choices"]:
        """Points of top-1 that a little of each choice adds, choices in the order of the genes."""
        ...


def gradient_front(problem: Problem, rng: np.random.Generator) -> Front:
    """The front of all archs met on the way up.

    Raises:
        InfeasibleBudget: If no arch was drawn that is fast enough.
        OfaError: If the accuracy tells no slope, a score is not a finite number, or a setting is
            out of range.

    Source: straight-through gradients of sampled paths as in ProxylessNAS, Cai et al., ICLR 2019,
    arXiv:1812.00332; the relaxation of choices is that of DARTS, Liu et al., ICLR 2019,
    arXiv:1806.09055. Steps multiply probabilities (mirror ascent) in the place of a softmax's
    gradient, which vanishes where a choice is nearly made.
    """
    if not isinstance(problem.accuracy, Differentiable):
        raise OfaError(
            "search: strategy 'gradient' needs a predictor that tells its slope, and this one only "
            "tells accuracies; choose another strategy"
        )
    # A slope is worth an evaluation, also of an arch that is too slow.
    archive = Archive(problem, margin=np.inf)
    start = problem.encoding.sample(_NUM_TARGETS * _DRAWS, rng)
    takes_ms = problem.latency_ms(start)
    archive.score_new(start)
    slowest_ms = min(float(takes_ms.max()), problem.max_latency_ms)
    fastest_ms = min(float(takes_ms.min()), slowest_ms)
    ways = _Ways(problem.encoding)
    # Bounded although draws may all have been met before, or be too slow.
    for _ in range(4 * (problem.max_evaluations // (_NUM_TARGETS * _DRAWS * _STEPS) + 1)):
        if not archive.num_left:
            break
        shares = rng.uniform(0, 1, _NUM_TARGETS)
        shares[0] = 1.0
        targets_ms = fastest_ms * (slowest_ms / fastest_ms) ** shares
        _ascend(problem, archive, ways, problem.accuracy, targets_ms, rng)
    return archive.front()


def _ascend(
    problem: Problem,
    archive: Archive,
    ways: "_Ways",
    accuracy: Differentiable,
    targets_ms: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """From even distributions to settled ones, one set a target."""
    encoding = problem.encoding
    logits = np.zeros((len(targets_ms), ways.num))
    prices = np.zeros(len(targets_ms))
    for _ in range(_STEPS):
        if not archive.num_left:
            break
        shares = ways.normalized(logits)
        drawn = ways.draw(shares, rng)
        archs = encoding.canonical(drawn.reshape(-1, encoding.num_genes))
        archive.score_new(archs)
        gain = accuracy.slope(archs).reshape(len(targets_ms), _DRAWS, -1).mean(axis=1)
        gain = ways.chained(gain, shares)
        around = neighbors(encoding, drawn.reshape(-1, encoding.num_genes))
        targets = np.repeat(targets_ms, _DRAWS * ways.num)
        cost = np.maximum(problem.latency_ms(around) / targets, excess(problem.limits, around))
        cost = cost.reshape(len(targets_ms), _DRAWS, -1)
        now = (cost * ways.chosen(drawn)).sum(axis=2).mean(axis=1) / encoding.num_genes
        gain, toll = ways.centered(gain, shares), ways.centered(cost.mean(axis=1), shares)
        scale = np.abs(gain).mean(axis=1) + 1e-12
        prices = np.maximum(prices + _PRICE_RATE * (now - 1), 0)
        worth = np.abs(toll).mean(axis=1) + 1e-12
        logits += _RATE * (gain / scale[:, None] - (prices / worth)[:, None] * toll)


class _Ways:
    """Distributions over the choices of all genes, laid end to end in the order of the genes."""

    def __init__(self, encoding: AnyEncoding) -> None:
        self.encoding = encoding
        self.num = int(encoding.num_choices.sum())
        self._gene = np.repeat(np.arange(encoding.num_genes), encoding.num_choices)
        self._starts = np.cumsum(encoding.num_choices) - encoding.num_choices
        self._choice = np.arange(self.num) - self._starts[self._gene]
        self._covers = self._liveness()

    def normalized(self, logits: np.ndarray) -> np.ndarray:
        """Probability of every choice."""
        highest = np.maximum.reduceat(logits, self._starts, axis=1)[:, self._gene]
        raised = np.exp(logits - highest)
        return raised / np.add.reduceat(raised, self._starts, axis=1)[:, self._gene]

    def draw(self, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The most likely arch of each target and random ones, uint8[targets, draws, genes]."""
        noise = rng.gumbel(size=(len(shares), _DRAWS, self.num))
        noise[:, 0] = 0
        keys = np.log(shares + 1e-12)[:, None] + noise
        drawn = np.zeros((*keys.shape[:2], len(self._starts)), np.uint8)
        for gene, start in enumerate(self._starts):
            end = start + self.encoding.num_choices[gene]
            drawn[:, :, gene] = keys[:, :, start:end].argmax(axis=2)
        return drawn

    def chosen(self, drawn: np.ndarray) -> np.ndarray:
        """Which choices each draw made."""
        return drawn[..., self._gene] == self._choice

    def chained(self, gain: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Gains by the choices themselves, a depth's with those of the blocks that it adds."""
        present = self.presence(shares)
        of_gene = np.add.reduceat(gain * shares, self._starts, axis=1)
        return gain * present[:, self._gene] + of_gene @ self._covers.T

    def presence(self, shares: np.ndarray) -> np.ndarray:
        """Probability that each gene is read."""
        absent = shares @ ~self._covers.astype(bool)
        return np.clip(1 - absent, 0, 1)

    def centered(self, values: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Values less the mean of their gene."""
        return values - np.add.reduceat(values * shares, self._starts, axis=1)[:, self._gene]

    def _liveness(self) -> Bool[np.ndarray, "choices genes"]:
        encoding = self.encoding
        full = encoding.num_choices.astype(np.uint8) - 1
        rows = np.repeat(full[None], self.num, axis=0)
        rows[np.arange(self.num), self._gene] = self._choice
        return encoding.live_genes(rows)
