"""What later parts see of earlier ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.errors import ArgumentError
from journeykit.simulate.parts.population import Population
from journeykit.simulate.past import SECONDS, Drawn, Past, Touches, looking_back, whole_seconds

#: Customers at both ends of a block, and where the sort key's precision changes.
WHO = st.sampled_from([0, 1, 2, 8191, 8192, 19_999])
#: Times around the places where the sort key's precision changes: 48 days after the first is 2048
#: days after the key's own beginning.
SECOND = st.one_of(
    st.integers(-100 * SECONDS, 731 * SECONDS),
    st.integers(47 * SECONDS, 49 * SECONDS),
    st.integers(0, 10),
)
DAYS = st.sampled_from([1 / SECONDS, 0.5 / 24, 1.0, 7.0, 30.0, 365.25, 2500.0, np.inf])
MOMENTS = st.lists(st.tuples(WHO, SECOND), max_size=12)


def brute(
    events: list[tuple[int, int]], asked: list[tuple[int, int]], days: float
) -> set[tuple[int, int]]:
    seconds = days * SECONDS
    return {
        (query, touch)
        for query, (who, at) in enumerate(asked)
        for touch, (whose, when) in enumerate(events)
        if who == whose and when < at and (at - when < seconds + 0.4)
    }


def touches_at(events: list[tuple[int, int]]) -> Touches:
    who, second = (np.array(part, dtype=np.int64) for part in zip(*events, strict=True))
    return Touches.of("search_ad_click", who, second / SECONDS)


@given(MOMENTS, MOMENTS, DAYS, st.data())
def test_looking_back_is_what_brute_force_finds(
    events: list[tuple[int, int]], asked: list[tuple[int, int]], days: float, data: st.DataObject
) -> None:
    """Some questions are asked at an event's own time, or exactly the days or a second off it."""
    lag = round(days * SECONDS) if np.isfinite(days) else 0
    if events:
        near = st.tuples(
            st.sampled_from(events), st.sampled_from([0, 1, -1, lag, lag + 1, lag - 1])
        )
        planted = data.draw(st.lists(near, max_size=6))
        asked = asked + [(who, at + off) for (who, at), off in planted]
    events = sorted(events)
    if not events or not asked:
        return
    who, second = (np.array(part, dtype=np.int64) for part in zip(*asked, strict=True))
    pairs = looking_back(touches_at(events), who, second / SECONDS, days=days)
    found = list(zip(pairs.query.tolist(), pairs.touch.tolist(), strict=True))
    assert len(found) == len(set(found))
    assert set(found) == brute(events, asked, days)


def test_both_boundaries_by_hand() -> None:
    touches = touches_at([(0, 0), (0, 7 * SECONDS), (1, 7 * SECONDS)])
    asked = np.array([7 * SECONDS, 7 * SECONDS + 1, 14 * SECONDS, 14 * SECONDS + 1]) / SECONDS
    pairs = looking_back(touches, np.zeros(4, dtype=np.int64), asked, days=7)
    assert list(zip(*pairs, strict=True)) == [(0, 0), (1, 1), (2, 1)]


@pytest.mark.parametrize("days", [7.0, 30.0, 0.5 / 24])
@pytest.mark.parametrize("customer", [0, 1, 3, 19_999])
def test_the_far_boundary_holds_to_the_second(customer: int, days: float) -> None:
    """From day 48 on the sort key rounds otherwise than before: there, events were lost."""
    lag = round(days * SECONDS)
    for at in range(48 * SECONDS, 48 * SECONDS + 100_000, 997):
        touches = touches_at([(customer, at - lag)])
        asked = (at + np.array([0, 1, -lag, 1 - lag])) / SECONDS
        pairs = looking_back(touches, np.full(4, customer), asked, days=days)
        assert pairs.query.tolist() == [0, 3]


def test_touches_are_whole_seconds_in_order_with_their_columns() -> None:
    touches = Touches.of(
        "search_ad_click",
        np.array([1, 0, 1, 0]),
        np.array([2.0, 3.0000001, 1.0, 3.0]),
        {"value": np.array([1, 2, 3, 4])},
    )
    assert touches.who.tolist() == [0, 0, 1, 1]
    assert (touches.time * SECONDS).tolist() == [3 * SECONDS, 3 * SECONDS, SECONDS, 2 * SECONDS]
    # Equal after rounding: as they were given.
    assert touches.columns["value"].tolist() == [2, 4, 3, 1]
    kept = touches.keep(touches.who == 1)
    assert (kept.name, kept.columns["value"].tolist()) == ("search_ad_click", [3, 1])
    assert whole_seconds(np.array([0.4, 0.6]) / SECONDS).tolist() == [0, 1 / SECONDS]


def drawn(second: int, **columns: list[int]) -> Drawn:
    values = {name: np.array(column) for name, column in columns.items()}
    touches = Touches.of("cart", np.array([0, 1]), np.array([second, 9]) / SECONDS, values)
    return Drawn(
        [touches], {"height": np.array([second, second])}, hidden={"h": {"x": touches.who}}
    )


def test_a_past_gathers_what_was_drawn() -> None:
    past = Past([Population(app_user=0.1)], np.arange(5, 7), days=100, seed=1)
    assert past.touches("cart").who.tolist() == []
    past.add(drawn(7, value=[1, 2], cost=[3, 4]))
    assert past.touches("cart").columns.keys() == {"value", "cost"}
    past.add(drawn(5, value=[5, 6], session_id=[7, 8]))
    both = past.touches("cart")
    assert both.who.tolist() == [0, 0, 1, 1]
    assert both.columns.keys() == {"value"}
    assert both.columns["value"].tolist() == [5, 1, 2, 6]
    assert past.trait("height").tolist() == [7, 7]
    assert past.hidden("h") is not None
    assert past.hidden("other") is None
    assert (past.n, len(past.drawn)) == (2, 2)
    assert past.part(Population).app_user == 0.1
    with pytest.raises(ArgumentError) as caught:
        past.trait("weight")
    assert str(caught.value) == (
        "No part of this world draws the trait 'weight'; add the part that does."
    )
