from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from journeykit import attribution
from journeykit.attribution import removal
from journeykit.attribution.effects import REMOVALS, Removal, effects_of
from journeykit.attribution.removal import removal_effects
from journeykit.attribution.spreading import jackknife_error, share_slope
from journeykit.counts import path_counts, path_counts_from_frame
from journeykit.errors import ArgumentError, DataError
from tests.attribution.example import CUSTOMERS, OUTCOMES, reordered
from tests.attribution.test_rule_based import FEW, LAW, credited, outcomes
from tests.strategies import journeys

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from journeykit.counts import PathCounts
    from journeykit.journeys import Journeys


def test_removal_worked_by_hand() -> None:
    # entry: web 3, mail 1 (ann's first touch is unseen); web: buy 2, web 1, mail 2;
    # mail: web 1, buy 1, null 2. So h(mail) = 3/7, h(web) = 5/7, h(entry) = 9/14;
    # without mail 3/8 are left of it, without web 1/16.
    result = attribution.markov(OUTCOMES)
    effect = credited(result, "markov", "removal_effect")
    assert np.isnan(effect.pop("(no touch)"))
    assert effect == pytest.approx({"mail": 5 / 12, "web": 65 / 72})
    assert credited(result, "markov", "conversions") == pytest.approx(
        {"mail": 18 / 19, "web": 39 / 19, "(no touch)": 1}
    )
    assert credited(result, "markov", "value") == pytest.approx(
        {"mail": 180 * 6 / 19, "web": 180 * 13 / 19, "(no touch)": 7}
    )
    assert credited(result, "markov", "share") == pytest.approx(
        {"mail": 18 / 76, "web": 39 / 76, "(no touch)": 1 / 4}
    )
    assert credited(result, "markov", "n_journeys") == {"mail": 4, "web": 4, "(no touch)": 1}
    assert result.population.n_edge_conversions == 1
    assert result.frame.columns.tolist() == [
        "model", "channel", "removal_effect", "n_journeys", "conversions", "value", "share",
        "conf_low", "conf_high",
    ]  # fmt: skip


def test_a_channel_without_conversions_behind_it_gets_nothing() -> None:
    table = pd.DataFrame({"path": ["a", "a > b", "a > c > a"], "yes": [3, 0, 1], "no": [5, 4, 1]})
    counts = path_counts_from_frame(table, conversions="yes", nulls="no")
    frame = attribution.markov(counts, replicates=FEW).frame.set_index("channel")
    assert frame.loc["b", ["removal_effect", "conversions", "share"]].tolist() == [0, 0, 0]
    assert np.isnan(frame.loc["b", "conf_high"])


def redirected(table: NDArray[np.float64], channel: int) -> float:
    """Solve the chain whose steps into one channel lead to null, as the definition says."""
    m = len(table) - 1
    p = table / table.sum(axis=1, keepdims=True)
    rate = []
    for removed in ([], [channel]):
        q, win, entry = p[:m, :m].copy(), p[:m, m], p[m, :m].copy()
        q[:, removed], entry[removed] = 0, 0
        rate.append(entry @ np.linalg.solve(np.eye(m) - q, win))
    return 1 - rate[1] / rate[0]


def test_closed_form_is_the_redirect_to_null() -> None:
    random = np.random.default_rng(3)
    tables = random.integers(1, 50, size=(20, 9, 10)).astype(float)
    tables[:, 8, 8:] = 0
    effects = removal_effects(tables)
    expected = [[redirected(table, channel) for channel in range(8)] for table in tables]
    assert np.abs(effects - expected).max() < 1e-10


@pytest.fixture(scope="module")
def ga4(shared: Path) -> PathCounts:
    raw = pd.read_csv(
        shared / "data" / "ga4_journeys" / "ga4_attribution_journeys.csv.gz",
        usecols=["path", "conversion"],
    )
    table = raw.groupby("path", as_index=False)["conversion"].agg(["sum", "size"])
    table["lost"] = table["size"] - table["sum"]
    return path_counts_from_frame(table, conversions="sum", nulls="lost")


def test_real_journeys_agree_with_the_reference(ga4: PathCounts, shared: Path) -> None:
    reference = pd.read_csv(shared / "oracles" / "attribution" / "ga4_reference.csv")
    for order in (1, 2, 3):
        frame = attribution.markov(ga4, order=order, replicates=FEW).frame
        assert frame["channel"].tolist() == reference["channel"].tolist()
        for ours, theirs in (("removal_effect", "re_conv"), ("conversions", "conversions")):
            assert np.abs(frame[ours] - reference[f"{theirs}_k{order}"]).max() < 1e-6
        assert frame["conversions"].sum() == pytest.approx(4848, abs=1e-9)
        if order == 1:
            assert np.abs(frame["share"] - reference["share_k1"]).max() < 1e-6
    met = attribution.markov(ga4, removal="participation", normalisation="raw").frame
    assert np.abs(met["conversions"] - reference["participation"]).max() < 1e-6
    rules = attribution.rules(ga4, replicates=FEW)
    for model in ("first", "last", "linear"):
        ours = np.array(list(credited(rules, model, "conversions").values()))
        assert np.abs(ours - reference[model]).max() < 1e-6
        assert ours.sum() == pytest.approx(4848, abs=1e-9)


