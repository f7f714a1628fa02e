"""A budget kept by the whole interval of an estimate, where no engine can be timed."""

from collections.abc import Callable
from pathlib import Path

from ofa import checkpoint as files
from ofa.errors import InfeasibleBudget
from ofa.opened import find_checkpoint
from ofa.pipeline.device import profile
from ofa.run_files import read_front
from ofa.space import network

_MAX_SEARCHES = 5
_STEP = 0.99  # so that another subnet is chosen


def find_with_whole_interval(
    find: Callable[[float], tuple[str, Path]], *, checkpoint: str, budget_ms: float
) -> tuple[str, Path]:
    """What a search finds whose latency lies within a budget up to its interval's upper end.

    Args:
        find: Searches within a latency; returns the device and its front.

    Raises:
        InfeasibleBudget: If no subnet is fast enough, or none for sure.
    """
    space = files.read_supernet(find_checkpoint(checkpoint) / files.SUPERNET)[1].space
    aim_ms, num_left = budget_ms, _MAX_SEARCHES
    while True:
        device, path = find(aim_ms)
        num_left -= 1
        outcome = read_front(path)
        model = profile(device=device, checkpoint=checkpoint)
        estimate = model.estimate(network(space, outcome.chosen.arch).layers)
        if estimate.high_ms <= budget_ms:
            return device, path
        if not num_left or outcome.chosen.estimated_ms <= outcome.lowest_ms:
            raise InfeasibleBudget(
                f"no subnet was found whose whole interval lies within {budget_ms:g} ms; the last "
                f"one takes {estimate.latency_ms:.3f} ms, with up to {estimate.high_ms:.3f} ms to "
                "be reckoned with: raise the budget, or leave out --whole-interval"
            )
        nearer_ms = _STEP * estimate.latency_ms * budget_ms / estimate.high_ms
        aim_ms = max(outcome.lowest_ms, nearer_ms)
