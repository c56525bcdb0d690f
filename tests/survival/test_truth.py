"""Against worlds whose truth is known: lives are exponential, activity is a Poisson process."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.simulate import world
from journeykit.survival import (
    EndAttribute,
    EndTouchpoint,
    Inactivity,
    Lifetimes,
    StartAttribute,
    kaplan_meier,
    lifetimes,
    lifetimes_from_frame,
)
from journeykit.survival.curves import product_limit

GOING = {"competitor A": 0.2, "competitor B": 0.1, "lapse": 0.15, "need gone": 0.05}
LEAVING, ACTING, THRESHOLD = 1 / 200, 1 / 3, 45
AT = np.array([50.0, 150.0, 300.0])


@pytest.fixture(scope="module")
def seen() -> Journeys:
    """Customers born from day -400 to 200 and seen from day 0 to 400, who act every third day.

    A silence of more than 45 days in life has probability e^-15, so practically every silence is
    the end of a life. Those who did not act while they could be seen are in no event log.
    """
    rng, n, end = np.random.default_rng(1), 30_000, 400
    birth = rng.uniform(-400, 200, n)
    death = birth + rng.exponential(1 / LEAVING, n)
    acts = rng.poisson((death - birth) * ACTING)
    who = np.repeat(np.arange(n), acts)
    when = birth[who] + rng.random(len(who)) * (death - birth)[who]
    seen = (when >= 0) & (when < end)
    who, when = who[seen], when[seen]
    order = np.lexsort([when, who])
    present, at = np.unique(who, return_index=True)
    return Journeys(
        names=("act",),
        touchpoint=np.zeros(len(who), dtype=np.uint8),
        start=np.append(at, len(who)),
        time=(when[order] * DAY).astype(np.int64),
        observed_from=np.zeros(len(present), dtype=np.int64),
        observed_to=np.full(len(present), int(end * DAY)),
        attributes=pa.table({"born": (birth[present] * DAY).astype(np.int64)}),
        window=(0, int(end * DAY)),
    )


def truth(t: np.ndarray) -> np.ndarray:
    """P(the last act comes after t), among those who act: acts / (acts + leaves) drops out."""
    return np.exp(-LEAVING * t)


@pytest.mark.parametrize(("dated_at", "shift"), [("last_activity", 0), ("declaration", THRESHOLD)])
def test_both_datings_are_unbiased_also_with_late_entry(
    seen: Journeys, dated_at: str, shift: int
) -> None:
    lives = lifetimes(seen, churn=Inactivity(THRESHOLD, dated_at), start=StartAttribute("born"))
    assert lives.frame["late"].mean() > 0.3
    read = kaplan_meier(lives).survival_at(AT + shift).frame
    error = (read["estimate"] - truth(AT)).to_numpy()
    assert np.abs(error / read["std_error"]).max() < 3
    assert read["std_error"].max() < 0.005


def test_each_trap_is_wrong_by_far_more(seen: Journeys) -> None:
    lives = lifetimes(seen, churn=Inactivity(THRESHOLD), start=StartAttribute("born"))
    ignored = lives.frame.assign(entry_days=0.0, late=False)
    without_late_entry = kaplan_meier(Lifetimes(frame=ignored)).survival_at(AT).frame["estimate"]
    assert (without_late_entry - truth(AT)).min() > 0.05
    # Active customers followed to the window's end, although nobody can be seen to leave there.
    frame = lives.frame.copy()
    frame.loc[~frame["event"], "exit_days"] += THRESHOLD
    too_long = kaplan_meier(Lifetimes(frame=frame)).survival_at(AT).frame
    assert ((too_long["estimate"] - truth(AT)) / too_long["std_error"]).iloc[-1] > 4


def test_where_contracts_go_is_in_the_proportions_of_their_hazards() -> None:
    """Hazards of the destinations are proportional in a segment, so their shares of ends are."""
    company = world(
        customers=12_000,
        seed=6,
        parts=["population", "orders", "contracts"],
        settings={"contracts.base_a_year": {"household": GOING}},
    )
    table = company.tables["contracts"].to_pandas().drop_duplicates("customer_id")
    people = company.journeys()
    where = table.set_index("customer_id")["destination"].reindex(people.customer_id.to_pandas())
    people = people.replace(
        attributes=people.attributes.append_column("went", pa.array(where, from_pandas=True))
    )
    lives = lifetimes(
        people,
        churn=EndAttribute("contract_end", cause="went"),
        start=StartAttribute("contract_start"),
    )
    frame = lives.frame[lives.frame["event"] & (lives.frame["segment"] == "household")]
    share = frame["cause"].value_counts(normalize=True)
    for name, hazard in GOING.items():
        truth = hazard / sum(GOING.values())
        error = np.sqrt(truth * (1 - truth) / len(frame))
        assert share[name] == pytest.approx(truth, abs=3 * error)
    assert len(frame) > 300


STAYING = 0.5 ** (1 / 7)


@pytest.mark.parametrize(
    ("rule", "share"),
    [
        (EndTouchpoint("out"), 0.5),
        # Who leaves on day d is last active on day d - 1.
        (Inactivity(3), 0.5 * STAYING),
        (Inactivity(3, "declaration"), 0.5 / STAYING**2),
    ],
)
def test_a_day_clock_is_unbiased(rule: Inactivity | EndTouchpoint, share: float) -> None:
    """Half stay a week; watching ends after 2 to 12 days, when nobody can be seen to leave."""
    rng, n = np.random.default_rng(3), 40_000
    left = rng.geometric(1 - STAYING, n)
    until = rng.integers(2, 13, n)
    seen = left < until
    # They act every day, the last time the day before they leave.
    length = np.minimum(left, until) + seen
    time = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    touchpoint = np.zeros(len(time), dtype=np.uint8)
    touchpoint[np.cumsum(length)[seen] - 1] = 1
    people = Journeys(
        names=("act", "out"),
        touchpoint=touchpoint,
        start=np.concatenate([[0], np.cumsum(length)]),
        time=time * DAY,
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=until * DAY,
        clock="day",
    )
    lives = lifetimes(people, churn=rule, activity=["act"])
    read = kaplan_meier(lives).survival_at(7).frame.iloc[0]
    assert read["estimate"] == pytest.approx(share, abs=3 * read["std_error"])
    assert read["std_error"] < 0.005


def test_the_interval_covers() -> None:
    """1,000 worlds of 200 customers, a third censored, half entering late; S(t) about a half."""
    rng = np.random.default_rng(7)
    at, level = 100.0, np.exp(-0.7)
    covered = 0
    for _ in range(1_000):
        entry = np.where(rng.random(400) < 0.5, 0, rng.uniform(0, 80, 400))
        life = rng.exponential(at / 0.7, 400)
        there = np.flatnonzero(life > entry)[:200]
        entry, life = entry[there], life[there]
        lost = entry + rng.exponential(250, 200)
        out, event = np.minimum(life, lost), life <= lost
        time = np.sort(out[event])
        time = time[time <= at]
        risk = np.searchsorted(np.sort(entry), time) - np.searchsorted(np.sort(out), time)
        curve = product_limit(risk, np.ones_like(risk), confidence=0.95)
        covered += curve.conf_low[-1] <= level <= curve.conf_high[-1]
    assert 930 <= covered <= 970


def test_the_engine_and_the_bare_formula_agree() -> None:
    rng = np.random.default_rng(8)
    out, event = rng.exponential(100, 300), rng.random(300) < 0.7
    order = np.argsort(out)
    bare = product_limit(np.arange(300, 0, -1), event[order].astype(int), confidence=0.9)
    lives = lifetimes_from_frame(pd.DataFrame({"time": out, "status": event}))
    frame = kaplan_meier(lives, confidence=0.9).frame
    assert frame["estimate"].to_numpy() == pytest.approx(bare.estimate)
    assert frame["conf_low"].to_numpy() == pytest.approx(bare.conf_low, nan_ok=True)
