from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from journeykit.attribution import calibrate, markov, rules
from journeykit.attribution.experiments.combining import predict, ratios, shrink
from journeykit.attribution.experiments.reading import credited
from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.results import Provenance
from journeykit.simulate.world import world
from tests.attribution.example import OUTCOMES
from tests.attribution.experiments.example import BUYS, credits_of, experiments

FIVE = experiments(
    mail=(60.0, 10.0), ads=(90.0, 15.0), web=(30.0, 10.0), shop=(200.0, 12.0), sms=(60.0, 9.0)
)


def test_few_experiments_stand_alone() -> None:
    got = calibrate(credits_of(), experiments(mail=(60.0, 10.0), ads=(90.0, 15.0), web=(9.0, 3.0)))
    frame = got.frame.set_index("channel")
    assert frame.loc["mail", ["conversions", "std_error"]].tolist() == [60, 10]
    bounds = frame.loc["ads", ["conf_low", "conf_high"]].tolist()
    assert bounds == pytest.approx([90 - 29.3995, 90 + 29.3995], abs=1e-4)
    assert frame["tested"].to_dict() == {
        name: name in ("mail", "ads", "web") for name in frame.index
    }
    untested = frame[~frame["tested"]]
    # Never invented: the model's number stands, and no interval.
    assert untested["conversions"].tolist() == [BUYS[name] for name in untested.index]
    assert untested[["std_error", "conf_low", "conf_high"]].isna().all(axis=None)
    assert set(frame["basis"]) == {"experiment", "model"}
    assert got.ratios.loc[0, "model_weight"] == 0
    assert np.isnan(got.ratios.loc[0, "ratio"])
    assert got.summary() == (
        "3 of 7 channels tested; the others are the model's alone, and how far it is off is not "
        "known"
    )


def test_enough_experiments_and_the_model_together() -> None:
    got = calibrate(credits_of(), FIVE, confidence=0.9)
    frame, told = got.frame.set_index("channel"), credited(credits_of()).set_index("channel")
    tested, other = list(FIVE["channel"]), ["fair"]
    increment, error = FIVE["increment"].to_numpy(), FIVE["std_error"].to_numpy()
    credit, own = told["conversions"], told["std_error"]
    shrunk = shrink(increment, error, credit[tested].to_numpy())
    assert frame.loc[tested, "conversions"].tolist() == pytest.approx(shrunk.estimate.tolist())
    # The interval is the experiment's, whatever the model says.
    assert frame.loc["mail", "conf_low"] == pytest.approx(60 - 1.6449 * 10, abs=1e-3)
    known = ratios(increment, error, credit[tested].to_numpy(), own[tested].to_numpy())
    expected = predict(known, credit[other].to_numpy(), own[other].to_numpy(), confidence=0.9)
    columns = ["conversions", "std_error", "conf_low", "conf_high"]
    assert frame.loc["fair", columns].tolist() == pytest.approx([float(x[0]) for x in expected])
    assert frame["basis"].to_dict() == {
        **dict.fromkeys(tested, "experiment and model"), "fair": "ratio", "free": "model"
    }  # fmt: skip
    # Without credit there is nothing to multiply, and no interval of 0 to 0.
    assert frame.loc["free", "conversions"] == 0
    assert np.isnan(frame.loc["free", "conf_high"])
    assert got.ratios.loc[0, "n_tested"] == 5
    assert 0.4 < got.ratios.loc[0, "ratio"] < 0.7
    assert "5 of 7 channels tested; the others are their credit times 0.49 (last)" in got.summary()


def test_all_channels_tested() -> None:
    buys = {"mail": 100, "ads": 200}
    got = calibrate(credits_of(buys=buys), experiments(ads=(90.0, 15.0), mail=(60.0, 10.0)))
    assert got.frame["conversions"].tolist() == [90, 60]
    assert got.summary() == "2 of 2 channels tested; the intervals are the experiments'"


