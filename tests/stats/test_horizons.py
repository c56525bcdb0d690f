from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from journeykit.stats.horizons import common_horizon


def test_horizons_by_hand() -> None:
    watched = np.array([5, 30, 40, 50])
    assert common_horizon(np.array([3, 20]), watched) == 20
    assert common_horizon(np.array([3, 45]), watched) == 29
    assert common_horizon(np.array([], dtype=np.int64), watched) == 29
    assert common_horizon(np.array([0]), np.zeros(3, dtype=np.int64)) == -1


@given(
    arrays(np.int64, st.integers(0, 9), elements=st.integers(0, 99)),
    arrays(np.int64, st.integers(1, 9), elements=st.integers(0, 99)),
)
def test_half_are_watched_for_longer(took: np.ndarray, watched: np.ndarray) -> None:
    assert (watched > common_horizon(took, watched)).mean() >= 0.5
