"""Accuracy of subnets, always recalibrated."""

from ofa.evaluate.accuracy import Evaluator, in_sharing_order
from ofa.evaluate.images import Judges, load_judges, write_judges
from ofa.evaluate.sample import Draw, draw_archs

__all__ = [
    "Draw",
    "Evaluator",
    "Judges",
    "draw_archs",
    "in_sharing_order",
    "load_judges",
    "write_judges",
]
