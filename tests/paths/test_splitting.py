from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import segments
from journeykit.paths.splitting.attributes import coded
from journeykit.paths.splitting.tree import _association
from journeykit.stats import wilson_interval


def customers(seed: int, *, n: int = 2400, effect: float = 0.0) -> Journeys:
    """Customers whose outcome is likelier by `effect` where `region` is south, and noise."""
    rng = np.random.default_rng(seed)
    region = rng.choice(["east", "north", "south", "west"], n)
    attributes = {
        "region": pa.array(region),
        "colour": pa.array(rng.choice(list("abcdef"), n), mask=rng.random(n) < 0.2),
        "age": pa.array(rng.normal(50, 10, n).round(), mask=rng.random(n) < 0.1),
        "member": pa.array(rng.random(n) < 0.3),
        "bought": pa.array(rng.random(n) < 0.2 + effect * (region == "south")),
    }
    return Journeys(
        names=("visit",),
        touchpoint=np.zeros(n, dtype=np.uint8),
        start=np.arange(n + 1),
        attributes=pa.table(attributes),
    ).with_fingerprint(seed)


NOISE = ("colour", "age", "member")
ALL = ("region", *NOISE)


def test_the_segment_that_is_there_is_found_and_estimated_on_others() -> None:
    found = segments(customers(1, effect=0.2), outcome={"bought": True}, attributes=ALL)
    frame = found.frame.set_index("group")
    assert list(frame.index) == ["region is south", "region is east or north or west"]
    assert frame["n"].sum() == found.n_held_out
    assert frame["share"].sum() == pytest.approx(1)
    low, _ = wilson_interval(frame["n_event"], frame["n"])
    assert frame["conf_low"].tolist() == pytest.approx(low.tolist())
    assert frame.loc["region is south", "estimate"] == pytest.approx(0.4, abs=0.09)
    # The root with four attributes, and each part with four.
    assert len(found.tried) == 12
    assert (found.tried["verdict"] == "kept").sum() == 1
    kept = found.tried.iloc[0]
    assert kept["reason"] == "region is east or north or west | region is south"
    assert kept["p_adjusted"] == pytest.approx(4 * kept["p_value"])
    assert kept["gain"] > 0
    assert found.tried["n_missing"][found.tried["attribute"] == "age"].min() > 100
    assert found.n_discovery + found.n_held_out == 2400
    assert "11 splits tried" in found.summary()
    assert "1 kept; highest where region is south" in found.summary()
    assert len(found.plot().patches) == 2


def test_noise_is_split_in_at_most_one_of_twenty_and_an_effect_found() -> None:
    """100 worlds each."""
    null = [
        len(segments(customers(s), outcome={"bought": True}, attributes=ALL, seed=s).frame) > 1
        for s in range(100)
    ]
    assert sum(null) <= 5
    kept = [
        set(found.tried.loc[found.tried["verdict"] == "kept", "attribute"])
        for found in (
            segments(customers(s, effect=0.14), outcome={"bought": True}, attributes=ALL, seed=s)
            for s in range(100)
        )
    ]
    assert sum("region" in names for names in kept) >= 80
    assert sum(bool(names & set(NOISE)) for names in kept) <= 5


def test_nothing_found_is_said_so() -> None:
    found = segments(customers(3), outcome={"bought": True}, attributes=NOISE)
    assert found.frame["group"].tolist() == ["everybody"]
    assert found.summary().startswith("No split is worth it: 3 splits tried on")
    assert found.frame["estimate"][0] == pytest.approx(found.overall)


def test_a_part_is_split_further_where_only_there_something_is() -> None:
    rng = np.random.default_rng(0)
    base = customers(5, n=6000, effect=0.15)
    table = base.attributes
    south = np.array(table["region"].to_pylist()) == "south"
    old = np.nan_to_num(table["age"].to_numpy(), nan=0) > 50
    bought = rng.random(6000) < 0.2 + 0.1 * south + 0.3 * (south & old)
    both = base.replace(
        attributes=table.set_column(4, "bought", pa.array(bought))
    ).with_fingerprint(1)
    found = segments(both, outcome={"bought": True}, attributes=ALL)
    groups = found.frame["group"].tolist()
    assert groups[0] == "region is south and age over 50"
    assert groups[1] == "region is south and age up to 50 or missing"
    assert found.frame["share"].sum() == pytest.approx(1)


def test_customers_watched_too_short_are_left_out_whatever_they_did() -> None:
    n = 900
    late = np.arange(n) % 3 == 0
    begin = np.where(late, 80, 0) * DAY
    journeys = Journeys(
        names=("buy", "visit"),
        touchpoint=np.tile(np.array([1, 0], dtype=np.uint8), n),
        start=np.arange(0, 2 * n + 1, 2),
        # Half buy within 30 days of the beginning of their watching, all by the last day.
        time=np.stack([begin, begin + np.where(np.arange(n) % 2, 10, 31) * DAY], axis=1).reshape(
            -1
        ),
        observed_from=begin,
        observed_to=np.full(n, 100 * DAY),
        attributes=pa.table({"late": late}),
        window=(0, 100 * DAY),
    )
    found = segments(
        journeys, outcome=["buy"], horizon_days=30, attributes=["late"], min_customers=50
    )
    assert found.n_left_out == 300
    assert found.n_discovery + found.n_held_out == 600
    assert found.frame["n_event"].sum() / found.n_held_out == pytest.approx(0.5, abs=0.06)
    assert found.tried["reason"].tolist() == [
        "all have the same here, or too few have either outcome"
    ]
    assert np.isnan(found.tried["q_value"][0])


