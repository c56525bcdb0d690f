from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.counts import path_counts, path_counts_from_frame
from journeykit.errors import DataError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import variants
from journeykit.stats import esty_interval, wilson_interval
from tests.journeys.test_shape import EVENTS
from tests.strategies import journeys


def test_worked_by_hand() -> None:
    outcomes = EVENTS.replace(observed_from=np.array([DAY, 1, 2])).outcomes(
        conversion=["buy"], lookback_days=4
    )
    # the first of each: ann mail web web (bought), bob web (abandoned), cid web (bought)
    found = variants(outcomes)
    assert found.frame[["path", "n_steps", "n", "n_event"]].to_numpy().tolist() == [
        ["web", 1, 2, 1],
        ["mail > web > web", 3, 1, 1],
    ]
    assert found.frame["cumulative_share"].tolist() == pytest.approx([2 / 3, 1])
    low, high = wilson_interval(2, 3)
    assert found.frame.loc[0, ["conf_low", "conf_high"]].tolist() == pytest.approx(
        [float(low), float(high)]
    )
    assert found.new_kind == esty_interval(3, 1, 1)
    assert (found.n_customers, found.n_open, found.n_left_out) == (3, 0, 0)


def test_open_journeys_are_a_row_of_their_own() -> None:
    late = EVENTS.replace(observed_from=np.array([1, 1, 0]))
    found = variants(late.outcomes(conversion=["buy"], lookback_days=8))
    # ann bought; bob is silent for 7 of 10 days; cid's first begins unseen, the next is open
    assert found.frame[["path", "n", "n_event", "share"]].to_numpy().tolist() == [
        ["mail > web > web", 1, 1, 1 / 3],
        ["(open)", 2, 0, 2 / 3],
    ]
    assert (found.n_customers, found.n_open, found.n_left_out) == (3, 2, 0)
    assert found.frame["n_steps"].isna().tolist() == [False, True]
    labels = [text.get_text() for text in found.plot().get_yticklabels()]
    assert labels == ["1. mail > web > web", "still under way"]


def test_published_paths_are_pooled_until_nobody_stands_alone() -> None:
    table = pd.DataFrame({"path": list("abcdef"), "conversions": [40, 15, 12, 4, 3, 1]})
    found = variants(path_counts_from_frame(table, conversions="conversions"))
    assert found.pooled(5)[["path", "n"]].to_numpy().tolist() == [
        ["a", 40], ["b", 15], ["c", 12], ["(other)", 8],
    ]  # fmt: skip
    # 8 are fewer than 10 themselves, so the rarest path shown joins them
    labels = [text.get_text() for text in found.plot(small_cell=10).get_yticklabels()]
    assert labels == ["1. a", "2. b", "4 other journeys"]
    pooled = found.pooled(10)
    assert pooled[["path", "n"]].to_numpy().tolist() == [["a", 40], ["b", 15], ["(other)", 20]]
    assert pooled["cumulative_share"].tolist() == pytest.approx([40 / 75, 55 / 75, 1])
    assert found.pooled(1).equals(found.frame)


def test_counts_say_the_same_as_journeys() -> None:
    late = EVENTS.replace(observed_from=np.array([1, 1, 1]))
    outcomes = late.outcomes(conversion=["buy"], lookback_days=8)
    first = outcomes.take(np.array([True, True, True, False]))
    frame = variants(outcomes).frame
    timeless = frame.assign(p25_days=np.nan, median_days=np.nan, p75_days=np.nan)
    assert variants(path_counts(first)).frame.equals(timeless)


@pytest.mark.parametrize(("lookback_days", "n_open", "none"), [(4, 1, 2), (9, 1, 2)])
def test_nothing_finished_is_an_error(lookback_days: int, n_open: int, none: int) -> None:
    # all three begin at the window's edge; only cid has another journey, and that is open
    with pytest.raises(
        DataError, match=f"has ended: {n_open} are still open, and {none} customers"
    ):
        variants(EVENTS.outcomes(conversion=["buy"], lookback_days=lookback_days))


def test_slow_journeys_are_not_crowded_out_by_fast_ones() -> None:
    """Two ways, equally frequent: one ends after a day, the other after 75; entry over 180 days."""
    rng = np.random.default_rng(4)
    n = 4000
    slow, entry = rng.random(n) < 0.5, rng.integers(0, 180, n)
    goal = entry + np.where(slow, 75, 1)
    world = Journeys(
        names=("buy", "fast", "slow"),
        touchpoint=np.stack([1 + slow, np.zeros(n)], axis=1).astype(np.uint8).reshape(-1),
        start=np.arange(0, 2 * n + 1, 2),
        time=np.stack([entry, goal], axis=1).reshape(-1).astype(np.int64) * DAY,
        observed_from=entry * DAY,
        observed_to=np.full(n, 260 * DAY),
        window=(-DAY, 260 * DAY),
    ).between("1969-12-31", 180 * DAY)
    found = variants(world.outcomes(conversion=["buy"], lookback_days=80)).frame.set_index("path")
    still = found.loc["(open)", "share"]
    for path in ("slow", "fast"):
        assert found.loc[path, "conf_low"] <= 0.5 <= found.loc[path, "conf_high"] + still


