"""Interrupted series: against statsmodels, as planted, and under errors with a memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from journeykit.errors import DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.review import (
    DoingShare,
    Interruptions,
    LeavingShare,
    NextShare,
    interruptions,
)
from journeykit.review.autocorrelated import regression
from journeykit.survival import EndTouchpoint

MONDAY = 4


def shop(p: np.ndarray, *, customers: int = 400, seed: int = 0) -> Journeys:
    """Everybody comes every week, and buys in it with probability p[week]."""
    random = np.random.default_rng(seed)
    weeks = len(p)
    buys = random.random((customers, weeks)) < p
    touchpoint = np.where(buys, 0, 1).astype(np.uint8)
    day = MONDAY + 7 * np.arange(weeks) + random.uniform(0, 7, (customers, weeks))
    window = (MONDAY * DAY, (MONDAY + 7 * weeks) * DAY)
    return Journeys(
        names=("buy", "look"),
        touchpoint=touchpoint.ravel(),
        start=np.arange(customers + 1) * weeks,
        time=np.floor(day.ravel() * DAY).astype(np.int64),
        observed_from=np.full(customers, window[0]),
        observed_to=np.full(customers, window[1]),
        window=window,
        attributes=pa.table({"kind": ["x"] * customers}),
    )


def declared(*weeks: float) -> pd.DataFrame:
    days = [np.datetime64(round((MONDAY + 7 * week) * DAY), "us") for week in weeks]
    return pd.DataFrame(
        {
            "event_time": pd.to_datetime(days).tz_localize("UTC"),
            "kind": [f"event {number}" for number in range(len(weeks))],
            "scope": "all",
            "note": "",
        }
    )


def stepped(weeks: int, at: int, by: float, base: float = 0.3) -> np.ndarray:
    return np.where(np.arange(weeks) >= at, base + by, base)


BUYING = DoingShare(["buy"])


def test_known_autocorrelation_agrees_with_statsmodels() -> None:
    import statsmodels.api as sm
    from scipy.linalg import toeplitz

    random = np.random.default_rng(2)
    design = np.column_stack([np.ones(40), np.arange(40), np.arange(40) >= 25]).astype(float)
    y, weight = random.normal(size=40), random.uniform(1, 3, 40)
    found = regression(y, design, weight, autocorrelation=0.4)
    root = np.sqrt(weight / weight.mean())
    sigma = toeplitz(0.4 ** np.arange(40)) / np.outer(root, root)
    fit = sm.GLS(y, design, sigma=sigma).fit()
    assert found.coefficient == pytest.approx(fit.params)
    assert np.sqrt(np.diag(found.covariance)) == pytest.approx(fit.bse)
    assert found.freedom == fit.df_resid


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_intervals_hold_when_errors_remember(rho: float) -> None:
    random = np.random.default_rng(4)
    t = np.arange(104)
    angle = 2 * np.pi * t / 52.18
    columns = [np.ones(104), t / 52, np.cos(angle), np.sin(angle), t >= 61, np.maximum(t - 61, 0)]
    design = np.column_stack(columns).astype(float)
    covered = []
    for _ in range(200):
        error = random.normal(size=154)
        for at in range(1, 154):
            error[at] += rho * error[at - 1]
        fit = regression(error[50:], design, np.ones(104))
        covered.append(np.abs(fit.coefficient[4:]) < 1.985 * np.sqrt(np.diag(fit.covariance)[4:]))
    assert (np.mean(covered, axis=0) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 200)).all()


def test_a_planted_jump_is_found_and_covered() -> None:
    found = interruptions(shop(stepped(60, 35, 0.1)), declared(35), measure=BUYING)
    level = found.frame.set_index("term").loc["level"]
    assert level["verdict"] == "changed"
    assert level["conf_low"] <= 0.1 <= level["conf_high"]
    assert found.frame.set_index("term").loc["slope", "conf_low"] < 0
    assert (found.frame["design"] == "C").all()
    assert "design grade C" in found.summary()
    assert "+" in found.summary()
    assert "comparison" in found.warning


def test_a_passing_event_has_one_term() -> None:
    p = np.full(60, 0.3)
    p[30:36] += 0.15
    found = interruptions(shop(p), declared(30), measure=BUYING, for_periods=6)
    row = found.frame.iloc[0]
    assert len(found.frame) == 1
    assert (row["term"], row["verdict"]) == ("while", "changed")
    assert row["conf_low"] <= 0.15 <= row["conf_high"]


def test_the_week_of_the_event_counts_in_part() -> None:
    found = interruptions(shop(stepped(40, 20, 0.1)), declared(19.5), measure=BUYING)
    series = found.series.set_index("period_start")
    gap = (series["fitted"] - series["without"]).to_numpy()
    level = found.frame.iloc[0]["estimate"]
    assert gap[18] == pytest.approx(0, abs=1e-12)
    assert gap[19] == pytest.approx(level / 2, rel=0.05, abs=0.002)


def test_where_nothing_happens_it_says_so_and_draws() -> None:
    found = interruptions(shop(np.full(90, 0.3), seed=3), declared(40, 60), measure=BUYING)
    assert isinstance(found, Interruptions)
    assert (found.frame["verdict"] == "cannot tell").all()
    assert "no change that can be told" in found.summary()
    axes = found.plot()
    axes.figure.canvas.draw()
    assert {"event 0", "event 1"} <= {text.get_text() for text in axes.texts}


def test_events_too_near_are_not_looked_at_and_say_why() -> None:
    found = interruptions(
        shop(np.full(60, 0.3)), declared(2, 30, 33, 55), measure=BUYING
    ).frame.set_index("kind")
    assert found.loc["event 0", "reason"] == "2 whole periods before it, fewer than 8"
    assert found.loc["event 2", "reason"].startswith("3 periods after the event before it")
    assert found.loc["event 3", "reason"] == "4 whole periods after it, fewer than 8"
    assert found.loc[["event 1"], "reason"].tolist() == ["", ""]
    with pytest.raises(DataError, match="No declared event can be looked at: 2 whole periods"):
        interruptions(shop(np.full(60, 0.3)), declared(2), measure=BUYING)
    with pytest.raises(DataError, match="none is declared"):
        interruptions(shop(np.full(60, 0.3)), declared(), measure=BUYING)
    with pytest.raises(MappingError, match="event_time"):
        interruptions(shop(np.full(60, 0.3)), pd.DataFrame({"day": [1]}), measure=BUYING)


def test_shares_of_steps_and_of_leaving() -> None:
    made = shop(np.full(40, 0.3), customers=200)
    steps = interruptions(made, declared(20), measure=NextShare("look", "buy", 30)).series
    code, weeks = made.touchpoint.reshape(200, 40), len(steps)
    looked = code[:, :weeks] == 1
    assert weeks == 35  # 30 days after it are watched
    assert steps["n"].tolist() == looked.sum(axis=0).tolist()
    bought = (code[:, 1 : weeks + 1] == 0) & looked
    assert steps["n_event"].tolist() == bought.sum(axis=0).tolist()
    gone = interruptions(
        shop(np.full(40, 0.01), customers=300),
        declared(20),
        measure=LeavingShare(EndTouchpoint("buy")),
    )
    assert gone.measure == "share of those there who leave"
    assert (gone.series["share"] < 0.06).all()