def test_real_journeys_agree_with_a_simulation(ga4: PathCounts) -> None:
    paths = attribution.touch_paths.touch_paths(ga4)
    m = len(paths.channels)
    table = (paths.n @ removal._steps(paths)).reshape(m + 1, m + 2)
    effects = removal_effects(table)
    assert np.abs(effects - [redirected(table, c) for c in range(m)]).max() < 1e-10
    # 400,000 journeys walked step by step; a removed channel loses the conversions that met it.
    random = np.random.default_rng(11)
    bounds = np.cumsum(table / table.sum(axis=1, keepdims=True), axis=1)
    state = np.full(400_000, m)
    met = np.zeros((len(state), m + 2), dtype=bool)
    walking = np.arange(len(state))
    while len(walking):
        at = (random.random(len(walking))[:, None] >= bounds[state[walking], :-1]).sum(axis=1)
        state[walking], met[walking, at] = at, True
        walking = walking[at < m]
    converted = met[met[:, m], :m]
    error = np.sqrt(effects * (1 - effects) / len(converted))
    assert (np.abs(converted.mean(axis=0) - effects) < 4 * error + 1e-12).all()


def test_held_out_journeys_choose_order_3_of_the_real_ones(ga4: PathCounts) -> None:
    orders = attribution.markov_orders(ga4)
    assert orders.order == 3
    assert orders.frame["log_likelihood_fitted"].idxmax() == 5
    assert 0.75 < orders.frame["auc"][2] < 0.85


def markov_or_none(data: Journeys | PathCounts, **options: Any) -> pd.DataFrame:
    try:
        return attribution.markov(data, replicates=FEW, **options).frame
    except DataError:
        assume(False)
        raise


@LAW
@given(journeys())
def test_credits_sum_to_conversions(drawn: Journeys) -> None:
    cut = outcomes(drawn)
    frame = markov_or_none(cut)
    conversions = cut.attributes["outcome"].to_pylist().count("converted")
    assert frame["conversions"].sum() == pytest.approx(conversions, abs=1e-9)
    assert frame["value"].sum() == pytest.approx(sum(cut.attributes["outcome_value"].to_pylist()))
    assert frame["share"].sum() == pytest.approx(1)


@LAW
@given(journeys(), st.integers(1, 4), st.sampled_from(REMOVALS), st.booleans())
def test_every_way_conserves_its_total(
    drawn: Journeys, order: int, removal: Removal, by_path: bool
) -> None:
    cut = outcomes(drawn)
    normalisation = "path" if by_path else "global"
    options = {"order": order, "removal": removal}
    frame = markov_or_none(cut, normalisation=normalisation, **options)
    conversions = cut.attributes["outcome"].to_pylist().count("converted")
    assert frame["conversions"].sum() == pytest.approx(conversions, abs=1e-9)
    assert frame["value"].sum() == pytest.approx(sum(cut.attributes["outcome_value"].to_pylist()))
    assert frame["share"].sum() == pytest.approx(1)
    known = frame.dropna(subset=["conf_low"])
    assert ((known["conf_low"] < known["share"]) | (order == 1)).all()
    raw = markov_or_none(cut, normalisation="raw", **options)
    touched = conversions - raw.loc[raw["channel"] == "(no touch)", "conversions"].sum()
    channels = raw[raw["channel"] != "(no touch)"]
    assert channels["conversions"].to_numpy() == pytest.approx(
        channels["removal_effect"].to_numpy() * touched
    )


@LAW
@given(journeys())
def test_repeats_change_nothing_at_order_one(drawn: Journeys) -> None:
    cut = outcomes(drawn)
    kept, merged = (markov_or_none(cut, repeats=way) for way in ("keep", "merge"))
    assert merged["model"].iloc[0] == "markov merged"
    columns = ["channel", "removal_effect", "conversions", "value", "share"]
    assert_frame_equal(kept[columns], merged[columns])


def test_repeats_make_histories_at_order_two() -> None:
    table = pd.DataFrame({"path": ["a > a > b", "a > b", "c > a > a"], "yes": [3, 0, 0]})
    table["no"] = [0, 4, 1]
    counts = path_counts_from_frame(table, conversions="yes", nulls="no")
    kept, merged = (
        attribution.markov(counts, order=2, repeats=way).frame["removal_effect"].tolist()
        for way in ("keep", "merge")
    )
    assert kept[:2] == pytest.approx([1, 1])
    # Entry: a 7/8, c 1/8; (a a) leads to b 3 times of 4, after c as well; (a b) to yes 3 of 7.
    from_a = 3 / 7 * 3 / 4 * 3 / 7 + 4 / 7 * 3 / 7
    from_c = 3 / 4 * 3 / 7
    assert kept[2] == pytest.approx(from_c / (from_c + 7 * from_a))
    assert merged[2] == 0


