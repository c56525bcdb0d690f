from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival import (
    EndTouchpoint,
    Inactivity,
    Lifetimes,
    StartAttribute,
    kaplan_meier,
    lifetimes,
    lifetimes_from_frame,
)
from journeykit.survival.covariates import building, counting_process
from journeykit.survival.returning import spells
from tests.strategies import journeys as any_journeys


def made(
    customers: Sequence[Sequence[tuple[float, str]]],
    *,
    since: Sequence[float] | float = 0,
    attributes: pa.Table = None,
) -> Journeys:
    """Journeys of (day, touchpoint) pairs, watched until day 100."""
    names = tuple(sorted({name for events in customers for _, name in events}))
    events = [event for customer in customers for event in customer]
    n = len(customers)
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(name) for _, name in events], dtype=np.uint8),
        start=np.cumsum([0, *map(len, customers)]),
        time=np.rint(np.array([day for day, _ in events]) * DAY).astype(np.int64),
        observed_from=(np.broadcast_to(since, n) * DAY).astype(np.int64),
        observed_to=np.full(n, 100 * DAY),
        attributes=pa.table({}) if attributes is None else attributes,
    )


def rows(lives: Lifetimes, *names: str) -> list[tuple[object, ...]]:
    frame = lives.frame[["customer_id", "entry_days", "exit_days", "event", *names]]
    return [tuple(row) for row in frame.round(6).itertuples(index=False, name=None)]


CALLS = made(
    [
        [(0, "join"), (10, "call"), (15, "call"), (50, "out")],
        [(0, "join"), (20, "call"), (20, "out")],  # the call is the leaving
        [(0, "join"), (90, "call")],
    ]
)


@pytest.fixture
def lives() -> Lifetimes:
    return lifetimes(CALLS, churn=EndTouchpoint("out"))


def test_seen_and_count_worked_by_hand(lives: Lifetimes) -> None:
    cut = counting_process(lives, CALLS, touchpoints=["call"], measures=["seen", "count"])
    assert rows(cut, "seen[call]", "count[call]") == [
        (0, 0, 10, False, 0, 0),
        (0, 10, 15, False, 1, 1),
        (0, 15, 50, True, 1, 2),
        (1, 0, 20, True, 0, 0),
        (2, 0, 90, False, 0, 0),
        (2, 90, 100, False, 1, 1),
    ]
    assert cut.frame["late"].tolist() == [False, True, True, False, False, True]
    assert cut.summary() == lives.summary()
    # A second event changes nothing of whether it was seen, so nothing is cut.
    seen = counting_process(lives, CALLS, touchpoints=["call"])
    assert rows(seen, "seen[call]")[:2] == [(0, 0, 10, False, 0), (0, 10, 50, True, 1)]


def test_windows_and_bands_worked_by_hand(lives: Lifetimes) -> None:
    cut = counting_process(
        lives, CALLS, touchpoints=["call"], measures=["within"], within_days=[4, 10]
    )
    assert rows(cut, "within_4d[call]", "within_10d[call]")[:5] == [
        (0, 0, 10, False, 0, 0),
        (0, 10, 14, False, 1, 1),
        (0, 14, 15, False, 0, 1),
        (0, 15, 19, False, 1, 1),
        (0, 19, 25, False, 0, 1),
    ]
    cut = counting_process(
        lives, CALLS, touchpoints=["call"], measures=["days_since"], since_days=[5, 14]
    )
    # The second call comes in the moment in which the first would be older than 5 days.
    assert rows(cut, "days_since[call]")[:4] == [
        (0, 0, 10, False, "never"),
        (0, 10, 20, False, "up to 5"),
        (0, 20, 29, False, "5 to 14"),
        (0, 29, 50, True, "over 14"),
    ]
    bands = cut.frame["days_since[call]"].cat.categories.tolist()
    assert bands == ["never", "up to 5", "5 to 14", "over 14"]


def test_a_lag_moves_every_change(lives: Lifetimes) -> None:
    cut = counting_process(
        lives, CALLS, touchpoints=["call"], measures=["within"], within_days=[7], lag_days=1
    )
    assert rows(cut, "within_7d[call]") == [
        (0, 0, 11, False, 0),
        (0, 11, 23, False, 1),
        (0, 23, 50, True, 0),
        (1, 0, 20, True, 0),
        (2, 0, 91, False, 0),
        (2, 91, 98, False, 1),
        (2, 98, 100, False, 0),
    ]


