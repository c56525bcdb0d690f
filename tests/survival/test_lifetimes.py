from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.study.models import Churn
from journeykit.survival import (
    EndAttribute,
    EndTouchpoint,
    Inactivity,
    Lifetimes,
    StartAttribute,
    StartTouchpoint,
    churn_rule,
    churn_start,
    kaplan_meier,
    lifetimes,
    lifetimes_from_frame,
    log_rank,
)
from journeykit.survival.churn import FirstOf
from journeykit.survival.rows import causes
from tests.strategies import journeys as any_journeys


def made(
    customers: list[list[tuple[float, str]]],
    *,
    until: float | list[float] = 100,
    since: float | list[float] = 0,
    attributes: pa.Table = None,
) -> Journeys:
    """Journeys of (day, touchpoint) pairs, watched in [since, until), window [0, 100)."""
    names = tuple(sorted({name for events in customers for _, name in events}))
    events = [event for customer in customers for event in customer]
    n = len(customers)
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(name) for _, name in events], dtype=np.uint8),
        start=np.cumsum([0, *map(len, customers)]),
        time=(np.array([day for day, _ in events]) * DAY).astype(np.int64),
        observed_from=(np.broadcast_to(since, n) * DAY).astype(np.int64),
        observed_to=(np.broadcast_to(until, n) * DAY).astype(np.int64),
        attributes=pa.table({}) if attributes is None else attributes,
        window=(0, 100 * DAY),
    )


def days(lives: Lifetimes) -> list[tuple[float, float, bool]]:
    """Return entry, end and event; the watching of who is censored ends a microsecond later."""
    frame = lives.frame[["entry_days", "exit_days", "event"]]
    ends = np.rint(frame["exit_days"] * DAY) + ~frame["event"]
    return [tuple(row) for row in frame.assign(exit_days=ends / DAY).itertuples(False, None)]


# ---------------------------------------------------------------- inactivity

SEEN = [
    [(30, "web"), (35, "web"), (50, "web")],  # silent after 50: left at 20
    [(40, "web"), (70, "web"), (95, "web")],  # active to the end
    [(31, "web"), (52, "web"), (90, "web")],  # gap of 38 from 52: left at 21, came back
    [(60, "web"), (90, "web")],  # a gap of exactly the threshold is no churn
    [(45, "web")],  # once and never again: left at 0
    [(80, "web")],  # first seen 20 days before the end: nobody can tell
    [(32, "mail"), (64, "mail")],  # only the firm acted
]


def test_dated_at_last_activity() -> None:
    lives = lifetimes(made(SEEN), churn=Inactivity(30), activity=["web"])
    assert days(lives) == [
        (0, 20, True),
        (0, 30, False),
        (0, 21, True),
        (0, 10, False),
        (0, 0, True),
    ]
    assert lives.frame["customer_id"].tolist() == [0, 1, 2, 3, 4]
    assert lives.left_out == {
        "without a start": 1,
        "not watched for longer than the threshold": 1,
    }
    assert lives.returned == 1
    assert lives.frame["origin_time"].iloc[0] == pd.Timestamp("1970-01-31", tz="UTC")
    assert lives.summary() == (
        "5 customers followed, 3 left (60.0%), 2 censored; 2 left out (1 without a start, "
        "1 not watched for longer than the threshold)"
    )


def test_dated_at_declaration() -> None:
    rule = Inactivity(30, dated_at="declaration")
    lives = lifetimes(made(SEEN), churn=rule, activity=["web"])
    assert days(lives) == [
        (30, 50, True),
        (30, 60, False),
        (30, 51, True),
        (30, 40, False),
        (30, 30, True),
    ]


def test_the_audit_accounts_for_everybody() -> None:
    audit = lifetimes(made(SEEN), churn=Inactivity(30), activity=["web"]).audit()
    n = audit.frame.set_index("step")["n"]
    assert n["customers"] == len(SEEN)
    assert n["followed"] + n[n.index.str.startswith("left out")].sum() == len(SEEN)
    assert n["followed: left"] + n["followed: sight was lost (censored)"] == n["followed"]
    assert n["followed: left, and came back later"] == 1


