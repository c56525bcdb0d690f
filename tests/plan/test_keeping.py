from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.plan import Plan, rules_kept
from journeykit.simulate import world
from tests.strategies import NAMES
from tests.strategies import journeys as random_journeys

COUNTS = ["n_fired", "n_open", "n_excused", "n", "n_honoured", "n_late", "n_never"]


def lived(*customers: str, watched: int = 100, **more: object) -> Journeys:
    """Return journeys written as ``a0 b3.5``: a touchpoint and a day each."""
    events = [[(word[0], float(word[1:])) for word in customer.split()] for customer in customers]
    names = tuple(sorted({*"abc", *(name for journey in events for name, _ in journey)}))
    flat = [event for journey in events for event in journey]
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(name) for name, _ in flat], dtype=np.uint8),
        start=np.cumsum([0, *map(len, events)]),
        time=np.array([round(day * DAY) for _, day in flat], dtype=np.int64),
        observed_to=np.full(len(events), watched * DAY),
        **more,
    )


def promised(days: float = 2, *, to: str = "b", step: str = "a") -> Plan:
    promise = {"touchpoints": to, "within_days": days}
    return Plan(name="x", steps=[{"step": step, "promise": promise}])


def due(*steps: object, **more: object) -> Plan:
    return Plan(name="x", steps=steps, **more)


def counts(journeys: Journeys, plan: Plan) -> tuple[int, ...]:
    frame = rules_kept(journeys, plan, small_cell=1).frame
    return tuple(frame.loc[0, COUNTS])


B = {"step": "b", "within_days": 3}


@pytest.mark.parametrize(
    ("journey", "plan", "expected"),
    [
        # fired, open, excused, due, honoured, late, never
        ("a0 b2", promised(), (1, 0, 0, 1, 1, 0, 0)),
        ("a0 b2.01", promised(), (1, 0, 0, 1, 0, 1, 0)),
        ("a0 c1", promised(), (1, 0, 0, 1, 0, 0, 1)),
        # One reaction answers all before it.
        ("a0 a1 b3", promised(), (2, 0, 0, 2, 1, 1, 0)),
        ("b0 a1", promised(), (1, 0, 0, 1, 0, 0, 1)),
        # The deadline at the very end of the watching was not seen; one just before was.
        ("a98 b99", promised(), (1, 1, 0, 0, 0, 0, 0)),
        ("a97.99 b98", promised(), (1, 0, 0, 1, 1, 0, 0)),
        ("a97.99 c98", promised(), (1, 0, 0, 1, 0, 0, 1)),
        # The same instant counts, however it is sorted; nothing answers itself.
        ("b5 c5", promised(step="c"), (1, 0, 0, 1, 1, 0, 0)),
        ("a0 a3", promised(to="a"), (2, 0, 0, 2, 0, 1, 1)),
        ("a0 b3", due("a", B), (1, 0, 0, 1, 1, 0, 0)),
        ("a0 b4", due("a", B), (1, 0, 0, 1, 0, 1, 0)),
        # The clock starts anew with the step before, unless the deadline was over.
        ("a0 a2 b4", due("a", B), (1, 0, 0, 1, 1, 0, 0)),
        ("a0 a4 b5", due("a", B), (2, 0, 0, 2, 1, 1, 0)),
        ("a0 b1 a2 b9", due("a", B), (2, 0, 0, 2, 1, 1, 0)),
        # All that go together must have come.
        ("a0 c9 b11", due({"together": ["a", "c"]}, B), (1, 0, 0, 1, 1, 0, 0)),
        ("a0 c1 c3 b9", due({"together": ["a", "c"]}, B), (1, 0, 0, 1, 0, 1, 0)),
        ("a0 b11", due({"together": ["a", "c"]}, B), (0, 0, 0, 0, 0, 0, 0)),
        # What the plan allows instead excuses within the deadline.
        ("a0 c2 b9", due("a", {"choice": [B, "c"]}), (1, 0, 1, 0, 0, 0, 0)),
        ("a0 c4 b9", due("a", {"choice": [B, "c"]}), (1, 0, 0, 1, 0, 1, 0)),
        ("a0 b1 c2", due("a", {"choice": [B, "c"]}), (1, 0, 0, 1, 1, 0, 0)),
        ("a0 b1 c1", due("a", {"choice": [B, "c"]}), (1, 0, 0, 1, 1, 0, 0)),
        ("a0 c1", due("a", {**B, "optional": True}, "c"), (1, 0, 1, 0, 0, 0, 0)),
        # From the beginning of the case; a case may begin with the step itself.
        ("a0 b3", due(B, "a"), (1, 0, 0, 1, 1, 0, 0)),
        ("b0 a3", due(B, "a"), (1, 0, 0, 1, 1, 0, 0)),
        ("c0 a9 b11", due(B, "a"), (1, 0, 0, 1, 1, 0, 0)),
        ("a0 b4", due(B, "a"), (1, 0, 0, 1, 0, 1, 0)),
        ("b0 a1 a50 b52 b53", due(B, "a", pause_days=20), (2, 0, 0, 2, 2, 0, 0)),
        ("a0 m10 a20 b22", due(B, "a", pause_days=15, beside="m"), (2, 0, 0, 2, 1, 1, 0)),
        # A failed try of a step begins a case.
        ("f0 b2", due({**B, "failed_by": "f"}), (1, 0, 0, 1, 1, 0, 0)),
    ],
)  # fmt: skip
def test_outcomes_worked_by_hand(journey: str, plan: Plan, expected: tuple[int, ...]) -> None:
    assert counts(lived(journey), plan) == expected


