from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import AalenJohansenFitter

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.journeys.pattern import parse
from journeykit.paths import Exclusion, funnel
from journeykit.stats import wilson_interval
from tests.strategies import journeys

NAMES = ("buy", "cart", "exit", "visit")
CODE = {name: code for code, name in enumerate(NAMES)}
WATCHED = 30


def made(*paths: list[tuple[str, float]], watched: int = WATCHED, **more) -> Journeys:
    """Journeys of (touchpoint, day) lists, watched for 30 days from day 0."""
    n = len(paths)
    return Journeys(
        names=NAMES,
        touchpoint=np.array([CODE[name] for path in paths for name, _ in path], dtype=np.uint8),
        start=np.cumsum([0, *map(len, paths)]),
        time=np.array([int(day * DAY) for path in paths for _, day in path]),
        customer_id=pa.array([f"c{i}" for i in range(n)]),
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, watched * DAY),
        window=(0, watched * DAY),
        **more,
    )


# bought | too late | left | cart still open | never began
FIVE = made(
    [("visit", 0), ("cart", 1), ("buy", 3)],
    [("visit", 0), ("cart", 9)],
    [("visit", 2), ("exit", 4), ("cart", 5)],
    [("visit", 27), ("cart", 28)],
    [("buy", 2)],
)
STEPS = ["visit", "cart", "buy"]


def test_counts_worked_by_hand() -> None:
    found = funnel(FIVE, steps=STEPS, within="7d", leaving="exit")
    counts = ["n", "n_previous", "n_event", "n_censored", "n_dropped", "n_left"]
    assert found.frame[counts].to_numpy().tolist() == [
        [4, 4, 4, 0, 0, 0],
        [2, 4, 2, 0, 2, 1],
        [1, 2, 1, 1, 0, 0],
    ]
    assert (found.n_customers, found.n_never, found.n_unseen) == (5, 1, 4)
    # All who began are known to have come to a cart or not; one may still buy.
    assert found.frame["basis"].tolist() == ["complete", "complete", "window"]
    second = found.frame.iloc[1]
    assert second["estimate"] == 0.5
    low, high = wilson_interval(2, 4)
    assert (second["conf_low"], second["conf_high"]) == pytest.approx((float(low), float(high)))
    assert second["median_days"] == 1
    # Waits from the visit: bought at 3, over at 7, left at 2, censored just before 3: the watching
    # ends there, so a purchase at 3 would not have been seen.
    # F(left) = 1/4, F(bought) = 3/4 * 1/2 = 3/8; the last is over at 7, so nothing is undecided.
    last = found.frame.iloc[2]
    assert last["share"] == pytest.approx(3 / 8)
    assert last["estimate"] == pytest.approx(3 / 4)
    assert last["undecided"] == 0


@pytest.mark.parametrize("clock", ["day", "instant"])
def test_who_is_watched_until_a_day_is_not_seen_to_come_on_it(clock) -> None:
    """On a day clock many are censored at the very wait at which others come."""
    paths = [[("visit", day)] + [("buy", day + 5)] * (day + 5 < 10) for day in range(10)]
    drawn = made(*paths, watched=10, clock=clock)
    for options in ({"within": "5d"}, {"horizon": "5d"}):
        last = funnel(drawn, steps=["visit", "buy"], **options).frame.iloc[1]
        assert (last["share"], last["undecided"]) == (1, 0)
    found = funnel(drawn, steps=["visit", "buy"])
    assert found.time_to_convert().frame["estimate"].iloc[-1] == 1
    lost = found.abandonment(within="5d").frame.iloc[0]
    assert lost[["n_event", "n_censored", "estimate"]].tolist() == [0, 5, 0]


def test_where_any_start_will_do_leaving_is_not_the_end() -> None:
    again = [("visit", 0), ("exit", 1), ("visit", 9), ("buy", 10)]
    drawn = made(*[[event for event in again if event[1] < to] for to in range(2, 16)])
    drawn = drawn.replace(observed_to=np.arange(2, 16) * DAY)
    found = funnel(drawn, steps=["visit", "buy"], start="any", leaving="exit", horizon="12d")
    assert found.frame["share"].tolist() == [1, 1]
    first = funnel(drawn, steps=["visit", "buy"], leaving="exit", horizon="12d").frame.iloc[1]
    # All have left for good: that none of 14 bought is known.
    assert first["share_high"] == pytest.approx(float(wilson_interval(0, 14).high))


