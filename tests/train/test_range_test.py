import numpy as np
import pytest

from ofa.errors import OfaError
from ofa.train.range_test import suggested_learning_rate


def test_the_rate_suggested_lies_below_that_of_the_lowest_loss():
    rates = list(np.geomspace(1e-3, 10, 81))
    losses = [(np.log10(rate) + 0.5) ** 2 for rate in rates]  # lowest at 10**-0.5

    assert suggested_learning_rate(rates, losses) == pytest.approx(10**-0.5 / 3, rel=0.1)


def test_a_loss_that_never_falls_is_told():
    with pytest.raises(OfaError, match="the loss never falls"):
        suggested_learning_rate([0.1, 0.2], [1.0, 2.0])