def test_uncut_journeys_count_as_they_are() -> None:
    assert variants(EVENTS).frame["path"].tolist() == [
        "mail > web > web > buy", "web", "web > buy > web",
    ]  # fmt: skip


def test_paths_of_a_table_and_the_picture() -> None:
    table = pd.DataFrame(
        {"path": [f"a > b{k}" for k in range(14)], "conversions": range(14, 0, -1)}
    )
    found = variants(path_counts_from_frame(table, conversions="conversions"))
    assert found.n_customers == 105
    assert found.frame["n"].tolist() == list(range(14, 0, -1))
    ax = found.plot()
    assert sum(bar.get_width() for bar in ax.patches) == pytest.approx(1)
    assert ax.get_yticklabels()[-1].get_text() == "4 other journeys"
    assert found.summary() == (
        "14 different journeys among 105 customers; the next journey is of a new kind "
        "with probability 1% (0% to 4%)"
    )


def test_outcome_rates_and_durations_worked_by_hand() -> None:
    watched = EVENTS.replace(observed_from=np.array([DAY, 1, 2]))
    outcomes = watched.outcomes(conversion=["buy"], lookback_days=4)
    frame = variants(outcomes).frame.set_index("path")
    low, high = wilson_interval(1, 2)
    assert frame.loc["web", ["event_rate", "event_low", "event_high"]].tolist() == pytest.approx(
        [0.5, float(low), float(high)]
    )
    first = outcomes.time[outcomes.start[:-1]]  # type: ignore[index]
    last = outcomes.time[outcomes.start[1:] - 1]  # type: ignore[index]
    days = ((last - first) / DAY).tolist()
    # ann's first, then bob's and cid's: of two durations the lower is the median
    bob, cid = sorted([days[i] for i in (2, 3)]) if len(days) > 3 else (0.0, 0.0)
    assert frame.loc["mail > web > web", "median_days"] == days[0]
    assert frame.loc["web", ["p25_days", "median_days", "p75_days"]].tolist() == [bob, bob, cid]


def test_without_outcome_or_times_rates_and_durations_are_empty() -> None:
    plain = variants(EVENTS.replace(time=None, observed_from=None, observed_to=None)).frame
    assert plain[["event_rate", "event_low", "median_days"]].isna().all().all()
    # uncut journeys last from the first event seen to the last one
    assert variants(EVENTS).frame["median_days"].notna().all()


def test_pooled_paths_have_a_rate() -> None:
    table = pd.DataFrame({"path": list("abc"), "conversions": [40, 3, 1], "nulls": [10, 7, 3]})
    found = variants(path_counts_from_frame(table, conversions="conversions", nulls="nulls"))
    other = found.pooled(11).iloc[-1]
    low, high = wilson_interval(4, 14)
    assert other[["path", "n", "n_event"]].tolist() == ["(other)", 14, 4]
    assert other[["event_rate", "event_low", "event_high"]].tolist() == pytest.approx(
        [4 / 14, float(low), float(high)]
    )
    assert np.isnan(other["median_days"])


@given(whole=journeys(), cut=st.booleans())
def test_durations_are_those_of_the_journeys_one_by_one(whole: Journeys, cut: bool) -> None:
    if cut:
        whole = whole.sessions("10d")
    durations: dict[str, list[float]] = {}
    seen = set()
    for number in range(len(whole)):
        events = slice(whole.start[number], whole.start[number + 1])
        who = whole.customer_index[number]
        edge = cut and whole.attributes["edge"][number].as_py()
        if who in seen or edge:
            continue
        seen.add(who)
        if cut and whole.attributes["ended"][number].as_py() == "open":
            continue
        path = " > ".join(whole.names[code] for code in whole.touchpoint[events])
        time = whole.time[events]  # type: ignore[index]
        durations.setdefault(path, []).append((time[-1] - time[0]) / DAY)
    if not durations:
        return
    frame = variants(whole).frame
    frame = frame[frame["path"] != "(open)"].set_index("path")
    assert set(frame.index) == set(durations)
    for path, days in durations.items():
        wanted = np.quantile(days, [0.25, 0.5, 0.75], method="inverted_cdf").tolist()
        assert frame.loc[path, ["p25_days", "median_days", "p75_days"]].tolist() == wanted