def test_lists_are_as_long_as_the_counts() -> None:
    found = funnel(FIVE, steps=STEPS, within="7d", leaving="exit")
    assert found.reached(1)["customer_id"].tolist() == ["c0", "c1", "c2", "c3"]
    dropped = found.dropped(1)
    assert dropped["customer_id"].tolist() == ["c1", "c2"]
    assert dropped["left"].tolist() == [False, True]
    assert dropped["ended_time"].tolist() == [
        pd.Timestamp("1970-01-08", tz="UTC"),
        pd.Timestamp("1970-01-05", tz="UTC"),
    ]
    assert found.still_open(2)["customer_id"].tolist() == ["c3"]
    assert found.still_open(2)["event_time"].tolist() == [pd.Timestamp("1970-01-29", tz="UTC")]
    for argument in (0, 3):
        with pytest.raises(ArgumentError, match="`step` must be a whole number from 1 to 2"):
            found.dropped(argument)


def test_the_first_choice_is_not_always_right() -> None:
    # From the first cart the purchase is too late, from the second in time.
    late = made([("visit", 0), ("cart", 1), ("cart", 5), ("buy", 7)])
    assert funnel(late, steps=STEPS, step_within=[None, "3d"]).frame["n"].tolist() == [1, 1, 1]
    # The window runs from the first visit, unless any may begin it.
    again = made([("visit", 0), ("visit", 8), ("buy", 9)])
    for start, bought in (("first", 0), ("last", 1), ("any", 1)):
        found = funnel(again, steps=["visit", "buy"], within="3d", start=start)
        assert found.frame["n"].tolist() == [1, bought]


def test_windows_are_inclusive_to_the_microsecond() -> None:
    for more, reached in ((0, 1), (1, 0)):
        drawn = made([("cart", 0), ("buy", 7)])
        drawn = drawn.replace(time=drawn.time + np.array([0, more]))
        assert funnel(drawn, steps=["cart", "buy"], within="7d").frame["n"].tolist() == [1, reached]
        least = funnel(drawn, steps=["cart", "buy"], at_least="7d")
        assert least.frame["n"].tolist() == [1, 1]


def test_equal_steps_need_events_of_their_own() -> None:
    one, two = [("cart", 1)], [("cart", 1), ("cart", 2)]
    drawn = made(one, two)
    assert funnel(drawn, steps=["cart", "cart"]).frame["n"].tolist() == [2, 1]
    shared = funnel(drawn, steps=["cart", "cart"], shared_events=True)
    assert shared.frame["n"].tolist() == [2, 2]


def test_orders_entries_and_exclusions() -> None:
    drawn = made(
        [("visit", 0), ("exit", 1), ("cart", 2), ("buy", 3)],
        [("cart", 0), ("visit", 1), ("buy", 2)],
        [("cart", 0), ("buy", 1)],
    )

    def reached(**options) -> list[int]:
        return funnel(drawn, steps=STEPS, **options).frame["n"].tolist()

    assert reached() == [2, 1, 1]
    assert reached(order="strict") == [2, 0, 0]
    assert reached(order="unordered") == [3, 3, 2]
    assert reached(exclude="exit") == [2, 0, 0]
    assert reached(exclude=[Exclusion("exit", after=2)]) == [2, 1, 1]
    opened = funnel(drawn, steps=STEPS, entry="open").frame
    assert opened["n"].tolist() == [1, 3, 3]
    assert opened["n_entered"].tolist() == [1, 2, 0]
    assert opened["share"].tolist() == pytest.approx([1 / 3, 1, 1])
    anywhere = funnel(drawn, steps=STEPS, entry="open", start="any").frame
    assert anywhere["n"].tolist() == [2, 3, 3]
    assert anywhere["n_event"].tolist() == [2, 1, 3]


def test_attempts_are_counted_with_customers_as_clusters() -> None:
    drawn = made(
        [("cart", 0), ("buy", 1), ("cart", 5), ("cart", 9), ("buy", 10)],
        [("cart", 0), ("cart", 1)],
    )
    found = funnel(drawn, steps=["cart", "buy"], within="2d", reentry=True).frame
    # The second customer's carts are one attempt: the other began within it.
    assert found["n"].tolist() == [4, 2]
    low, high = wilson_interval(2, 4)
    assert found.loc[1, "conf_low"] < low
    assert found.loc[1, "conf_high"] > high


def test_pieces_end_where_they_were_cut() -> None:
    drawn = made([("visit", 0), ("cart", 1), ("visit", 20), ("buy", 21)]).sessions("5d")
    found = funnel(drawn, steps=["visit", "buy"])
    assert found.frame["n"].tolist() == [1, 0]
    assert found.frame["n_dropped"].tolist() == [0, 1]
    anywhere = funnel(drawn, steps=["visit", "buy"], start="any").frame
    assert anywhere["n"].tolist() == [1, 1]


def test_paths_without_times_are_finished() -> None:
    table = Journeys(
        names=("a", "b"), touchpoint=np.array([0, 1, 0], np.uint8), start=np.array([0, 2, 3])
    )
    found = funnel(table, steps=["a", "b"])
    assert found.frame["basis"].tolist() == ["complete", "complete"]
    assert found.frame.loc[1, ["n", "n_dropped"]].tolist() == [1, 1]
    assert found.reached(1)["event_time"].isna().all()
    for options in ({"within": "1d"}, {"horizon": "1d"}):
        with pytest.raises(NotObservedError, match="needs the time of each event"):
            funnel(table, steps=["a", "b"], **options)
    with pytest.raises(NotObservedError, match="The time to convert needs"):
        found.time_to_convert()


# ------------------------------------------------------------------ agreement


@settings(max_examples=40)
@given(journeys(), st.integers(1, 40))
def test_a_funnel_finds_what_the_search_language_finds(drawn, days) -> None:
    for text, options in (
        (f"mail >> [{days}d] shop", {"step_within": f"{days}d"}),
        ("mail > shop", {"order": "strict"}),
        ("mail > !web* > shop", {"exclude": "web"}),
        (f"mail >> [2d..{days + 2}d] shop", {"step_at_least": "2d", "step_within": f"{days + 2}d"}),
    ):
        matched = parse(text).find(drawn).journey
        if not np.isin(drawn.touchpoint, [1]).any():
            continue
        found = funnel(drawn, steps=["mail", "shop"], start="any", **options)
        ids = drawn.customer_id.take(pa.array(np.unique(matched))).to_pylist()
        assert found.reached(2)["customer_id"].tolist() == ids


def _random(n: int, seed: int = 3) -> Journeys:
    rng = np.random.default_rng(seed)
    cart = rng.uniform(0, WATCHED, n)
    buy, leave = cart + rng.exponential(8, n), cart + rng.exponential(12, n)
    paths = []
    for at, bought, left in zip(cart, buy, leave, strict=True):
        path = [("cart", at)]
        end, name = min((bought, "buy"), (left, "exit"))
        if end < WATCHED:
            path.append((name, end))
        paths.append(path)
    segment = pa.table({"segment": ["new" if i % 3 else "old" for i in range(n)]})
    return made(*paths, attributes=segment)


def test_the_curve_is_the_one_of_lifelines() -> None:
    drawn = _random(300)
    curve = funnel(drawn, steps=["cart", "buy"], leaving="exit").time_to_convert()
    first, last = drawn.time[drawn.start[:-1]], drawn.time[drawn.start[1:] - 1]
    name = drawn.touchpoint[drawn.start[1:] - 1]
    end = np.select([name == CODE["buy"], name == CODE["exit"]], [1, 2], 0)
    days = (np.where(end > 0, last, WATCHED * DAY) - first) / DAY
    peer = AalenJohansenFitter().fit(days, end, event_of_interest=1)
    at = np.searchsorted(peer.cumulative_density_.index, curve.frame["time_days"] + 1e-9) - 1
    wanted = peer.cumulative_density_.iloc[at, 0].to_numpy()
    assert curve.frame["estimate"].to_numpy() == pytest.approx(wanted, abs=1e-9)
    total = curve.frame[["estimate", "share_left", "share_dropped", "share_waiting"]].sum(axis=1)
    assert total.to_numpy() == pytest.approx(np.ones(len(total)))
    assert curve.summary().startswith("from cart to buy: all: ")


def test_abandonment_is_what_has_not_come_in_time() -> None:
    drawn = _random(300)
    found = funnel(drawn, steps=["cart", "buy"], leaving="exit")
    lost = found.abandonment(1, within="5d").frame.iloc[0]
    curve = found.time_to_convert().frame
    by_then = curve[curve["time_days"] <= 5].iloc[-1]
    assert lost["estimate"] == pytest.approx(1 - by_then["estimate"])
    waits = curve.loc[curve["time_days"] < 5, "n_censored"].sum()
    assert (lost["n"], lost["n_censored"]) == (300, waits)
    came = curve.loc[curve["time_days"] <= 5, "n_event"].sum()
    assert lost["n_event"] == 300 - waits - came
    assert lost["conf_low"] < lost["estimate"] < lost["conf_high"]
    same = funnel(drawn, steps=["cart", "buy"], leaving="exit", horizon="5d").frame.iloc[1]
    assert same["basis"] == "horizon"
    assert 1 - same["estimate"] == pytest.approx(lost["estimate"])
    assert found.abandonment(within="5d").summary().startswith("all: ")


def test_a_window_that_nobody_was_watched_through_has_bounds_only() -> None:
    drawn = made([("cart", 20), ("buy", 21)], [("cart", 25)])
    row = funnel(drawn, steps=["cart", "buy"], within="15d").frame.iloc[1]
    assert np.isnan(row["estimate"])
    assert row["undecided"] == pytest.approx(0.5)
    assert 0 < row["conf_low"] < 0.5
    assert row["conf_high"] == 1


def test_the_curve_of_attempts_is_thinned_and_wider() -> None:
    one = _random(300)
    options = {"steps": ["cart", "buy"], "leaving": "exit", "within": "10d", "reentry": True}
    single = funnel(one, **options).time_to_convert().frame
    double = funnel(_twice(one), **options).time_to_convert().frame
    assert len(double) <= 60
    assert double["n_at_risk"].iloc[0] == 600
    assert double["estimate"].iloc[-1] == pytest.approx(single["estimate"].iloc[-1])
    error = single["std_error"].iloc[-1]
    assert double["std_error"].iloc[-1] == pytest.approx(error * np.sqrt(300 / 299))


def _twice(one: Journeys) -> Journeys:
    """Each journey twice, as two pieces of one customer."""
    index = np.repeat(np.arange(len(one)), 2)
    length = one.length[index]
    start = np.concatenate([[0], np.cumsum(length)])
    event = np.repeat(one.start[:-1][index] - start[:-1], length) + np.arange(start[-1])
    return one.replace(
        touchpoint=one.touchpoint[event],
        time=one.time[event],
        start=start,
        customer_index=one.customer_index[index],
        observed_from=one.observed_from[index],
        observed_to=one.observed_to[index],
        attributes=one.attributes.take(pa.array(index)),
    )


def test_steps_that_nobody_reaches_have_no_shares() -> None:
    found = funnel(made([("visit", 0)], [("visit", 1)]), steps=STEPS, within="5d")
    assert found.frame["n"].tolist() == [2, 0, 0]
    assert found.frame["n_previous"].tolist() == [2, 2, 0]
    assert found.frame["estimate"].tolist()[1] == 0
    assert np.isnan(found.frame["estimate"].tolist()[2])
    low, high = wilson_interval(0, 2)
    assert found.frame.loc[1, ["conf_low", "conf_high"]].tolist() == [low, high]
    assert found.reached(3).empty
    assert found.time_to_convert().frame["estimate"].tolist() == [0]
    still = funnel(made([("visit", 0)], [("visit", 29)]), steps=STEPS, within="5d").frame
    assert still["basis"].tolist() == ["complete", "window", "window"]
    assert still["estimate"].isna().tolist() == [False, False, True]


def test_groups_have_intervals_and_small_ones_are_not_shown() -> None:
    drawn = _random(60)
    found = funnel(drawn, steps=["cart", "buy"], leaving="exit", within="10d", by="segment")
    assert found.groups == ("new", "old")
    assert found.frame.groupby("group")["n"].first().tolist() == [40, 20]
    assert found.frame["conf_low"].notna().sum() == 2
    both = pd.concat([found.dropped(1), found.still_open(1), found.reached(2)])
    assert both["group"].value_counts().to_dict() == {"new": 40, "old": 20}
    few = funnel(drawn, steps=["cart", "buy"], by="segment", small_cell=30)
    assert (few.groups, few.suppressed) == (("new",), ("old",))
    with pytest.raises(DataError, match="No group of 'segment' has 50 customers"):
        funnel(drawn, steps=["cart", "buy"], by="segment", small_cell=50)
    with pytest.raises(MappingError, match="`by` names attributes that do not exist"):
        funnel(drawn, steps=["cart", "buy"], by="region")


# ------------------------------------------------------------------ laws

OPTIONS = st.sampled_from(
    [
        {},
        {"within": "20d", "leaving": "call"},
        {"start": "any", "step_within": "9d"},
        {"order": "unordered", "within": "30d"},
        {"entry": "open"},
        {"entry": "open", "start": "any", "step_within": "9d"},
        {"reentry": True, "within": "9d"},
        {"order": "strict"},
    ]
)


def _funnel(drawn, options):
    if not (drawn.touchpoint > 0).any():
        return None
    try:
        return funnel(drawn, steps=["mail", "shop", "web"], **options)
    except DataError:
        return None


@settings(max_examples=30)
@given(journeys(), OPTIONS)
def test_nobody_is_lost_between_the_steps(drawn, options) -> None:
    found = _funnel(drawn, options)
    if found is None:
        return
    frame = found.frame
    for step in (1, 2):
        row, after = frame.iloc[step - 1], frame.iloc[step]
        assert after["n_previous"] == row["n"] == len(found.reached(step))
        assert row["n"] == after["n_event"] + after["n_dropped"] + after["n_censored"]
        assert after["n"] == after["n_event"] + after["n_entered"]
        assert len(found.dropped(step)) == after["n_dropped"]
        assert found.dropped(step)["left"].sum() == after["n_left"]
        assert len(found.still_open(step)) == after["n_censored"]
    if options.get("entry") != "open":
        assert (frame["n_entered"][1:] == 0).all()


@settings(max_examples=30)
@given(journeys(), OPTIONS, st.integers(1, 10))
def test_parts_of_the_customers_add_up(drawn, options, at) -> None:
    first = drawn.customer_index < at
    counts = ["n", "n_entered", "n_previous", "n_event", "n_censored", "n_dropped", "n_left"]
    parts = [
        found.frame[counts]
        for found in (_funnel(drawn.take(mask), options) for mask in (first, ~first) if mask.any())
        if found is not None
    ]
    whole = _funnel(drawn, options)
    if whole is not None:
        assert sum(parts).to_numpy().tolist() == whole.frame[counts].to_numpy().tolist()


@settings(max_examples=30)
@given(journeys(), OPTIONS, st.integers(1, 400))
def test_days_later_it_is_the_same(drawn, options, days) -> None:
    late = drawn.replace(
        time=drawn.time + days * DAY,
        observed_from=drawn.observed_from + days * DAY,
        observed_to=drawn.observed_to + days * DAY,
        window=(days * DAY, (days + 100) * DAY),
    )
    one, other = _funnel(drawn, options), _funnel(late, options)
    if one is not None:
        pd.testing.assert_frame_equal(one.frame, other.frame)


# ------------------------------------------------------------------ words, pictures, errors


def test_summary_and_pictures() -> None:
    found = funnel(FIVE, steps=STEPS, within="7d", leaving="exit")
    assert found.summary() == (
        "of 4 customers at visit, 1 came to buy so far and 1 may still go on: 37.5% (7.3% to "
        "82.0%, within the window); most were lost before cart, 2; all customers may have begun "
        "before they were watched"
    )
    ax = found.plot()
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([1, 0.5, 0.375])
    assert [text.get_text() for text in ax.texts] == ["4", "2", "1 (+1 open)"]
    many = made(*[[("visit", 0), ("buy", 1)]] * 12, *[[("visit", 0)]] * 12, [("visit", 29)])
    ax = funnel(many, steps=["visit", "buy"], within="7d").plot(small_cell=10)
    assert [text.get_text() for text in ax.texts] == ["25", "12 (+ fewer than 10 open)"]
    assert len(found.plot(small_cell=2).texts) == 2
    curve = found.time_to_convert().plot()
    assert curve.get_lines()[0].get_ydata()[-1] == pytest.approx(0.375)
    bars = found.abandonment(within="3d").plot().patches
    assert [bar.get_width() for bar in bars] == pytest.approx([0.5])
    grouped = funnel(_random(60), steps=["cart", "buy"], by="segment").plot()
    assert len(grouped.patches) == 4


def test_provenance_tells_the_call() -> None:
    made_of = funnel(FIVE, steps=STEPS, within="7d").provenance
    assert made_of.fingerprint == FIVE.fingerprint
    assert made_of.parameters["steps"] == ("visit", "cart", "buy")
    assert made_of.parameters["within"] == "7d"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": "visit"}, "`steps` must be a list of at least two steps; got 'visit'"),
        ({"steps": ["visit"]}, "`steps` must be a list of at least two steps"),
        ({"steps": ["visit", "bye"]}, "bye"),
        ({"order": "random"}, "`order` must be one of 'ordered', 'strict', 'unordered'"),
        ({"within": "soon"}, "`within` must be a duration above 0"),
        ({"step_within": ["1d"]}, "one for each of the 2 gaps"),
        ({"step_within": "1d", "step_at_least": "2d"}, "`step_at_least` must not exceed"),
        ({"within": "1d", "at_least": "2d"}, "`at_least` must not exceed `within`"),
        ({"leaving": "cart"}, "`leaving` must not name a touchpoint that is also a step"),
        ({"reentry": True, "start": "last"}, "`reentry` needs `start` 'first' or 'any'"),
        ({"order": "unordered", "start": "last"}, "without order `start` must be"),
        ({"order": "unordered", "step_within": "1d"}, "step windows and `at_least` need order"),
        ({"order": "unordered", "entry": "open"}, "`entry` must be 'closed'"),
        ({"entry": "open", "start": "last"}, "an open funnel needs `start` 'first' or 'any'"),
        ({"entry": "open", "at_least": "1d"}, "`at_least` needs a closed funnel"),
        ({"order": "strict", "shared_events": True}, "`shared_events` must be false"),
        ({"order": "strict", "exclude": "exit"}, "`exclude` must be left out for strict order"),
        (
            {"reentry": True, "start": "any", "at_least": "1d"},
            "`reentry` with `at_least`, without order or in an open funnel needs `start` 'first'",
        ),
        ({"exclude": [Exclusion("exit", after=3)]}, "`after` must be a whole number from 1 to 2"),
        (
            {"exclude": [Exclusion("exit", after=2)], "order": "unordered"},
            "`exclude` must hold from the first step to the last",
        ),
        ({"confidence": 1.0}, "`confidence` must lie strictly between 0 and 1"),
    ],
)
def test_options_that_contradict_themselves(options, message) -> None:
    with pytest.raises(ArgumentError, match=".*") as caught:
        funnel(FIVE, **{"steps": STEPS, **options})
    assert message in str(caught.value)


def test_merged_repeats_have_forgotten_their_times() -> None:
    merged = FIVE.collapse_repeats()
    assert funnel(merged, steps=STEPS).frame["n"].tolist() == [4, 4, 1]
    with pytest.raises(ArgumentError, match="A window measures pauses"):
        funnel(merged, steps=STEPS, within="7d")


def test_nobody_began() -> None:
    with pytest.raises(DataError, match="Nobody of 1 customers came to 'visit'"):
        funnel(made([("buy", 1)]), steps=STEPS)
    found = funnel(made([("visit", 1)]), steps=STEPS)
    with pytest.raises(DataError, match="Nobody reached step 2"):
        found.time_to_convert(since=2)
    opened = funnel(FIVE, steps=STEPS, entry="open")
    with pytest.raises(ArgumentError, match="from one step to the next; got step 1 to 3"):
        opened.time_to_convert()


def test_groups_are_told_as_text_and_the_empty_ones_too() -> None:
    groups = pa.table({"size": pa.array([2, 10, None, 2, 10, None], pa.int64())})
    drawn = made(*[[("visit", day), ("buy", day + 1)] for day in range(6)], attributes=groups)
    found = funnel(drawn, steps=["visit", "buy"], by="size", small_cell=2)
    assert found.frame["group"].tolist() == ["(unknown)"] * 2 + ["10"] * 2 + ["2"] * 2
    assert found.reached(2)["group"].tolist() == ["2", "10", "(unknown)"] * 2


def test_what_is_published_tells_of_nobody() -> None:
    came = {"visit": 100, "cart": 97, "exit": 60, "buy": 30}
    steps = list(came)
    drawn = made(
        *[[(name, day) for day, name in enumerate(steps) if i < came[name]] for i in range(100)]
    )
    found = funnel(drawn, steps=steps)
    shown = found.published(10)
    # 100 - 97 = 3 would be told by any of: who came, of how many the next, how many were lost.
    assert shown["n"].fillna(-1).tolist() == [100, -1, 60, 30]
    assert shown["n_previous"].fillna(-1).tolist() == [100, 100, -1, 60]
    assert shown["n_censored"].fillna(-1).tolist() == [0, -1, -1, 30]
    assert shown["estimate"].isna().tolist() == [False, True, True, False]
    assert shown["share"].isna().tolist() == [False, True, False, False]
    notes = [text.get_text() for text in found.plot(small_cell=10).texts]
    assert notes == ["100", "60", "30 (+30 open)"]
    rare = funnel(drawn, steps=["visit", "cart"])
    assert rare.summary(small_cell=10).startswith("fewer than 10 customers did or did not")
    pd.testing.assert_frame_equal(found.published(1), found.frame, check_dtype=False)
