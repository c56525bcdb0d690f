"""Whether a curve levels off: never claimed of one that does not, found where it does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from journeykit.errors import ArgumentError
from journeykit.survival import kaplan_meier, lifetimes_from_frame
from journeykit.survival.curves import KaplanMeier
from journeykit.survival.curves.levelling import rate_ratio


def cured(
    rng: np.random.Generator, n: int, *, share: float, until: float, shape: float = 1.0
) -> KaplanMeier:
    """A share never leaves; others after Weibull times of scale 100; entry over a year."""
    life = np.where(rng.random(n) < share, np.inf, 100 * rng.weibull(shape, n))
    end = rng.uniform(until - 365, until, n) if until > 400 else rng.uniform(until / 2, until, n)
    frame = pd.DataFrame({"time": np.minimum(life, end), "status": life <= end})
    return kaplan_meier(lifetimes_from_frame(frame))


def test_worked_by_hand() -> None:
    # One leaves on each of the days 1 to 20, one on day 40, 39 are watched until day 60.
    time = [*range(1, 21), 40.5, *[60] * 39]
    lives = lifetimes_from_frame(pd.DataFrame({"time": time, "status": [1] * 21 + [0] * 39}))
    row = kaplan_meier(lives).plateau().frame.iloc[0]
    assert (row["since_days"], row["time_days"]) == (40, 60)
    assert (row["n_event_before"], row["n_event"], row["n_at_risk"]) == (20, 1, 39)
    before, after = 210 + 40 * 40, 0.5 + 39 * 20
    assert row["ratio"] == pytest.approx(1 / after / (20 / before))
    low, high = stats.binomtest(1, 21).proportion_ci()
    assert row["ratio_low"] == pytest.approx(low / (1 - low) * before / after)
    assert row["ratio_high"] == pytest.approx(high / (1 - high) * before / after)
    assert row["verdict"] == "cannot tell"
    assert row["estimate"] == pytest.approx(39 / 60)


def test_rates_at_the_edge() -> None:
    none = rate_ratio(0, 10, 5, 10, confidence=0.95)
    assert (none.estimate, none.conf_low) == (0, 0)
    assert none.conf_high == pytest.approx(1 / 0.025 ** (1 / 5) - 1)
    only = rate_ratio(5, 10, 0, 10, confidence=0.95)
    assert only.estimate == only.conf_high == np.inf
    assert np.isnan(rate_ratio(0, 10, 0, 10, confidence=0.95)).all()
    assert np.isnan(rate_ratio(3, 0, 4, 10, confidence=0.95)).all()


def test_a_cure_world_is_found_and_its_share_covered() -> None:
    """40 % never leave, others within 100 days on average, watched for 2 to 3 years."""
    rng = np.random.default_rng(5)
    worlds, found, covered = 100, 0, 0
    for _ in range(worlds):
        curve = cured(rng, 500, share=0.4, until=1_095)
        row = curve.plateau().frame.iloc[0]
        found += row["verdict"] == "levels off"
        covered += row["conf_low"] <= 0.4 <= row["conf_high"]
    assert found >= 98
    assert covered >= 89
    # More than half never leave: half have not left, and no median is made up.
    half = cured(rng, 500, share=0.6, until=1_095)
    assert half.quantiles((0.5,)).frame["reached"].tolist() == [False]
    assert half.plateau().summary().startswith("levels off: all (59.2% still there at day 1,090")


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("until", [40, 120])
def test_short_follow_up_is_no_cure(shape: float, until: float) -> None:
    """Nobody is cured; most are still there when the watching ends."""
    rng = np.random.default_rng(7)
    for _ in range(60):
        curve = cured(rng, 500, share=0, until=until, shape=shape)
        assert curve.plateau().frame["verdict"].iloc[0] != "levels off"


def test_few_cannot_tell() -> None:
    lives = lifetimes_from_frame(
        pd.DataFrame({"time": [1, 2, *[9] * 20], "status": [1, 1] + [0] * 20})
    )
    found = kaplan_meier(lives).plateau()
    assert found.frame["verdict"].tolist() == ["cannot tell"]
    assert found.summary() == "cannot tell: all (90.9% still there at day 9)"
    start = np.arange(0, 40, 2)
    never = pd.DataFrame({"start": start, "time": start + 3, "status": [0] * 20})
    alone = kaplan_meier(lifetimes_from_frame(never, start="start")).plateau()
    assert alone.frame["estimate"].isna().all()
    assert alone.summary() == "cannot tell: all"


@pytest.mark.parametrize("argument", ["last_share", "most_ratio"])
def test_arguments_are_checked(argument: str) -> None:
    lives = lifetimes_from_frame(pd.DataFrame({"time": range(1, 31), "status": 1}))
    with pytest.raises(ArgumentError, match=f"`{argument}` must lie strictly between 0 and 1"):
        kaplan_meier(lives).plateau(**{argument: 1.0})
