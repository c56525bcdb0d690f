from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY, SECOND
from journeykit.paths import Precursors, precursors
from journeykit.paths.sequences.moments import COMPARED_ONLY, EXPOSED_ONLY, moments
from journeykit.paths.sequences.risk import at_risk
from journeykit.stats.risk_sets import geometric_bins
from tests.strategies import journeys as random_journeys
from tests.truth.preceded import HORIZON, OUTCOME, PLANTED, SENT, Shop, journeys_of

MONDAY = 4 * DAY
EFFECTS = ["n_exposed", "n_event", "n_compared", "risk", "risk_compared", "risk_ratio"]


def of_events(rows: list[tuple[int, str, float]], *, days: int = 60) -> Journeys:
    """Make journeys of (customer, touchpoint, day), watched from Monday on for `days`."""
    frame = pd.DataFrame(rows, columns=["who", "what", "day"]).sort_values(["who", "day"])
    names = tuple(sorted(frame["what"].unique()))
    n = int(frame["who"].max()) + 1
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(what) for what in frame["what"]], dtype=np.uint8),
        time=MONDAY + (frame["day"].to_numpy() * DAY).astype(np.int64),
        start=np.concatenate([[0], np.cumsum(np.bincount(frame["who"], minlength=n))]),
        observed_to=np.full(n, MONDAY + days * DAY),
    )


