from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxTimeVaryingFitter
from scipy.stats import binomtest

from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import narrow
from journeykit.paths.narrowing.fit import fitted
from journeykit.paths.narrowing.risk import at_risk
from tests import strategies

LASTS = 100


def watched(paths: list[list[tuple[float, str]]]) -> Journeys:
    letters = sorted({name for path in paths for _, name in path})
    flat = [event for path in paths for event in path]
    return Journeys(
        names=tuple(letters),
        touchpoint=np.array([letters.index(name) for _, name in flat], dtype=np.uint8),
        start=np.cumsum([0, *map(len, paths)]),
        time=np.array([round(day * DAY) for day, _ in flat], dtype=np.int64),
        observed_from=np.zeros(len(paths), dtype=np.int64),
        observed_to=np.full(len(paths), LASTS * DAY),
        window=(0, LASTS * DAY),
    )


def test_risk_sets_worked_by_hand() -> None:
    journeys = watched(
        [
            [(1, "ad"), (4, "buy"), (5, "ad")],  # reaches it with the ad in memory
            [(2, "ad"), (9, "buy")],  # with an ad that is forgotten after 5 days
            [(3, "ad")],  # has it in memory at 4
            [(8, "web")],  # one other step, and so not compared at 9
            [(6, "buy")],  # at 6: ads of 2 and 3 are in memory
            [],
        ]
    )
    buy = np.array([name == "buy" for name in journeys.names])
    risk = at_risk(journeys, buy)
    assert (risk.case_time / DAY).tolist() == [4, 6, 9]
    ad = risk.exposure(journeys.names.index("ad"), 5 * DAY)
    # At 4 all six are under risk, three with the ad; at 6, five, and two; at 9, the second, the
    # third and the last, whose ads are forgotten.
    assert ad.share.tolist() == pytest.approx([3 / 6, 2 / 5, 0])
    assert (ad.n, ad.n_customers, ad.n_event) == (3, 3, 1)
    # A touch at the very time of the outcome is not before it.
    same = watched([[(4, "ad"), (4, "buy")], [(2, "ad")], []])
    risk = at_risk(same, np.array([False, True]))
    assert risk.exposure(0, 5 * DAY).n_event == 0
    assert risk.exposure(0, 5 * DAY).share.tolist() == [1 / 3]
    # Nor is one under risk of an outcome that could not be seen in them.
    short = watched([[(2, "ad"), (4, "buy")], [(2, "ad")], []])
    short = short.replace(observed_to=np.array([LASTS, 4, 4]) * DAY)
    assert at_risk(short, np.array([False, True])).exposure(0, 5 * DAY).share.tolist() == [1]
    # What is met just `within_days` before still counts.
    edge = watched([[(2, "ad"), (7, "buy")], []])
    assert at_risk(edge, np.array([False, True])).exposure(0, 5 * DAY).n_event == 1


def slow(journeys: Journeys, outcome: int, code: int, memory: int) -> tuple[list[float], int]:
    """The same by definition: at each outcome, ask every customer."""
    assert journeys.time is not None
    assert journeys.observed_to is not None
    assert journeys.observed_from is not None
    people = []
    for i in range(len(journeys)):
        events = slice(journeys.start[i], journeys.start[i + 1])
        steps = list(
            zip(
                (journeys.time[events] - journeys.observed_from[i]).tolist(),
                journeys.touchpoint[events].tolist(),
                strict=True,
            )
        )
        hit = next((k for k, (_, touch) in enumerate(steps) if touch == outcome), None)
        until = int(journeys.observed_to[i] - journeys.observed_from[i])
        # At `until` an outcome could not be seen any more.
        end = until - 1 if hit is None else steps[hit][0]
        people.append((steps if hit is None else steps[:hit], end, hit is not None))

    def state(steps: list[tuple[int, int]], t: int) -> tuple[int, bool]:
        others = sum(when < t and touch != code for when, touch in steps)
        met = any(t - memory <= when < t and touch == code for when, touch in steps)
        return int(np.floor(3 * np.log2(others + 1.0))), met

    shares, n_event = [], 0
    for steps, t, reached in sorted(people, key=lambda person: person[1]):
        if not reached or t == 0:
            continue
        own = state(steps, t)
        alike = [state(s, t) for s, end, _ in people if end >= t]
        alike = [met for bucket, met in alike if bucket == own[0]]
        shares.append(sum(alike) / len(alike))
        n_event += own[1]
    return shares, n_event