def test_activity_after_a_contract_says_nothing_of_another_one() -> None:
    people = made([[(1, "in"), (20, "in")], [(1, "in")]]).replace(
        attributes=pa.table({"ended": pa.array([10 * DAY, None], pa.timestamp("us", "UTC"))})
    )
    lives = lifetimes(people, churn=EndAttribute("ended"))
    assert (int(lives.frame["event"].sum()), lives.returned) == (1, None)
    assert not lives.audit().frame["step"].str.contains("came back").any()


def test_the_picture_shows_everybody() -> None:
    ax = lifetimes(made(SEEN), churn=Inactivity(30), activity=["web"]).plot()
    assert [text.get_text() for text in ax.texts] == ["1", "1", "3", "2"]
    assert sum(bar.get_width() for bar in ax.patches) == len(SEEN)
    plt.close("all")


def test_what_the_firm_sends_is_a_sign_of_life_only_if_said() -> None:
    seen = made([[(10, "web"), (35, "mail"), (60, "mail"), (85, "mail")], [(99, "web")]])
    assert days(lifetimes(seen, churn=Inactivity(30))) == [(0, 60, False)]
    assert days(lifetimes(seen, churn=Inactivity(30), activity=["web"])) == [(0, 0, True)]


def test_watching_that_begins_later_than_the_clock() -> None:
    born = pa.table({"born": pa.array([-50 * DAY] * 4 + [5 * DAY, 99 * DAY])})
    seen = made(
        [
            [(5, "web"), (20, "web")],  # late, left at day 20: clock 70
            [(10, "web"), (35, "web"), (60, "web"), (85, "web")],  # late, still there at 70
            [(40, "web"), (60, "web")],  # had been silent for 40 days when watching began
            [(0, "web")],  # last active in the very moment watching began
            [(90, "web")],  # born on day 5, watched since: silent at once, came back
            [(99, "web")],
        ],
        attributes=born,
    )
    lives = lifetimes(seen, churn=Inactivity(30), start=StartAttribute("born"))
    assert days(lives) == [(50, 70, True), (50, 120, False), (0, 0, True)]
    assert lives.frame["late"].tolist() == [True, True, False]
    assert lives.left_out == {
        "silent beyond the threshold when watching began": 1,
        "last active as watching began": 1,
        "not watched for longer than the threshold": 1,
    }
    assert "2 entered late" in lives.summary()
    declared = lifetimes(seen, churn=Inactivity(30, "declaration"), start=StartAttribute("born"))
    assert days(declared) == [(80, 100, True), (80, 150, False), (30, 30, True)]


def test_late_without_activity_and_started_after_the_watching() -> None:
    born = pa.table({"born": pa.array([-50 * DAY, 90 * DAY, 0])})
    seen = made([[(90, "web")], [(95, "web")], [(10, "web")]], until=[80, 80, 80], attributes=born)
    lives = lifetimes(seen, churn=Inactivity(30), start=StartAttribute("born"))
    assert lives.left_out == {
        "started after they were watched": 1,
        "without activity while watched": 1,
    }


def test_an_unknown_beginning_is_marked_and_can_be_left_out() -> None:
    seen = made([[(29, "web")], [(30, "web")], [(2, "web")]], since=[0, 0, 1])
    kept = lifetimes(seen, churn=Inactivity(30))
    # The third is watched from later than the window's beginning: the customer came then.
    assert kept.frame["edge"].tolist() == [True, False, False]
    assert "1 may have begun before the window" in kept.summary()
    washed = lifetimes(seen, churn=Inactivity(30), edge="leave_out")
    assert washed.frame["customer_id"].tolist() == [1, 2]
    assert washed.left_out == {"may have begun before the window": 1}


