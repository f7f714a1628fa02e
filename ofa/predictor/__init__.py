"""Predicts the accuracy of subnets that nobody has measured, and says how far to trust it."""

from ofa.predictor.accuracy import AccuracyPredictor, Interval
from ofa.predictor.features import OneHot
from ofa.predictor.fit import MIN_PAIRS, FitReport, FittedPredictor, fit_predictor
from ofa.predictor.metrics import bias_by_bin, kendall_tau, rmse, winner_bias

__all__ = [
    "MIN_PAIRS",
    "AccuracyPredictor",
    "FitReport",
    "FittedPredictor",
    "Interval",
    "OneHot",
    "bias_by_bin",
    "fit_predictor",
    "kendall_tau",
    "rmse",
    "winner_bias",
]
