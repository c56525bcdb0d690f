from __future__ import annotations

import numpy as np

from journeykit.simulate.chains import Chains, expected, walk
from journeykit.simulate.draws import Draws


def test_expectations_worked_by_hand() -> None:
    # Two states: from 0 always to 1; from 1 back to 0 with 0.5, else out. At most four states.
    rows = np.array([[[0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]])
    walks = expected(Chains(np.array([1.0, 0.0]), rows, 0.0, 4))
    # 0 1 out (0.5), 0 1 0 1 out (0.5; the fourth state is the last there is).
    assert walks.steps[0].tolist() == [[0.0, 1.5, 0.0], [0.5, 0.0, 1.0]]
    assert walks.back_steps.tolist() == [1.0]
    assert walks.first_step[0].tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    # With memory 1/2, after 0 1 row 1 or row 0 decides: to 0 0.25, to 1 0.5, out 0.25.
    walks = expected(Chains(np.array([1.0, 0.0]), rows, 0.5, 3))
    assert walks.second_step[0, 0, 1].tolist() == [0.25, 0.5, 0.25]


def test_walks_follow_their_chain() -> None:
    # Group 0 goes 0 1 0 1 ..., group 1 leaves at once; four states at most.
    rows = np.array([[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]])
    who = np.array([0, 1, 1])
    found = walk(
        Chains(np.array([1.0, 0.0]), rows, 0.0, 4), Draws.of(np.arange(2), seed=0), "test",
        who=who, number=np.arange(3), group=np.array([0, 1, 0]),
    )  # fmt: skip
    assert found.tolist() == [[0, 1, 0, 1], [0, -1, -1, -1], [0, 1, 0, 1]]


def test_no_walks() -> None:
    none = np.zeros(0, dtype=np.int64)
    chains = Chains(np.array([1.0]), np.array([[[0.5, 0.5]]]), 0.5, 3)
    draws = Draws.of(np.arange(1), seed=0)
    assert walk(chains, draws, "test", who=none, number=none, group=none).shape == (0, 3)
