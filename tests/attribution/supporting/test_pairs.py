from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from journeykit import attribution
from journeykit.attribution import support
from journeykit.attribution.supporting.answers import FEWER, FOUND, SEEN, UNKNOWN, verdicts
from journeykit.errors import ArgumentError, DataError
from journeykit.simulate import World
from journeykit.simulate.world import world
from tests.attribution.supporting.test_stretches import drawn, made

CHANNELS = ["email_promo", "catalog_mailed", "sms_sent", "app_session"]
#: Further sessions within two days after a message, by an exponential delay of half a day.
WITHIN = 0.5 * (1 - np.exp(-2 / 0.5))


@pytest.fixture(scope="module")
def simulated() -> World:
    return world(customers=2500, seed=11, parts=["channels"])


@pytest.fixture(scope="module")
def found(simulated: World) -> attribution.Support:
    return support(simulated.journeys(), channels=CHANNELS, replicates=200)


def one(result: attribution.Support, channel: str, supported: str) -> pd.Series:
    frame = result.frame
    return frame[(frame["channel"] == channel) & (frame["supported"] == supported)].iloc[0]


def test_one_row_an_ordered_pair(found: attribution.Support) -> None:
    pairs = [(a, b) for a in CHANNELS for b in CHANNELS if a != b]
    assert list(zip(found.frame["channel"], found.frame["supported"], strict=True)) == pairs


def test_messages_bring_about_sessions_and_nothing_else_does(found: attribution.Support) -> None:
    message = one(found, "sms_sent", "app_session")
    assert message["verdict"] == FOUND
    assert message["conf_low"] < WITHIN < message["conf_high"]
    assert message["further"] == pytest.approx(
        (message["n_seen"] - message["n_expected"]) / message["n_compared"]
    )
    assert message["ratio"] == pytest.approx(message["n_seen"] / message["n_expected"])
    assert message["together_low"] < 0.5 < message["together_high"]
    assert np.isnan(message["detectable"])
    others = found.frame[found.frame.index != message.name]
    assert set(others["verdict"]) == {SEEN}
    assert (others["detectable"] < 0.1).all()
    assert (others["detectable_ratio"] > 1).all()


def test_where_the_effect_is_taken_away_nothing_is_found(simulated: World) -> None:
    null = simulated.null("channels.mediated").journeys()
    result = support(null, channels=CHANNELS, replicates=100)
    assert set(result.frame["verdict"]) == {SEEN}


def test_without_season_counts_that_rise_and_fall_together_are_taken_for_support(
    simulated: World,
) -> None:
    null = simulated.null("channels.mediated").journeys()
    asked = {"channels": CHANNELS[:3], "replicates": 100}
    trapped = support(null, season=[], **asked)
    assert (trapped.frame["later_p_adjusted"] < 0.05).sum() >= 2
    clear = support(null, season=["weekday", "year", "trend"], **asked)
    assert (clear.frame["later_p_adjusted"] > 0.05).all()
    pd.testing.assert_series_equal(clear.frame["p_value"], trapped.frame["p_value"])


