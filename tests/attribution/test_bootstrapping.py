from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from journeykit import attribution
from journeykit.attribution import bootstrap, markov, refitting, rules, touches
from journeykit.counts import path_counts
from journeykit.errors import ArgumentError, DataError, JourneyKitWarning
from journeykit.journeys import Journeys
from journeykit.journeys.fingerprint import hash_customers
from journeykit.stats import poisson_weights
from tests.attribution.example import CUSTOMERS, OUTCOMES, reordered
from tests.attribution.test_resampling import WORLDS, chains, one_channel_pair

BOUNDS = ["conf_low", "conf_high"]
LAST = functools.partial(rules, models=["last"])


@pytest.fixture(scope="module")
def several() -> Journeys:
    """Customers with several journeys of a, b and c, most without a conversion."""
    every = chains(seed=4, customers=4)
    some = every.take(every.customer_index < 600)
    return some.relabel(patterns={r"([abc])\d+": r"\1"})


@pytest.mark.parametrize("counted", [False, True])
def test_order_one_has_the_interval_of_the_model(several: Journeys, counted: bool) -> None:
    data = path_counts(several) if counted else several
    for model in (markov, functools.partial(markov, normalisation="raw"), rules):
        own = model(data, replicates=30, seed=9).frame
        made = bootstrap(data, model, replicates=30, seed=9).frame
        np.testing.assert_allclose(made[BOUNDS], own[BOUNDS], rtol=0, atol=1e-12)
        assert_frame_equal(made[own.columns].drop(columns=BOUNDS), own.drop(columns=BOUNDS))


@pytest.mark.parametrize(
    "options",
    [
        {"order": 2},
        {"order": 3, "normalisation": "path"},
        {"order": 2, "removal": "reconnect"},
        {"removal": "participation"},
    ],
)
def test_the_jackknife_agrees_with_100_replicates(
    several: Journeys, options: dict[str, object]
) -> None:
    model = functools.partial(markov, **options)
    own, made = model(several).frame, bootstrap(several, model, replicates=100, seed=2).frame
    ratio = np.diff(own[BOUNDS]) / np.diff(made[BOUNDS])
    assert ((ratio > 0.8) & (ratio < 1.25)).all()


def test_errors_of_counts_are_those_over_customers(several: Journeys) -> None:
    made = bootstrap(several, LAST, replicates=300, seed=1).frame.set_index("channel")
    frame = several.to_frame()
    last = frame.groupby("journey").tail(2).groupby("journey").agg(
        who=("customer_id", "first"), channel=("touchpoint", "first"),
        outcome=("outcome", "first"),
    )  # fmt: skip
    won = last[last["outcome"] == "converted"]
    each = won.groupby(["channel", "who"], observed=True).size()
    for channel in "abc":
        credit = each[channel]
        row = made.loc[channel]
        assert row["conversions"] == credit.sum()
        error = np.sqrt((credit**2).sum())
        assert row["conversions_std_error"] == pytest.approx(error, rel=0.12)
        assert row["conversions_high"] - row["conversions_low"] == pytest.approx(
            2 * 1.96 * error, rel=0.2
        )


def test_a_difference_of_two_shares_is_worked_by_hand() -> None:
    data = one_channel_pair(customers=150)
    made = bootstrap(data, LAST, replicates=50)
    a, b = made.frame.to_dict("records")
    row = made.differences.to_dict("records")[0]
    assert (row["channel_a"], row["channel_b"]) == ("b", "a")
    # The shares sum to 1: b - a is 2 b - 1, sample by sample.
    assert row["difference"] == pytest.approx(b["share"] - a["share"])
    assert row["std_error"] == pytest.approx(2 * b["std_error"])
    assert row["conf_low"] == pytest.approx(2 * b["conf_low"] - 1)
    assert row["conf_high"] == pytest.approx(2 * b["conf_high"] - 1)


def test_intervals_that_overlap_are_not_equality() -> None:
    # a is in all journeys that b is in, and in some more: both move together.
    counts = path_counts(one_channel_pair(customers=2))
    many = replace(
        counts,
        names=("a", "b"),
        touchpoint=np.array([0, 1, 0], dtype=np.uint8),
        start=np.array([0, 2, 3]),
        n=np.array([[60, 60, 0], [8, 8, 0]]),
        value=np.zeros(2),
        key=np.array([[1, 1], [2, 2]], dtype=np.uint64),
    )
    participation = functools.partial(markov, removal="participation", normalisation="raw")
    made = bootstrap(many, participation, replicates=200)
    row = made.differences.iloc[0]
    assert row["difference"] == pytest.approx(8 / 68)
    assert row["conf_low"] > 0


def test_it_is_reproducible_to_the_byte() -> None:
    order = [3, 1, 4, 0, 2]
    turned = reordered(CUSTOMERS, order).outcomes(
        conversion=["buy"], lookback_days=10, value="price"
    )
    with pytest.warns(JourneyKitWarning, match="gave no shares"):
        first, again, other = (
            bootstrap(data, rules, replicates=40, seed=6) for data in (OUTCOMES, OUTCOMES, turned)
        )
    for one in (again, other):
        assert_frame_equal(first.frame, one.frame, check_exact=True)
        assert_frame_equal(first.differences, one.differences, check_exact=True)
        assert first.provenance == one.provenance


