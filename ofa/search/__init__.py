"""Search for the front of latency and top-1, over genotype matrices and plain callables."""

from ofa.search.archive import Archive, Score, Scored
from ofa.search.evolution import neighbors, random_front, search_front, uniform_archs
from ofa.search.feasibility import Range, check_budget, reachable_range
from ofa.search.fleet import Fleet, search_fleet
from ofa.search.front import Front
from ofa.search.pareto import hypervolume, non_dominated
from ofa.search.portfolio import UNSERVED_LOSS, Portfolio, portfolios

__all__ = [
    "UNSERVED_LOSS",
    "Archive",
    "Fleet",
    "Front",
    "Portfolio",
    "Range",
    "Score",
    "Scored",
    "check_budget",
    "hypervolume",
    "neighbors",
    "non_dominated",
    "portfolios",
    "random_front",
    "reachable_range",
    "search_fleet",
    "search_front",
    "uniform_archs",
]
