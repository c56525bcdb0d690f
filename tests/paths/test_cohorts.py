from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import retention
from journeykit.stats import wilson_interval
from tests.strategies import journeys

#: Monday 2024-01-01, in days since 1970.
MONDAY = 19_723


def made(*paths: list[tuple[str, float]], days: int = 28, seen_from: float = 1) -> Journeys:
    """Journeys of (touchpoint, day) lists from a Monday on; customers enter on day 1."""
    names = tuple(sorted({name for path in paths for name, _ in path}))
    n = len(paths)
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(x) for path in paths for x, _ in path], dtype=np.uint8),
        start=np.cumsum([0, *map(len, paths)]),
        time=np.array([int((MONDAY + day) * DAY) for path in paths for _, day in path]),
        observed_from=np.full(n, int((MONDAY + seen_from) * DAY)),
        observed_to=np.full(n, (MONDAY + days) * DAY),
        window=(MONDAY * DAY, (MONDAY + days) * DAY),
    )


# Starts on days 1, 2 and 16; watched for 28 days.
THREE = made(
    [("buy", 1), ("buy", 9), ("buy", 20)],
    [("buy", 2), ("buy", 23.5)],
    [("buy", 16), ("buy", 16.5)],
)


def test_classic_counts_worked_by_hand() -> None:
    found = retention(THREE, periods=3)
    # Weeks since the start that were watched whole: 3, 3 and 1.
    counts = ["n", "n_event", "n_censored"]
    assert found.frame[counts].to_numpy().tolist() == [[3, 3, 0], [2, 1, 1], [2, 1, 1], [0, 0, 3]]
    assert found.frame["estimate"].tolist()[:3] == [1, 0.5, 0.5]
    assert np.isnan(found.frame["estimate"][3])
    low, high = wilson_interval(1, 2)
    bounds = found.frame.loc[1, ["conf_low", "conf_high"]].tolist()
    assert bounds == pytest.approx([float(low), float(high)])


def test_rolling_and_unbounded_need_time_to_come_back() -> None:
    rolling = retention(THREE, kind="rolling", look_ahead=1, periods=2).frame
    assert rolling[["n", "n_event"]].to_numpy().tolist() == [[2, 2], [2, 1], [0, 0]]
    # The second comes back in week 3: after the look-ahead of week 1, so only unbounded counts it.
    ever = retention(THREE, kind="unbounded", look_ahead=1, periods=2).frame
    assert ever[["n", "n_event"]].to_numpy().tolist() == [[2, 2], [2, 2], [0, 0]]


def test_calendar_ages_and_the_triangle() -> None:
    found = retention(THREE, ages="calendar", periods=3)
    # Cohorts of the weeks from January 1st and 15th; four weeks were watched.
    assert found.cells["cohort"].unique().tolist() == [
        pd.Timestamp("2024-01-01"),
        pd.Timestamp("2024-01-15"),
    ]
    table = found.triangle()
    assert table["n_customers"].tolist() == [2, 1]
    assert table[[0, 1, 2, 3]].to_numpy()[0].tolist() == [1, 0.5, 0.5, 0.5]
    assert table.loc["2024-01-15", [0, 1]].tolist() == [1, 0]
    assert table.loc["2024-01-15", [2, 3]].isna().all()
    assert found.triangle(small_cell=2).loc["2024-01-15", [0, 1, 2, 3]].isna().all()
    assert found.cells["complete"].tolist() == [True] * 6 + [False] * 2


def test_cohorts_are_cut_at_midnight_of_the_zone() -> None:
    # Half past eleven at night of January 31st in London is February in Berlin.
    drawn = made([("buy", 30 + 23.5 / 24), ("buy", 40)], days=95)
    for zone, first in (("UTC", date(2024, 1, 1)), ("Europe/Berlin", date(2024, 2, 1))):
        found = retention(drawn, unit="month", ages="calendar", periods=1, time_zone=zone)
        assert found.cells["cohort"].dt.date.unique().tolist() == [first]
        came_back = 1.0 if zone == "UTC" else 0.0
        assert found.frame.loc[1, "estimate"] == came_back
    with pytest.raises(ArgumentError, match="`time_zone` must be a zone"):
        retention(drawn, time_zone="Mars/Olympus")


def test_start_and_return_are_classes_of_touchpoints() -> None:
    drawn = made([("ad", 1), ("join", 2), ("ad", 10), ("buy", 17)], [("ad", 3), ("buy", 4)])
    found = retention(drawn, start="join", returning="!ad", periods=2)
    assert (found.n_customers, found.n_never) == (1, 1)
    # The join itself is one of the events that count; the ad on day 10 is none.
    assert found.frame["n_event"].tolist() == [1, 0, 1]
    bought = retention(drawn, start="join", returning="buy", periods=2)
    assert bought.frame["n_event"].tolist() == [0, 0, 1]