@pytest.mark.parametrize("clock", ["day", "instant"])
def test_the_edge_is_that_of_outcomes(clock: str) -> None:
    # First seen on day 30, an earlier activity was on day -1 at the latest (or a microsecond
    # before day 0): a gap of more than 30 days, after which whoever comes begins anew.
    seen = made([[(29, "web")], [(30, "web")], [(31, "web")]]).replace(clock=clock)
    assert seen.time is not None
    if clock == "instant":
        seen = seen.replace(time=seen.time - [-(DAY - 1), 0, DAY])
    assert lifetimes(seen, churn=Inactivity(30)).frame["edge"].tolist() == [True, False, False]
    cut = seen.outcomes(conversion=["web"], lookback_days=30)
    assert cut.attributes["edge"].to_pylist() == [True, False, False]


def test_collapsed_journeys_have_forgotten_when_activity_ended() -> None:
    # Active every 20 days; collapsed, the customer would seem silent from day 10 on.
    seen = made([[(10, "in"), (30, "in"), (50, "in"), (70, "in"), (90, "out")]])
    assert days(lifetimes(seen, churn=Inactivity(30))) == [(0, 60, False)]
    collapsed = seen.collapse_repeats()
    with pytest.raises(ArgumentError, match=r"`lifetimes` with `Inactivity` .*collapse"):
        lifetimes(collapsed, churn=Inactivity(30))
    # The first time of a run is kept, and that is all an end asks for.
    assert days(lifetimes(collapsed, churn=EndTouchpoint("out"))) == [(0, 80, True)]


# ---------------------------------------------------------------- ends

CONTRACTS = [
    [(10, "in"), (30, "out")],
    [(10, "in"), (20, "use")],
    [(5, "out"), (10, "in"), (60, "out")],  # the first end is of an earlier contract
    [(5, "out"), (10, "in")],
    [(10, "in"), (10, "out")],  # never ran
    [(20, "use")],
]


def test_end_touchpoint_after_start_touchpoint() -> None:
    lives = lifetimes(
        made(CONTRACTS, until=[100, 90, 100, 100, 100, 100]),
        churn=EndTouchpoint("out"),
        start=StartTouchpoint("in"),
    )
    assert days(lives) == [(0, 20, True), (0, 80, False), (0, 50, True), (0, 90, False)]
    assert lives.left_out == {"without a start": 1, "ended at or before their start": 1}


def test_end_attribute_with_late_entry() -> None:
    day = 86_400
    attributes = pa.table(
        {
            "begun": pa.array([-20, -20, 10, -20, None], pa.int32()).cast(pa.date32()),
            "ended": pa.array([30 * day, None, 120 * day, -5 * day, 3 * day], pa.timestamp("s")),
            "plan": ["a", "b", None, "b", "a"],
        }
    )
    seen = made([[(50, "use")]] * 5, attributes=attributes)
    lives = lifetimes(seen, churn=EndAttribute("ended"), start=StartAttribute("begun"))
    assert days(lives) == [(20, 50, True), (20, 120, False), (0, 90, False)]
    assert lives.left_out == {"without a start": 1, "left before they were watched": 1}
    assert kaplan_meier(lives, by="plan", small_cell=1).groups == ("(missing)", "a", "b")


def test_an_end_when_the_watching_is_over_is_not_seen() -> None:
    seen = made([[(10, "in"), (80, "out")], [(90, "in"), (95, "out")]], until=[80, 90])
    lives = lifetimes(seen, churn=EndTouchpoint("out"), start=StartTouchpoint("in"))
    assert days(lives) == [(0, 70, False)]
    assert lives.left_out == {"not watched after their start": 1}


def test_nobody_is_at_risk_of_what_could_not_be_seen() -> None:
    # The second is watched until the very time after which the first leaves.
    ending = made([[(0, "in"), (7, "out")], [(0, "in")]], until=[100, 7])
    silent = made([[(0, "in"), (7, "in")], [(0, "in"), (7, "in")]], until=[100, 37])
    for lives in (
        lifetimes(ending, churn=EndTouchpoint("out")),
        lifetimes(silent, churn=Inactivity(30)),
        lifetimes(silent, churn=Inactivity(30, "declaration")),
    ):
        frame = kaplan_meier(lives, small_cell=1).frame
        assert frame.loc[frame["n_event"] > 0, "n_at_risk"].tolist() == [1]
    # A microsecond longer, and the end would have been seen.
    longer = ending.replace(observed_to=np.array([100 * DAY, 7 * DAY + 1]))
    frame = kaplan_meier(lifetimes(longer, churn=EndTouchpoint("out")), small_cell=1).frame
    assert frame.loc[frame["n_event"] > 0, "n_at_risk"].tolist() == [2]


