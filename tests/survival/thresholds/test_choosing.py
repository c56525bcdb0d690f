from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival import Inactivity, kaplan_meier, lifetimes
from journeykit.survival.thresholds import churn_threshold
from tests.strategies import journeys as any_journeys


def made(customers: list[list[float]], *, until: float = 100) -> Journeys:
    days = [day for customer in customers for day in customer]
    return Journeys(
        names=("visit",),
        touchpoint=np.zeros(len(days), dtype=np.uint8),
        start=np.cumsum([0, *map(len, customers)]),
        time=np.rint(np.array(days, dtype=float) * DAY).astype(np.int64),
        observed_from=np.zeros(len(customers), dtype=np.int64),
        observed_to=np.full(len(customers), round(until * DAY)),
    )


WORKED = [
    [0, 5, 20],  # silent beyond 4 from 0, back after 1 more; beyond 10 from 5, after 5 more
    [0, 30],  # beyond 4, back after 26
    [0, 2, 4],  # beyond 4 from day 4 on, and never again
    [70],  # beyond 4, and followed for 25 - 1 more
    [97],  # never seen to be silent for 4
]


def test_what_was_not_watched_makes_no_silence() -> None:
    # Day 0 is known by chance: what else was done until day 40, when watching begins, is not.
    one = made([[0.0, 41.0, 43.0]] * 10)
    seen = replace(one, observed_from=np.full(10, 40 * DAY))
    found = churn_threshold(seen, within_days=20, thresholds_days=[4])
    assert found.frame["n_event"].tolist() == [0]
    assert found.sensitivity().frame["n_returned"].tolist() == [0]


def test_worked_by_hand() -> None:
    found = churn_threshold(
        made(WORKED), within_days=30, thresholds_days=[4, 10], small_cell=1, return_probability=0.5
    )
    first, second = found.frame.to_dict("records")
    # Four were silent for 4 days: one back after 1 day of 4, one after 26 of 2 (26 > 100 - 74).
    assert (first["n"], first["n_event"]) == (4, 2)
    assert first["estimate"] == pytest.approx(1 - 3 / 4 * 1 / 2)
    greenwood = 1 / (4 * 3) + 1 / (2 * 1)
    assert first["std_error"] == pytest.approx(3 / 8 * np.sqrt(greenwood))
    # Silent for 10: from 5 back after 5 of 4, from 0 after 20 of 3 (the fourth until 100 - 80).
    assert second["estimate"] == pytest.approx(1 - 3 / 4 * 1 / 2)
    assert np.isnan(found.threshold_days)
    table = found.sensitivity().frame.to_dict("records")
    assert [row["n"] for row in table] == [4, 4]
    assert [row["share_churned"] for row in table] == [1, 1]
    assert [row["n_returned"] for row in table] == [2, 2]
    # Nobody's silence is shorter than the threshold at the end but that of the one not in `n`.
    assert [row["share_undecidable"] for row in table] == [0, 0]
    # Last activities at 0, 0, 4, 0, and at 5, 0, 4, 0.
    assert [row["median_days"] for row in table] == [0, 0]


def test_a_silence_still_running_is_no_customer_gone() -> None:
    # Watched for 10 days after the declaration, half return at 5; one half is lost at 3.
    people = made([[0, 15], [0, 15], [0], [0], [87], [87], [87], [87]])
    row = churn_threshold(people, within_days=8, thresholds_days=[10], small_cell=1).frame.iloc[0]
    assert row["estimate"] == pytest.approx(0.5)
    assert (row["n"], row["n_event"]) == (8, 2)


def test_what_cannot_be_told_stays_so() -> None:
    people = made([[0], [0], [40]])
    found = churn_threshold(people, within_days=50, thresholds_days=[10, 49, 50, 60], small_cell=2)
    told = found.frame
    assert told["estimate"].tolist() == pytest.approx([0, 0, np.nan, np.nan], nan_ok=True)
    # Of three the exact bound, of the two who were followed for long enough.
    assert told["conf_high"].tolist()[:2] == pytest.approx([1 - 0.025 ** (1 / n) for n in (2, 2)])
    assert found.threshold_days == 10
    assert found.summary() == (
        "after 10 days of silence 0.0% return within 50 days (95% 0.0% to 84.2%, 3 customers), "
        "the shortest silence with fewer than 10%"
    )
    late = churn_threshold(people, within_days=95, thresholds_days=[10], small_cell=1)
    assert late.summary() == "no silence was followed for long enough to tell who will return " + (
        "within 95 days"
    )
    # Fewer than `small_cell` are not shown.
    assert (
        len(churn_threshold(people, within_days=5, thresholds_days=[50, 70], small_cell=3).frame)
        == 1
    )