@settings(max_examples=60)
@given(strategies.journeys(), st.integers(1, 60))
def test_risk_sets_agree_with_their_definition(journeys: Journeys, days: int) -> None:
    outcome = np.array([name == "shop" for name in journeys.names])
    risk = at_risk(journeys, outcome)
    found = risk.exposure(3, days * DAY)
    shares, n_event = slow(journeys, 2, 3, days * DAY)
    assert sorted(found.share.tolist()) == pytest.approx(sorted(shares))
    assert found.n_event == n_event


# lifelines on pandas 3
@pytest.mark.filterwarnings("ignore:.*will be keyword-only")
def test_the_ratio_is_that_of_coxs_model() -> None:
    import pandas as pd

    rng = np.random.default_rng(1)
    n = 200
    met = rng.uniform(0, 60, n)
    end = rng.exponential(90, n) + 0.01
    end = np.where(end > met, met + (end - met) / 2, end)  # twice the rate after it was met
    paths = []
    for m, e in zip(met.tolist(), end.tolist(), strict=True):
        before = [(m, "ad")] if m < e else []
        paths.append(before + ([(e, "buy")] if e < LASTS else []))
    risk = at_risk(watched(paths), np.array([False, True]))
    ad = risk.exposure(0, 1000 * DAY)
    fit = fitted(ad.n_event, ad.share, confidence=0.95)
    rows = []
    for who, (m, e) in enumerate(zip(met, np.minimum(end, LASTS), strict=True)):
        if m < e:
            rows += [(who, 0.0, m, 0, 0), (who, m, e, 1, int(end[who] < LASTS))]
        else:
            rows.append((who, 0.0, e, 0, int(end[who] < LASTS)))
    frame = pd.DataFrame(rows, columns=["id", "start", "stop", "met", "event"])
    theirs = CoxTimeVaryingFitter().fit(
        frame, id_col="id", event_col="event", start_col="start", stop_col="stop"
    )
    assert fit.log_ratio == pytest.approx(theirs.params_["met"], abs=1e-4)
    assert fit.std_error == pytest.approx(theirs.standard_errors_["met"], rel=1e-3)


def test_p_values_of_equal_chances_are_binomial() -> None:
    for n_event, n, chance in ((3, 40, 0.2), (15, 40, 0.2), (0, 30, 0.1), (30, 30, 0.9)):
        ours = fitted(n_event, np.full(n, chance), confidence=0.95).p_value
        tails = [
            binomtest(n_event, n, chance, alternative=side).pvalue for side in ("less", "greater")
        ]
        assert ours == pytest.approx(min(1, 2 * min(tails)))


def test_ratios_at_the_edge() -> None:
    none = fitted(0, np.full(30, 0.2), confidence=0.95)
    assert (none.estimate, none.low) == (0, 0)
    assert 0 < none.high < np.inf
    every = fitted(30, np.full(30, 0.2), confidence=0.95)
    assert (every.estimate, every.high) == (np.inf, np.inf)
    nobody = fitted(0, np.zeros(4), confidence=0.95)
    assert np.isnan([nobody.estimate, nobody.p_value]).all()
    assert nobody.bits == 0