# ---------------------------------------------------------------- several ends

SWITCHING = [
    [(0, "join"), (30, "switch"), (40, "cancel")],  # the first counts
    [(0, "join"), (20, "cancel")],
    [(0, "join"), (50, "cancel"), (50, "switch")],  # at once: the one named first
    [(0, "join"), (60, "use")],
    [(5, "switch"), (10, "join"), (70, "cancel")],  # left before the contract
]
COMPETING = FirstOf({"lapse": EndTouchpoint("cancel"), "competitor": EndTouchpoint("switch")})


def causes_of(lives: Lifetimes) -> list[str | None]:
    return lives.frame["cause"].astype(object).where(lives.frame["event"], None).tolist()


def test_the_first_of_several_ends_and_its_cause() -> None:
    lives = lifetimes(made(SWITCHING), churn=COMPETING, start=StartTouchpoint("join"))
    assert days(lives) == [
        (0, 30, True),
        (0, 20, True),
        (0, 50, True),
        (0, 100, False),
        (0, 60, True),
    ]
    assert causes_of(lives) == ["competitor", "lapse", "lapse", None, "lapse"]
    assert lives.frame["cause"].isna().tolist() == (~lives.frame["event"]).tolist()
    names, code = causes(lives)
    assert (names, code.tolist()) == (("lapse", "competitor"), [2, 1, 1, 0, 1])
    # All ends together are the end; one at a time, the others censor.
    ends = lives.frame["exit_days"].tolist()
    for rule in (EndTouchpoint("cancel"), EndTouchpoint("switch")):
        one = lifetimes(made(SWITCHING), churn=rule, start=StartTouchpoint("join"))
        assert (one.frame["exit_days"] >= ends).all()
        assert "cause" not in one.frame
    # The third said goodbye twice in a moment; the first once more, which is no coming back.
    assert lives.returned == 1


def test_the_cause_of_an_end_in_an_attribute() -> None:
    table = pa.table(
        {
            "ended": pa.array([10 * DAY, 20 * DAY, None, 150 * DAY, 30 * DAY], pa.timestamp("us")),
            "why": ["moved", "", None, "moved", None],
        }
    )
    people = made([[(0, "join")]] * 5, attributes=table)
    lives = lifetimes(people, churn=EndAttribute("ended", cause="why"))
    # An end after the watching is not known of, nor is its cause.
    assert causes_of(lives) == ["moved", "(unknown)", None, None, "(unknown)"]
    assert lives.frame["cause"].isna().tolist() == [False, False, True, True, False]
    assert lives.frame["cause"].cat.categories.tolist() == ["moved", "(unknown)"]
    coded = people.replace(attributes=table.set_column(1, "why", table["why"].dictionary_encode()))
    again = lifetimes(coded, churn=EndAttribute("ended", cause="why"))
    assert causes_of(again) == causes_of(lives)


def test_time_to_convert_is_the_same_engine() -> None:
    people = made(
        [
            [(0, "ad"), (12, "purchase")],
            [(3, "ad"), (9, "unsubscribe")],
            [(5, "ad")],  # still open
            [(1, "purchase")],  # no time to wait: bought at the first touch
        ]
    )
    waits = lifetimes(people, churn=EndTouchpoint("purchase"))
    assert days(waits) == [(0, 12, True), (0, 97, False), (0, 95, False)]
    assert waits.left_out == {"ended at or before their start": 1}
    rule = FirstOf({"bought": EndTouchpoint("purchase"), "left": EndTouchpoint("unsubscribe")})
    competing = lifetimes(people, churn=rule)
    assert days(competing) == [(0, 12, True), (0, 6, True), (0, 95, False)]
    assert causes_of(competing) == ["bought", "left", None]


