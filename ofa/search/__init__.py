"""Search for the front of latency and top-1, over genotype matrices and plain callables."""

from ofa.search.archive import Archive, Score, Scored
from ofa.search.evolution import neighbors, random_front, search_front, uniform_archs
from ofa.search.feasibility import Range, check_budget, reachable_range
from ofa.search.front import Front
from ofa.search.pareto import hypervolume, non_dominated

__all__ = [
    "Archive",
    "Front",
    "Range",
    "Score",
    "Scored",
    "check_budget",
    "hypervolume",
    "neighbors",
    "non_dominated",
    "random_front",
    "reachable_range",
    "search_front",
    "uniform_archs",
]