def test_models_apart_and_rows_that_are_no_channel() -> None:
    made = rules(OUTCOMES).beside(markov(OUTCOMES))
    got = calibrate(made, experiments(web=(1.0, 0.5)))
    assert got.frame["model"].unique().tolist() == ["first", "last", "linear", "markov"]
    assert set(got.frame["channel"]) == {"mail", "web"}
    assert got.frame.loc[got.frame["channel"] == "web", "conversions"].tolist() == [1, 1, 1, 1]
    assert got.provenance.fingerprint == made.provenance.fingerprint
    assert got.provenance.parameters["tested"] == ("web",)
    assert len(got.ratios) == 4


def test_error_of_the_credit_is_read_from_the_interval_of_the_share() -> None:
    made = credits_of()
    got = credited(made).set_index("channel")
    frame = made.frame.set_index("channel")
    assert got["conversions"].to_dict() == frame["conversions"].to_dict()
    assert got["low"].tolist() == pytest.approx((1000 * frame["conf_low"]).tolist(), nan_ok=True)
    # About that of a multinomial share of 1,000 conversions.
    assert got.loc["mail", "std_error"] == pytest.approx(np.sqrt(1000 * 0.1 * 0.9), rel=0.2)
    narrow = replace(made, provenance=Provenance(parameters={"confidence": 0.5}))
    ratio = credited(narrow)["std_error"] / credited(made)["std_error"]
    assert ratio.dropna().to_numpy() == pytest.approx(1.95996 / 0.67449, rel=1e-4)


def test_picture_tells_tested_from_untested() -> None:
    ax = calibrate(credits_of("last", "first"), FIVE).plot()
    drawn = {line.get_label(): line.get_xdata() for line in ax.lines}
    assert len(drawn["last, tested"]) == 5
    assert len(drawn["first, untested"]) == 2
    assert drawn["credit"].max() == 400


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (experiments(post=(1.0, 1.0)), MappingError, "`experiments` names channels that do not"),
        (experiments(mail=(1.0, 0.0)), DataError, "`std_error` of `experiments` must hold finite "
         "numbers greater than 0; 'mail' has 0.0"),
        (experiments(mail=(np.inf, 1.0)), DataError, "`increment` of `experiments` must hold fini"),
        (pd.concat([FIVE, FIVE]), DataError, "one row a channel; 'ads', 'mail'"),
        (FIVE.drop(columns="increment"), MappingError, "without: increment"),
    ],
)  # fmt: skip
def test_wrong_experiments_are_refused(
    table: pd.DataFrame, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        calibrate(credits_of(), table)


def test_what_are_no_credits_of_conversions_is_refused() -> None:
    with pytest.raises(ArgumentError, match="shares of these credits are of values"):
        calibrate(rules(OUTCOMES, share_of="value"), experiments(web=(1.0, 0.5)))
    with pytest.raises(ArgumentError, match="`credits` must be what .* got DataFrame"):
        calibrate(FIVE, FIVE)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`confidence` must lie strictly between 0 and 1"):
        calibrate(credits_of(), FIVE, confidence=1)


def test_simulated_company_with_holdouts() -> None:
    made = world(customers=5000, seed=3, parts=("channels", "orders", "purchases", "holdouts"))
    tests = made.truth["holdouts"].channels
    truth = made.truth["orders"].lost_without_responding
    table = experiments(
        **{name: (t.difference * t.treated, t.std_error * t.treated) for name, t in tests.items()}
    )
    journeys = made.journeys()
    channels = [name for name in (*truth, "thank_you_page", "pos_transaction")
                if name in journeys.names]  # fmt: skip
    goals = [name for name in ("thank_you_page", "pos_transaction") if name in journeys.names]
    outcomes = journeys.only(*channels).outcomes(conversion=goals, lookback_days=30)
    frame = calibrate(rules(outcomes, models=["last"], replicates=50), table).frame
    true = frame["channel"].map(truth)
    assert (frame["tested"] == frame["channel"].isin(tests)).all()
    assert ((frame["conf_low"] <= true) & (true <= frame["conf_high"])).all()
    assert {"experiment and model", "ratio"} == set(frame["basis"])