def test_the_same_answer_whatever_the_seed_but_for_errors_of_counts(simulated: World) -> None:
    journeys = simulated.journeys().sample(400, seed=1)
    asked = {"channels": CHANNELS[2:], "replicates": 100}
    first, again, other = (support(journeys, seed=seed, **asked).frame for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    customers = ["n_compared", "ratio", "ratio_low", "further", "conf_low", "p_value"]
    pd.testing.assert_frame_equal(first[customers], other[customers])


def test_counts_may_be_left_out(simulated: World) -> None:
    result = support(simulated.journeys(), channels=CHANNELS, period=None)
    assert (
        result.frame[["later", "together", "later_p_value", "later_detectable"]]
        .isna()
        .all(axis=None)
    )
    assert result.lags == 0
    assert result.checks == ()
    assert one(result, "sms_sent", "app_session")["found_in"] == "customers"


def test_weeks_and_own_regressors(simulated: World) -> None:
    journeys = simulated.journeys()
    weeks = pd.date_range("2024-01-01", "2026-01-05", freq="7D")
    given = pd.DataFrame({"price": np.arange(len(weeks)) > 60}, index=weeks)
    result = support(
        journeys, channels=CHANNELS[2:], period="week", regressors=given, lags=2, replicates=100
    )
    assert result.lags == 2
    assert result.provenance.parameters["season"] == ("year", "trend")
    assert result.provenance.parameters["regressors"] == ("price",)
    assert result.frame["later"].notna().all()


def test_conversions_are_only_brought_about(simulated: World) -> None:
    result = support(
        simulated.journeys(), channels=["sms_sent"], conversion=["app_session"], period=None
    )
    assert len(result.frame) == 1
    assert result.frame.loc[0, "verdict"] == FOUND


def test_a_day_clock_looks_from_the_next_day_on() -> None:
    result = support(drawn(3, clock="day"), period=None)
    assert len(result.frame) == 6
    with pytest.raises(ArgumentError, match="`window_days` must be whole on a day clock; got 1.5"):
        support(drawn(3, clock="day"), period=None, window_days=1.5)


def test_summary(found: attribution.Support) -> None:
    message = one(found, "sms_sent", "app_session")
    assert found.summary() == (
        f"In 1 of 12 pairs more follow: {message['further']:.3g} further app_session after a touch "
        f"of sms_sent ({message['conf_low']:.3g} to {message['conf_high']:.3g}, from "
        f"{message['found_in']}); in 11 nothing is found, though 0.1 a touch would have been seen "
        "with a chance of 80%; of 0 the data cannot tell. Who wants something meets several "
        "channels within days: a pair found both ways may share a cause, and only a holdout "
        "settles it."
    )


def test_plot_marks_what_is_found(found: attribution.Support) -> None:
    ax = found.plot()
    texts = [text.get_text() for text in ax.texts]
    assert len(texts) == 12
    assert [text for text in texts if text.endswith("●")] == [
        f"{100 * one(found, 'sms_sent', 'app_session')['further']:.1f}●"
    ]
    plt.close(ax.figure)


def table(**columns: list[float]) -> pd.DataFrame:
    names = ("p_adjusted", "later_p_adjusted", "further", "later", "detectable", "later_detectable")
    n = len(next(iter(columns.values())))
    return pd.DataFrame({name: columns.get(name, [np.nan] * n) for name in names}).assign(
        detectable_ratio=2.0
    )


def test_verdicts() -> None:
    frame = table(
        p_adjusted=[0.01, 0.01, 0.01, 0.9, 0.9, np.nan, 0.9],
        later_p_adjusted=[0.01, 0.9, 0.01, 0.01, 0.9, np.nan, 0.9],
        further=[1.0, -1.0, 1.0, -1.0, 0.0, np.nan, 0.0],
        later=[1.0, 1.0, -1.0, 1.0, 0.0, np.nan, 0.0],
        detectable=[0.05, 0.05, 0.05, 0.05, 0.2, np.nan, 0.2],
        later_detectable=[0.05, 0.05, 0.05, 0.05, 0.09, np.nan, np.nan],
    )
    told = verdicts(frame, alpha=0.05, worthwhile=0.1)
    assert told["verdict"].tolist() == [FOUND, FEWER, UNKNOWN, FOUND, SEEN, UNKNOWN, UNKNOWN]
    assert told["found_in"].tolist() == ["both", "customers", "both", "counts", "", "", ""]
    assert told["detectable"].isna().tolist() == [True, True, True, False, False, True, False]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"correction": "none"}, "`correction` must be one of 'holm', 'bh'"),
        ({"period": "month"}, "`period` must be one of 'day', 'week'"),
        ({"season": ["month"]}, "`season` must be one of 'weekday'"),
        ({"season": "week"}, "must be a list of terms; got 'week'"),
        ({"season": ["week"], "period": "week"}, "must not hold 'week' where periods are weeks"),
        ({"window_days": 0}, "`window_days` must be a number greater than 0"),
        ({"window_days": 3}, "whole weeks of at least 3 windows; got 7 with `window_days` 3"),
        ({"stretch_days": 10}, "whole weeks of at least 3 windows; got 10"),
        ({"worthwhile": -1}, "`worthwhile` must be a number greater than 0"),
        ({"confidence": 1}, "`confidence` must lie strictly between 0 and 1"),
        ({"horizon": 0}, "`horizon` must be a whole number at least 1"),
        ({"replicates": 10}, "`replicates` must be a whole number at least 100"),
        ({"lags": 0}, "`lags` must be a whole number at least 1"),
    ],
)
def test_refusals(asked: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        support(made(["a", "b"], [[(1.0, "a"), (2.0, "b")]]), **asked)


def test_too_few_periods() -> None:
    with pytest.raises(DataError, match="needs at least"):
        support(drawn(1), season=["weekday", "week"])
