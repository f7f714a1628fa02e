"""Predicts the accuracy of subnets that nobody has measured, and says how far to trust it."""

from ofa.predictor.accuracy import AccuracyPredictor, Interval
from ofa.predictor.features import OneHot
from ofa.predictor.fit import MIN_PAIRS, FitReport, FittedPredictor, can_fit, fit_predictor
from ofa.predictor.metrics import bias_by_bin, kendall_tau, rmse, winner_bias
from ofa.predictor.quantized import (
    MIN_QUANTIZED,
    FittedQuantized,
    QuantizedPredictor,
    QuantizedReport,
    fit_quantized,
)

__all__ = [
    "MIN_PAIRS",
    "MIN_QUANTIZED",
    "AccuracyPredictor",
    "FitReport",
    "FittedPredictor",
    "FittedQuantized",
    "Interval",
    "OneHot",
    "QuantizedPredictor",
    "QuantizedReport",
    "bias_by_bin",
    "can_fit",
    "fit_predictor",
    "fit_quantized",
    "kendall_tau",
    "rmse",
    "winner_bias",
]