def test_events_that_failed_neither_start_a_clock_nor_answer() -> None:
    status = np.array(["ok", "error", "ok", "error"], dtype=object)
    for column, values in ((status, "error"), (np.array([0, 1, 0, 1.5]), ["1", "1.5"])):
        made = lived("a0 b1 b5 a50", columns={"status": column})
        plan = due("a", B, failed={"column": "status", "values": values})
        assert counts(made, plan) == (1, 0, 0, 1, 0, 1, 0)


def test_cases_that_may_have_begun_before_the_watching_start_no_clock() -> None:
    made = lived("a1 b2", "a1 b2", observed_from=np.array([0, 1]) * DAY, window=(0, 100 * DAY))
    kept = rules_kept(made, due(B, "a"), small_cell=1)
    assert (kept.frame.loc[0, "n_fired"], kept.n_unseen) == (1, 1)
    paused = lived("a30 b32", observed_from=np.array([0]), window=(0, 100 * DAY))
    assert rules_kept(paused, due(B, "a", pause_days=9), small_cell=1).n_unseen == 0


def test_planted_shares_are_recovered_by_count() -> None:
    rng = np.random.default_rng(3)
    outcome = rng.permutation(np.repeat(["honoured", "late", "never", "open"], [800, 150, 50, 70]))
    rows = []
    for kind in outcome:
        begin = rng.uniform(0, 80) if kind != "open" else rng.uniform(98.1, 99.5)
        answer = {"honoured": begin + 2 * rng.random(), "late": begin + rng.uniform(2.1, 15)}
        rows.append(f"a{begin} " + (f"b{answer[kind]}" if kind in answer else f"c{begin}"))
    frame = rules_kept(lived(*rows), promised()).frame
    assert tuple(frame.loc[0, COUNTS]) == (1070, 70, 0, 1000, 800, 150, 50)
    assert frame.loc[0, ["honoured", "late", "never"]].tolist() == [0.8, 0.15, 0.05]


def test_the_company_is_found_to_keep_what_was_planted() -> None:
    made = world(customers=600, seed=8, parts=("orders", "purchases"))
    plan = promised(120 / 86400, to="email_confirmation", step="thank_you_page")
    row = rules_kept(made.journeys(), plan).frame.loc[0]
    truth = made.truth["purchases"]
    assert (row["n_fired"], row["n_open"]) == (truth.cases, 0)
    assert row["n_late"] + row["n_never"] == truth.count["missing"] > 0


def brute(journeys: Journeys, plan: Plan) -> tuple[int, ...]:
    """Count the promise of a plan event by event."""
    step = plan.all_steps[0]
    days = step.promise.within_days
    found = dict.fromkeys(COUNTS, 0)
    for i in range(len(journeys)):
        events = range(journeys.start[i], journeys.start[i + 1])
        name = {e: journeys.names[journeys.touchpoint[e]] for e in events}
        time = {e: journeys.time[e] / DAY for e in events}
        triggers = [e for e in events if name[e] in step.seen_as]
        for e in triggers:
            found["n_fired"] += 1
            waits = [
                time[r] - time[e]
                for r in events
                if name[r] in step.promise.touchpoints
                and (r > e or (time[r] == time[e] and r not in triggers))
            ]
            if time[e] + days >= journeys.observed_to[i] / DAY:
                found["n_open"] += 1
                continue
            found["n"] += 1
            kind = "never" if not waits else "honoured" if min(waits) <= days else "late"
            found[f"n_{kind}"] += 1
    return tuple(found.values())


