from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit import attribution
from journeykit.attribution.touch_weights import NEED_FIRST, Rule
from journeykit.counts import path_counts, path_counts_from_frame
from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from tests.attribution.example import CUSTOMERS, OUTCOMES
from tests.attribution.test_rule_based import FEW, LAW, credited, outcomes
from tests.strategies import journeys

ALL = list(get_args(Rule))
TOLD = {"weights": (0.5, 0.2, 0.3), "half_life_days": 7, "half_life_touches": 2}
ONE_BY_ONE = [model for model in ALL if model != "last_non_direct"]


def one_path(path: str, model: str, **options: object) -> list[float]:
    """Credit one conversion after touches at channels of their own, in their order."""
    table = path_counts_from_frame(pd.DataFrame({"path": [path], "n": [1]}), conversions="n")
    result = attribution.rules(table, models=[model], replicates=2, **options)
    return result.frame["conversions"].tolist()


@pytest.mark.parametrize(
    ("model", "of_two", "of_four"),
    [
        ("position_u", [0.5, 0.5], [0.4, 0.1, 0.1, 0.4]),
        ("position_w", [0.5, 0.5], [1 / 3, 1 / 6, 1 / 6, 1 / 3]),
        ("position_j", [0.25, 0.75], [0.2, 0.1, 0.1, 0.6]),
        ("position_inverse_j", [0.75, 0.25], [0.6, 0.1, 0.1, 0.2]),
    ],
)
def test_positions_by_hand(model: str, of_two: list[float], of_four: list[float]) -> None:
    assert one_path("a", model) == [1]
    assert one_path("a > b", model) == pytest.approx(of_two)
    assert one_path("a > b > c > d", model) == pytest.approx(of_four)


def test_w_gives_the_middle_its_own_part() -> None:
    assert one_path("a > b > c > d > e", "position_w") == pytest.approx([0.3, 0.05, 0.3, 0.05, 0.3])
    assert one_path("a > b > c", "position_w") == pytest.approx([1 / 3] * 3)


def test_weights_of_ones_own() -> None:
    for path, weights, credit in (
        ("a > b > c", (0.5, 0.2, 0.3), [0.5, 0.2, 0.3]),
        ("a > b", (0.5, 0.2, 0.3), [0.625, 0.375]),
        ("a > b", (0.0, 1.0, 0.0), [0.5, 0.5]),
        ("a > b > c > d", (0.0, 1.0, 0.0), [0, 0.5, 0.5, 0]),
        ("a", (0.0, 1.0, 0.0), [1]),
    ):
        assert one_path(path, "position", weights=weights) == pytest.approx(credit)


def test_decay_by_touches_by_hand() -> None:
    assert one_path("a > b > c", "touch_decay", half_life_touches=1) == pytest.approx(
        [1 / 7, 2 / 7, 4 / 7]
    )


def test_direct_is_what_is_declared() -> None:
    table = pd.DataFrame(
        {"path": ["ad > (direct) > (direct)", "(direct) > (direct)", "ad > direct"], "n": [1, 2, 4]}
    )
    counts = path_counts_from_frame(table, conversions="n")
    result = attribution.rules(
        counts, models=["last_non_direct"], direct=["(direct)"], replicates=2
    )
    # A channel that is only called direct is not taken for it.
    assert credited(result, "last_non_direct", "conversions") == {
        "(direct)": 2,
        "ad": 1,
        "direct": 4,
    }
    with pytest.raises(MappingError, match="`direct` names channels that do not exist: 'Direct'"):
        attribution.rules(counts, models=["last_non_direct"], direct=["Direct"])


def test_decay_by_the_clock_by_hand() -> None:
    result = attribution.rules(
        OUTCOMES, models=["time_decay", "last"], half_life_days=1, replicates=FEW
    )
    # ann: mail 2 days, web 1 day before; web. bob: web 3, web 2, mail 1 days before; then nothing.
    expected = {"mail": 1 / 3 + 4 / 7, "web": 2 / 3 + 1 + 3 / 7, "(no touch)": 1}
    assert credited(result, "time_decay", "conversions") == pytest.approx(expected)
    assert credited(result, "time_decay", "value") == pytest.approx(
        {"mail": 100 / 3 + 120 / 7, "web": 200 / 3 + 50 + 90 / 7, "(no touch)": 7}
    )
    plain = attribution.rules(OUTCOMES, replicates=FEW)
    columns = ["conversions", "value", "share", "conf_low", "conf_high"]
    last = result.frame.query("model == 'last'")[columns].to_numpy()
    np.testing.assert_allclose(last, plain.frame.query("model == 'last'")[columns].to_numpy())


def test_a_very_short_half_life_is_the_last_touch() -> None:
    result = attribution.rules(
        OUTCOMES, models=["time_decay", "last"], half_life_days=1e-4, replicates=FEW
    )
    a, b = (part["conversions"].tolist() for _, part in result.frame.groupby("model"))
    assert a == pytest.approx(b)


def test_numbers_may_come_from_an_array() -> None:
    plain, array = (
        attribution.rules(OUTCOMES, models=["time_decay", "position"], replicates=2, **options)
        for options in (
            {"half_life_days": 7, "weights": (0.4, 0.2, 0.4)},
            {"half_life_days": np.float64(7), "weights": np.array([0.4, 0.2, 0.4])},
        )
    )
    pd.testing.assert_frame_equal(plain.frame, array.frame)


