from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from journeykit.errors import ArgumentError, JourneyKitWarning, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival import EndAttribute, EndTouchpoint, Inactivity, lifetimes
from journeykit.survival.churn import FirstOf
from journeykit.survival.covariates import counting_process
from journeykit.survival.leaving_risk import RiskOfLeaving, risk_of_leaving
from journeykit.survival.regression import cox_time_varying
from tests.survival.leaving_risk.test_after_touch import lived
from tests.survival.leaving_risk.worlds import CHURN, START, made

TRUTH = np.array([0.0, -0.2, 1.0, 0.3, 0.5])


@pytest.fixture(scope="module")
def found() -> RiskOfLeaving:
    return risk_of_leaving(made(11, customers=8_000, log_ratio=TRUTH), churn=CHURN, start=START)


def test_the_ranking_is_the_true_one(found: RiskOfLeaving) -> None:
    """At 2,000 customers, 1,000 worlds: means .00 -.20 1.00 .30 .49, covered in 93.6 to 95.3 %."""
    first = found.frame[found.frame["lag_days"] == 0]
    assert first["touchpoint"].tolist() == [f"touch {k}" for k in np.argsort(-TRUTH)]
    for lag in found.lags:
        rows = found.frame[found.frame["lag_days"] == lag].sort_values("touchpoint")
        error = (np.log(rows["hazard_ratio"].to_numpy(dtype=float)) - TRUTH) / rows["std_error"]
        assert np.abs(error).max() < 3
    assert found.n_tested == 15
    assert found.holding()["touchpoint"].tolist()[:2] == ["touch 2", "touch 4"]
    assert "touch 2 raised (" in found.summary()


def test_the_summary_tells_the_ratio_of_the_lag_that_holds(found: RiskOfLeaving) -> None:
    name = found.frame["touchpoint"].iloc[0]
    frame = found.frame.copy()
    mine = frame["touchpoint"] == name
    frame["reading"] = np.where(mine & (frame["lag_days"] == 7), "raised", "cannot tell")
    frame.loc[mine, "hazard_ratio"] = [0.8, 0.9, 1.7]
    told = dataclasses.replace(found, frame=frame).summary()
    assert f"{name} raised (1.70 times) at lag 7 only" in told


def test_who_came_into_sight_of_late_counts_among_those_there_now() -> None:
    """Customer 0 was there before the watching of ten days began, too short for the window."""
    journeys = lived([(0, 95), (1, 95)], began=[-50, 92], left=[None, 97], watched=90)
    found = risk_of_leaving(journeys, churn=CHURN, start=START, lags_days=(0,), small_cell=1).frame
    assert found["n_now"].tolist() == [1]


def test_last_touch_before_leaving_would_name_what_is_met_most() -> None:
    """The trap that is not offered: a harmless touch met ten times as often comes first."""
    journeys = made(12, log_ratio=(0.0, 1.0), customers=4_000, touched=(0.06, 0.006))
    last = np.full(len(journeys), -1)
    last[np.repeat(np.arange(len(journeys)), journeys.length)] = journeys.touchpoint
    left = journeys.attributes["left"].is_valid().to_numpy()
    share = np.bincount(last[left & (last >= 0)], minlength=2) / (left & (last >= 0)).sum()
    assert share[0] > 0.7
    found = risk_of_leaving(journeys, churn=CHURN, start=START, lags_days=(0,)).frame
    assert found["touchpoint"].tolist() == ["touch 1", "touch 0"]
    assert found["reading"].tolist() == ["raised", "cannot tell"]


def test_harmless_touches_at_the_peaks_of_leaving() -> None:
    days = np.arange(180)
    peak = 1 + 8 * np.exp(-(((days % 60 - 30) / 8.0) ** 2))
    held = without = 0
    for seed in range(12):
        journeys = made(seed, customers=1_500, touched=0.004 * peak, hazard=0.002 * peak)
        for calendar in (1.0, 1e4):
            row = risk_of_leaving(
                journeys, churn=CHURN, start=START, lags_days=(0,), calendar_days=calendar
            ).frame.iloc[0]
            covers = bool(row["conf_low"] <= 1 <= row["conf_high"])
            held += covers and calendar == 1
            without += covers and calendar > 1
    assert held >= 9
    assert without <= 2


