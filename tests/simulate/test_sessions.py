from __future__ import annotations

import numpy as np
import pytest

from journeykit.errors import ArgumentError
from journeykit.simulate.past import Past
from journeykit.simulate.sessions import gap_seconds, mean_gap, of_kind, session_ids


def test_no_two_sessions_share_an_id() -> None:
    past = Past((), np.array([7, 8]), days=731, seed=0)
    who, number = np.array([0, 0, 1]), np.array([0, 2**27 - 1, 0])
    ids = [*session_ids(past, "visit", who, number), *session_ids(past, "purchase", who, number)]
    assert len(set(ids)) == 6
    far = Past((), np.array([2**24 - 1]), days=731, seed=0)
    assert session_ids(far, "purchase", who[:1], number[1:2])[0] < 2**53
    with pytest.raises(ArgumentError, match="from 0 to 134,217,727; got 5 to 134,217,728"):
        session_ids(past, "visit", who[:2], np.array([5, 2**27]))
    assert of_kind(np.array(ids), "visit").tolist() == [True] * 3 + [False] * 3
    assert of_kind(np.array(ids), "purchase").tolist() == [False] * 3 + [True] * 3
    assert not of_kind(np.array([-1]), "purchase").any()


def test_gaps_are_a_lognormal_between_its_bounds() -> None:
    even = (np.arange(100_000) + 0.5) / 100_000
    found = gap_seconds(even, median=45, sigma=0.9, most=600)
    assert (found.min(), found.max()) == (2, 600)
    inside = np.exp(np.log(45) + 0.9 * np.random.default_rng(0).standard_normal(400_000))
    inside = inside[(inside > 2) & (inside < 600)]
    assert found.mean() == pytest.approx(inside.mean(), rel=0.01)
    assert found.mean() == pytest.approx(mean_gap(median=45, sigma=0.9, most=600), rel=1e-3)


def test_gaps_without_spread() -> None:
    assert gap_seconds(np.array([0.1, 0.9]), median=45, sigma=0, most=600).tolist() == [45, 45]
    assert gap_seconds(np.array([0.5]), median=900, sigma=0, most=600).tolist() == [600]
    assert mean_gap(median=45, sigma=0, most=600) == 45
