"""Many tests at once: against statsmodels, and what was not tested."""

from __future__ import annotations

import numpy as np
import pytest

from journeykit.stats import benjamini_hochberg, holm


def test_benjamini_hochberg_ignores_what_was_not_tested() -> None:
    q = benjamini_hochberg([0.01, np.nan, 0.04, 0.03])
    assert q == pytest.approx([0.03, np.nan, 0.04, 0.04], nan_ok=True)


def test_holm_is_that_of_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(7).uniform(size=40) ** 3
    p[5] = p[9]
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-15)


def test_holm_worked_by_hand() -> None:
    # Of three tested: 3 x .01, then 2 x .02 = .04, then .05; nothing exceeds 1.
    adjusted = holm([0.02, np.nan, 0.01, 0.05])
    assert adjusted[[0, 2, 3]] == pytest.approx([0.04, 0.03, 0.05])
    assert np.isnan(adjusted[1])
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []
