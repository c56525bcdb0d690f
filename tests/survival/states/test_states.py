"""States by hand, by their laws and against planted truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival.states import Multistate, multistate, multistate_from_frame

COLUMNS = ["customer_id", "start", "stop", "source", "target"]
WORKED = [
    (1, 0, 2, "a", "b"),
    (1, 2, 5, "b", "gone"),
    (2, 0, 3, "a", "gone"),
    (3, 0, 4, "a", "b"),
    (3, 4, 6, "b", None),
    (4, 0, 4, "a", None),
]


def stays(rows: Sequence[tuple[object, ...]], *, ladder: tuple[str, ...] = ()) -> Multistate:
    return multistate_from_frame(pd.DataFrame(rows, columns=COLUMNS), ladder=ladder)


def logged(
    customers: list[list[tuple[str, float]]], *, until: int = 10, since: int = 0
) -> Journeys:
    names = ("visit", "trial", "plan", "pro", "cancel")
    n = len(customers)
    events = [event for customer in customers for event in customer]
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(name) for name, _ in events], dtype=np.uint8),
        start=np.cumsum([0, *map(len, customers)]),
        time=np.rint(np.array([day for _, day in events]) * DAY).astype(np.int64),
        observed_from=np.full(n, since * DAY),
        observed_to=np.full(n, until * DAY),
        attributes=pa.table({"plan": ["x", "y"] * (n // 2) + ["x"] * (n % 2)}),
        window=(0, 20 * DAY),
    )


MAPPED = {"trial": "trial", "plan": "plan", "pro": "pro", "cancel": "left"}


def test_worked_by_hand() -> None:
    data = stays(WORKED)
    found = data.occupancy(times_days=[1, 2, 3, 4, 5, 7], small_cell=1).frame
    share = {state: rows["estimate"].tolist() for state, rows in found.groupby("state")}
    nan = pytest.approx(np.nan, nan_ok=True)
    assert share["a"][:5] == pytest.approx([1, 3 / 4, 1 / 2, 1 / 4, 1 / 4], abs=1e-12)
    assert share["b"][:5] == pytest.approx([0, 1 / 4, 1 / 4, 1 / 2, 1 / 4], abs=1e-12)
    assert share["gone"][:5] == pytest.approx([0, 0, 1 / 4, 1 / 4, 1 / 2], abs=1e-12)
    # Nobody is watched after day 6.
    assert [values[5] for values in share.values()] == [nan] * 3
    # Without censoring so far the error is the binomial one.
    third = found[found["time_days"] == 3].set_index("state")["std_error"]
    assert third["a"] == pytest.approx((1 / 4 / 4) ** 0.5, abs=1e-12)
    assert third["b"] == pytest.approx((3 / 16 / 4) ** 0.5, abs=1e-12)
    days = data.time_in_states(until_days=5, small_cell=1).frame.set_index("state")["estimate"]
    assert days[["a", "b", "gone"]].tolist() == pytest.approx([3.5, 1, 0.5], abs=1e-12)
    hazard = data.hazards(times_days=[5], small_cell=1).frame.set_index(["source", "target"])
    assert hazard.loc[("a", "b"), "estimate"] == pytest.approx(1 / 4 + 1 / 2, abs=1e-12)
    assert hazard.loc[("b", "gone"), "estimate"] == pytest.approx(1 / 2, abs=1e-12)
    rates = data.transitions(small_cell=1).frame.set_index(["source", "target"])
    assert rates.loc[("a", "b"), "estimate"] == pytest.approx(2 / 13, abs=1e-12)
    assert data.summary() == "4 customers in 3 states, 4 moves"


def test_probabilities_by_hand() -> None:
    # In b after day 2: the first until 5. Landmark: only that one; plain: the third joins at 4.
    found = stays(WORKED).probabilities(source="b", since_days=2, times_days=[5], small_cell=1)
    assert found.frame["n"].unique().tolist() == [1]
    told = {
        method: found.of(method).frame.set_index("target")["estimate"]
        for method in ("landmark", "aalen_johansen")
    }
    assert told["landmark"]["gone"] == pytest.approx(1, abs=1e-12)
    assert told["aalen_johansen"]["gone"] == pytest.approx(1 / 2, abs=1e-12)


def test_sojourns_by_hand() -> None:
    found = stays(WORKED).sojourns(small_cell=1).frame
    b = found[(found["source"] == "b") & (found["target"] == "b")]
    # Two stays of 3 days that end and of 2 that are censored.
    assert b["time_days"].tolist() == [3]
    assert b["estimate"].tolist() == pytest.approx([0], abs=1e-12)
    a = found[(found["source"] == "a") & (found["time_days"] == 3)].set_index("target")["estimate"]
    assert a[["a", "b", "gone"]].tolist() == pytest.approx([1 / 2, 1 / 4, 1 / 4], abs=1e-12)


@settings(max_examples=40, deadline=None, phases=[Phase.generate])
@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 4), st.sampled_from("abcd")), min_size=1, max_size=4),
        min_size=2,
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_laws(customers: list[list[tuple[int, str]]], random: object) -> None:
    rows: list[tuple[object, ...]] = []
    for number, moves in enumerate(customers):
        now, state = 0, "a"
        for days, target in moves:
            left = None if target == state else target
            rows.append((number, now, now + days, state, left))
            now, state = now + days, target
    times = list(range(12))
    found = stays(rows).occupancy(times_days=times, small_cell=1).frame
    seen = found.dropna(subset="estimate")
    assert np.abs(seen.groupby("time_days")["estimate"].sum() - 1).max() <= 1e-12
    assert (seen["conf_low"] <= seen["estimate"] + 1e-12).all()
    assert (seen["conf_high"] >= seen["estimate"] - 1e-12).all()
    # Neither the order of rows nor a stretch cut in two changes anything.
    cut = [row for row in rows if int(str(row[2])) - int(str(row[1])) < 2]
    for who, start, stop, source, goes in rows:
        if (begin := int(str(start))) + 1 < int(str(stop)):
            cut += [(who, begin, begin + 1, source, None), (who, begin + 1, stop, source, goes)]
    random.shuffle(cut)  # type: ignore[attr-defined]
    again = stays(cut).occupancy(times_days=times, small_cell=1).frame
    for name in ("estimate", "std_error"):
        left, right = (table[name].to_numpy() for table in (found, again))
        assert left == pytest.approx(right, abs=1e-7, nan_ok=True)


def test_landmark_is_right_where_personas_are_mixed_and_the_plain_one_is_not() -> None:
    """Half come late and leave soon, half come soon and stay; their state does not tell."""
    n, s, t = 20_000, 2.0, 4.0
    random = np.random.default_rng(20)
    late = np.arange(n) < n // 2
    up, out = np.where(late, 0.3, 3.0), np.where(late, 2.0, 0.05)
    first = random.exponential(1 / up)
    second = first + random.exponential(1 / out)
    watched = random.uniform(3, 9, n)
    who = np.arange(n)
    a = pd.DataFrame({"customer_id": who, "start": 0.0, "stop": np.minimum(first, watched)})
    a = a.assign(source="a", target=pd.Series("b", index=who).where(first < watched))
    b = pd.DataFrame({"customer_id": who, "start": first, "stop": np.minimum(second, watched)})
    b = b.assign(source="b", target=pd.Series("gone", index=who).where(second < watched))
    data = multistate_from_frame(pd.concat([a, b[first < watched]]))
    found = data.probabilities(source="b", since_days=s, times_days=[t]).frame
    told = found[found["target"] == "gone"].set_index("method")
    u, v = np.array([0.3, 3.0]), np.array([2.0, 0.05])
    in_b = u / (v - u) * (np.exp(-u * s) - np.exp(-v * s))
    truth = float(in_b @ (1 - np.exp(-v * (t - s))) / in_b.sum())
    error = (told["estimate"] - truth) / told["std_error"]
    assert abs(error["landmark"]) < 3
    assert told.loc["landmark", "conf_low"] < truth < told.loc["landmark", "conf_high"]
    assert abs(error["aalen_johansen"]) > 6


def test_journeys_with_steps_back_skips_and_customers_still_watched() -> None:
    data = multistate(
        logged(
            [
                [("trial", 0), ("visit", 1), ("plan", 2), ("trial", 3), ("cancel", 5)],
                [("trial", 1), ("pro", 4), ("pro", 5)],
                [("visit", 3)],
                [("trial", 0), ("plan", 6), ("pro", 6), ("cancel", 8), ("plan", 9)],
            ]
        ),
        states=MAPPED,
        absorbing=["left"],
    )
    assert data.ladder == ("trial", "plan", "pro")
    assert data.left_out == {"never in any state": 1}
    assert (data.n_instant, data.n_after) == (1, 1)
    frame = data.frame
    ends = np.rint(frame["stop_days"] * DAY) + frame["target"].isna()
    told = zip(
        frame["customer_id"],
        frame["start_days"],
        ends / DAY,
        frame["source"],
        frame["target"].astype(object).where(frame["target"].notna(), None),
        strict=True,
    )
    assert list(told) == [
        (0, 0, 2, "trial", "plan"),
        (0, 2, 3, "plan", "trial"),
        (0, 3, 5, "trial", "left"),
        (1, 0, 3, "trial", "pro"),
        # Watched until day 10, which is day 9 on the own clock; a microsecond sooner, censored.
        (1, 3, 9, "pro", None),
        (3, 0, 6, "trial", "pro"),
        (3, 6, 8, "pro", "left"),
    ]
    moves = data.moves(small_cell=1).frame
    count = moves.set_index(["source", "move"])["n"]
    wanted = {("trial", "advance"): 1, ("trial", "skip"): 2, ("trial", "exit"): 1}
    wanted |= {("plan", "back"): 1, ("pro", "exit"): 1}
    assert count.to_dict() == wanted
    assert data.summary() == (
        "3 customers in 4 states, 6 moves; 1 states passed in no time; 1 events after the end; "
        "1 left out (1 never in any state)"
    )


def test_small_groups_and_states_stay_hidden() -> None:
    rows = [(who, 0, 2, "a", "b" if who < 3 else "gone") for who in range(30)]
    data = stays([*rows])
    found = data.occupancy(times_days=[2]).frame.set_index("state")
    assert found.loc["b", ["estimate", "std_error"]].isna().all()
    # A second state is hidden with it, or it could be told by subtraction.
    assert found["estimate"].isna().sum() >= 2
    with pytest.raises(ArgumentError, match="No group has 31 customers or more"):
        data.occupancy(small_cell=31)


def test_pictures() -> None:
    data = stays(WORKED)
    stacked = data.occupancy(small_cell=1).plot()
    legend = stacked.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "gone"]
    bars = data.time_in_states(until_days=5, small_cell=1).plot()
    assert len(bars.patches) == 3
    assert len(data.sojourns(small_cell=1).plot().lines) == 2
    with pytest.raises(ArgumentError, match="`group` must be one of 'all'; got 'x'"):
        data.occupancy(small_cell=1).plot(group="x")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(1, 2, 2, "a", None)], "`start` must be before `stop`"),
        ([(1, 0, 2, "a", "a")], "A move must lead to another state"),
        ([(1, 0, 2, "a", "b"), (1, 1, 3, "b", None)], "must not overlap"),
        ([(1, 0, 2, "a", "b"), (1, 2, 3, "c", None)], "in the state that was entered"),
        ([(1, 0, 2, None, "b")], "'source' must have a value in every row; 1 of 1 are empty"),
    ],
)
def test_stretches_that_do_not_fit(rows: list[tuple[object, ...]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        stays(rows)


def test_arguments_that_do_not_fit() -> None:
    data, few = stays(WORKED), logged([[("trial", 0)]])
    all_leave = stays([(who, 0, 5, "a", "gone") for who in range(12)])
    with pytest.raises(DataError, match="has no rows"):
        multistate_from_frame(pd.DataFrame(columns=COLUMNS))
    with pytest.raises(MappingError, match="z"):
        stays(WORKED, ladder=("z",))
    with pytest.raises(ArgumentError, match="`ladder` must name each state once"):
        stays(WORKED, ladder=("a", "a"))
    with pytest.raises(ArgumentError, match="`moves` needs a ladder"):
        data.moves(small_cell=1)
    with pytest.raises(ArgumentError, match="`until_days` must not lie after day 6"):
        data.time_in_states(until_days=7, small_cell=1)
    with pytest.raises(ArgumentError, match="`times_days` must hold days of at least 0"):
        data.occupancy(times_days=[-1], small_cell=1)
    with pytest.raises(ArgumentError, match="Fewer than 10 customers are seen in 'gone'"):
        all_leave.probabilities(source="gone", since_days=4)
    with pytest.raises(ArgumentError, match="`states` must map at least one touchpoint"):
        multistate(few, states={})
    with pytest.raises(DataError, match="Nobody is left to follow: 1 never in any state"):
        multistate(few, states={"pro": "pro"})
    with pytest.raises(NotObservedError, match="observed_to"):
        multistate(
            Journeys(
                names=few.names,
                touchpoint=few.touchpoint,
                start=few.start,
                time=few.need_time("the test"),
                window=(0, 20 * DAY),
            ),
            states=MAPPED,
        )