def test_errors_of_several_ends() -> None:
    with pytest.raises(ArgumentError, match=r"`FirstOf` needs two ends or more; got \['a'\]"):
        FirstOf({"a": EndTouchpoint("x")})
    with pytest.raises(ArgumentError, match=r"EndAttribute; got Inactivity\(.* for 'b'"):
        FirstOf({"a": EndTouchpoint("x"), "b": Inactivity(3)})  # type: ignore[dict-item]
    with pytest.raises(ArgumentError, match="the name 'b' is the cause; leave out `cause`"):
        FirstOf({"a": EndTouchpoint("x"), "b": EndAttribute("y", cause="z")})
    people = made([[(1, "web")]], attributes=pa.table({"ended": [5 * DAY]}))
    with pytest.raises(MappingError, match="`churn` names attributes that do not exist: 'why'"):
        lifetimes(people, churn=EndAttribute("ended", cause="why"))


# ---------------------------------------------------------------- errors


def test_errors_say_what_and_how_to_mend() -> None:
    seen = made([[(1, "web"), (5, "web")], [(2, "out")]], attributes=pa.table({"a": ["x", "y"]}))
    rule = Inactivity(30)
    with pytest.raises(ArgumentError, match="`threshold_days` must be a number greater than 0"):
        Inactivity(0)
    with pytest.raises(ArgumentError, match="`dated_at` must be one of 'last_activity'"):
        Inactivity(30, "end")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`edge` must be one of 'keep', 'leave_out'"):
        lifetimes(seen, churn=rule, edge="drop")  # type: ignore[arg-type]
    with pytest.raises(MappingError, match="`activity` names touchpoints that do not exist: 'wb'"):
        lifetimes(seen, churn=rule, activity=["wb"])
    with pytest.raises(MappingError, match="`churn` names touchpoints that do not exist"):
        lifetimes(seen, churn=EndTouchpoint("gone"))
    with pytest.raises(MappingError, match="`start` names attributes that do not exist"):
        lifetimes(seen, churn=rule, start=StartAttribute("b"))
    with pytest.raises(
        DataError, match="Attribute 'a' must hold times for `churn`; it holds string"
    ):
        lifetimes(seen, churn=EndAttribute("a"))
    with pytest.raises(
        ArgumentError, match="whole customers, one journey each; got 3 journeys of 2"
    ):
        lifetimes(seen.sessions(gap="1d"), churn=rule)
    with pytest.raises(NotObservedError, match="these journeys have no `observed_to`"):
        lifetimes(seen.replace(observed_to=None), churn=rule)
    with pytest.raises(NotObservedError, match="`lifetimes` needs the time of each event"):
        lifetimes(seen.replace(time=None), churn=rule)
    with pytest.raises(DataError, match="Nobody is left to follow: 2 not watched for longer than"):
        lifetimes(seen, churn=Inactivity(365))
    named = seen.replace(attributes=pa.table({"event": ["x", "y"]}))
    with pytest.raises(DataError, match="'event' cannot be the name of an attribute here"):
        lifetimes(named, churn=rule)


def test_errors_of_frames() -> None:
    good = pd.DataFrame({"time": [1.0, 2.0], "status": [0, 1]})
    with pytest.raises(MappingError, match="`frame` names columns that do not exist: 'stop'"):
        lifetimes_from_frame(good, stop="stop")
    with pytest.raises(DataError, match="The frame has no rows"):
        lifetimes_from_frame(good.iloc[:0])
    with pytest.raises(DataError, match="'time' must hold times of at least 0; 1 of 2 rows"):
        lifetimes_from_frame(good.assign(time=[-1, 2]))
    with pytest.raises(DataError, match="'time' must hold numbers"):
        lifetimes_from_frame(good.assign(time=["x", "y"]))
    with pytest.raises(DataError, match="1 of 2 rows do not, such as 2"):
        lifetimes_from_frame(good.assign(status=[1, 2]))
    with pytest.raises(DataError, match="in 1 of 2 rows column 'from' is not below 'time'"):
        lifetimes_from_frame(good.assign(**{"from": [0, 2]}), start="from")
    with pytest.raises(DataError, match="'late' cannot be the name"):
        lifetimes_from_frame(good.assign(late=0), groups=["late"])
    with pytest.raises(DataError, match="'who' must say whose a row is; 1 of 2 rows are empty"):
        lifetimes_from_frame(good.assign(who=["a", None]), customer_id="who")