def test_shares_of_value() -> None:
    result = attribution.rules(OUTCOMES, models=["last"], share_of="value", replicates=FEW)
    assert credited(result, "last", "share") == pytest.approx(
        {"mail": 30 / 187, "web": 150 / 187, "(no touch)": 7 / 187}
    )
    inside = result.frame.eval("conf_low <= share <= conf_high")
    assert inside.all()


def test_credit_of_a_touch() -> None:
    frame = attribution.rules(OUTCOMES, models=["last"], per_touch=True, replicates=FEW).frame
    # mail: ann, bob, cid, dan; web: ann twice, bob twice, dan. Eve's is still open.
    assert frame["n_touches"].tolist() == [4, 5, 0]
    assert frame["conversions_per_touch"].tolist()[:2] == pytest.approx([1 / 4, 2 / 5])
    assert frame["value_per_touch"].tolist()[:2] == pytest.approx([30 / 4, 150 / 5])
    assert np.isnan(frame["value_per_touch"].iloc[2])
    # Ann's mail and web at the edge are neither credited by the first touch nor counted.
    frame = attribution.rules(OUTCOMES, models=["first"], per_touch=True, replicates=FEW).frame
    assert frame["n_touches"].tolist() == [3, 4, 0]
    assert frame["conversions_per_touch"].tolist()[:2] == pytest.approx([0, 2 / 4])


@LAW
@given(journeys())
def test_every_rule_conserves_conversions_and_value(drawn: Journeys) -> None:
    cut = outcomes(drawn)
    result = attribution.rules(cut, models=ONE_BY_ONE, **TOLD, replicates=2)
    total = result.frame.groupby("model")[["conversions", "value"]].sum()
    value = np.asarray(cut.attributes["outcome_value"])
    seen = ~np.asarray(cut.attributes["edge"])
    n = result.population
    for model in ONE_BY_ONE:
        first = model in NEED_FIRST
        kept = n.n_conversions - n.n_edge_conversions * first
        worth = value[seen].sum() if first else value.sum()
        assert total.loc[model].tolist() == pytest.approx([kept, worth], abs=1e-9)


@LAW
@given(journeys(), st.permutations(["call", "mail", "web"]))
def test_other_labels_only_rename_the_credits(drawn: Journeys, labels: list[str]) -> None:
    cut = outcomes(drawn)
    to = dict(zip(["call", "mail", "web"], labels, strict=True))
    models = ONE_BY_ONE
    here, there = (
        attribution.rules(data, models=models, **TOLD, replicates=2).frame
        for data in (cut, cut.relabel(to))
    )
    here["channel"] = here["channel"].map(lambda name: to.get(name, name))
    columns = ["conversions", "value"]
    expected = here.set_index(["model", "channel"])[columns].sort_index()
    pd.testing.assert_frame_equal(
        expected, there.set_index(["model", "channel"])[columns].sort_index()
    )


def test_real_journeys_agree_with_the_reference(shared: Path) -> None:
    reference = pd.read_csv(shared / "oracles" / "attribution" / "ga4_reference.csv")
    table = pd.read_csv(
        shared / "data" / "ga4_journeys" / "ga4_attribution_journeys.csv.gz",
        usecols=["path", "conversion"],
    )
    table["lost"] = 1 - table["conversion"]
    counts = path_counts_from_frame(table, conversions="conversion", nulls="lost")
    models = ["first", "last", "linear", "linear_unique", "position_u"]
    result = attribution.rules(counts, models=models, replicates=2)
    wide = result.frame.pivot_table(index="channel", columns="model", values="conversions")
    wide = wide.loc[reference["channel"]].rename(columns={"position_u": "U_40_20_40"})
    names = ["first", "last", "linear", "linear_unique", "U_40_20_40"]
    np.testing.assert_allclose(wide[names], reference[names], atol=1e-6)
    assert wide["first"].sum() == 4848


def test_refuses_rules_that_are_not_told_what_they_need() -> None:
    for options, message in (
        ({"models": []}, r"`models` must be a list of at least one rule"),
        ({"models": "last"}, r"such as \['last'\]; got 'last'"),
        ({"models": ["lst"]}, "Did you mean 'last'"),
        ({"models": ["last", "last"]}, "Each model may stand once; got last, last"),
        ({"models": ["time_decay"]}, "`half_life_days` belongs to .* has to be declared"),
        ({"models": ["last_non_direct"]}, "`direct` belongs to .* has to be declared"),
        ({"direct": ["web"]}, "'last_non_direct': that is not in `models`"),
        ({"models": ["touch_decay"], "half_life_touches": 0}, "`half_life_touches` must be a num"),
        ({"models": ["position"], "weights": (0.5, 0.5, 0.5)}, "`weights` must be three numbers"),
        ({"models": ["position"], "weights": (1.5, -0.5, 0)}, "at least 0 that sum to 1"),
        ({"models": ["last_non_direct"], "direct": "web"}, "must be a list of names; got the text"),
        ({"share_of": "revenue"}, "`share_of` must be one of 'conversions', 'value'"),
    ):
        with pytest.raises(ArgumentError, match=message):
            attribution.rules(OUTCOMES, **options)
    worthless = CUSTOMERS.outcomes(conversion=["buy"], lookback_days=10)
    with pytest.raises(DataError, match="worth more than 0 together; they are worth 0"):
        attribution.rules(worthless, share_of="value")
    counts = path_counts(OUTCOMES)
    with pytest.raises(NotObservedError, match="needs the time of each touch, and path counts"):
        attribution.rules(counts, models=["time_decay"], half_life_days=7)
    with pytest.raises(NotObservedError, match="needs the value of each conversion"):
        attribution.rules(counts, share_of="value")
