"""States by hand, by their laws and against planted truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from journeykit.errors import (
    ArgumentError,
    DataError,
    MappingError,
    NoPictureError,
    NotObservedError,
)
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival.churn import StartAttribute, StartTouchpoint
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
        "3 customers in 4 states, 6 moves; 3 may have begun before the window; 1 state passed in "
        "no time; 1 event after the end; 1 left out (1 never in any state)"
    )


def entries(data: Multistate) -> list[tuple[object, ...]]:
    frame = data.frame
    ends = np.rint(frame["stop_days"] * DAY) + frame["target"].isna()
    entered = frame["entered_days"]
    return list(
        zip(
            frame["customer_id"],
            frame["start_days"],
            ends / DAY,
            frame["source"],
            frame["target"].astype(object).where(frame["target"].notna(), None),
            entered.astype(object).where(entered.notna(), None),
            strict=True,
        )
    )


def test_customers_watched_from_later_on_enter_then_by_hand() -> None:
    # Watched from day 3 on; the first three came before, the fourth after.
    customers: list[list[tuple[str, float]]] = [
        [("trial", 0), ("plan", 5), ("cancel", 8)],
        [("trial", 1), ("plan", 2), ("pro", 6)],
        [("trial", 0), ("cancel", 2)],
        [("trial", 4), ("plan", 6)],
    ]
    data = multistate(logged(customers, since=3), states=MAPPED, absorbing=["left"])
    assert entries(data) == [
        (0, 3, 5, "trial", "plan", 0),
        (0, 5, 8, "plan", "left", 5),
        (1, 2, 5, "plan", "pro", 1),
        (1, 5, 9, "pro", None, 5),
        (3, 0, 2, "trial", "plan", 0),
        (3, 2, 6, "plan", None, 2),
    ]
    assert data.left_out == {"not watched in a state that can be left": 1}
    assert (data.n_late, data.n_edge) == (2, 0)
    # Before anyone of them is watched, at clock 1, the fourth alone is at risk.
    hazards = data.hazards(times_days=[1, 2, 4, 5], small_cell=1).frame
    trial = hazards[(hazards["source"] == "trial") & (hazards["target"] == "plan")]
    assert trial["n_at_risk"].tolist() == [1, 1, 1, 1]
    assert trial["estimate"].tolist() == [0, 1, 1, 2]
    plan = hazards[(hazards["source"] == "plan") & (hazards["target"] == "pro")]
    # Of the second, under risk from 2, and the fourth, from 2.
    assert plan["n_at_risk"].tolist() == [0, 0, 2, 2]
    assert plan["estimate"].tolist() == [0, 0, 0, 1 / 2]


@pytest.mark.parametrize("start_state", [None, "aware"])
def test_a_start_before_the_data_is_late_entry_by_hand(start_state: str | None) -> None:
    """Signed up on day -4, 2, 2, never; seen from day 0 on."""
    journeys = logged(
        [
            [("visit", 1), ("plan", 3), ("pro", 6)],
            [("visit", 3), ("plan", 5)],
            [("plan", 1), ("pro", 4)],
            [("plan", 2)],
        ]
    )
    signed = pa.table({"signed": pa.array([-4 * DAY, 2 * DAY, 2 * DAY, None], pa.int64())})
    journeys = replace(journeys, attributes=signed)
    data = multistate(
        journeys, states=MAPPED, start_state=start_state, start=StartAttribute("signed")
    )
    # The first is known to be in a state from day 3 on only, 7 days after signing up, and nobody
    # saw when that state began. The third was on the plan before signing up.
    begins = [] if start_state is None else [(1, 0, 3, "aware", "plan", 0)]
    assert entries(data) == [
        (0, 7, 10, "plan", "pro", None),
        (0, 10, 14, "pro", None, 10),
        *begins,
        (1, 3, 8, "plan", None, 3),
        (2, 0, 2, "plan", "pro", -1),
        (2, 2, 8, "pro", None, 2),
    ]
    assert data.left_out == {"without a start": 1}
    assert data.n_late == (1 if start_state else 2)
    assert data.n_edge == 0
    stays = data.sojourns(small_cell=1)
    assert stays.n_unknown == 1
    # The third stayed from day 1 to day 4, under risk from its second day on.
    plan = stays.frame[(stays.frame["source"] == "plan") & (stays.frame["target"] == "pro")]
    assert plan["time_days"].tolist()[0] == 3


def test_an_end_before_the_clock_started_is_another_story() -> None:
    journeys = logged([[("plan", 0), ("cancel", 2), ("trial", 4), ("plan", 6)]])
    data = multistate(journeys, states=MAPPED, absorbing=["left"], start=StartTouchpoint("trial"))
    assert entries(data) == [(0, 0, 2, "trial", "plan", 0), (0, 2, 6, "plan", None, 2)]


def test_small_groups_and_states_stay_hidden() -> None:
    rows = [(who, 0, 2, "a", "b" if who < 3 else "gone") for who in range(30)]
    data = stays([*rows])
    found = data.occupancy(times_days=[2]).frame.set_index("state")
    assert found.loc["b", ["estimate", "std_error"]].isna().all()
    # A second state is hidden with it, or it could be told by subtraction.
    assert found["estimate"].isna().sum() >= 2
    with pytest.raises(ArgumentError, match="No group has 31 customers or more"):
        data.occupancy(small_cell=31)


def test_the_ladder_gives_the_order_and_no_move_is_lost() -> None:
    data = stays(WORKED, ladder=("b", "a"))
    assert data.states == ("b", "a", "gone")
    for frame in (data.transitions(small_cell=1).frame, data.moves(small_cell=1).frame):
        assert frame["n"].sum() == data.frame["target"].notna().sum() == 4
    moves = data.moves(small_cell=1).frame.set_index(["source", "move"])["n"]
    assert moves.to_dict() == {("b", "exit"): 1, ("a", "back"): 2, ("a", "exit"): 1}


def test_two_ladders_share_totals() -> None:
    """Where all are followed to the end, a state of several of another ladder is their sum."""
    rng = np.random.default_rng(2)
    fine, rows = ("familiar", "engaged", "deciding", "bought"), []
    for who in range(60):
        state, now = 0, 0
        while now < 30:
            stop = min(now + int(rng.integers(1, 12)), 30)
            goes = int(rng.choice([other for other in range(4) if other != state]))
            rows.append((who, now, stop, fine[state], fine[goes] if stop < 30 else None))
            state, now = goes, stop
    coarse = {"familiar": "aware", "engaged": "considering", "deciding": "considering"}
    merged = [
        (who, start, stop, coarse.get(a, a), None if b is None else coarse.get(b, b))
        for who, start, stop, a, b in rows
    ]
    merged = [(*row[:4], None if row[3] == row[4] else row[4]) for row in merged]
    times = [5, 10, 20, 30]
    parts, whole = (
        stays(table).occupancy(times_days=times).frame.set_index(["state", "time_days"])["estimate"]
        for table in (rows, merged)
    )
    assert whole["considering"].to_numpy() == pytest.approx(
        (parts["engaged"] + parts["deciding"]).to_numpy(), abs=1e-12
    )
    assert whole["bought"].to_numpy() == pytest.approx(parts["bought"].to_numpy(), abs=1e-12)


def test_from_day_0_on_the_landmark_are_those_who_begin_there() -> None:
    # Two begin in a, one of whom goes to b on day 3; one begins in b and leaves on day 2.
    rows = [
        (1, 0, 3, "a", "b"),
        (1, 3, 6, "b", None),
        (2, 0, 6, "a", None),
        (3, 0, 2, "b", "gone"),
        (4, 2, 4, "b", "gone"),
    ]
    found = stays(rows).probabilities(source="a", times_days=[5], small_cell=1)
    told = found.frame.set_index(["method", "target"])["estimate"]
    assert told["landmark"].to_dict() == {"a": 1 / 2, "b": 1 / 2, "gone": 0}
    # The fourth and the first are in b on day 4, when the fourth leaves.
    assert told["aalen_johansen"].to_dict() == {"a": 1 / 2, "b": 1 / 4, "gone": 1 / 4}
    assert found.frame["n"].unique().tolist() == [2]


def test_a_move_and_a_loss_from_sight_at_one_time() -> None:
    # The one who is lost from sight on day 2 is still under risk of the move then.
    found = stays([(1, 0, 2, "a", "b"), (2, 0, 2, "a", None), (3, 0, 3, "a", "b")])
    hazard = found.hazards(times_days=[2, 3], small_cell=1).frame
    assert hazard["n_at_risk"].tolist() == [3, 1]
    assert hazard["estimate"].tolist() == pytest.approx([1 / 3, 4 / 3], abs=1e-12)


def test_one_instant_in_a_state_is_no_time_under_risk() -> None:
    # Who comes into b on day 2 is not under risk there when the other leaves b on day 2.
    found = stays([(1, 0, 2, "a", "b"), (1, 2, 4, "b", None), (2, 0, 2, "b", "gone")])
    hazard = found.hazards(times_days=[2], small_cell=1).frame.set_index(["source", "target"])
    assert hazard.loc[("b", "gone"), "estimate"] == 1
    share = found.occupancy(times_days=[2], small_cell=1).frame.set_index("state")["estimate"]
    assert share.to_dict() == {"a": 0, "b": 1 / 2, "gone": 1 / 2}


def test_customers_seen_in_several_intervals_are_one_customer() -> None:
    """Not seen on days (2, 4]: under risk before and after, and one customer in all counts."""
    rows = [(1, 0, 2, "a", None), (1, 4, 6, "a", "b"), (2, 0, 5, "a", "b"), (3, 0, 6, "a", None)]
    data = stays(rows)
    hazard = data.hazards(times_days=[3, 5, 6], small_cell=1).frame
    assert hazard["n_at_risk"].tolist() == [2, 3, 2]
    assert hazard["estimate"].tolist() == pytest.approx([0, 1 / 3, 1 / 3 + 1 / 2], abs=1e-12)
    # By hand: each customer's sum of (dN - Y / n) / n over days 5 and 6.
    one, two, three = -1 / 9 + (1 - 1 / 2) / 2, (1 - 1 / 3) / 3, -1 / 9 - 1 / 4
    error = (one**2 + two**2 + three**2) ** 0.5
    assert hazard["std_error"].iloc[-1] == pytest.approx(error, abs=1e-12)
    assert data.transitions(small_cell=1).frame["days"].tolist() == [15]
    assert data.summary() == "3 customers in 2 states, 2 moves"
    later = data.probabilities(source="a", since_days=3, times_days=[6], small_cell=1)
    assert later.frame["n"].unique().tolist() == [2]


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


def test_pictures_of_probabilities_hazards_and_rates() -> None:
    data = stays(WORKED, ladder=("a", "b"))
    later = data.probabilities(source="a", since_days=1, small_cell=1)
    ax = later.plot()
    assert ax.get_title(loc="left") == "in a on day 1"
    # All are in a at first.
    assert [line.get_ydata()[0] for line in ax.lines] == [1, 0, 0]  # type: ignore[index]
    with pytest.raises(ArgumentError, match="`method` must be one of"):
        later.plot(method="x")
    hazards = data.hazards(small_cell=1)
    ax = hazards.plot(source="b")
    assert ax.get_title(loc="left") == "moves from b to"
    assert len(ax.lines) == 1
    assert len(hazards.plot().lines) == 2
    rates = data.transitions(small_cell=1)
    ax = rates.plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "a \u2192 b",
        "a \u2192 gone",
        "b \u2192 gone",
    ]
    assert ax.patches[0].get_width() == pytest.approx(200 / 13)  # type: ignore[attr-defined]
    words = [text.get_text() for text in rates.flow().texts]
    assert words[:4] == ["a", "13 customer days", "b", "5 customer days"]
    moves = data.moves(small_cell=1)
    assert len(moves.plot().patches) == 3
    with pytest.raises(ArgumentError, match="Only `transitions` lead from state to state"):
        moves.flow()


def test_pictures_end_where_few_are_seen() -> None:
    rows: list[tuple[object, ...]] = [(who, 0, 2, "a", "b") for who in range(15)]
    rows += [(who, 2, 4 + (who < 3), "b", None) for who in range(15)]
    data = stays(rows)
    stacked = data.occupancy(times_days=[0, 2, 4, 5]).plot()
    assert stacked.get_xlim() == (0, 4)
    later = data.probabilities(source="a", since_days=1, times_days=[2, 4, 5])
    ends = [np.asarray(line.get_xdata())[-1] for line in later.plot().lines]
    assert set(ends) == {4.0}
    nobody = data.occupancy(times_days=[5])
    with pytest.raises(NoPictureError, match="fewer than 10 customers are seen"):
        nobody.plot()
    hidden = data.hazards(times_days=[1, 2])
    assert hidden.plot().lines
    with pytest.raises(NoPictureError, match="Every move is hidden"):
        stays(
            [(who, 0, 2, "a", "b" if who < 3 else None) for who in range(30)]
        ).transitions().plot()


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


def test_who_is_where_on_a_date_by_hand() -> None:
    data = multistate(
        logged(
            [
                [("trial", 0), ("plan", 2), ("cancel", 5)],
                [("trial", 1), ("pro", 4)],
                [("plan", 4)],
            ]
        ),
        states=MAPPED,
        absorbing=["left"],
    )
    asked = ["1970-01-05", "1970-01-02", "1970-01-06", "1970-01-11"]
    found = data.on(asked, small_cell=1)
    n = found.frame.set_index(["event_time", "state"])["n"].unstack(sort=False)  # noqa: PD010
    assert n.columns.tolist() == ["trial", "plan", "pro", "left"]
    # On day 1, 4 and 5, and on day 10, when nobody is watched any more: one has left for good.
    assert n.to_numpy().tolist() == [[2, 0, 0, 0], [0, 2, 1, 0], [0, 1, 1, 1], [0, 0, 0, 1]]
    first = found.frame.iloc[0]
    assert (first["share"], first["conf_high"]) == (1, 1)
    assert found.summary() == "on 1970-01-11 trial 0, plan 0, pro 0, left 1"
    assert len(data.on(["1970-01-05"], small_cell=1).plot().patches) == 4
    # A date and a time may stand side by side.
    both = data.on(["1970-01-05", "1970-01-06T12:00:00.5"], small_cell=1)
    assert len(both.history().collections) == 4
    with pytest.raises(NoPictureError, match="at least two dates"):
        data.on(["1970-01-05"], small_cell=1).history()
    for wrong in ([], ["x"], [None]):
        with pytest.raises(ArgumentError, match="`dates` must hold dates"):
            data.on(wrong, small_cell=1)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="a table of spells tells of no calendar"):
        stays(WORKED).on(asked)


def test_summaries_say_what_was_found() -> None:
    data = stays(WORKED, ladder=("a", "b"))
    told = [
        data.occupancy(small_cell=1),
        data.probabilities(source="a", since_days=1, small_cell=1),
        data.time_in_states(until_days=5, small_cell=1),
        data.sojourns(small_cell=1),
        data.hazards(small_cell=1),
        data.transitions(small_cell=1),
        data.moves(small_cell=1),
    ]
    assert [result.summary() for result in told] == [
        "on day 6 a 25.0%, b 25.0%, gone 50.0%",
        "of 4 in a on day 1, on day 6 a 25.0%, b 25.0%, gone 50.0%",
        "mean days until day 5: a 3.5, b 1.0, gone 0.5",
        "half of the stays last about a 3 days, b 3 days",
        "cumulative hazards of 3 moves until day 6",
        "most often from a to b, 2 times: 15.4 (3.2 to 49.4) a day of 100 customers there",
        "most often from a (advance), 2 times: 15.4 (3.2 to 49.4) a day of 100 customers there",
    ]
    with pytest.raises(NoPictureError, match="No group has 10 customers or more"):
        data.plot()
    assert stays([(who, 0, 2, "a", "b") for who in range(20)]).plot().texts