def test_a_repeated_index_does_no_harm() -> None:
    twice = pd.DataFrame({"time": [1.0, 2.0], "status": [0, 1], "g": ["a", "b"]}, index=[7, 7])
    lives = lifetimes_from_frame(twice, groups=["g"])
    assert lives.frame["g"].tolist() == ["a", "b"]
    assert len(lives.frame) == 2


def test_rules_of_a_study() -> None:
    silent = Churn(rule="inactivity", threshold_days=60, dated_at="declaration")
    assert churn_rule(silent) == Inactivity(60, "declaration")
    assert churn_rule(Churn(rule="touchpoint", touchpoint="out")) == EndTouchpoint("out")
    contract = Churn(rule="contract_end", attribute="left_on", start={"attribute": "signed_on"})
    assert churn_rule(contract) == EndAttribute("left_on")
    told = Churn(rule="contract_end", attribute="left_on", cause="why")
    assert churn_rule(told) == EndAttribute("left_on", cause="why")
    assert churn_start(contract) == StartAttribute("signed_on")
    assert churn_start(silent) is None
    enrolled = Churn(rule="touchpoint", touchpoint="out", start={"touchpoint": "in"})
    assert churn_start(enrolled) == StartTouchpoint("in")


def test_where_a_number_comes_from() -> None:
    seen = made(CONTRACTS)
    lives = lifetimes(seen, churn=EndTouchpoint("out"), start=StartTouchpoint("in"))
    curve = kaplan_meier(lives, small_cell=1)
    assert curve.provenance.fingerprint == lives.provenance.fingerprint == seen.fingerprint
    assert lives.provenance.parameters["churn"] == "EndTouchpoint(touchpoint='out')"
    assert f"{lives.counts().fingerprint:032x}" == seen.fingerprint


def test_customers_of_a_frame_keep_their_names() -> None:
    frame = pd.DataFrame({"who": ["b", "a"], "time": [1, 2], "status": [True, False], "n": [1, 2]})
    lives = lifetimes_from_frame(frame, customer_id="who", groups=["n"])
    assert lives.frame["customer_id"].tolist() == ["b", "a"]
    assert lives.counts(by="n").groups == ("1", "2")


# b is seen from 1 to 6 only, changing plan at 4; a stays from the beginning and leaves at 9.
INTERVALS = pd.DataFrame(
    {
        "who": ["a", "b", "a", "b", "a"],
        "start": [0, 1, 3, 4, 5],
        "time": [3, 4, 5, 6, 9],
        "status": [0, 0, 0, 0, 1],
        "plan": ["x", "x", "y", "y", "x"],
    }
)


def test_customers_of_several_intervals_are_counted_once() -> None:
    lives = lifetimes_from_frame(INTERVALS, customer_id="who", start="start", groups=["plan"])
    assert lives.summary() == ("2 customers followed, 1 left (50.0%), 1 censored; 1 entered late")
    n = lives.audit().frame.set_index("step")["n"]
    assert n["customers"] == n["followed"] == 2
    assert n["followed: left"] == n["followed: sight was lost (censored)"] == 1
    assert n["followed: entered late"] == 1
    assert lives.customers() == {"all": 2}
    assert lives.customers(by="plan") == {"x": 2, "y": 2}
    # Without names every row is somebody.
    assert lifetimes_from_frame(INTERVALS, start="start").customers() == {"all": 5}
    other = lifetimes_from_frame(
        INTERVALS.assign(who=list("abcde")), customer_id="who", start="start", groups=["plan"]
    )
    assert other.provenance.fingerprint != lives.provenance.fingerprint