def test_what_was_before_the_risk_counts() -> None:
    people = made(
        [[(5, "call"), (30, "mail"), (80, "out")], [(45, "mail")]],
        since=[0, 40],
        attributes=pa.table({"begun": np.array([10, -20]) * DAY, "plan": ["a", "b"]}),
    )
    lives = lifetimes(people, churn=EndTouchpoint("out"), start=StartAttribute("begun"))
    cut = counting_process(lives, people, touchpoints=["call", "mail"])
    assert rows(cut, "seen[call]", "seen[mail]", "plan") == [
        (0, 0, 20, False, 1, 0, "a"),
        (0, 20, 70, True, 1, 1, "a"),
        (1, 60, 65, False, 0, 0, "b"),
        (1, 65, 120, False, 0, 1, "b"),
    ]
    assert cut.frame["late"].tolist() == [False, True, True, True]
    assert cut.audit().frame["n"].tolist() == lives.audit().frame["n"].tolist()


def test_who_leaves_at_the_very_start_is_compared_before_anything_was_met() -> None:
    people = made([[(1, "web")], [(1, "web"), (9, "web")], [(2, "web"), (90, "web")]])
    lives = lifetimes(people, churn=Inactivity(30))
    cut = counting_process(lives, people, touchpoints=["web"])
    assert rows(cut, "seen[web]") == [
        (0, 0, 0, True, 0),
        (1, 0, 0, False, 0),
        (1, 0, 8, True, 1),
        (2, 0, 0, True, 0),
    ]
    whole, pieces = (kaplan_meier(x, small_cell=1).frame for x in (lives, cut))
    assert pieces["estimate"].tolist() == whole["estimate"].tolist()
    assert pieces["n_at_risk"].tolist() == whole["n_at_risk"].tolist()


def test_competing_ends_stay_with_the_last_row(lives: Lifetimes) -> None:
    frame = lives.frame.assign(cause=pd.Categorical(["a", "b", None]))
    cut = counting_process(Lifetimes(frame=frame), CALLS, touchpoints=["call"])
    assert cut.frame["cause"].astype(object).where(cut.frame["event"], "").tolist() == [
        "",
        "a",
        "b",
        "",
        "",
    ]
    assert cut.frame["cause"].isna().tolist() == (~cut.frame["event"]).tolist()


def test_rows_equal_those_of_tmerge(shared: Path) -> None:
    folder = shared / "oracles/survival/inputs"
    table = pd.read_csv(folder / "jasa_events.csv")
    expected = pd.read_csv(folder / "jasa_tmerge_expected.csv")
    events = pd.concat(
        [
            table.loc[table["wait_time"].notna(), ["id", "wait_time"]]
            .set_axis(["id", "day"], axis=1)
            .assign(name="transplant"),
            table.loc[table["fustat"] == 1, ["id", "futime"]]
            .set_axis(["id", "day"], axis=1)
            .assign(name="death"),
        ]
    ).sort_values(["id", "day"], kind="stable")
    names = ("death", "transplant")
    heart = Journeys(
        names=names,
        touchpoint=events["name"].map(names.index).to_numpy(dtype=np.uint8),
        start=np.searchsorted(events["id"].to_numpy(), [*table["id"], np.inf]),
        time=np.rint(events["day"].to_numpy() * DAY).astype(np.int64),
        customer_id=pa.array(table["id"]),
        observed_from=np.zeros(len(table), dtype=np.int64),
        # Whoever died is watched for longer, whoever did not until they were lost from sight.
        observed_to=np.rint(table["futime"].to_numpy() * DAY).astype(np.int64) + 1,
        attributes=pa.table(
            {
                "accepted": np.zeros(len(table), dtype=np.int64),
                "age": table["age"],
                "surgery": table["surgery"],
            }
        ),
    )
    lives = lifetimes(heart, churn=EndTouchpoint("death"), start=StartAttribute("accepted"))
    cut = counting_process(lives, heart, touchpoints=["transplant"]).frame
    assert len(cut) == len(expected) == 170
    for ours, theirs in {
        "customer_id": "id",
        "entry_days": "tstart",
        "exit_days": "tstop",
        "event": "death",
        "seen[transplant]": "transpl",
        "age": "age",
        "surgery": "surgery",
    }.items():
        assert cut[ours].to_numpy() == pytest.approx(expected[theirs].to_numpy()), ours


