"""How much of what customers name is covered: Good and Turing's, Esty's, and customers as unit."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.maps import missing_touchpoints
from journeykit.stats import esty_interval, wilson_interval
from journeykit.study.catalogue import Catalogue, Touchpoint


def table(*said: str) -> pd.DataFrame:
    rows = [(f"c{at}", name) for at, names in enumerate(said) for name in names.split()]
    return pd.DataFrame(rows, columns=["customer_id", "touchpoint"])


def test_counts_give_good_and_turings_with_estys_interval() -> None:
    found = missing_touchpoints({"shop": 6, "mail": 3, "call": 2, "poster": 1, "never": 0})
    assert found.unseen == esty_interval(12, 1, 1)
    assert found.unseen.estimate == 1 / 12
    assert found.coverage.estimate == 11 / 12
    assert found.coverage.high == 1 - found.unseen.low
    assert found.frame["touchpoint"].tolist() == ["shop", "mail", "call", "poster"]
    assert found.frame["share"].sum() == pytest.approx(1)
    assert found.frame["in_catalogue"].isna().all()


def test_customers_who_name_one_each_are_counts() -> None:
    said = ["shop"] * 6 + ["mail"] * 3 + ["call"] * 2 + ["poster"]
    found, counted = missing_touchpoints(table(*said)), missing_touchpoints(
        {"shop": 6, "mail": 3, "call": 2, "poster": 1}
    )  # fmt: skip
    assert found.unseen == pytest.approx(counted.unseen)
    pd.testing.assert_frame_equal(found.frame, counted.frame)


def test_customers_are_the_unit() -> None:
    found = missing_touchpoints(table("a b", "a b", "a c d", "a", "a a e f", "e f"))
    # b by two, e and f by the same two; c and d by one alone; a by five.
    assert (found.n_mentions, found.n_customers) == (13, 6)
    p, made, alone = 2 / 13, np.array([2, 2, 3, 1, 3, 2]), np.array([0, 0, 2, 0, 0, 0])
    variance = (((alone - p * made) ** 2).sum() + 2 * (1 + 4)) / 13**2
    half = 1.959963984540054 * variance**0.5
    assert found.unseen == pytest.approx((p, max(0, p - half), p + half))
    assert found.summary() == (
        "6 touchpoints in 13 mentions; the next mention is of one not named before with "
        f"probability {p:.1%} (0.0% to {p + half:.1%})"
    )


def test_where_nothing_tells_the_spread_it_is_wilsons_of_customers() -> None:
    every = missing_touchpoints(table("a b", "a b", "a b"))
    edge = wilson_interval(0, 3)
    assert every.unseen == pytest.approx((0, float(edge.low), float(edge.high)))
    each = missing_touchpoints(table("a b", "c d"))
    edge = wilson_interval(2, 2)
    assert each.unseen == pytest.approx((1, float(edge.low), float(edge.high)))


def test_the_catalogue_marks_what_it_lacks() -> None:
    known = Catalogue({name: Touchpoint(name) for name in ("shop", "mail")})
    found = missing_touchpoints({"shop": 5, "mial": 2, "poster": 1}, catalogue=known)
    assert found.frame["in_catalogue"].tolist() == [True, False, False]
    assert found.frame["near"].tolist() == ["", "mail", ""]
    assert found.n_unlisted == 3
    assert found.summary().endswith(
        "3 mentions are of 2 touchpoints that the catalogue does not have"
    )
    ax = found.plot()
    assert ax.get_xlabel() == "share of 8 mentions; orange: not in the catalogue"
    plt.close(ax.figure)  # type: ignore[arg-type]


def covered(groups: int, seed: int) -> bool:
    """Customers name things that go together, from many that are rare; is the truth covered?"""
    rng = np.random.default_rng(seed)
    weight = 1 / np.arange(1, 61)
    weight /= weight.sum()
    members = [[f"{block}-{at}" for at in range(3)] for block in range(60)]
    blocks = rng.choice(60, size=groups, p=weight)
    rows = [
        (who, name)
        for who, block in enumerate(blocks)
        for name in members[block]
        if rng.random() < 0.8
    ]
    found = missing_touchpoints(pd.DataFrame(rows, columns=["customer_id", "touchpoint"]))
    seen = {name for _, name in rows}
    missed = sum(
        weight[block] * sum(name not in seen for name in names) / 3
        for block, names in enumerate(members)
    )
    return found.unseen.low <= missed <= found.unseen.high


def test_the_interval_holds_what_is_missed() -> None:
    held = np.mean([covered(80, seed) for seed in range(200)])
    # 94.5 % of 1,500; Esty's own, each mention taken by itself, holds it in 82 %.
    assert held > 0.9


def test_what_must_hold() -> None:
    with pytest.raises(ArgumentError, match="whole numbers of at least 0; 'a' has -1"):
        missing_touchpoints({"a": -1})
    with pytest.raises(DataError, match="holds no mention"):
        missing_touchpoints({"a": 0})
    with pytest.raises(DataError, match="holds no mention"):
        missing_touchpoints(table())
    with pytest.raises(DataError, match="must name a customer and a touchpoint; 1 rows do not"):
        missing_touchpoints(pd.DataFrame({"customer_id": ["c"], "touchpoint": [None]}))
    with pytest.raises(MappingError, match="columns that do not exist: 'touchpoint'"):
        missing_touchpoints(pd.DataFrame({"customer_id": ["c"]}))
