from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from journeykit.stats.chains import absorption, walked_absorption


def test_gamblers_ruin() -> None:
    """With p = 0.6 and four pounds in all, ruin from i is (r^i - r^4) / (1 - r^4), r = 2/3."""
    inside, out = np.zeros((3, 3)), np.zeros((3, 2))
    inside[0, 1] = inside[1, 2] = 0.6
    inside[1, 0] = inside[2, 1] = 0.4
    out[0, 0], out[2, 1] = 0.4, 0.6
    r = 2 / 3
    ruin = [(r**i - r**4) / (1 - r**4) for i in (1, 2, 3)]
    found = absorption(inside, out)
    assert found[:, 0] == pytest.approx(ruin, abs=1e-12)
    assert found.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-12)


def test_walks_that_never_end_have_no_share() -> None:
    # 0 goes to the end or into the loop of 1 and 2.
    inside = np.array([[0.0, 0.5, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    out = np.array([[0.5], [0.0], [0.0]])
    assert absorption(inside, out).tolist() == [[0.5], [0.0], [0.0]]


def test_what_is_missing_ends_in_a_way_nobody_asks_for() -> None:
    assert absorption(np.array([[0.5]]), np.array([[0.25]])) == pytest.approx(0.5)


def test_many_chains_are_solved_as_one_by_one() -> None:
    rng = np.random.default_rng(2)
    rows = rng.dirichlet(np.ones(9), size=(5, 7))
    inside, out = rows[..., :7], rows[..., 7:]
    together = absorption(inside, out)
    for one in range(5):
        assert together[one] == pytest.approx(absorption(inside[one], out[one]), abs=1e-13)


def test_walking_ends_where_solving_says() -> None:
    rng = np.random.default_rng(3)
    rows = rng.dirichlet(np.full(22, 0.2), size=20)
    inside, out = rows[:, :20], rows[:, 20:]
    first = rng.dirichlet(np.ones(20))
    walked = walked_absorption(sparse.csr_array(inside), out, first).sum(axis=0)
    assert walked == pytest.approx(first @ absorption(inside, out), abs=1e-10)


def test_walking_stops_where_walks_never_end() -> None:
    inside = sparse.csr_array(np.array([[0.0, 0.5], [0.0, 1.0]]))
    walked = walked_absorption(inside, np.array([[0.5], [0.0]]), np.array([1.0, 0.0]), most_steps=9)
    assert walked.sum() == 0.5
