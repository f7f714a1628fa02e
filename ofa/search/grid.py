"""Grid search: every arch of a small space, which proves the front, else every uniform arch."""

from dataclasses import replace

import numpy as np

from ofa.search.archive import Archive
from ofa.search.evolution import uniform_archs
from ofa.search.front import Front
from ofa.search.problem import Problem


def grid_front(problem: Problem, rng: np.random.Generator) -> Front:
    """The front of a fixed list of archs; nothing is left to chance but what is cut off.

    Raises:
        InfeasibleBudget: If no arch of the list is fast enough.
        OfaError: If a score is not a finite number, or a setting is out of range.
    """
    archive = Archive(problem)
    encoding = problem.encoding
    exhaustive = encoding.space.num_subnets <= problem.max_evaluations
    archs = encoding.enumerate() if exhaustive else rng.permutation(uniform_archs(encoding))
    archive.score_new(archs)
    return archive.front(exhaustive=exhaustive)


def uniform_front(problem: Problem) -> Front:
    """The front of all uniform archs: what a user tries who does not search.

    Raises:
        InfeasibleBudget: If no uniform arch is fast enough and keeps the limits.
        OfaError: If a score is not a finite number.
    """
    archs = uniform_archs(problem.encoding)
    archive = Archive(replace(problem, max_evaluations=len(archs)))
    archive.score_new(archs)
    return archive.front()