def demo_or_read(days: int = 60) -> Journeys:
    """100 customers: half see a demo on day 1 and half of these buy; of the others a fifth."""
    rows = []
    for who in range(100):
        demo = who % 2 == 0
        rows += [(who, "visit", 0), (who, "demo" if demo else "read", 1.0)]
        if (who // 2) % 10 < (5 if demo else 2):
            rows.append((who, "buy", 5))
    return of_events(rows, days=days)


def found_in(journeys: Journeys, **changes: object) -> Precursors:
    given: dict[str, object] = {"outcome": ["buy"], "horizon_days": 7, "support": 1, "length": 2}
    return precursors(journeys, **(given | changes))  # type: ignore[arg-type]


def test_worked_by_hand() -> None:
    found = found_in(demo_or_read(), small_cell=5)
    frame = found.frame.set_index("pattern")
    row = frame.loc["demo"]
    assert row[EFFECTS].tolist() == pytest.approx([50, 25, 50, 0.5, 0.2, 2.5])
    assert row["risk_difference"] == pytest.approx(0.3)
    assert (row["n"], row["share"]) == (50, 0.5)
    # at the same moment of the journey, so "visit > demo" tells the same, and is closed
    assert frame.loc["visit > demo", EFFECTS].tolist() == row[EFFECTS].tolist()
    assert frame.loc[["demo", "visit > demo"], "closed"].tolist() == [False, True]
    # everybody visits first: nobody can be compared
    assert frame.loc["visit", "verdict"] == "too few"
    assert found.n_tried == 4
    assert "buy" not in frame.index


def test_what_happens_at_the_instant_of_the_outcome_is_no_predictor() -> None:
    rows = [(who, "visit", 0) for who in range(20)] + [(who, "read", 1) for who in range(20)]
    rows += [(who, what, 3) for who in range(10) for what in ("buy", "thanks")]
    rows += [(who, "visit", 4) for who in range(10)]  # after the outcome: nothing to do with it
    found = found_in(of_events(rows))
    assert sorted(found.frame["pattern"]) == ["read", "visit", "visit > read"]
    assert found.leaking == ("thanks",)


def test_a_step_of_the_outcome_is_named_and_compared_with_nothing() -> None:
    rows = []
    for who in range(60):
        rows += [(who, "visit", 0), (who, "read" if who % 2 else "demo", 1)]
        if who % 3 == 0:
            rows += [(who, "checkout", 2), (who, "buy", 2 + 5 / 1440)]
    found = found_in(of_events(rows))
    frame = found.frame.set_index("pattern")
    assert found.leaking == ("checkout",)
    assert frame.loc["visit > checkout", "verdict"] == "part of the outcome"
    assert frame.loc["checkout", ["n_exposed", "risk_ratio", "p_value"]].isna().all()
    # 10 of 30 after each: as many, since checkouts are not among what they are compared with
    assert frame.loc["demo", "risk_ratio"] == 1
    assert "part of the outcome and not tested: checkout" in found.summary()


def test_only_moments_with_a_watched_horizon_count() -> None:
    # on day 1 a horizon of 7 days ends with day 8, and the watching before it does
    assert found_in(demo_or_read(days=8)).frame["n_exposed"].max() == 50
    with pytest.raises(DataError, match="No event is watched for 7.5 days afterwards"):
        found_in(demo_or_read(days=7), horizon_days=7.5)
    found = found_in(demo_or_read(days=8), horizon_days=7.5)
    assert found.n_unwatched == 100
    assert found.frame["n_exposed"].max() == 0


def test_the_horizon_includes_its_last_moment() -> None:
    on, after = (found_in(demo_or_read(), horizon_days=days) for days in (4, 3.999))
    assert on.frame.set_index("pattern").loc["demo", "n_event"] == 25
    assert after.frame.set_index("pattern").loc["demo", "n_event"] == 0


def test_stages_are_held_equal() -> None:
    made = demo_or_read()
    stage = pa.table({"stage": ["new" if who % 4 < 2 else None for who in range(100)]})
    apart = found_in(made.replace(attributes=stage), held_equal=["stage"])
    row = apart.frame.set_index("pattern").loc["demo"]
    # 25 of each in both stages: risks of 12/25 and 13/25, or so, against those in the same stage
    assert (row["n_exposed"], row["n_compared"]) == (50, 50)
    by_touch = made.replace(columns={"stage": made.touchpoint.astype(np.int64)})
    alone = found_in(by_touch, held_equal=["stage"]).frame
    assert (alone["verdict"] == "too few").all()


def test_what_is_sent_is_compared_with_random_moments() -> None:
    made = journeys_of(Shop(), customers=400, seed=1)
    risk = at_risk(made, np.array(made.names) == OUTCOME, small_cell=10)
    sent = np.isin(made.names, SENT)
    laid = moments(risk, horizon=HORIZON * DAY, sent=sent, by_firm=True, held_equal=(), seed=1)
    drawn = laid.serves == COMPARED_ONLY
    assert (laid.serves[~drawn] == EXPOSED_ONLY).all()
    assert sent[risk.journeys.touchpoint[laid.place[~drawn]]].all()
    assert (np.diff(laid.customer) >= 0).all()
    # one a week under risk: every draw's next event is the customer's, or the next one's first
    start = risk.journeys.start
    assert (laid.place >= start[laid.customer]).all()
    assert (laid.place <= start[laid.customer + 1]).all()
    end = np.minimum(risk.outcome, risk.watched_to - HORIZON * DAY)
    weeks = np.maximum(end - risk.entry, 0) / (7 * DAY)
    n = np.bincount(laid.customer[drawn], minlength=len(weeks))
    assert ((n == np.floor(weeks)) | (n == np.ceil(weeks))).all()
    assert n.sum() == pytest.approx(weeks.sum(), rel=0.02)


@settings(max_examples=60)
@given(random_journeys(min_customers=3), st.integers(1, 40))
def test_effects_are_those_of_a_plain_loop(made: Journeys, horizon_days: int) -> None:
    outcome = np.array(made.names) == "shop"
    try:
        found = found_in(made, outcome=["shop"], horizon_days=horizon_days, small_cell=100)
    except DataError:
        return
    for row in found.frame.itertuples():
        codes = tuple(made.names.index(name) for name in row.pattern.split(" > "))
        exposed, event, compared, top, bottom = looped(made, outcome, codes, horizon_days)
        assert (row.n_exposed, row.n_event, row.n_compared) == (exposed, event, compared)
        if bottom > 0:
            assert row.risk_ratio == pytest.approx(top / bottom)
        else:
            assert np.isnan(row.risk_ratio)


def looped(
    made: Journeys, outcome: np.ndarray, codes: tuple[int, ...], horizon_days: int
) -> tuple[int, int, int, float, float]:
    assert made.time is not None
    assert made.observed_to is not None
    strata: dict[tuple[int, ...], list[tuple[int, bool]]] = {}
    for who in range(len(made)):
        events = range(made.start[who], made.start[who + 1])
        bought = [made.time[e] for e in events if outcome[made.touchpoint[e]]]
        first = min(bought, default=np.iinfo(np.int64).max)
        before = [e for e in events if made.time[e] < first]
        step, visits, pages, last, done = 0, 0, 0, None, False
        for event in before:
            time = made.time[event]
            same = last is not None and time - last <= 1800 * SECOND
            visits, pages = (visits, pages + 1) if same else (visits + 1, 0)
            last = time
            step += made.touchpoint[event] == codes[step]
            completes = step == len(codes)
            if not done and time + horizon_days * DAY <= made.observed_to[who]:
                key = (
                    *geometric_bins([time - made.time[events[0]]], first=60 * SECOND, ratio=1.5),
                    (time - 4 * DAY) // (7 * DAY),
                    *geometric_bins([visits - 1, pages], first=1, ratio=1.4),
                )
                strata.setdefault(key, []).append((completes, first <= time + horizon_days * DAY))
            if completes:
                done, step = True, 0
            if done:
                break
    exposed = event = compared = 0
    top = bottom = 0.0
    for rows in strata.values():
        e, a = sum(r for r, _ in rows), sum(r and y for r, y in rows)
        c, b = len(rows) - e, sum(y and not r for r, y in rows)
        if e and c:
            exposed, event, compared = exposed + e, event + a, compared + c
            top, bottom = top + a * c / len(rows), bottom + b * e / len(rows)
    return exposed, event, compared, top, bottom


@settings(max_examples=15)
@given(st.integers(0, 1000))
def test_names_ids_weeks_and_order_do_not_matter(seed: int) -> None:
    made = journeys_of(Shop(), customers=150, seed=seed)
    assert made.time is not None
    shift = 5 * 7 * DAY
    moved = made.replace(
        time=made.time + shift,
        observed_from=made.observed_from + shift,
        observed_to=made.observed_to + shift,
        window=(made.window[0] + shift, made.window[1] + shift),
    )
    renamed = moved.relabel({name: name[::-1] for name in made.names})
    one = found_in(made, outcome=[OUTCOME], sent=SENT, support=0.2, seed=seed).frame
    two = found_in(
        renamed, outcome=[OUTCOME[::-1]], sent=[n[::-1] for n in SENT], support=0.2, seed=seed
    ).frame
    back = two["pattern"].str.split(" > ").map(lambda names: " > ".join(n[::-1] for n in names))
    two = two.assign(pattern=back).set_index("pattern").loc[one["pattern"]].reset_index()
    numbers = one.columns.difference(["pattern", "verdict"])
    np.testing.assert_allclose(
        one[numbers].astype(float), two[numbers].astype(float), rtol=1e-7, atol=1e-12
    )
    assert one["verdict"].tolist() == two["verdict"].tolist()


def test_a_planted_pattern_holds_and_is_told() -> None:
    made = journeys_of(Shop(ratio=2.0, risk=0.2), customers=4000, seed=2)
    found = precursors(made, outcome=[OUTCOME], horizon_days=HORIZON, sent=SENT, length=2, seed=1)
    assert found.frame.loc[0, ["pattern", "verdict"]].tolist() == [PLANTED, "holds"]
    top = found.frame.iloc[0]
    assert top["ratio_low"] < 1.9 < top["ratio_high"]
    assert 1 < top["holdout_low"] < top["holdout_high"]
    assert top["q_value"] < 1e-4
    assert found.summary().startswith(
        f"{found.n_tried} patterns tried on {found.n_customers:,} customers"
    )
    assert f"after {PLANTED} " in found.summary()
    ax = found.plot()
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels[0] == f"{PLANTED} ({top['n_exposed']:,})"
    assert len(labels) == 15
    again = precursors(made, outcome=[OUTCOME], horizon_days=HORIZON, sent=SENT, length=2, seed=1)
    pd.testing.assert_frame_equal(found.frame, again.frame)
    assert found.provenance.seed == 1
    assert found.provenance.fingerprint == made.fingerprint


def test_nothing_holds_without_enough_to_tell() -> None:
    found = found_in(demo_or_read(), small_cell=60)
    assert found.n_tried == 0
    assert (found.frame["verdict"] == "too few").all()
    assert found.summary() == (
        "0 patterns tried on 100 customers: 0 hold in discovery (q <= 0.05) and on held-out "
        "customers"
    )
    assert len(found.plot().get_yticklabels()) == 0


def test_bad_arguments() -> None:
    made = demo_or_read()
    for name in ("q", "holdout", "confidence"):
        with pytest.raises(ArgumentError, match=f"`{name}` must lie strictly between 0 and 1"):
            found_in(made, **{name: 1.0})
    with pytest.raises(ArgumentError, match="`horizon_days` must be a number greater than 0"):
        found_in(made, horizon_days=0)
    with pytest.raises(ArgumentError, match="`outcome` must name at least one touchpoint"):
        found_in(made, outcome=[])
    with pytest.raises(ArgumentError, match="`outcome` and `sent` both name 'buy'"):
        found_in(made, sent=["buy"])
    with pytest.raises(MappingError, match="`outcome` names touchpoints that do not exist: 'bye'"):
        found_in(made, outcome=["bye"])
    with pytest.raises(MappingError, match="`held_equal` names attributes or event columns"):
        found_in(made, held_equal=["stage"])
    with pytest.raises(ArgumentError, match="`held_equal` must be a list of names"):
        found_in(made, held_equal="stage")
    with pytest.raises(NotObservedError, match="needs the time of each event"):
        found_in(made.replace(time=None, observed_to=None))
    with pytest.raises(ArgumentError, match="already cut into pieces"):
        found_in(made.sessions("30min"))
    twice = made.replace(customer_index=np.arange(100) // 2, customer_id=np.arange(50))
    with pytest.raises(DataError, match="needs one journey a customer; got 100 of 50 customers"):
        found_in(twice)
    with pytest.raises(DataError, match="No customer has an event before the outcome"):
        found_in(of_events([(0, "buy", 0), (0, "visit", 1)]))
    with pytest.raises(DataError, match="No touchpoint is met by 101 of 100 customers"):
        found_in(made, support=101)


def mailed(seed: int, *, customers: int = 1500) -> Journeys:
    """Mails, visits and orders at constant rates that have nothing to do with one another.

    Customers enter inside the window without an event; some never have one.
    """
    rng = np.random.default_rng(seed)
    entry, end = rng.integers(0, 60, customers) * DAY, 120 * DAY
    order = entry + (rng.exponential(50, customers) * DAY).astype(np.int64)
    parts = []
    for code in (0, 2):
        who = np.repeat(np.arange(customers), rng.poisson(0.03 * (end - entry) / DAY))
        time = (entry[who] + rng.random(len(who)) * (end - entry[who])).astype(np.int64)
        parts.append((who, time, np.full(len(who), code)))
    buys = np.flatnonzero(order < end)
    parts.append((buys, order[buys], np.full(len(buys), 1)))
    who, time, what = (np.concatenate(column) for column in zip(*parts, strict=True))
    kept = time <= order[who]
    sort = np.lexsort((time[kept], who[kept]))
    return Journeys(
        names=("mail", "order", "visit"),
        touchpoint=what[kept][sort].astype(np.uint8),
        time=time[kept][sort],
        start=np.concatenate([[0], np.cumsum(np.bincount(who[kept], minlength=customers))]),
        observed_from=entry,
        observed_to=np.full(customers, end),
        window=(-1, end),
    )


def test_those_who_have_done_nothing_yet_are_under_risk() -> None:
    # Left out until they do something before the outcome, they are sure not to have it until then:
    # harmless mails had a ratio of 1.6 to 1.9 and held in 10 of 10 worlds of 3,000 customers.
    ratios = []
    for seed in range(4):
        frame = precursors(
            mailed(seed), outcome=["order"], horizon_days=14, sent=["mail"], length=1, seed=seed
        ).frame
        ratios.append(frame.set_index("pattern").loc["mail", "risk_ratio"])
    assert np.mean(ratios) == pytest.approx(1, abs=0.08)


def test_a_customer_without_events_is_compared_but_not_counted() -> None:
    made = mailed(0)
    empty = np.flatnonzero(made.length == 0)
    assert len(empty) > 0
    is_outcome = np.array([False, True, False])
    risk = at_risk(made, is_outcome, small_cell=10)
    there = np.isin(made.customer_id.to_numpy()[empty], risk.journeys.customer_id.to_numpy())
    assert there.all()
    found = precursors(made, outcome=["order"], horizon_days=14, sent=["mail"], length=1)
    assert found.n_customers == (risk.journeys.length > 0).sum() < len(risk.journeys)


def test_a_column_before_the_first_event_is_not_that_of_the_next() -> None:
    made = mailed(0)
    later = np.arange(made.n_events).astype(str)  # a value of its own for each event
    marked = made.replace(columns={"stage": later})
    risk = at_risk(marked, np.array([False, True, False]), small_cell=10)
    sent = np.array([True, False, False])
    laid = moments(risk, horizon=14 * DAY, sent=sent, by_firm=True, held_equal=["stage"], seed=0)
    nothing_yet = laid.place == risk.journeys.start[laid.customer]
    # where the next event told, each would be alone with its own value
    n = np.bincount(laid.stratum, minlength=laid.n_strata)
    assert n[laid.stratum[nothing_yet]].max() > 10
    assert n[laid.stratum[~nothing_yet]].max() <= 10