def test_every_spell_has_its_own_rows() -> None:
    people = made([[(0, "web"), (5, "web"), (8, "mail"), (50, "web"), (52, "mail"), (60, "web")]])
    found = spells(people, churn=Inactivity(20), activity=["web"])
    cut = counting_process(found, people, touchpoints=["mail"], measures=["count"])
    assert rows(cut, "spell", "count[mail]") == [
        (0, 0, 5, True, 1, 0),
        (0, 0, 2, False, 2, 1),
        (0, 2, 10, True, 2, 2),
    ]
    total = spells(people, churn=Inactivity(20), activity=["web"], clock="customer")
    cut = counting_process(total, people, touchpoints=["mail"], measures=["count"])
    assert rows(cut, "spell", "count[mail]") == [
        (0, 0, 5, True, 1, 0),
        (0, 50, 52, False, 2, 1),
        (0, 52, 60, True, 2, 2),
    ]


def test_blocks_of_rows_are_cut_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    people = many(300, seed=8)
    lives = lifetimes(people, churn=EndTouchpoint("out"))
    cut = [counting_process(lives, people, touchpoints=["mail"]).frame]
    monkeypatch.setattr(building, "_BLOCK", 7)
    cut.append(counting_process(lives, people, touchpoints=["mail"]).frame)
    pd.testing.assert_frame_equal(*cut)


# ---------------------------------------------------------------- laws


@given(
    any_journeys(min_customers=1),
    st.sampled_from([EndTouchpoint("shop"), Inactivity(7), Inactivity(20, "declaration")]),
    st.integers(0, 3),
)
def test_rows_agree_with_their_definition(
    people: Journeys, churn: EndTouchpoint | Inactivity, lag: int
) -> None:
    try:
        lives = lifetimes(people, churn=churn)
    except DataError:
        return
    name = people.names[0]
    cut = counting_process(
        lives,
        people,
        touchpoints=[name],
        measures=["seen", "count", "within", "days_since"],
        within_days=[5],
        since_days=[2, 9],
        lag_days=lag,
    )
    frame = cut.frame
    # Nothing overlaps, nothing is lost, and only the last row ends with the event.
    at_risk = (frame["exit_days"] - frame["entry_days"]).groupby(frame["customer_id"]).sum()
    whole = lives.frame.set_index("customer_id")
    assert np.allclose(at_risk[whole.index], whole["exit_days"] - whole["entry_days"])
    again = frame["customer_id"].duplicated().to_numpy()
    assert np.array_equal(frame["entry_days"][again], frame["exit_days"].shift()[again])
    ended = frame.drop_duplicates("customer_id", keep="last").set_index("customer_id")
    assert np.array_equal(ended["event"], whole["event"])
    assert frame["event"].sum() == whole["event"].sum()
    assert people.time is not None
    code = people.names.index(name)
    for row in frame.to_dict("records"):
        place = int(np.flatnonzero(people.customer_id.to_numpy(False) == row["customer_id"])[0])
        events = slice(people.start[place], people.start[place + 1])
        origin = np.datetime64(row["origin_time"].tz_localize(None), "us").astype(np.int64)
        met = (people.time[events][people.touchpoint[events] == code] - origin) / DAY + lag
        instant = row["entry_days"] == row["exit_days"]
        for at in {row["exit_days"], (row["entry_days"] + row["exit_days"]) / 2}:
            before = met[met < at - 1e-9]
            ago = at - before.max() if len(before) else np.inf
            assert row[f"count[{name}]"] == len(before)
            assert row[f"seen[{name}]"] == (len(before) > 0)
            assert row[f"within_5d[{name}]"] == (ago <= 5 + 1e-9)
            band = ["up to 2", "2 to 9", "over 9"][int(ago > 2 + 1e-9) + int(ago > 9 + 1e-9)]
            assert row[f"days_since[{name}]"] == (band if len(before) else "never")
            assert not instant or not row["late"]


