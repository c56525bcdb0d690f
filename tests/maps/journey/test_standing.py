"""What happens in which stage, by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.errors import MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.maps.journey.standing import (
    answers_by_rung,
    leaving_rate,
    moves_rate,
    standing,
)
from journeykit.stages import Ladder, follow
from journeykit.stages.following import Entries, rung_at
from journeykit.survival import EndAttribute, Inactivity, StartTouchpoint, lifetimes

LADDER = Ladder(rungs={"looking": {"touchpoints": ["web"]}, "buying": {"touchpoints": ["buy"]}})
#: a: web at day 1, ad at 2, buy at 3, ad at 4, web at 6; b: ad at 1, web at 2, ad at 3; both are
#: watched until day 10.
TWO = Journeys(
    names=("ad", "buy", "web"),
    touchpoint=np.array([2, 0, 1, 0, 2, 0, 2, 0], dtype=np.uint8),
    start=np.array([0, 5, 8]),
    time=np.array([1, 2, 3, 4, 6, 1, 2, 3]) * DAY,
    observed_from=np.array([0, 0]),
    observed_to=np.array([10, 10]) * DAY,
    customer_id=pa.array(["a", "b"]),
    attributes=pa.table({"gone": pa.array([8 * DAY, None], pa.timestamp("us", "UTC"))}),
)


def test_reach_by_hand() -> None:
    place = standing(TWO, LADDER)
    assert place.customers().tolist() == [2, 1]
    # In looking a meets web at 1 and 6 and ad at 2, b web at 2 and ad at 3. In buying is a alone.
    assert place.reached().tolist() == [[2, 0, 2], [1, 1, 0]]


def test_moves_by_hand() -> None:
    followed = follow(TWO, LADDER)
    up = moves_rate(followed, "looking", up=True, confidence=0.95)
    # a looks in (1, 3] and (6, 10), b in (2, 10): 14 days, one move up.
    assert (up.n, up.estimate) == (1, pytest.approx(3000 / 14))
    back = moves_rate(followed, "buying", up=False, confidence=0.95)
    assert (back.n, back.estimate) == (1, pytest.approx(3000 / 3))
    told = followed.moves(small_cell=1).frame
    told = told[told["source"] == "looking"].iloc[0]
    assert up[2:] == pytest.approx([3000 * told[x] for x in ("estimate", "conf_low", "conf_high")])
    none = moves_rate(followed, "buying", up=True, confidence=0.95)
    assert none == (0, 1, 0.0, 0.0, pytest.approx(3000 * -np.log(0.05) / 3))


def test_leaving_by_hand() -> None:
    followed = follow(TWO, LADDER)
    lives = lifetimes(TWO, churn=EndAttribute("gone"), start=StartTouchpoint("web"))
    # a is gone at 8, while looking again since 6: (1, 3] and (6, 8]; b looks in (2, 10).
    looking = leaving_rate(followed, lives, "looking", confidence=0.95)
    assert (looking.n, looking.estimate) == (1, pytest.approx(3000 / 12))
    buying = leaving_rate(followed, lives, "buying", confidence=0.95)
    assert (buying.n, buying.estimate) == (0, 0.0)


def test_who_leaves_at_the_very_entry_leaves_from_there() -> None:
    """Whose last activity leads into a stage had come there before falling silent."""
    # Twenty buy on day 10 and fall silent; one buys again and again up to day 58.
    bought = Journeys(
        names=("buy", "web"),
        touchpoint=np.array([*[1, 0] * 20, 1, 0, 0, 0], dtype=np.uint8),
        start=np.array([*range(0, 41, 2), 44]),
        time=np.array([*[1, 10] * 20, 1, 10, 34, 58]) * DAY,
        observed_from=np.zeros(21, dtype=np.int64),
        observed_to=np.full(21, 60 * DAY),
    )
    lives = lifetimes(bought, churn=Inactivity(threshold_days=30))
    assert lives.frame["event"].sum() == 20
    followed = follow(bought, LADDER)
    rates = [leaving_rate(followed, lives, name, confidence=0.95) for name in LADDER.stages]
    assert [rate.n for rate in rates] == [0, 20]


def test_answers_stand_where_their_customer_is() -> None:
    told = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "nobody"],
            "event_time": pd.to_datetime([2 * DAY, 3 * DAY, 1 * DAY, DAY], unit="us", utc=True),
            "touchpoint": "ad",
            "score": [1.0, -1.0, 0.5, 0.0],
        }
    )
    found = answers_by_rung(standing(TWO, LADDER), told, confidence=0.95)
    # b is in no stage on day 1 yet, and nobody knows "nobody".
    assert found.n_answers.tolist() == [1, 1]
    assert found.score.estimate.tolist() == [1.0, -1.0]
    with pytest.raises(MappingError, match="`sentiment` names columns that do not exist: 'score'"):
        answers_by_rung(standing(TWO, LADDER), told.drop(columns="score"), confidence=0.95)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 2)), max_size=12),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=12),
)
def test_the_rung_at_a_time_is_that_of_the_last_entry(
    steps: list[tuple[int, int, int]], asked: list[tuple[int, int]]
) -> None:
    entered = np.array(sorted(steps), dtype=np.int64).reshape(-1, 3)
    wanted = np.array(asked, dtype=np.int64).reshape(-1, 2)
    found = rung_at(Entries(*entered.T), wanted[:, 0], wanted[:, 1])
    for (who, when), rung in zip(asked, found, strict=True):
        before = [r for w, t, r in sorted(steps) if w == who and t <= when]
        assert rung == (before[-1] if before else -1)
