from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY, SECOND
from journeykit.paths import DwellTimes, dwell_times, transitions
from journeykit.paths.dwelling import ANY, TIME_COLUMNS
from tests.strategies import journeys

# a 10 b 20 a | a 30 a | b 0.5 a | a, watched until 100 s; 0.5 s are half a second
TIMES = np.array([0, 10, 30, 0, 30, 40, 40.5, 60])
JOURNEYS = Journeys(
    names=("a", "b"),
    touchpoint=np.array([0, 1, 0, 0, 0, 1, 0, 0], dtype=np.uint8),
    start=np.array([0, 3, 5, 7, 8]),
    time=(TIMES * SECOND).astype(np.int64),
    observed_from=np.zeros(4, dtype=np.int64),
    observed_to=np.array([35, 100, 100, 100]) * SECOND,
)


def rows(found: DwellTimes) -> dict[tuple[str, str], list[float]]:
    frame = found.frame.set_index(["source", "target"])
    return {key: row.tolist() for key, row in frame[list(TIME_COLUMNS)].iterrows()}  # type: ignore[misc]


def test_worked_by_hand() -> None:
    found = dwell_times(JOURNEYS)
    # stays at a: 10 to b, 30 to a; censored at 5, 70, 59.5 and 40 seconds.
    # S: one of six is censored before 10, so S(10) = 4/5, S(30) = 4/5 * 3/4 = 3/5
    got = rows(found)
    assert got["a", ANY] == pytest.approx([30, np.nan, np.nan], nan_ok=True)
    assert got["a", "a"] == [30, 30, 30]
    assert got["a", "b"] == [10, 10, 10]
    assert got["b", ANY] == got["b", "a"] == [0.5, 0.5, 20]
    frame = found.frame.set_index(["source", "target"])
    assert frame.loc[("a", ANY), ["n", "n_customers", "n_censored"]].tolist() == [2, 4, 4]
    assert frame.loc[("b", ANY), ["n", "n_customers", "n_censored"]].tolist() == [2, 2, 0]
    assert frame["n_censored"].isna().tolist() == [False, True, True, False, True]


def test_a_stay_that_ends_with_the_journey_never_goes_on() -> None:
    cut = JOURNEYS.sessions("25s")
    # a 10 b 20 a (open) | a | a | b 0.5 a | a: the last four ran into the timeout
    got = rows(dwell_times(cut))
    assert got["a", ANY] == got["a", "b"] == [10, 10, 10]
    frame = dwell_times(cut).frame.set_index(["source", "target"])
    assert frame.loc[("a", ANY), ["n", "n_censored"]].tolist() == [1, 1]
    # what ended at once, at a goal, has no stay at all
    assert "b" not in dwell_times(JOURNEYS.cases(goal=["b"])).frame["source"].tolist()


def test_an_event_at_the_end_of_the_watching_cannot_be_seen() -> None:
    two = Journeys(
        names=("a",),
        touchpoint=np.zeros(3, dtype=np.uint8),
        start=np.array([0, 2, 3]),
        time=np.array([0, 10, 0]),
        observed_to=np.array([10 + 1, 10]),
    )
    # at 10 only the first customer's stay is under risk, so S falls to 0 there
    assert rows(dwell_times(two))["a", ANY] == [1e-5, 1e-5, 1e-5]
    later = two.replace(observed_to=np.array([11, 11]))
    assert np.isnan(rows(dwell_times(later))["a", ANY][2])


@pytest.fixture(scope="module")
def watched() -> Journeys:
    """600 customers of three touchpoints whose stays are exponential, watched for random times.

    They go on until nobody watches.
    """
    rng = np.random.default_rng(7)
    n = 400
    touchpoint = rng.integers(0, 3, (n, 30)).astype(np.uint8)
    stay = rng.exponential(50e6 * (1 + touchpoint[:, :-1])).astype(np.int64) + 1
    time = np.concatenate([np.zeros((n, 1), np.int64), stay.cumsum(axis=1)], axis=1)
    observed_to = rng.exponential(150e6, n).astype(np.int64) + 1
    seen = time < observed_to[:, None]
    return Journeys(
        names=("a", "b", "c"),
        touchpoint=touchpoint[seen],
        start=np.concatenate([[0], np.cumsum(seen.sum(axis=1))]),
        time=time[seen],
        observed_from=np.zeros(n, np.int64),
        observed_to=observed_to,
        window=(-1, 10**12),
    )


def by_hand(whole: Journeys) -> pd.DataFrame:
    """List the stays of journeys one by one: source, target, seconds."""
    stays = []
    assert whole.time is not None
    assert whole.observed_to is not None
    for number in range(len(whole)):
        begin, end = whole.start[number], whole.start[number + 1]
        for event in range(begin, end):
            source = whole.names[whole.touchpoint[event]]
            if event + 1 < end:
                target = whole.names[whole.touchpoint[event + 1]]
                stays.append((source, target, whole.time[event + 1] - whole.time[event]))
            else:
                stays.append((source, "", whole.observed_to[number] - whole.time[event] - 1))
    return pd.DataFrame(stays, columns=["source", "target", "time"])


