"""Search for the front of latency and top-1, over genotype matrices and plain callables."""

from ofa.search.archive import Archive, Scored
from ofa.search.bayes import bayes_front
from ofa.search.evolution import neighbors, random_front, search_front, uniform_archs
from ofa.search.feasibility import Range, check_budget, reachable_range
from ofa.search.fleet import Arrays, Fleet, search_fleet
from ofa.search.front import Front
from ofa.search.gradient import Differentiable, gradient_front
from ofa.search.grid import grid_front, uniform_front
from ofa.search.limits import Limit, excess, limits_of
from ofa.search.nsga2 import nsga2_front
from ofa.search.pareto import hypervolume, non_dominated
from ofa.search.policy_gradient import policy_gradient_front
from ofa.search.portfolio import UNSERVED_LOSS, Portfolio, portfolios
from ofa.search.problem import Problem, Score
from ofa.search.strategies import (
    STRATEGIES,
    Comparison,
    Strategy,
    available_strategies,
    compare,
    find_strategy,
)

__all__ = [
    "STRATEGIES",
    "UNSERVED_LOSS",
    "Archive",
    "Arrays",
    "Comparison",
    "Differentiable",
    "Fleet",
    "Front",
    "Limit",
    "Portfolio",
    "Problem",
    "Range",
    "Score",
    "Scored",
    "Strategy",
    "available_strategies",
    "bayes_front",
    "check_budget",
    "compare",
    "excess",
    "find_strategy",
    "gradient_front",
    "grid_front",
    "hypervolume",
    "limits_of",
    "neighbors",
    "non_dominated",
    "nsga2_front",
    "policy_gradient_front",
    "portfolios",
    "random_front",
    "reachable_range",
    "search_fleet",
    "search_front",
    "uniform_archs",
    "uniform_front",
]