def test_rare_outcomes_in_small_levels_are_no_association() -> None:
    """10,000 worlds of 1 %: p is at most 0.0125 in 1.25 % of them, not in 4.5 %."""
    n = np.array([3000, *[50] * 20])
    hits = np.random.default_rng(0).binomial(n, 0.01, size=(10_000, len(n)))
    p_value = np.array([_association(n, hit) for hit in hits])
    assert 0.010 <= np.mean(p_value <= 0.0125) <= 0.015
    assert 0.045 <= np.mean(p_value <= 0.05) <= 0.055


def test_levels_are_pooled_until_five_are_expected() -> None:
    # 5 % have it, so a level needs 100 customers: 60 and 30 are 90, and take 110 with them.
    n, hit = np.array([60, 500, 30, 110, 500]), np.array([5, 20, 1, 9, 25])
    pooled = _association(np.array([200, 500, 500]), np.array([15, 20, 25]))
    assert _association(n, hit) == pytest.approx(pooled)
    # Pearson by hand: (15 - 10)^2 / 9.5 + (20 - 25)^2 / 23.75, two degrees of freedom.
    assert pooled == pytest.approx(np.exp(-(25 / 9.5 + 25 / 23.75) / 2))
    assert np.isnan(_association(np.array([60, 500]), np.array([2, 3])))


def test_levels_of_attributes() -> None:
    learn = np.ones(12, dtype=bool)
    age = coded("age", pa.array([*range(1, 12), None]), learn, min_customers=1)
    assert age.edges == (3.0, 6.0, 9.0)
    assert age.labels == ("up to 3", "up to 6", "up to 9", "over 9", "(missing)")
    assert age.level.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4]
    assert age.described([1, 2]) == "age over 3 up to 9"
    assert age.described([0, 4]) == "age up to 3 or missing"
    assert age.described([0, 1, 2, 3]) == "age known"
    words = coded("w", pa.array(["x"] * 5 + ["y"] * 5 + ["z", None]), learn, min_customers=2)
    assert words.labels == ("x", "y", "(other)", "(missing)")
    assert words.level.tolist() == [0] * 5 + [1] * 5 + [2, 3]
    assert words.described([1, 3]) == "w is y or (missing)"


def test_order_of_customers_does_not_matter() -> None:
    one = customers(1, effect=0.2)
    order = np.random.default_rng(0).permutation(len(one))
    other = one.replace(
        customer_id=one.customer_id.take(pa.array(order)),
        attributes=one.attributes.take(pa.array(order)),
    )
    frames = [
        segments(journeys, outcome={"bought": True}, attributes=ALL, seed=2).tried
        for journeys in (one, other)
    ]
    pd.testing.assert_frame_equal(*frames)


def test_bad_arguments() -> None:
    some = customers(1, n=600)
    with pytest.raises(MappingError, match="`attributes` names attributes that do not exist"):
        segments(some, outcome={"bought": True}, attributes=["regio"])
    with pytest.raises(ArgumentError, match="`attributes` must be a list of names; got 'age'"):
        segments(some, outcome={"bought": True}, attributes="age")
    with pytest.raises(ArgumentError, match="`outcome` must not be one of `attributes`"):
        segments(some, outcome={"bought": True}, attributes=["bought"])
    with pytest.raises(ArgumentError, match="`outcome` must name one attribute"):
        segments(some, outcome={"bought": True, "age": 3}, attributes=["region"])
    with pytest.raises(ArgumentError, match="`outcome` compares attribute 'bought', which holds"):
        segments(some, outcome={"bought": "maybe"}, attributes=["region"])
    with pytest.raises(ArgumentError, match="`horizon_days` is for outcomes that are touchpoints"):
        segments(some, outcome={"bought": True}, attributes=["region"], horizon_days=3)
    with pytest.raises(ArgumentError, match="`horizon_days` needs times"):
        segments(some, outcome=["visit"], attributes=["region"], horizon_days=3)
    with pytest.raises(DataError, match="Each half must have at least 800 customers"):
        segments(some, outcome={"bought": True}, attributes=["region"], min_customers=400)
    timed = some.replace(time=np.zeros(600, dtype=np.int64))
    with pytest.raises(ArgumentError, match="`horizon_days` must say within how many days"):
        segments(timed, outcome=["visit"], attributes=["region"])
    with pytest.raises(DataError, match="from when to when each customer was watched"):
        segments(timed, outcome=["visit"], attributes=["region"], horizon_days=3)
    lists = some.replace(attributes=pa.table({"x": [[1]] * 600, "y": [True] * 600}))
    with pytest.raises(ArgumentError, match="`attributes` must hold words, numbers or truth"):
        segments(lists, outcome={"y": True}, attributes=["x"])
    twice = some.replace(customer_index=np.arange(600) // 2, customer_id=pa.array(range(300)))
    with pytest.raises(DataError, match="Every customer must have one journey"):
        segments(twice, outcome={"bought": True}, attributes=["region"])