def test_equals_lifelines(watched: Journeys) -> None:
    from lifelines import AalenJohansenFitter, KaplanMeierFitter
    from lifelines.utils import qth_survival_time

    got, stays = rows(dwell_times(watched)), by_hand(watched)
    for source, own in stays.groupby("source"):
        km = KaplanMeierFitter().fit(own["time"], own["target"] != "")
        times = [qth_survival_time(1 - q, km.survival_function_) for q in (0.25, 0.5, 0.75)]
        wanted = [time / 1e6 if np.isfinite(time) else np.nan for time in times]
        assert got[source, ANY] == pytest.approx(wanted, nan_ok=True)  # type: ignore[index]
        for target in "abc":
            kind = own["target"].map({"": 0, target: 1}).fillna(2).astype(int)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it jitters ties; there are none that matter
                fit = AalenJohansenFitter(calculate_variance=False).fit(
                    own["time"], kind, event_of_interest=1
                )
            curve = fit.cumulative_density_.iloc[:, 0]
            wanted = [
                curve.index[np.argmax(curve >= q * curve.iloc[-1] - 1e-9)] / 1e6
                for q in (0.25, 0.5, 0.75)
            ]
            assert got[source, target] == pytest.approx(wanted, rel=1e-6)  # type: ignore[index]


def test_censoring_makes_plain_medians_too_short(watched: Journeys) -> None:
    stays = by_hand(watched)
    plain = stays[stays["target"] != ""].groupby("source")["time"].median() / 1e6
    found = dwell_times(watched).frame
    median = found[found["target"] == ANY].set_index("source")["median_seconds"]
    true = pd.Series({"a": 50.0, "b": 100.0, "c": 150.0}) * np.log(2)
    assert (plain < true * [1, 0.7, 0.7]).all()
    bounds = found[found["target"] == ANY].set_index("source")
    assert (bounds["conf_low"] < true).all()
    assert (true < bounds["conf_high"]).all()
    assert (median > plain).all()


@given(whole=journeys())
@settings(max_examples=30)
def test_transitions_carry_the_times(whole: Journeys) -> None:
    if not (whole.length > 1).any():
        return
    for data in (whole, whole.sessions("9d")):
        found = transitions(data)
        if found.dwell is None:
            assert found.frame[list(TIME_COLUMNS)].isna().all().all()
            continue
        cells = found.dwell.frame[found.dwell.frame["target"] != ANY]
        same = found.frame.merge(cells, on=["source", "target"], suffixes=("", "_dwell"))
        assert len(same) == len(cells)
        assert same["n"].tolist() == same["n_dwell"].tolist()
        for name in TIME_COLUMNS:
            assert same[name].tolist() == same[f"{name}_dwell"].tolist()
        assert found.frame["median_seconds"].notna().sum() == len(cells)


@given(whole=journeys())
@settings(max_examples=30)
def test_a_time_shift_and_the_order_of_customers_change_nothing(whole: Journeys) -> None:
    if not (whole.length > 1).any():
        return
    shift = 3 * DAY + 7
    shifted = whole.replace(
        time=whole.time + shift,  # type: ignore[operator]
        observed_from=whole.observed_from + shift,  # type: ignore[operator]
        observed_to=whole.observed_to + shift,  # type: ignore[operator]
        window=(shift, 100 * DAY + shift),
    )
    pd.testing.assert_frame_equal(dwell_times(shifted).frame, dwell_times(whole).frame)


def test_second_order_joins_the_sources() -> None:
    frame = dwell_times(JOURNEYS, order=2).frame.set_index(["source", "target"])
    assert frame.loc[("a > b", "a"), "median_seconds"] == 20
    assert frame.loc[("(entry) > b", "a"), "median_seconds"] == 0.5


def test_summary_and_picture() -> None:
    found = dwell_times(JOURNEYS)
    assert found.summary() == "Half have gone on from b within 0.5 seconds"
    cut = dwell_times(JOURNEYS.sessions("25s"))
    assert cut.summary() == (
        "Half have gone on from b within 0.5 seconds, from a within 10 seconds"
    )
    ax = cut.plot()
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]
    assert [line.get_xdata().tolist() for line in ax.lines] == [[10.0, 0.5]]


def test_bad_arguments() -> None:
    with pytest.raises(NotObservedError, match="The time spent at a touchpoint needs the time"):
        dwell_times(JOURNEYS.replace(time=None))
    with pytest.raises(DataError, match="none of 1 journeys has a second event"):
        dwell_times(JOURNEYS.take(np.array([3])))
    with pytest.raises(ArgumentError, match="`order` 60 is too high for 2 touchpoints"):
        dwell_times(JOURNEYS, order=60)
    with pytest.raises(ArgumentError, match="`confidence`"):
        dwell_times(JOURNEYS, confidence=95)
