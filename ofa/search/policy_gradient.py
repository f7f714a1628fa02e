"""Controllers that learn by policy gradient which choices pay, one controller a latency target.

A controller draws every gene from a categorical distribution of its own. All controllers advance
together as one array, so that one run covers the whole front.
"""

import numpy as np
from jaxtyping import Float

from ofa.search.archive import Archive, Scored
from ofa.search.front import Front
from ofa.search.problem import Problem
from ofa.space import AnyEncoding, Genotypes

_NUM_TARGETS = 4
_DRAWS = 32  # per controller and step
_RATE = 2.0
_EXPLORATION = 0.05  # share of every gene's draws that stays uniform
_OVERSHOOT = 20.0  # percentage points that taking twice the target costs


def policy_gradient_front(problem: Problem, rng: np.random.Generator) -> Front:
    """The front of all archs that the controllers drew.

    Raises:
        InfeasibleBudget: If no arch was drawn that is fast enough.
        OfaError: If a score is not a finite number, or a setting is out of range.

    Source: Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist
    Reinforcement Learning", Machine Learning 8, 1992; the soft latency target follows Tan et al.,
    "MnasNet", CVPR 2019, arXiv:1807.11626, with a sum in the place of the product.
    """
    encoding, archive = problem.encoding, Archive(problem)
    start = encoding.sample(_NUM_TARGETS * _DRAWS, rng)
    takes_ms = problem.latency_ms(start)
    archive.score_new(start)
    slowest_ms = min(float(takes_ms.max()), problem.max_latency_ms)
    fastest_ms = min(float(takes_ms.min()), slowest_ms)
    targets_ms = np.geomspace(fastest_ms, slowest_ms, _NUM_TARGETS)
    legal = np.arange(encoding.num_choices.max()) < encoding.num_choices[:, None]
    logits = np.zeros((_NUM_TARGETS, *legal.shape))
    # Bounded although controllers may draw what was met before.
    for _ in range(4 * (problem.max_evaluations // (_NUM_TARGETS * _DRAWS) + 1)):
        if not archive.num_left:
            break
        shares = _shares(logits, legal)
        drawn = _draw(shares, rng)
        for target, rows in enumerate(drawn):
            scored = archive.score_new(encoding.canonical(rows))
            if len(scored) > 1:
                step = _step(encoding, scored, shares[target], targets_ms[target])
                logits[target] += _RATE * step
    return archive.front()


def _shares(logits: np.ndarray, legal: np.ndarray) -> Float[np.ndarray, "targets genes choices"]:
    """Probability of every choice; choices that a gene lacks have none."""
    exponentials = np.exp(logits - logits.max(axis=2, keepdims=True)) * legal
    shares = exponentials / exponentials.sum(axis=2, keepdims=True)
    return (1 - _EXPLORATION) * shares + _EXPLORATION * legal / legal.sum(axis=1, keepdims=True)


def _draw(shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws of every controller, uint8[targets, draws, genes]."""
    bounds = shares.cumsum(axis=2)[:, None, :, :-1]
    points = rng.random((len(shares), _DRAWS, shares.shape[1], 1))
    return (points >= bounds).sum(axis=3).astype(np.uint8)


def _step(
    encoding: AnyEncoding, scored: Scored, shares: np.ndarray, target_ms: float
) -> Float[np.ndarray, "genes choices"]:
    """The policy gradient, with the mean reward of the draws as its baseline."""
    asked = np.isfinite(scored.top1)
    least = scored.top1[asked].min() if asked.any() else 0.0
    too_much = np.maximum(np.maximum(scored.latency_ms / target_ms, scored.excess) - 1, 0)
    reward = np.where(asked, scored.top1, least) - _OVERSHOOT * too_much
    advantage = (reward - reward.mean()) / max(float(reward.std()), 1e-9)
    live = encoding.live_genes(scored.genotypes)
    chosen = _one_hot(scored.genotypes, shares.shape[1])
    moves = (chosen - shares) * (live * advantage[:, None])[:, :, None]
    return moves.mean(axis=0)


def _one_hot(genotypes: Genotypes, num_choices: int) -> np.ndarray:
    return (genotypes[:, :, None] == np.arange(num_choices)).astype(np.float64)