def with_calls(journeys: Journeys, *, every: int, until_days: float = 0.3) -> Journeys:
    """Let each `every`-th of those who leave call, from 0.3 to `until_days` days before."""
    left = journeys.attributes["left"].to_numpy(zero_copy_only=False)
    calls = np.flatnonzero(~np.isnan(left) & (np.arange(len(left)) % every == 0))
    ahead = np.linspace(0.3, until_days, len(calls))
    before = (left[calls] - ahead * DAY).astype(np.int64)
    before = np.maximum(before, journeys.attributes["began"].to_numpy()[calls] + 1)
    owner = np.concatenate([np.repeat(np.arange(len(left)), journeys.length), calls])
    time = np.concatenate([journeys.time, before])
    kind = np.concatenate([journeys.touchpoint, np.ones(len(calls), dtype=np.uint8)])
    order = np.lexsort((time, owner))
    return journeys.replace(
        names=("touch 0", "cancellation call"),
        touchpoint=kind[order].astype(np.uint8),
        time=time[order],
        start=np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(left)))]),
    )


def test_a_touch_that_all_who_leave_have_met_has_no_ratio() -> None:
    """Nobody leaves without it, so the likelihood has no maximum, at any lag."""
    called = with_calls(made(13, customers=1_000), every=1, until_days=5)
    found = risk_of_leaving(called.relabel({"touch 0": "mail"}), churn=CHURN, start=START)
    rows = found.frame[found.frame["touchpoint"] == "cancellation call"]
    assert (rows["reading"] == "cannot tell").all()
    assert rows["hazard_ratio"].isna().all()


def test_a_touch_that_is_a_part_of_leaving_has_an_effect_without_lag_only() -> None:
    called = with_calls(made(13, customers=3_000), every=2)
    found = risk_of_leaving(called.relabel({"touch 0": "mail"}), churn=CHURN, start=START)
    rows = found.frame.set_index(["touchpoint", "lag_days"])
    assert rows.loc[("cancellation call", 0.0), "hazard_ratio"] > 20
    assert rows.loc[("cancellation call", 0.0), "reading"] == "raised"
    for lag in (1.0, 7.0):
        assert rows.loc[("cancellation call", lag), "reading"] == "cannot tell"
    excluded = risk_of_leaving(
        called, churn=CHURN, start=START, exclude=["cancellation call"], lags_days=(0,)
    )
    assert excluded.left_out == {"cancellation call": "declared a part of leaving"}
    assert excluded.frame["touchpoint"].tolist() == ["touch 0"]


def test_what_follows_another_touch_is_told_apart_in_one_model() -> None:
    """A call the day after each second failed payment looks raised alone, and not beside it."""
    journeys = made(14, customers=6_000, log_ratio=(1.0,))
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    left = journeys.attributes["left"].to_numpy(zero_copy_only=False)
    called = np.arange(len(owner)) % 2 == 0
    time = journeys.need_time("test")
    called &= ~(time + DAY >= left[owner])
    owners = np.concatenate([owner, owner[called]])
    times = np.concatenate([time, time[called] + DAY])
    kind = np.repeat([0, 1], [len(owner), called.sum()])
    order = np.lexsort((times, owners))
    both = journeys.replace(
        names=("failed payment", "reminder call"),
        touchpoint=kind[order].astype(np.uint8),
        time=times[order],
        start=np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(journeys)))]),
    )
    frame = risk_of_leaving(both, churn=CHURN, start=START, lags_days=(0,)).frame
    call = frame.set_index("touchpoint").loc["reminder call"]
    assert call["alone"] > 1.8
    assert call["conf_low"] < 1 < call["conf_high"]
    assert call["hazard_ratio"] == pytest.approx(1, abs=0.2)


def test_people_at_risk_now_are_counted_not_named() -> None:
    """Those who met the touch in the last 14 days and have not left when the data ends."""
    base = made(15, customers=400)
    assert base.observed_to is not None
    end = int(base.observed_to[0])
    found = risk_of_leaving(base, churn=CHURN, start=START, lags_days=(0,), small_cell=1)
    owner = np.repeat(np.arange(len(base)), base.length)
    recent = np.unique(owner[base.need_time("test") > end - 14 * DAY])
    still = base.attributes["left"].is_null().to_numpy()
    expected = int(still[recent].sum())
    assert found.frame["n_now"].tolist() == [expected]
    hidden = risk_of_leaving(
        base, churn=CHURN, start=START, lags_days=(0,), small_cell=expected + 1
    )
    assert hidden.frame["n_now"].isna().all()
    assert "customer_id" not in found.frame