def test_models_stand_side_by_side_by_what_they_are() -> None:
    plain, *others = (
        attribution.markov(OUTCOMES, replicates=FEW, **options)
        for options in (
            {},
            {"order": 2},
            {"order": 2, "removal": "participation"},
            {"order": 2, "removal": "reconnect", "normalisation": "path", "repeats": "merge"},
            {"normalisation": "raw"},
        )
    )
    assert plain.beside(*others).frame["model"].unique().tolist() == [
        "markov", "markov order 2", "markov participation",
        "markov order 2 reconnect path merged", "markov raw",
    ]  # fmt: skip


def test_raw_intervals_at_order_one_are_of_the_effect(ga4: PathCounts) -> None:
    bootstrapped = attribution.markov(ga4, normalisation="raw").frame
    paths = attribution.touch_paths.touch_paths(ga4)
    effects = effects_of(paths, order=1, removal="to_null", convention="padded")
    assert bootstrapped["share"].to_numpy() == pytest.approx(effects.effect, abs=1e-12)
    error = jackknife_error(paths, share_slope(paths, effects, "raw"))
    large = bootstrapped["removal_effect"].to_numpy() > 0.05
    width = (bootstrapped["conf_high"] - bootstrapped["conf_low"])[large]
    assert width.to_numpy() == pytest.approx(2 * 1.96 * error[:-1][large], rel=0.2)


@LAW
@given(journeys())
def test_renaming_channels_commutes(drawn: Journeys) -> None:
    cut = outcomes(drawn)
    renamed = {"call": "web", "mail": "post", "web": "call"}
    before = markov_or_none(cut)
    after = markov_or_none(cut.relabel(renamed))
    expected = before.assign(channel=before["channel"].replace(renamed))
    assert_frame_equal(
        expected.sort_values("channel", ignore_index=True),
        after.sort_values("channel", ignore_index=True),
    )


@LAW
@given(journeys(min_customers=2))
def test_split_customers_add_up(drawn: Journeys) -> None:
    cut = outcomes(drawn)
    here = cut.customer_index % 2 == 0
    added = path_counts(cut.take(here)) + path_counts(cut.take(~here))
    assert_frame_equal(markov_or_none(path_counts(cut)), markov_or_none(added))


@LAW
@given(journeys())
def test_the_order_of_customers_changes_nothing(drawn: Journeys) -> None:
    turned = reordered(drawn, list(range(len(drawn)))[::-1])
    frames = [markov_or_none(outcomes(j)) for j in (drawn, turned)]
    assert_frame_equal(*frames, check_exact=True)


@LAW
@given(journeys())
def test_the_order_of_customers_changes_nothing_above_order_one(drawn: Journeys) -> None:
    turned = reordered(drawn, list(range(len(drawn)))[::-1])
    frames = [markov_or_none(outcomes(j), order=2, normalisation="path") for j in (drawn, turned)]
    assert_frame_equal(*frames)


def test_refuses_what_it_cannot_answer() -> None:
    with pytest.raises(ArgumentError, match="`order` must be a whole number at least 1; got 0"):
        attribution.markov(OUTCOMES, order=0)
    with pytest.raises(
        ArgumentError, match="`order` must be a whole number of at least 1, or 'held_out'; got 'he"
    ):
        attribution.markov(OUTCOMES, order="held-out")  # type: ignore[arg-type]
    for option, value in (
        ("removal", "to null"),
        ("normalisation", "globally"),
        ("convention", "padding"),
        ("repeats", "merged"),
    ):
        with pytest.raises(ArgumentError, match=f"`{option}` must be one of .*got '{value}'. Did"):
            attribution.markov(OUTCOMES, **{option: value})  # type: ignore[arg-type]
    ann = CUSTOMERS.take(np.array([True, False, False, False, False])).until("buy")
    pairs = pd.DataFrame({"path": ["a > b", "a"], "yes": [2, 0], "no": [1, 1]})
    counts = path_counts_from_frame(pairs, conversions="yes", nulls="no")
    with pytest.raises(DataError, match="Effects must not all be 0 .* met one channel alone"):
        attribution.markov(counts, order=2, removal="reconnect")
    edge = ann.outcomes(conversion=["buy"], lookback_days=10)
    with pytest.raises(DataError, match="0 of 1 finished journeys begin inside the window"):
        attribution.markov(edge)
    bare = CUSTOMERS.relabel({"mail": "web"}).take(np.array([False, True, False, False, False]))
    untouched = bare.outcomes(conversion=["buy", "web"], lookback_days=10)
    with pytest.raises(DataError, match="none of 5 conversions has a touch before it"):
        attribution.markov(untouched)
    with pytest.raises(DataError, match="no finished journey with a touch that began inside"):
        attribution.markov_orders(untouched)