@given(
    made=random_journeys(),
    to=st.lists(st.sampled_from(NAMES), min_size=1, max_size=2),
    days=st.sampled_from([0.5, 1, 5, 30]),
)
@settings(max_examples=120, deadline=None)
def test_promises_agree_with_counting_event_by_event(
    made: Journeys, to: list[str], days: float
) -> None:
    promise = {"touchpoints": to, "within_days": days}
    plan = Plan(name="x", steps=[{"step": "s", "touchpoints": ["call", "web"], "promise": promise}])
    kept = rules_kept(made, plan, small_cell=1).frame
    assert tuple(kept.loc[0, COUNTS]) == brute(made, plan)


def brute_deadline(journeys: Journeys, days: float) -> tuple[int, ...]:
    """Walk each journey with a clock, for `shop` due after `call` or `web`, or `mail` instead."""
    found = dict.fromkeys(COUNTS, 0)
    for i in range(len(journeys)):
        part = slice(journeys.start[i], journeys.start[i + 1])
        name = [journeys.names[code] for code in journeys.touchpoint[part]]
        time = (journeys.time[part] / DAY).tolist()
        clocks = []
        for place, (what, when) in enumerate(zip(name, time, strict=True)):
            if what not in ("call", "web"):
                continue
            later = [w for w, n in zip(time[place:], name[place:], strict=True) if n == "shop"]
            if ("shop", when) in zip(name, time, strict=True):
                clocks.append((when, when, place))
                continue
            after = next((j for j in range(place, len(name)) if name[j] == "shop"), len(name))
            again = [
                j
                for j in range(place + 1, after)
                if name[j] in ("call", "web")
                and ("shop", time[j]) not in zip(name, time, strict=True)
            ]
            if again and time[again[0]] - when <= days:
                continue
            clocks.append((when, later[0] if later else np.inf, place))
        for when, answer, place in clocks:
            found["n_fired"] += 1
            mails = [w for w, n in zip(time[place:], name[place:], strict=True) if n == "mail"]
            if when + days >= journeys.observed_to[i] / DAY:
                found["n_open"] += 1
            elif mails and mails[0] < answer and mails[0] <= when + days:
                found["n_excused"] += 1
            else:
                kind = (
                    "honoured" if answer <= when + days else "late" if answer < np.inf else "never"
                )
                found["n"] += 1
                found[f"n_{kind}"] += 1
    return tuple(found.values())


@given(made=random_journeys(), days=st.sampled_from([1, 5, 30]))
@settings(max_examples=100, deadline=None)
def test_deadlines_agree_with_walking_with_a_clock(made: Journeys, days: float) -> None:
    plan = due(
        {"choice": ["call", "web"]}, {"choice": [{"step": "shop", "within_days": days}, "mail"]}
    )
    assert counts(made, plan) == brute_deadline(made, days)


