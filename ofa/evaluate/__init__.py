"""Accuracy of subnets, always recalibrated."""

from ofa.evaluate.accuracy import Evaluator, in_sharing_order
from ofa.evaluate.active import most_informative
from ofa.evaluate.folded import fold_batchnorm_
from ofa.evaluate.images import Judges, load_judges, write_judges
from ofa.evaluate.sample import Draw, draw_archs, spread

__all__ = [
    "Draw",
    "Evaluator",
    "Judges",
    "draw_archs",
    "fold_batchnorm_",
    "in_sharing_order",
    "load_judges",
    "most_informative",
    "spread",
    "write_judges",
]
