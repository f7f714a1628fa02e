"""Ranking and error metrics on hand-made cases."""

import numpy as np
import pytest

from ofa.predictor import bias_by_bin, kendall_tau, rmse, winner_bias

MEASURED = np.array([90.0, 91.0, 92.0, 93.0])


def test_rmse_is_in_percentage_points():
    assert rmse(MEASURED + np.array([3.0, 0.0, -4.0, 0.0]), MEASURED) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("predicted", "tau"),
    [(MEASURED * 2, 1.0), (-MEASURED, -1.0), (np.array([90.0, 91.0, 93.0, 92.0]), 4 / 6)],
)
def test_kendall_tau_counts_pairs_in_order(predicted, tau):
    assert kendall_tau(predicted, MEASURED) == pytest.approx(tau)


def test_the_bias_of_winners_is_that_of_the_best_predicted_only():
    predicted = np.array([99.0, 91.0, 80.0, 94.0])

    assert winner_bias(predicted, MEASURED, num=2) == pytest.approx((9.0 + 1.0) / 2)


def test_the_bias_of_each_bin_is_that_of_its_own_predictions():
    predicted = np.array([93.0, 90.0, 94.0, 91.0])

    assert bias_by_bin(predicted, predicted - [2, 1, 4, 1], num_bins=2) == (1.0, 3.0)