def test_everybody_returns() -> None:
    found = churn_threshold(
        made([[0, 15], [0, 18], [0, 99]]), within_days=10, thresholds_days=[12], small_cell=1
    )
    assert found.frame["estimate"].tolist() == pytest.approx([2 / 3])
    found = churn_threshold(
        made([[0, 15, 99], [0, 18, 99]]), within_days=10, thresholds_days=[12], small_cell=1
    )
    assert found.frame["estimate"].tolist() == [1]
    assert found.frame[["std_error", "conf_low"]].isna().all(axis=None)
    assert found.summary() == (
        "no silence after which fewer than 10% return within 10 days: after 12 days 100% still do"
    )


class People(NamedTuple):
    journeys: Journeys
    began: np.ndarray
    ended: np.ndarray
    who: np.ndarray


UNTIL = 500


def company(n: int, seed: int, *, gone: float = 0.08) -> People:
    """Every day or every three weeks customers act, until they are gone after some activity.

    Silences are exponential with a mean of 1 day for three in four customers, of 20 for the rest.
    """
    rng = np.random.default_rng(seed)
    mean = np.where(rng.random(n) < 0.75, 1.0, 20.0)
    acts = rng.geometric(np.where(mean == 1, gone / 10, gone))
    who = np.repeat(np.arange(n), acts)
    first = np.cumsum(acts) - acts
    gap = rng.exponential(mean[who])
    gap[first] = 0
    total = np.cumsum(gap)
    time = total - np.repeat(total[first], acts) + np.repeat(rng.uniform(0, 250, n), acts)
    ended = np.where(np.append(who[1:] == who[:-1], False), np.append(time[1:], 0), np.inf)
    seen = time < UNTIL
    counts = np.bincount(who[seen], minlength=n)
    journeys = Journeys(
        names=("act",),
        touchpoint=np.zeros(int(seen.sum()), dtype=np.uint8),
        start=np.concatenate([[0], np.cumsum(counts)]),
        time=(time[seen] * DAY).astype(np.int64),
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, UNTIL * DAY),
    )
    return People(journeys, time, ended, who)


def truth(people: People, threshold: float, within: float) -> tuple[float, float]:
    """Of those declared in the window, the share back within some time, and ever, seen or not."""
    long = (people.ended - people.began > threshold) & (people.began + threshold < UNTIL)
    first = np.flatnonzero(long)
    first = first[np.diff(people.who[first], prepend=-1) != 0]
    late = people.ended[first] - people.began[first] - threshold
    return float((late <= within).mean()), float(np.isfinite(late).mean())


def test_the_percentile_of_gaps_is_wrong_and_the_threshold_right() -> None:
    people = company(6_000, seed=2)
    gaps = people.ended - people.began
    percentile = float(np.quantile(gaps[people.ended < UNTIL], 0.95))
    found = churn_threshold(
        people.journeys,
        within_days=120,
        thresholds_days=[percentile, 20, 30, 40, 50, 60, 70, 80, 100],
        return_probability=0.1,
    )
    for row in found.frame.itertuples():
        right, _ = truth(people, row.time_days, 120)
        assert row.estimate == pytest.approx(right, abs=3.5 * row.std_error)
        assert row.std_error < 0.01
    # The busy decide what is a long gap, and the others are declared at every pause.
    trap, chosen = (
        found.sensitivity().frame.set_index("time_days").loc[day]
        for day in (percentile, found.threshold_days)
    )
    assert percentile < 6
    assert trap["share_churned"] > 0.85
    assert truth(people, percentile, np.inf)[0] > 0.3
    assert trap["share_returned"] > 0.3
    assert truth(people, found.threshold_days, 120)[0] < 0.11
    assert chosen["share_returned"] < 0.11
    assert found.sensitivity().frame.loc[lambda f: f["chosen"], "time_days"].tolist() == [
        found.threshold_days
    ]
    assert "the shortest silence with fewer than 10%" in found.summary()


def test_closed_gaps_alone_would_make_everybody_return() -> None:
    """One weight a customer: with gaps pooled the busy say that nearly nobody is gone."""
    people = company(4_000, seed=3)
    found = churn_threshold(people.journeys, within_days=120, thresholds_days=[5])
    right, _ = truth(people, 5, 120)
    row = found.frame.iloc[0]
    assert row["estimate"] == pytest.approx(right, abs=3.5 * row["std_error"])
    long = (people.ended - people.began > 5) & (people.began + 5 < UNTIL - 120)
    pooled = float((people.ended[long] - people.began[long] - 5 <= 120).mean())
    assert pooled > right + 0.1


