from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from journeykit.errors import ArgumentError
from journeykit.stats import bounded_wilson_interval, wilson_interval


def test_without_unknown_outcomes_it_is_wilsons() -> None:
    found = bounded_wilson_interval([0, 3, 10], [0, 0, 0], [10, 10, 10])
    expected = wilson_interval([0, 3, 10], [10, 10, 10])
    assert found.low.tolist() == expected.low.tolist()
    assert found.high.tolist() == expected.high.tolist()


def test_with_many_unknown_outcomes_each_bound_is_one_sided() -> None:
    found = bounded_wilson_interval(300, 400, 1000)
    assert float(found.low) == pytest.approx(float(wilson_interval(300, 1000, confidence=0.9).low))
    assert float(found.high) == pytest.approx(
        float(wilson_interval(700, 1000, confidence=0.9).high)
    )
    # nothing known at all
    assert [float(bound) for bound in bounded_wilson_interval(0, 5, 5)] == [0, 1]
    assert np.isnan(bounded_wilson_interval(0, 0, 0)).all()
    assert bounded_wilson_interval([], [], []).low.shape == (0,)


def test_in_between_it_solves_the_equation_of_imbens_and_manski() -> None:
    n, x, u = 1000, 300, 15
    low, _ = bounded_wilson_interval(x, u, n)
    error = np.sqrt(0.315 * 0.685 / n)
    # the critical value back from Wilson's lower bound: |p - low| = c sqrt(low (1 - low) / n)
    c = (x / n - low) / np.sqrt(low * (1 - low) / n)
    assert norm.ppf(0.95) < c < norm.ppf(0.975)
    assert norm.cdf(c + u / n / error) - norm.cdf(-c) == pytest.approx(0.95, abs=1e-10)


@pytest.mark.parametrize("unknown", [0.0, 0.01, 0.05, 0.2])
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_it_covers_whatever_the_unknown_outcomes_are(unknown: float, share: float) -> None:
    """Exactly by the binomial law, the share at the least, or at the most, it can be."""
    n, u = 500, round(unknown * 500)
    x = np.arange(n + 1)
    low, high = bounded_wilson_interval(x, np.minimum(u, n - x), np.full(n + 1, n))
    covered = binom.pmf(x, n, share)[(low <= share) & (share <= high)].sum()
    assert 0.935 < covered < 0.965
    # all unknown outcomes are events: then the sum of both is binomial
    low, high = bounded_wilson_interval(np.maximum(x - u, 0), np.minimum(u, x), np.full(n + 1, n))
    most = share + unknown
    assert 0.935 < binom.pmf(x, n, most)[(low <= most) & (most <= high)].sum() < 0.965


def test_confidence_is_a_fraction() -> None:
    with pytest.raises(ArgumentError, match="`confidence` must lie strictly between 0 and 1"):
        bounded_wilson_interval(1, 1, 3, confidence=1)
