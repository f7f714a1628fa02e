"""Which few archs serve a whole fleet with the least loss, and what each further one buys.

A request is one device with one budget; it runs the most accurate chosen arch that it can afford.
Small cases are solved exactly as integer programs. In large ones a greedy choice is mended by swaps
and comes with a bound: what the chosen archs gain is submodular, so no other choice gains more than
any one choice and the best single additions to it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ofa.errors import OfaError

UNSERVED_LOSS = 100.0
"""Loss of a request that no chosen arch can serve, points: as if every answer were wrong."""

_EXACT_CELLS = 5_000  # requests times archs up to which the integer program is solved
_SWAP_PASSES = 4
_TOLERANCE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Portfolio:
    """Archs that serve all requests.

    Attributes:
        archs: Columns of the chosen archs.
        serves: Chosen arch of each request, -1 for none.
        loss: Mean over requests of the best possible top-1 minus that of the chosen arch, points.
        least_loss: No choice of as many archs has a lower mean loss, points.
        num_unserved: Requests that no chosen arch can serve; each counts as ``UNSERVED_LOSS``.
        optimal: Whether the choice is proven the best of its size.
    """

    archs: tuple[int, ...]
    serves: tuple[int, ...]
    loss: float
    least_loss: float
    num_unserved: int
    optimal: bool


def portfolios(
    top1: Float[np.ndarray, "requests archs"],
    feasible: Bool[np.ndarray, "requests archs"],
    *,
    best_top1: Float[np.ndarray, "requests"],
    max_models: int,
    exact_cells: int = _EXACT_CELLS,
) -> tuple[Portfolio, ...]:
    """The best choices of one arch, of two, as far as ``max_models`` or all archs.

    Args:
        top1: Top-1 of each candidate where each request runs it, percent.
        feasible: Which request can afford which candidate.
        best_top1: Top-1 that each request reaches by an arch of its own, percent.
        exact_cells: Requests times archs up to which the choice is proven optimal.

    Raises:
        OfaError: If there is nothing to choose, or a request that no candidate can serve.
    """
    if max_models < 1 or not feasible.size:
        raise OfaError("portfolio: choose 1 model or more, among 1 or more, for 1 request or more")
    hopeless = np.flatnonzero(~feasible.any(axis=1))
    if len(hopeless):
        raise OfaError(
            f"portfolio: no candidate can serve {len(hopeless)} of {len(feasible)} requests, first "
            f"request {hopeless[0] + 1}; raise their budgets or leave them out"
        )
    loss = np.where(feasible, best_top1[:, None] - top1, UNSERVED_LOSS).astype(np.float64)
    max_models = min(max_models, feasible.shape[1])
    exact = loss.size <= exact_cells
    found: list[list[int]] = []
    for num in range(1, max_models + 1):
        found.append(_optimum(loss, num) if exact else _extended(loss, found[-1] if found else []))
    bounds = (
        [_mean_loss(loss, archs) for archs in found] if exact else _least_losses(loss, [[], *found])
    )
    return tuple(
        _portfolio(loss, feasible, archs, least) for archs, least in zip(found, bounds, strict=True)
    )


def _portfolio(loss: np.ndarray, feasible: np.ndarray, archs: list[int], least: float) -> Portfolio:
    best = np.array(archs)[loss[:, archs].argmin(axis=1)]
    served = feasible[np.arange(len(loss)), best]
    mean = _mean_loss(loss, archs)
    return Portfolio(
        archs=tuple(archs),
        serves=tuple(np.where(served, best, -1).tolist()),
        loss=mean,
        least_loss=min(least, mean),
        num_unserved=int((~served).sum()),
        optimal=mean - least <= _TOLERANCE,
    )


def _mean_loss(loss: np.ndarray, archs: list[int]) -> float:
    return float(_each_loss(loss, archs).mean())


def _each_loss(loss: np.ndarray, archs: list[int]) -> Float[np.ndarray, "requests"]:
    return loss[:, archs].min(axis=1, initial=UNSERVED_LOSS)


def _gains(loss: np.ndarray, archs: list[int]) -> Float[np.ndarray, "archs"]:
    """What each candidate, added to a choice, takes off the sum of losses."""
    each = _each_loss(loss, archs)
    return each.sum() - np.minimum(loss, each[:, None]).sum(axis=0)


def _extended(loss: np.ndarray, archs: list[int]) -> list[int]:
    """A choice with one more arch, after every exchange of one arch that lowers the loss."""
    gains = _gains(loss, archs)
    gains[archs] = -np.inf
    archs = [*archs, int(gains.argmax())]
    for _ in range(_SWAP_PASSES):
        improved = False
        for place in range(len(archs)):
            others = archs[:place] + archs[place + 1 :]
            gains = _gains(loss, others)
            gains[others] = -np.inf
            rival = int(gains.argmax())
            if gains[rival] > gains[archs[place]] + _TOLERANCE:
                archs[place], improved = rival, True
        if not improved:
            break
    return archs


def _least_losses(loss: np.ndarray, choices: list[list[int]]) -> list[float]:
    """For every number of archs, the highest lower bound that any of the choices proves.

    Source: Nemhauser, Wolsey & Fisher, "An analysis of approximations for maximizing submodular set
    functions", Mathematical Programming 14, 1978, proposition 2.1.
    """
    num_models = max(len(choice) for choice in choices)
    best = np.zeros(num_models)
    for choice in choices:
        further = np.sort(_gains(loss, choice))[::-1][:num_models].cumsum()
        best = np.maximum(best, (_each_loss(loss, choice).sum() - further) / len(loss))
    return best.tolist()


def _optimum(loss: np.ndarray, num: int) -> list[int]:
    """The best choice of ``num`` archs, by the p-median integer program.

    Source: ReVelle & Swain, "Central facilities location", Geographical Analysis 2, 1970.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import eye_array, hstack, kron, vstack

    num_requests, num_archs = loss.shape
    opened_only = hstack(
        [kron(np.ones((num_requests, 1)), eye_array(num_archs)), -eye_array(loss.size)]
    )
    assigned_once = hstack(
        [
            np.zeros((num_requests, num_archs)),
            kron(eye_array(num_requests), np.ones((1, num_archs))),
        ]
    )
    so_many = np.concatenate([np.ones(num_archs), np.zeros(loss.size)])[None]
    matrix = vstack([opened_only, assigned_once, so_many]).tocsr()
    low = np.concatenate([np.zeros(loss.size), np.ones(num_requests), [num]])
    high = np.concatenate([np.full(loss.size, np.inf), np.ones(num_requests), [num]])
    solved = milp(
        np.concatenate([np.zeros(num_archs), loss.ravel()]),
        integrality=np.concatenate([np.ones(num_archs), np.zeros(loss.size)]),
        bounds=Bounds(0, 1),
        # scipy declares floats, and takes arrays.
        constraints=LinearConstraint(matrix, low, high),  # pyright: ignore[reportArgumentType]
        options={"mip_rel_gap": 0},
    )
    assert solved.success, solved.message
    return np.flatnonzero(solved.x[:num_archs] > 0.5).tolist()
