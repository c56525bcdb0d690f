from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from journeykit.errors import DataError
from journeykit.stats.likelihood import delta_errors, maximum, positive_interval

Array = NDArray[np.float64]


def poisson(theta: Array) -> tuple[float, Array]:
    """Twelve events in 40 days, and 30 in 20: the maxima are the rates."""
    n, days = np.array([12, 30]), np.array([40, 20])
    rate = np.exp(theta)
    return float(n @ theta - days @ rate), n - days * rate


def test_the_maximum_is_known() -> None:
    at = maximum(poisson, [np.zeros(2), np.full(2, 3.0)], names=["a", "b"])
    assert at.parameters == pytest.approx([0.3, 1.5], rel=1e-9)
    # The observed information of a log rate is the number of events.
    assert at.covariance == pytest.approx(np.diag([1 / 12, 1 / 30]), abs=1e-7)
    assert at.log_likelihood == pytest.approx(12 * np.log(0.3) + 30 * np.log(1.5) - 42)


def test_errors_of_functions() -> None:
    at = maximum(poisson, [np.zeros(2)], names=["a", "b"])
    found = delta_errors(lambda theta: np.array([np.exp(theta[1] - theta[0]), theta[0]]), at)
    assert found == pytest.approx([5 * np.sqrt(1 / 12 + 1 / 30), np.sqrt(1 / 12)], rel=1e-6)
    low, high = positive_interval(np.array([5.0, 0.0]), np.array([1.0, 0.0]), confidence=0.95)
    stretch = np.exp(1.959963984540054 / 5)
    assert [low[0], high[0]] == pytest.approx([5 / stretch, 5 * stretch])
    assert np.isnan([low[1], high[1]]).all()


def test_what_has_no_maximum_is_refused() -> None:
    def rises(theta: Array) -> tuple[float, Array]:
        return float(theta[0]), np.array([1.0])

    def flat(theta: Array) -> tuple[float, Array]:
        off = theta.sum()
        return float(-(off**2)), np.full(2, -2 * off)

    with pytest.raises(DataError, match="The likelihood must have a maximum inside"):
        maximum(rises, [np.zeros(1)], names=["a"])
    with pytest.raises(DataError, match="still rises, or does not change, near a = .*, b = "):
        maximum(flat, [np.zeros(2)], names=["a", "b"])