def test_the_interval_covers() -> None:
    """Worlds of 300 customers, a fifth of whom return; 1,000 of them covered 95.2 %."""
    covered, worlds = 0, 60
    big = company(200_000, seed=9)
    right, _ = truth(big, 25, 120)
    for seed in range(worlds):
        people = company(300, seed=1_000 + seed)
        row = churn_threshold(people.journeys, within_days=120, thresholds_days=[25]).frame.iloc[0]
        covered += row["conf_low"] <= right <= row["conf_high"]
    assert covered >= 0.85 * worlds


@given(any_journeys(min_customers=1), st.integers(1, 40))
def test_the_table_is_that_of_lifetimes(people: Journeys, threshold: int) -> None:
    try:
        lives = lifetimes(people, churn=Inactivity(threshold))
    except DataError:
        return
    if not lives.frame["event"].any():
        return
    found = churn_threshold(
        people, within_days=5, thresholds_days=[threshold], small_cell=1
    ).sensitivity()
    row = found.frame.iloc[0]
    assert row["n"] == len(lives.frame)
    assert row["n_event"] == lives.frame["event"].sum()
    assert row["n_returned"] == lives.returned
    median = kaplan_meier(lives, small_cell=1).quantiles((0.5,)).frame["estimate"].iloc[0]
    assert row["median_days"] == pytest.approx(median, nan_ok=True)


@given(any_journeys(min_customers=2))
def test_twice_the_customers_in_another_order_are_as_likely_to_return(people: Journeys) -> None:
    order = np.concatenate([np.arange(len(people)), np.arange(len(people))[::-1]])
    events = [np.arange(people.start[i], people.start[i + 1]) for i in order]
    place = np.concatenate(events)
    assert people.time is not None
    assert people.observed_from is not None
    assert people.observed_to is not None
    twice = Journeys(
        names=people.names,
        touchpoint=people.touchpoint[place],
        start=np.concatenate([[0], np.cumsum([len(e) for e in events])]),
        time=people.time[place],
        observed_from=people.observed_from[order],
        observed_to=people.observed_to[order],
    )
    try:
        once, doubled = (
            churn_threshold(x, within_days=5, thresholds_days=[1, 6, 20], small_cell=2 * k)
            for k, x in ((1, people), (2, twice))
        )
    except DataError:
        return
    assert doubled.frame["n"].tolist() == (2 * once.frame["n"]).tolist()
    assert doubled.frame["estimate"].to_numpy() == pytest.approx(
        once.frame["estimate"].to_numpy(), nan_ok=True
    )
    assert doubled.frame["std_error"].to_numpy() * np.sqrt(2) == pytest.approx(
        once.frame["std_error"].to_numpy(), nan_ok=True
    )
    shares = [name for name in once.table if name.startswith(("share", "median"))]
    pd.testing.assert_frame_equal(once.table[shares], doubled.table[shares])


def test_the_pictures() -> None:
    found = churn_threshold(company(2_000, seed=4).journeys, within_days=120)
    ax = found.plot()
    assert ax.get_ylabel() == "return within 120 days"
    assert [text.get_text() for text in ax.texts] == [f"{found.threshold_days:g} days"]
    ax = found.sensitivity().plot()
    assert len(ax.get_legend().get_texts()) == 3
    assert "seen again" in found.sensitivity().summary()
    plt.close("all")


def test_errors_say_what_and_how_to_mend() -> None:
    people = made(WORKED)
    for name, value in (
        ("return_probability", 1),
        ("confidence", 0),
        ("within_days", 0),
        ("small_cell", 0),
    ):
        with pytest.raises(ArgumentError, match=f"`{name}` must"):
            churn_threshold(people, **{name: value})  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"`thresholds_days` must be rising .* got \[3, 2\]"):
        churn_threshold(people, thresholds_days=[3, 2])
    with pytest.raises(ArgumentError, match="leave at least a day .* watching leaves 0.5. Shorten"):
        churn_threshold(people, within_days=99.5)
    with pytest.raises(MappingError, match="`activity` names touchpoints"):
        churn_threshold(people, activity=["visi"])
    with pytest.raises(DataError, match="No silence of more than 3 days was seen of 10 customers"):
        churn_threshold(people, thresholds_days=[3])
    with pytest.raises(DataError, match="Nobody was active while watched"):
        churn_threshold(made([[]]))
    with pytest.raises(NotObservedError, match="`churn_threshold` needs to know until when"):
        churn_threshold(people.replace(observed_to=None))
    with pytest.raises(ArgumentError, match="`churn_threshold` follows whole customers"):
        churn_threshold(people.sessions(gap="1d"))
    with pytest.raises(ArgumentError, match="`churn_threshold` measures pauses"):
        churn_threshold(people.collapse_repeats())