@given(made=random_journeys(min_customers=2), seed=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_parts_of_the_customers_add_up(made: Journeys, seed: int) -> None:
    plan = due(
        "call",
        {"step": "web", "within_days": 9, "promise": {"touchpoints": "mail", "within_days": 4}},
    )
    mask = np.random.default_rng(seed).random(len(made)) < 0.5
    whole, one, other = (
        rules_kept(part, plan, small_cell=1).frame[COUNTS].to_numpy()
        for part in (made, made.take(mask), made.take(~mask))
    )
    assert (whole == one + other).all()


def worlds(n_worlds: int, *, confidence: float = 0.95) -> np.ndarray:
    """Return how often the interval covers: 150 customers fire 1 to 12 times, some always late."""
    rng = np.random.default_rng(11)
    covered = []
    for _ in range(n_worlds):
        fires = rng.integers(1, 13, 150)
        # Half the spread of honouring lies between customers, and is no matter of how often.
        chance = rng.beta(4, 2, 150)
        who = np.repeat(np.arange(150), fires)
        kept = rng.random(len(who)) < chance[who]
        begin = np.concatenate([np.arange(n) * 7.0 for n in fires])
        time = np.stack([begin, begin + np.where(kept, 1.0, 3.0)], axis=1).ravel()
        made = Journeys(
            names=("a", "b"),
            touchpoint=np.tile(np.array([0, 1], dtype=np.uint8), len(who)),
            start=np.concatenate([[0], np.cumsum(2 * fires)]),
            time=(time * DAY).astype(np.int64),
            observed_to=np.full(150, 1000 * DAY),
        )
        row = rules_kept(made, promised(), confidence=confidence).frame.loc[0]
        # The share of all that fire: customers' chances do not depend on how often they do.
        covered.append(row["honoured_low"] <= 4 / 6 <= row["honoured_high"])
    return np.array(covered)


def test_intervals_cover_where_customers_count_many_times() -> None:
    assert 0.90 <= worlds(120).mean() <= 0.99


def test_the_median_is_kaplan_meiers() -> None:
    from lifelines import KaplanMeierFitter

    rng = np.random.default_rng(5)
    begin, wait = rng.uniform(0, 95, 300), rng.exponential(8, 300)
    rows = [f"a{b} b{b + w}" if b + w < 100 else f"a{b}" for b, w in zip(begin, wait, strict=True)]
    frame = rules_kept(lived(*rows), promised(3)).frame.loc[0]
    came = begin + wait < 100
    fitted = KaplanMeierFitter().fit(np.where(came, wait, 100 - begin), came)
    assert frame["median_days"] == pytest.approx(fitted.median_survival_time_, abs=1e-9)
    assert frame["median_low"] < frame["median_days"] < frame["median_high"]


def test_groups_are_apart_and_small_ones_emptied() -> None:
    rows = ["a0 b1"] * 30 + ["a0 b9"] * 20 + ["a0 b1"] * 3
    segments = ["x"] * 30 + ["y"] * 20 + [None] * 3
    made = lived(*rows, attributes=pa.table({"segment": segments}))
    kept = rules_kept(made, promised(), by="segment")
    frame = kept.frame.set_index("group")
    assert list(frame.index) == ["(unknown)", "x", "y"]
    assert frame.loc["x", ["n", "n_honoured", "honoured"]].tolist() == [30, 30, 1]
    # A second row is emptied, or the small one could be told from the sum.
    assert kept.n_hidden == 2
    assert frame.loc[["(unknown)", "y"], [*COUNTS, "honoured", "late_low"]].isna().all(axis=None)
    whole = rules_kept(made, promised(), by="segment", small_cell=1)
    assert whole.frame["n"].sum() == 53
    assert whole.summary() == (
        "1 rule; kept least: b promised within 2 d of a (y), in time 0.0% of 20 (0.0% to 16.1%), "
        "late 100.0%, never 0.0%"
    )


def test_a_reaction_that_nobody_could_see_is_not_observed() -> None:
    kept = rules_kept(lived(*["a0"] * 20, "a0 c1"), promised(to="zeal"))
    row = kept.frame.loc[0]
    assert (row["observed"], row["n_fired"], row["n"]) == (False, 21, 21)
    assert row[["n_never", "never", "median_days"]].isna().all()
    assert kept.summary() == "1 rule; not observed: zeal promised within 2 d of a"


def test_a_rule_that_never_fired_has_no_shares() -> None:
    row = rules_kept(lived("b0", "b1"), promised()).frame.loc[0]
    assert (row["n_fired"], row["n"], row["n_customers"]) == (0, 0, 0)
    assert np.isnan(float(row["honoured"]))


def test_mistakes_say_their_mend() -> None:
    made, plan = lived("a0 b1"), promised()
    with pytest.raises(DataError, match="has no rule to check: give a step a `promise`"):
        rules_kept(made, Plan(name="x", steps=["a"]))
    with pytest.raises(MappingError, match="`by` names attributes that do not exist: 'area'"):
        rules_kept(made, plan, by="area")
    with pytest.raises(MappingError, match="`failed` names event columns that do not exist"):
        rules_kept(made, due("a", B, failed={"column": "status", "values": "error"}))
    with pytest.raises(ArgumentError, match="cut into pieces; call it before `sessions`"):
        rules_kept(made.sessions("1d"), plan)
    with pytest.raises(ArgumentError, match="`collapse_repeats` has forgotten"):
        rules_kept(made.collapse_repeats(), plan)
    with pytest.raises(NotObservedError, match="until when customers were watched"):
        rules_kept(made.replace(observed_to=None), plan)
    with pytest.raises(NotObservedError, match="needs the time of each event"):
        rules_kept(made.replace(time=None), plan)
    with pytest.raises(ArgumentError, match="`confidence` must lie strictly between"):
        rules_kept(made, plan, confidence=95)


def test_the_picture_has_a_bar_a_rule_and_group() -> None:
    made = lived(
        *itertools.chain(["a0 b1"] * 12, ["a0 b9"] * 12),
        attributes=pa.table({"segment": ["x"] * 12 + ["y"] * 12}),
    )
    ax = rules_kept(made, promised(), by="segment").plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x (12)", "y (12)"]
    assert "b promised within 2 d of a" in [text.get_text() for text in ax.texts]
    bars = [[bar.get_width() for bar in group] for group in ax.containers]
    assert np.sum(bars, axis=0).tolist() == [1, 1]
    plt.close(ax.figure)
    empty = rules_kept(lived("b0"), promised()).plot()
    assert not empty.get_yticklabels()
    plt.close(empty.figure)