def shop(seed: int, *, customers: int = 600, ratio: float = 2.5) -> Journeys:
    """Ads double the rate of buying for 10 days; ten noises do nothing.

    `call` comes only after day 60; a `loop` of 1 to 4 follows noises and makes journeys long;
    `view` always comes right after an `ad`.
    """
    rng = np.random.default_rng(seed)
    activity = np.exp(rng.normal(0, 0.5, customers) - 0.125)
    paths = []
    for who in range(customers):
        ads = np.sort(rng.uniform(0, LASTS, rng.poisson(2.5 * activity[who])))
        path = [(t, "ad") for t in ads] + [(t + 1e-4, "view") for t in ads]
        for kind in range(10):
            for t in rng.uniform(0, LASTS, rng.poisson(1.5 * activity[who])):
                path.append((t, f"noise {kind}"))
                if rng.random() < 0.1:
                    path += [(t + 1e-3 * k, "loop") for k in range(1, rng.integers(2, 6))]
        if rng.random() < 0.5:
            path.append((rng.uniform(60, LASTS), "call"))
        days = np.arange(LASTS)
        recent = ((days[:, None] > ads) & (days[:, None] <= ads + 10)).any(axis=1)
        bought = np.flatnonzero(rng.random(LASTS) < 0.008 * np.where(recent, ratio, 1))
        path += [(float(day) + 0.5, "buy") for day in bought]
        paths.append(sorted((t, name) for t, name in path if t < LASTS))
    return watched(paths).with_fingerprint(seed)


def test_what_tells_something_is_kept_and_its_double_merged() -> None:
    journeys = shop(2, customers=1500)
    found = narrow(journeys, outcome=["buy"], within_days=10, q=0.01)
    frame = found.frame.set_index("touchpoint")
    assert set(frame.index) == set(journeys.names)
    assert frame["share"].sum() == pytest.approx(1)
    assert sum(found.mass(verdict) for verdict in ("keep", "merge", "drop")) == pytest.approx(1)
    assert frame["n"].sum() == journeys.n_events
    assert sorted(frame.loc[["ad", "view"], "verdict"]) == ["keep", "merge"]
    assert frame.loc[["ad", "view"], "estimate"].tolist() == pytest.approx([2.5, 2.5], rel=0.25)
    merged = frame[frame["verdict"] == "merge"].iloc[0]
    assert merged["reason"].startswith("view directly follows ad in")
    assert (frame.drop(["ad", "view", "buy"])["verdict"] == "drop").all()
    assert frame.loc["buy", "reason"] == "the outcome"
    assert found.n_tried == 14
    bits = [found.information(verdict) for verdict in ("keep", "merge", "drop")]
    assert sum(bits) == pytest.approx(found.frame["information"].sum())
    assert bits[2] < 0.1 * bits[0]
    assert " bits on each of " in found.summary()
    kept = found.apply(journeys)
    assert sorted(kept.names) == sorted(frame.index[frame["verdict"] == "keep"])
    assert kept.n_events == frame["n"][frame["verdict"] != "drop"].sum()
    assert kept.ledger.removed[-1].step == "only"
    assert found.summary().startswith("2 of 15 touchpoints to keep, 1 to merge, 12 to drop with ")
    assert len(found.plot().get_yticklabels()) == 14


def test_harmless_touchpoints_tell_nothing_though_they_are_late_or_long() -> None:
    """60 worlds, 12 harmless touchpoints each."""
    flagged, found = [], 0
    for seed in range(60):
        frame = narrow(shop(seed, customers=300), outcome=["buy"], within_days=10).frame
        told = frame.set_index("touchpoint")["p_value"] < 0.05
        flagged.append(told.drop(["ad", "view", "buy"]))
        found += told["ad"]
    rates = np.mean(flagged, axis=0)
    assert rates.mean() <= 0.07
    assert max(sum(one[name] for one in flagged) for name in ("call", "loop")) <= 9
    assert found >= 48


def test_few_customers_are_not_tested() -> None:
    journeys = watched(
        [[(1, "rare"), (3, "buy")], *[[(2, "web"), (4 + k, "buy")] for k in range(30)]]
    )
    frame = narrow(journeys, outcome=["buy"], within_days=5).frame.set_index("touchpoint")
    assert np.isnan(frame.loc["rare", "p_value"])
    assert frame.loc["rare", "verdict"] == "drop"
    assert frame.loc["rare", "reason"].startswith("too few customers")