def test_it_is_cox_with_time_varying_covariates_where_the_clocks_are_one() -> None:
    """Everybody begins on one day and leaves at midnight, so calendar and tenure are the same."""
    journeys = made(19, customers=600, log_ratio=(0.8, 0.0), touched=0.02, hazard=0.01)
    began = np.zeros(len(journeys), dtype=np.int64)
    left = pc.multiply(pc.add(pc.divide(journeys.attributes["left"], DAY), 1), DAY)
    journeys = journeys.replace(attributes=pa.table({"began": began, "left": left}))
    found = risk_of_leaving(
        journeys, churn=CHURN, start=START, lags_days=(0,), tenure_days=(1e4,)
    ).frame.sort_values("touchpoint")
    names = ["within_14d[touch 0]", "within_14d[touch 1]"]
    rows = counting_process(
        lifetimes(journeys, churn=CHURN, start=START),
        journeys,
        touchpoints=["touch 0", "touch 1"],
        measures=["within"],
    )
    peer = cox_time_varying(rows, covariates=names, ties="breslow").frame
    assert np.log(found["hazard_ratio"].to_numpy(dtype=float)) == pytest.approx(
        peer["estimate"].to_numpy(), abs=1e-6
    )
    assert found["std_error"].to_numpy(dtype=float) == pytest.approx(
        peer["std_error"].to_numpy(), rel=1e-5
    )


def acted(seed: int, answers: float) -> Journeys:
    """Draw customers who act every five days until they die, and mails that do nothing to that.

    Of the mails a share is answered by an act within a day, if the customer is alive.
    """
    rng = np.random.default_rng(seed)
    n, days = 1_500, 200
    born = rng.uniform(0, 0.7 * days, n)
    dead = born + rng.exponential(60, n)
    acts = np.repeat(np.arange(n), rng.poisson(0.2 * (dead - born)))
    at = born[acts] + rng.random(len(acts)) * (dead - born)[acts]
    mailed = np.repeat(np.arange(n), rng.poisson(0.03 * days, n))
    sent = rng.uniform(0, days, len(mailed))
    mailed, sent = mailed[sent > born[mailed]], sent[sent > born[mailed]]
    answer = sent + rng.uniform(0.01, 1, len(sent))
    real = (rng.random(len(sent)) < answers) & (answer < dead[mailed])
    who = np.concatenate([np.arange(n), acts, mailed[real], mailed])
    when = np.concatenate([born, at, answer[real], sent])
    kind = np.repeat([0, 1], [len(who) - len(mailed), len(mailed)])
    seen = when < days
    order = np.lexsort((when[seen], who[seen]))
    return Journeys(
        names=("act", "mail"),
        touchpoint=kind[seen][order].astype(np.uint8),
        start=np.concatenate([[0], np.cumsum(np.bincount(who[seen], minlength=n))]),
        time=(when[seen][order] * DAY).astype(np.int64),
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, days * DAY),
        # Nobody was there before: the window is older than the customers.
        window=(-60 * DAY, days * DAY),
    )


def test_inactivity_is_judged_at_its_declaration() -> None:
    journeys = acted(1, answers=0.5)

    def ratio(churn: Inactivity) -> np.ndarray:
        found = risk_of_leaving(
            journeys, churn=churn, activity=["act"], lags_days=(0,), window_days=7
        )
        assert found.left_out["act"].startswith("a sign of life")
        bounds = found.frame.iloc[0][["conf_low", "conf_high"]]
        return np.asarray(bounds, dtype=float)

    low, high = ratio(Inactivity(30, "declaration"))
    assert low < 1 < high
    # The trap: mails that are answered put the last activity behind themselves.
    with pytest.warns(JourneyKitWarning, match="Leaving is dated at the last activity"):
        low, _ = ratio(Inactivity(30))
    assert low > 1


def test_what_is_activity_cannot_be_judged() -> None:
    journeys = acted(2, answers=0.0)
    with pytest.raises(ArgumentError, match="'act' cannot be judged: it is a sign of life"):
        risk_of_leaving(
            journeys, churn=Inactivity(30, "declaration"), activity=["act"], touchpoints=["act"]
        )
    with pytest.raises(ArgumentError, match="No touchpoint is left to judge; 2 are left out"):
        risk_of_leaving(journeys, churn=Inactivity(30, "declaration"))


def test_what_leaving_is_by_definition_is_left_out() -> None:
    journeys = made(16, customers=800, log_ratio=(0.0, 0.0, 0.0))
    churn = FirstOf({"a": EndTouchpoint("touch 1"), "b": EndTouchpoint("touch 2")})
    found = risk_of_leaving(journeys, churn=churn, start=START, lags_days=(0,))
    assert dict(found.left_out) == {"touch 1": "what leaving is", "touch 2": "what leaving is"}
    assert found.frame["touchpoint"].tolist() == ["touch 0"]


def test_few_customers_are_not_shown() -> None:
    journeys = made(17, customers=100, log_ratio=(0.0, 0.0), touched=0.02)
    rare = journeys.touchpoint.copy()
    rare[40:] = 0
    frame = risk_of_leaving(
        journeys.replace(touchpoint=rare), churn=CHURN, start=START, small_cell=40
    ).frame
    small = frame[frame["touchpoint"] == "touch 1"]
    assert small[["n", "n_event", "hazard_ratio", "alone", "p_value"]].isna().all().all()
    assert (small["reading"] == "cannot tell").all()