def test_who_was_there_before_has_no_known_cohort() -> None:
    early = made([("buy", 1)], [("buy", 3)], seen_from=0)
    with pytest.raises(DataError, match="2 of 2 were there before they were watched"):
        retention(early)
    kept = retention(early, unseen="keep")
    assert (kept.n_customers, kept.n_left_out) == (2, 0)
    mixed = early.replace(observed_from=np.array([MONDAY, MONDAY + 2]) * DAY)
    found = retention(mixed)
    assert (found.n_customers, found.n_left_out) == (1, 1)
    assert found.summary().endswith("1 were there before they were watched and are left out")


def test_pieces_of_a_customer_are_taken_together() -> None:
    whole, pieces = retention(THREE, periods=3), retention(THREE.sessions("2d"), periods=3)
    pd.testing.assert_frame_equal(whole.frame, pieces.frame)
    pd.testing.assert_frame_equal(whole.cells, pieces.cells)


@settings(max_examples=50)
@given(
    journeys(),
    st.sampled_from(["classic", "rolling", "unbounded"]),
    st.sampled_from([("day", 1), ("week", 7), ("month", 30)]),
    st.integers(0, 3),
)
def test_as_by_asking_each_customer(drawn, kind, unit, ahead) -> None:
    name, days = unit
    ahead = 0 if kind == "classic" else ahead
    wanted = np.zeros((4, 2), dtype=int)
    for i in range(len(drawn)):
        time = drawn.time[drawn.start[i] : drawn.start[i + 1]]
        ages = (time - time[0]) // (days * DAY)
        for age in range(4):
            if time[0] + (age + ahead + 1) * days * DAY > drawn.observed_to[i]:
                continue
            last = ages.max() if kind == "unbounded" else age + ahead
            wanted[age] += [1, any(age <= a <= last for a in ages)]
    found = retention(
        drawn, kind=kind, unit=name, periods=3, look_ahead=ahead, unseen="keep", time_zone="UTC"
    )
    assert found.frame[["n", "n_event"]].to_numpy().tolist() == wanted.tolist()


@settings(max_examples=40)
@given(
    journeys(),
    st.sampled_from(["classic", "rolling", "unbounded"]),
    st.sampled_from(["elapsed", "calendar"]),
    st.sampled_from(["day", "week", "month"]),
)
def test_cohorts_add_up_to_the_curve(drawn, kind, ages, unit) -> None:
    found = retention(drawn, kind=kind, ages=ages, unit=unit, unseen="keep", look_ahead=1)
    counts = ["n", "n_event", "n_censored"]
    summed = found.cells.groupby("age")[counts].sum()
    assert summed.to_numpy().tolist() == found.frame[counts].to_numpy().tolist()
    assert (found.frame["n"] + found.frame["n_censored"] == found.n_customers).all()
    assert (found.cells["n"] + found.cells["n_censored"] == found.cells["n_customers"]).all()
    assert (found.frame["n_event"] <= found.frame["n"]).all()


def test_summary_pictures_and_provenance() -> None:
    found = retention(THREE, periods=3)
    assert found.summary() == (
        "50.0% of 2 (9.5% to 90.5%) came back in week 1 and 50.0% of 2 (9.5% to 90.5%) came back "
        "in week 2"
    )
    assert found.plot().get_lines()[0].get_ydata().tolist() == [1, 0.5, 0.5]
    ax = found.plot_triangle()
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "2024-01-01  (2)",
        "2024-01-15  (1)",
    ]
    assert [text.get_text() for text in ax.texts] == ["100%", "50%", "50%", "100%"]
    assert found.provenance.fingerprint == THREE.fingerprint
    assert found.provenance.parameters["unit"] == "week"
    short = made([("buy", 1)], days=5)
    assert retention(short).summary() == "no week after the start was watched whole"


def test_bad_arguments() -> None:
    for options, message in (
        ({"kind": "n-day"}, "`kind` must be one of 'classic', 'rolling', 'unbounded'"),
        ({"unit": "year"}, "`unit` must be one of"),
        ({"ages": "real"}, "`ages` must be one of"),
        ({"unseen": "drop"}, "`unseen` must be one of"),
        ({"periods": 0}, "`periods` must be a whole number at least 1"),
        ({"look_ahead": -1}, "`look_ahead` must be a whole number at least 0"),
        ({"start": "bye"}, "bye"),
    ):
        with pytest.raises(ArgumentError) as caught:
            retention(THREE, **options)
        assert message in str(caught.value)
    with pytest.raises(NotObservedError, match="Retention needs the time of each event"):
        retention(THREE.replace(time=None))
