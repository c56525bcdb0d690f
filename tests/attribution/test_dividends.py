from __future__ import annotations

import numpy as np
import pytest

from journeykit.attribution.dividends import pair_interactions


def test_pairs_of_three_worked_from_the_definition() -> None:
    v = np.random.default_rng(1).normal(size=8)
    # Mean over sets without 0 and 1 (none; 2), each weighing 1/2, of the second difference.
    alone = v[3] - v[1] - v[2] + v[0]
    beside = v[7] - v[5] - v[6] + v[4]
    index = pair_interactions(v[None])[0]
    assert index[0, 1] == pytest.approx((alone + beside) / 2)
    assert index[1, 0] == index[0, 1]
    assert np.isnan(np.diag(index)).all()