def test_ratios_without_bounds_are_drawn_at_the_edge() -> None:
    always = [[(k, "web"), (k + 1, "buy")] for k in range(1, 41)]
    found = narrow(watched([*always, *[[] for _ in range(40)]]), outcome=["buy"], within_days=5)
    assert found.frame.loc[0, "estimate"] == np.inf
    assert found.plot().collections[0].get_segments()[0][:, 0].max() == 1000


def test_bad_arguments() -> None:
    journeys = watched([[(1, "web"), (3, "buy")]] * 12)
    with pytest.raises(ArgumentError, match="`within_days` must be a number greater than 0"):
        narrow(journeys, outcome=["buy"], within_days=0)
    with pytest.raises(ArgumentError, match="`narrow` changes where journeys end"):
        narrow(journeys.sessions("30min"), outcome=["buy"], within_days=5)
    with pytest.raises(DataError, match="Nobody of 1 customers reached buy after the watching"):
        narrow(watched([[(0, "buy"), (3, "web")]]), outcome=["buy"], within_days=5)
    with pytest.raises(NotObservedError, match="`narrow` needs the time of each event"):
        narrow(journeys.replace(time=None), outcome=["buy"], within_days=5)
    twice = journeys.replace(customer_index=np.arange(12) // 2, customer_id=np.arange(6))
    with pytest.raises(DataError, match="Every customer must have one journey"):
        narrow(twice, outcome=["buy"], within_days=5)
    with pytest.raises(DataError, match="from when to when"):
        narrow(journeys.replace(observed_to=None), outcome=["buy"], within_days=5)


def in_waves(seed: int, *, customers: int = 1500, days: int = 200) -> Journeys:
    """Harmless mails, and orders, both mostly in every fourth week; entries on any day."""
    rng = np.random.default_rng(seed)
    entry, day = rng.integers(0, 140, customers), np.arange(days)
    rate = np.exp(np.sin(2 * np.pi * day / 28)) * (day >= entry[:, None])
    who, when = np.divmod(np.repeat(np.arange(rate.size), rng.poisson(0.03 * rate).ravel()), days)
    time = ((when + rng.random(len(when))) * DAY).astype(np.int64)
    ordered = (np.cumsum(0.01 * rate, axis=1) < rng.exponential(size=(customers, 1))).sum(axis=1)
    at = ((ordered + rng.random(customers)) * DAY).astype(np.int64)
    buys, kept = np.flatnonzero(ordered < days), time < at[who]
    who, time = np.append(who[kept], buys), np.append(time[kept], at[buys])
    what = np.append(np.zeros(int(kept.sum())), np.ones(len(buys)))
    sort = np.lexsort((time, who))
    return Journeys(
        names=("mail", "order"),
        touchpoint=what[sort].astype(np.uint8),
        time=time[sort],
        start=np.concatenate([[0], np.cumsum(np.bincount(who, minlength=customers))]),
        observed_from=entry * DAY,
        observed_to=np.full(customers, days * DAY),
        window=(-1, days * DAY),
    )


def test_weeks_in_which_mails_go_out_and_many_buy_anyway_tell_nothing() -> None:
    # compared within thirteen weeks of entry, the mean ratio was 1.33
    ratios = [
        narrow(in_waves(seed), outcome=["order"], within_days=7).frame["estimate"].iloc[0]
        for seed in range(4)
    ]
    assert np.mean(ratios) == pytest.approx(1, abs=0.15)


def test_many_strata_are_looked_up_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    journeys = in_waves(0)
    added_up = narrow(journeys, outcome=["order"], within_days=7).frame
    monkeypatch.setattr("journeykit.paths.narrowing.risk._DENSE_CELLS", 0)
    pd.testing.assert_frame_equal(
        narrow(journeys, outcome=["order"], within_days=7).frame, added_up
    )