def test_it_is_drawn_with_its_lags(found: RiskOfLeaving) -> None:
    ax = found.plot()
    assert ax.get_yticklabels()[0].get_text() == "touch 2"
    legend = ax.get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["day 0 to 14", "day 1 to 14", "day 7 to 14"]
    drawn = np.asarray(ax.lines[0].get_xdata())
    first = found.frame[found.frame["lag_days"] == 0]
    assert drawn.tolist() == pytest.approx(first["hazard_ratio"].tolist())


def test_what_is_asked_must_make_sense() -> None:
    journeys = made(1, customers=50)
    for wrong in ((), (1.0, 7.0), (0.0, 7.0, 1.0), (0.0, 14.0)):
        with pytest.raises(ArgumentError, match="`lags_days` must rise from 0 to below"):
            risk_of_leaving(journeys, churn=CHURN, start=START, lags_days=wrong)
    with pytest.raises(MappingError, match="`exclude` names touchpoints that do not exist"):
        risk_of_leaving(journeys, churn=CHURN, start=START, exclude=["call"])
    with pytest.raises(ArgumentError, match="No touchpoint is left to judge"):
        risk_of_leaving(journeys, churn=CHURN, start=START, exclude=["touch 0"])
    with pytest.raises(ArgumentError, match="Too much to hold at once: .* Raise `calendar_days`"):
        risk_of_leaving(journeys, churn=CHURN, start=START, calendar_days=1e-5)
    many = made(1, customers=50, log_ratio=np.zeros(40))
    with pytest.raises(ArgumentError, match="Too many touchpoints for one model: 40"):
        risk_of_leaving(many, churn=CHURN, start=START)


def test_the_order_of_customers_does_not_matter() -> None:
    journeys = made(18, customers=300, log_ratio=(0.5, 0.0))
    half = np.arange(len(journeys)) < 150
    swapped = _joined(journeys.take(~half), journeys.take(half))
    one, other = (
        risk_of_leaving(each, churn=CHURN, start=START).frame for each in (journeys, swapped)
    )
    assert one["hazard_ratio"].tolist() == pytest.approx(other["hazard_ratio"].tolist())
    assert one["std_error"].tolist() == pytest.approx(other["std_error"].tolist())
    assert one["n_now"].tolist() == other["n_now"].tolist()


def _joined(first: Journeys, second: Journeys) -> Journeys:
    return first.replace(
        touchpoint=np.concatenate([first.touchpoint, second.touchpoint]),
        time=np.concatenate([first.need_time("test"), second.need_time("test")]),
        start=np.concatenate([first.start, second.start[1:] + first.n_events]),
        customer_index=np.arange(len(first) + len(second)),
        customer_id=pa.concat_arrays([first.customer_id, second.customer_id]),
        observed_from=np.concatenate([first.observed_from, second.observed_from]),
        observed_to=np.concatenate([first.observed_to, second.observed_to]),
        attributes=pa.concat_tables([first.attributes, second.attributes]),
    )


def test_what_is_met_together_is_judged_once() -> None:
    """A page and the mail that confirms it a minute later, unlike a third touchpoint."""
    random = np.random.default_rng(3)
    n = 400
    page, other = random.uniform(0, 80, (2, n))
    gone = random.exponential(150, n)
    rows = [
        (who, day, name)
        for who in range(n)
        for day, name in (
            (0.0, "sign_up"),
            (page[who], "page"),
            (page[who] + 1 / 1440, "mail"),
            (other[who], "other"),
        )
        if day < min(gone[who], 100)
    ]
    frame = pd.DataFrame(rows, columns=["who", "day", "what"]).sort_values(["who", "day"])
    names = tuple(sorted(set(frame["what"])))
    end = np.where(gone < 100, gone * DAY, np.nan)
    journeys = Journeys(
        names=names,
        touchpoint=frame["what"].map(names.index).to_numpy(dtype=np.uint8),
        start=np.concatenate([[0], np.cumsum(frame.groupby("who").size())]),
        time=(frame["day"].to_numpy() * DAY).astype(np.int64),
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, 100 * DAY),
        attributes=pa.table({"left": pa.array(end, from_pandas=True).cast(pa.int64(), safe=False)}),
    )
    found = risk_of_leaving(
        journeys,
        churn=EndAttribute("left"),
        touchpoints=["mail", "other", "page"],
        window_days=20,
    )
    assert set(found.frame["touchpoint"]) == {"other", "page"}
    assert dict(found.left_out) == {"mail": "met together with page: the two cannot be told apart"}