def test_curves_stay_what_they_were() -> None:
    people = many(2_000, seed=4)
    lives = lifetimes(people, churn=EndTouchpoint("out"))
    cut = counting_process(lives, people, touchpoints=["mail"], measures=["within"])
    days = range(0, 100, 3)
    before, after = (kaplan_meier(x).survival_at(days).frame for x in (lives, cut))
    pd.testing.assert_frame_equal(before, after)


# ---------------------------------------------------------------- truth


def many(n: int, *, seed: int) -> Journeys:
    """Customers leave at a rate of 1 in 50 days; a mail that does nothing comes at 1 in 40."""
    rng = np.random.default_rng(seed)
    left, mailed = rng.exponential(50, n), rng.exponential(40, n)
    return made(
        [
            [(0, "join"), *([(m, "mail")] if m < e else []), (e, "out")]
            for m, e in zip(mailed.tolist(), left.tolist(), strict=True)
        ]
    )


def test_ever_met_flatters_and_counting_process_does_not() -> None:
    people = many(8_000, seed=5)
    lives = lifetimes(people, churn=EndTouchpoint("out"))
    cut = counting_process(lives, people, touchpoints=["mail"]).frame

    def rates(frame: pd.DataFrame, met: pd.Series) -> tuple[float, float]:
        lasts = frame["exit_days"] - frame["entry_days"]
        rate = frame["event"].groupby(met).sum() / lasts.groupby(met).sum()
        error = np.sqrt((1 / frame["event"].groupby(met).sum()).sum())
        return float(np.log(rate[1] / rate[0])), float(error)

    right, error = rates(cut, cut["seen[mail]"])
    assert abs(right) < 3 * error < 0.15
    ever = cut.groupby("customer_id")["seen[mail]"].max()
    wrong, _ = rates(lives.frame, lives.frame["customer_id"].map(ever))
    assert wrong < np.log(0.6)


# ---------------------------------------------------------------- errors


def test_errors_say_what_and_how_to_mend(lives: Lifetimes) -> None:
    def build(**changed: object) -> Lifetimes:
        return counting_process(lives, CALLS, **{"touchpoints": ["call"], **changed})  # type: ignore[arg-type]

    with pytest.raises(MappingError, match="`touchpoints` names touchpoints .*: 'cal'"):
        build(touchpoints=["cal"])
    for name, value in (
        ("touchpoints", "call"),
        ("touchpoints", []),
        ("touchpoints", ["call", "call"]),
        ("measures", []),
    ):
        with pytest.raises(ArgumentError, match=f"`{name}` must be a list without repetition"):
            build(**{name: value})
    with pytest.raises(ArgumentError, match="`measures` must be one of 'seen', 'count'"):
        build(measures=["sen"])
    with pytest.raises(ArgumentError, match=r"`within_days` must be rising .* got \[7, 3\]"):
        build(within_days=[7, 3])
    with pytest.raises(ArgumentError, match="`since_days` must be a number greater than 0; got 0"):
        build(since_days=[0, 3])
    with pytest.raises(ArgumentError, match="`lag_days` must be a number of at least 0; got -1"):
        build(lag_days=-1)
    with pytest.raises(DataError, match=r"have a column 'seen\[call\]' already"):
        counting_process(build(), CALLS, touchpoints=["call"])
    with pytest.raises(DataError, match="1 of 3 rows have none, such as that of 2. Give the"):
        counting_process(lives, CALLS.take(np.array([0, 1])), touchpoints=["call"])
    with pytest.raises(DataError, match="one journey each; got 6 journeys of 3 customers"):
        counting_process(lives, CALLS.sessions(gap="12d"), touchpoints=["call"])
    with pytest.raises(ArgumentError, match=r"`counting_process` .*collapse_repeats"):
        counting_process(lives, CALLS.collapse_repeats(), touchpoints=["call"])
    table = lifetimes_from_frame(pd.DataFrame({"time": [1, 2, 3], "status": [1, 0, 1]}))
    with pytest.raises(ArgumentError, match="when each clock started, in `origin_time`"):
        counting_process(table, CALLS, touchpoints=["call"])