def test_samples_without_a_conversion_are_counted() -> None:
    one = OUTCOMES.where(OUTCOMES.attributes["outcome_value"].to_numpy() != 7)
    one = one.take(np.array([customer in (0, 2, 3) for customer in one.customer_index]))
    hashed = hash_customers(one.customer_id)
    weights = np.stack([poisson_weights(hashed, replicate=r, seed=1) for r in range(50)])
    ann = one.customer_id.to_pylist().index("ann")
    expected = int((weights[:, ann] == 0).sum())
    with pytest.warns(JourneyKitWarning, match=f"{expected} of 50 .*first said: There is no"):
        made = bootstrap(one, LAST, replicates=50, seed=1)
    assert made.n_failed == expected
    assert (made.frame["n_replicates"] == 50 - expected).all()
    assert f"50 refits on samples of customers, {expected} of them failed" in made.summary()
    # The only converter is in every sample that answers: the shares do not vary.
    assert made.frame[["std_error", *BOUNDS]].isna().all(axis=None)
    assert made.draws.shape == (50, 2)
    assert np.isnan(made.draws[:, 0]).sum() == expected
    empty = next(
        seed
        for seed in range(100)
        if all((poisson_weights(hashed, replicate=r, seed=seed)[ann] == 0) for r in (0, 1))
    )
    with pytest.raises(DataError, match="Of 2 samples of customers at least two must give shares"):
        bootstrap(one, LAST, replicates=2, seed=empty)


def test_a_channel_that_is_not_drawn_has_nothing() -> None:
    # cid alone meets "post", in a journey without a conversion: drawn or not, it earns nothing.
    names = ("buy", "mail", "post", "web")
    code = np.array([0, 1, 3])[CUSTOMERS.touchpoint]
    code[10] = 2
    posted = CUSTOMERS.replace(names=names, touchpoint=code.astype(np.uint8))
    cut = posted.outcomes(conversion=["buy"], lookback_days=10)
    with pytest.warns(JourneyKitWarning):
        made = bootstrap(cut, markov, replicates=40)
    row = made.frame.set_index("channel").loc["post"]
    assert row["share"] == row["removal_effect"] == 0
    assert row["n_replicates"] == 40 - made.n_failed
    assert np.isnan(row["removal_effect_std_error"])


def test_any_callable_is_a_model(several: Journeys) -> None:
    def halves(data: Journeys) -> attribution.Credits:
        credited = LAST(data)
        frame = credited.frame.assign(model="halves", share=[0.5, 0.25, 0.25])
        return replace(credited, frame=frame)

    made = bootstrap(several, halves, replicates=5)
    assert made.draws.tolist() == [[0.5, 0.25, 0.25]] * 5
    assert made.frame["conversions_std_error"].notna().all()
    beside = LAST(several).beside(made)
    assert beside.frame["model"].unique().tolist() == ["last", "halves"]


def test_a_model_of_whole_journeys() -> None:
    def cut_and_credit(data: Journeys) -> attribution.Credits:
        return LAST(touches(data, conversion=["buy"], lookback_days=10).journeys)

    cut = CUSTOMERS.outcomes(conversion=["buy"], lookback_days=10)
    with pytest.warns(JourneyKitWarning):
        whole, pieces = (
            bootstrap(data, model, replicates=40)
            for data, model in ((CUSTOMERS, cut_and_credit), (cut, LAST))
        )
    assert_frame_equal(whole.frame, pieces.frame)


def test_own_replicates_are_spared() -> None:
    asked = []

    def counting(data: Journeys, *, replicates: int = 200) -> attribution.Credits:
        asked.append(replicates)
        return LAST(data, replicates=replicates)

    assert refitting.quick(counting) is counting
    assert refitting.quick(LAST).keywords["replicates"] == 2
    assert refitting.quick(markov).keywords == {"replicates": 2}
    bootstrap(one_channel_pair(customers=50), counting, replicates=3)
    assert asked == [200] * 4


def test_refuses_what_is_no_model() -> None:
    for model, message in (
        ("markov", "`model` must be a callable from data to credits.*got str"),
        (lambda data: 3, "`model` must return Credits.*got int"),
        (
            lambda data: replace(LAST(data), frame=pd.concat([LAST(data).frame] * 2)),
            "one row a model and channel; some stand twice",
        ),
    ):
        with pytest.raises(ArgumentError, match=message):
            bootstrap(OUTCOMES, model, replicates=2)
    with pytest.raises(ArgumentError, match="`replicates` must be a whole number at least 2"):
        bootstrap(OUTCOMES, LAST, replicates=1)
    with pytest.raises(DataError, match="no conversion to distribute"):
        bootstrap(OUTCOMES.where({"outcome": "abandoned"}), LAST)


def test_picture_has_the_intervals() -> None:
    made = bootstrap(one_channel_pair(customers=WORLDS // 10), LAST, replicates=20)
    bars = made.plot().collections[0].get_segments()
    shown = made.frame.sort_values("share", ascending=False)
    assert [[x for x, _ in bar] for bar in bars] == shown[BOUNDS].to_numpy().tolist()


def test_models_of_the_same_samples_stand_side_by_side(several: Journeys) -> None:
    one, two = (
        bootstrap(several, functools.partial(rules, models=[model]), replicates=20, seed=3)
        for model in ("last", "linear")
    )
    both = one.beside(two)
    assert both.draws.shape == (20, len(both.frame))
    np.testing.assert_array_equal(both.draws[:, len(one.frame) :], two.draws)
    assert both.differences["model"].unique().tolist() == ["last", "linear"]
    other = bootstrap(several, functools.partial(rules, models=["linear"]), replicates=20, seed=4)
    for wrong in (other, rules(several, models=["first"])):
        with pytest.raises(ArgumentError, match="of the same samples"):
            one.beside(wrong)