def test_small_cells_and_n_are_customers() -> None:
    lives = lifetimes_from_frame(INTERVALS, customer_id="who", start="start", groups=["plan"])
    with pytest.raises(ArgumentError, match="No group has 3 customers or more"):
        kaplan_meier(lives, small_cell=3)
    with pytest.raises(ArgumentError, match="got 0"):
        log_rank(lives, by="plan", small_cell=3)
    more = pd.concat([INTERVALS.assign(who=INTERVALS["who"] + tail) for tail in "12"])
    more.loc[1, "status"] = 1  # b leaves plan x at 4, when a is in plan y
    tested = log_rank(
        lifetimes_from_frame(more, customer_id="who", start="start", groups=["plan"]),
        by="plan",
        small_cell=4,
    )
    assert tested.frame["n"].tolist() == [4, 4]
    # Whose the intervals are changes nothing about who is under risk when.
    assert kaplan_meier(lives, small_cell=2).frame["n_at_risk"].tolist() == [2, 2, 2, 2, 1]


# ---------------------------------------------------------------- laws


RULES = st.sampled_from(
    [Inactivity(7), Inactivity(20, "declaration"), EndTouchpoint("call"), EndTouchpoint("shop")]
)


def followed(journeys: Journeys, rule: Inactivity | EndTouchpoint) -> Lifetimes | None:
    try:
        return lifetimes(journeys.relabel({}), churn=rule)
    except (DataError, MappingError):
        return None


@given(any_journeys(min_customers=2), RULES, st.data())
def test_parts_of_the_customers_add_up(
    journeys: Journeys, rule: Inactivity | EndTouchpoint, data: st.DataObject
) -> None:
    mask = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(journeys), max_size=len(journeys)))
    )
    whole = followed(journeys, rule)
    parts = [followed(journeys.take(side), rule) for side in (mask, ~mask) if side.any()]
    counts = [part.counts() for part in parts if part is not None]
    assert (whole is None) == (not counts)
    if whole is None:
        return
    added = counts[0] if len(counts) == 1 else counts[0] + counts[1]
    assert np.array_equal(whole.counts().at, added.at)
    assert np.array_equal(whole.counts().n, added.n)


@given(any_journeys(), RULES, st.integers(-1000, 1000))
def test_the_calendar_does_not_matter(
    journeys: Journeys, rule: Inactivity | EndTouchpoint, shift: int
) -> None:
    by = shift * DAY
    assert journeys.time is not None
    assert journeys.observed_from is not None
    assert journeys.observed_to is not None
    later = journeys.replace(
        time=journeys.time + by,
        observed_from=journeys.observed_from + by,
        observed_to=journeys.observed_to + by,
        window=(by, 100 * DAY + by),
    )
    before, after = followed(journeys, rule), followed(later, rule)
    if before is None or after is None:
        assert before is after
        return
    same = [name for name in before.frame.columns if name != "origin_time"]
    pd.testing.assert_frame_equal(before.frame[same], after.frame[same])


@given(any_journeys(), st.integers(1, 40))
def test_declaration_is_last_activity_shifted(journeys: Journeys, threshold: int) -> None:
    last = followed(journeys, Inactivity(threshold))
    declared = followed(journeys, Inactivity(threshold, "declaration"))
    if last is None or declared is None:
        assert last is declared
        return
    assert last.left_out == declared.left_out
    for name in ("entry_days", "exit_days"):
        assert np.allclose(last.frame[name] + threshold, declared.frame[name])
    assert np.array_equal(last.frame["event"], declared.frame["event"])


@given(st.permutations(range(6)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    frame = pd.DataFrame(
        {"start": [0, 0, 1, 2, 0, 3], "time": [4, 4, 4, 5, 6, 6], "status": [1, 0, 1, 1, 0, 1]}
    )
    lives = lifetimes_from_frame(frame, start="start")
    shuffled = lifetimes_from_frame(frame.iloc[order], start="start")
    pd.testing.assert_frame_equal(
        kaplan_meier(lives, small_cell=1).frame, kaplan_meier(shuffled, small_cell=1).frame
    )
    assert lives.provenance.fingerprint == shuffled.provenance.fingerprint


# ---------------------------------------------------------------- real data


def enrolments(shared: Path) -> pd.DataFrame:
    folder = shared / "data/oulad"
    enrolled = pd.read_csv(folder / "student_registration.csv.gz")
    return enrolled.merge(pd.read_csv(folder / "course.csv"))


SURVIVAL = {False: [0.9312, 0.8579, 0.7814], True: [0.9310, 0.8577, 0.7813]}


@pytest.mark.parametrize("late", [False, True])
def test_oulad_from_a_frame(shared: Path, late: bool) -> None:
    table = enrolments(shared)
    table = table[~(table["date_unregistration"] <= 0)]
    length = table["module_presentation_length"]
    table["stop"] = table["date_unregistration"].fillna(np.inf).clip(upper=length)
    table["left"] = table["date_unregistration"] <= length
    table["start"] = table["date_registration"].fillna(0).clip(lower=0)
    lives = lifetimes_from_frame(table, start="start" if late else None, stop="stop", event="left")
    assert (len(lives.frame), lives.frame["event"].sum()) == (29_496, 6_974)
    read = kaplan_meier(lives).survival_at([30, 100, 200]).frame
    assert read["estimate"].round(4).tolist() == SURVIVAL[late]


@pytest.mark.parametrize("late", [False, True])
def test_oulad_through_events_and_journeys(shared: Path, late: bool) -> None:
    from journeykit.events import read_events
    from journeykit.journeys import journeys

    key = ["id_student", "code_module", "code_presentation"]
    table = enrolments(shared).rename(columns={"module_presentation_length": "length"})
    events = table.melt(
        id_vars=key, value_vars=["date_registration", "date_unregistration"], value_name="day"
    ).dropna(subset=["day"])
    # 45 enrolments have no registration day; they are known to be there when the course begins.
    unknown = table[table["date_registration"].isna()].assign(variable="date_registration", day=0)
    events = pd.concat([events, unknown[[*key, "variable", "day"]]])
    log = read_events(
        events.assign(event=events["variable"].str.removeprefix("date_")),
        customer=key,
        time="day",
        touchpoint="event",
        time_unit="day",
        origin="2000-01-01",
    )
    origin = np.datetime64("2000-01-01", "us")
    begin = table["date_registration"].fillna(0).clip(lower=0) if late else 0 * table["length"]
    customers = pa.table(
        {
            "customer": ["/".join(map(str, who)) for who in table[key].itertuples(index=False)],
            "observed_from": origin + begin.to_numpy(dtype="timedelta64[D]"),
            "observed_to": origin + table["length"].to_numpy(dtype="timedelta64[D]"),
            "begins": np.full(len(table), origin),
        }
    )
    built = journeys(log, customers=customers, window=("1998-01-01", "2001-01-01"))
    lives = lifetimes(built, churn=EndTouchpoint("unregistration"), start=StartAttribute("begins"))
    assert (len(lives.frame), lives.frame["event"].sum()) == (29_496, 6_974)
    assert sum(lives.left_out.values()) == 32_593 - 29_496
    read = kaplan_meier(lives).survival_at([30, 100, 200]).frame
    assert read["estimate"].round(4).tolist() == SURVIVAL[late]


def test_who_comes_back_after_saying_goodbye_is_counted() -> None:
    people = made(
        [[(1, "in"), (10, "out"), (20, "in")], [(1, "in"), (10, "out")], [(2, "in"), (30, "mail")]]
    )
    lives = lifetimes(people, churn=EndTouchpoint("out"), activity=["in", "out"])
    assert (int(lives.frame["event"].sum()), lives.returned) == (2, 1)
    # they were there when the window began, and nothing says that they had not been before
    assert lives.frame["edge"].tolist() == [True] * 3
    started = lifetimes(people, churn=EndTouchpoint("out"), start=StartTouchpoint("in"))
    assert started.frame["edge"].tolist() == [False] * 3
