from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, MappingError
from journeykit.survival import Lifetimes, lifetimes_from_frame
from journeykit.survival.curves import nelson_aalen, rmst

Table = Callable[[str], pd.DataFrame]

KINDS = pd.DataFrame(
    {
        "time": [1, 2, 3, 4, 2, 4, 5, 6, 1, 2, 3, 3],
        "status": [1, 1, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0],
        "kind": ["a"] * 4 + ["b"] * 4 + ["short"] * 4,
    }
)


def kinds() -> Lifetimes:
    return lifetimes_from_frame(KINDS, groups=["kind"])


def test_worked_by_hand() -> None:
    found = rmst(kinds(), by="kind", horizon_days=4, small_cell=1)
    frame = found.frame.set_index("group")
    # a: 1 + 3/4 + 1/2 + 1/4; b: 2 + 3/4 * 2.
    assert frame["estimate"].tolist() == pytest.approx([2.5, 3.5, np.nan], nan_ok=True)
    a = 1.5**2 / (4 * 3) + 0.75**2 / (3 * 2) + 0.25**2 / (2 * 1)
    assert frame["std_error"]["a"] == pytest.approx(np.sqrt(a))
    assert frame["std_error"]["b"] == pytest.approx(1.5 / np.sqrt(12))
    assert frame["conf_high"]["a"] == pytest.approx(
        min(4, 2.5 + 1.959963984540054 * frame["std_error"]["a"])
    )
    assert frame["n_event"].tolist() == [3, 1, 1]
    assert frame["reason"].tolist() == ["", "", "nobody watched after day 3"]
    assert found.summary() == (
        "days stayed of the first 4: a: 2.5 (1.404 to 3.596); b: 3.5 (2.651 to 4); "
        "short: not told, nobody watched after day 3"
    )


def test_differences_and_ratios() -> None:
    found = rmst(kinds(), by="kind", horizon_days=4, small_cell=1)
    every = found.differences().frame
    pairs = list(zip(every["group"], every["reference"], strict=True))
    assert pairs == [("b", "a"), ("short", "a"), ("short", "b")]
    row, means = every.iloc[0], found.frame
    error = np.hypot(*means["std_error"][:2])
    assert row["estimate"] == pytest.approx(1)
    assert row["std_error"] == pytest.approx(error)
    assert row["statistic"] == pytest.approx(1 / error)
    assert row["ratio"] == pytest.approx(1.4)
    relative = np.hypot(means["std_error"][0] / 2.5, means["std_error"][1] / 3.5)
    assert row["ratio_high"] == pytest.approx(1.4 * np.exp(1.959963984540054 * relative))
    # The two that cannot be told count as not tested.
    assert row["p_holm"] == row["q_value"] == row["p_value"]
    assert every["p_value"].isna().tolist() == [False, True, True]
    against = found.differences(reference="b").frame
    assert against["estimate"].tolist() == pytest.approx([-1, np.nan], nan_ok=True)
    assert "0 of 1 pairs differ (Holm, 0.05); b stays 1 days more of the first 4 than a" in (
        found.differences().summary()
    )
    with pytest.raises(MappingError, match="`reference` names groups that do not exist: 'c'"):
        found.differences(reference="c")
    alone = rmst(lifetimes_from_frame(KINDS), horizon_days=3, small_cell=1)
    with pytest.raises(ArgumentError, match="at least two groups; there is 'all' alone"):
        alone.differences()


def test_the_horizon_is_never_beyond_the_data() -> None:
    lives = kinds()
    with pytest.raises(
        ArgumentError, match=r"No group was watched .* \(a: nobody watched after day 4"
    ):
        rmst(Lifetimes(frame=lives.frame.query("kind == 'a'")), by="kind", horizon_days=5,
             small_cell=1)  # fmt: skip
    # All of b were seen to leave or were lost before: where the curve is 0 it stays 0.
    b = Lifetimes(frame=lives.frame.query("kind == 'b'"))
    six, ten = (rmst(b, horizon_days=day, small_cell=1).frame.iloc[0] for day in (6, 10))
    assert six["estimate"] == ten["estimate"] == pytest.approx(2 + 0.75 * 3 + 0.375)
    assert six["std_error"] == ten["std_error"]


def test_late_entries() -> None:
    frame = pd.DataFrame({"start": [0, 0, 2, 5], "time": [1, 6, 7, 8], "status": [1, 1, 0, 1]})
    lives = lifetimes_from_frame(frame, start="start")
    found = rmst(lives, horizon_days=6, small_cell=1).frame.iloc[0]
    assert found["estimate"] == pytest.approx(1 + 5 / 2)
    late = lifetimes_from_frame(frame.query("start > 0"), start="start")
    with pytest.raises(ArgumentError, match="all: nobody under risk before day 2"):
        rmst(late, horizon_days=6, small_cell=1)


def test_a_time_in_which_nobody_is_under_risk_is_not_bridged() -> None:
    frame = pd.DataFrame({"start": [0, 0, 0, 8, 8], "time": [2, 3, 4, 9, 12]})
    lives = lifetimes_from_frame(frame.assign(status=[1, 1, 0, 1, 1]), start="start")
    with pytest.raises(ArgumentError, match="all: nobody under risk from day 4 to 8"):
        rmst(lives, horizon_days=10, small_cell=1)
    assert rmst(lives, horizon_days=4, small_cell=1).frame["estimate"][0] == pytest.approx(3)
    rate = nelson_aalen(lives, small_cell=1).smoothed(days=[2, 6, 9]).frame
    assert rate["estimate"].isna().tolist() == [False, True, False]


def test_nobody_left_is_no_certainty() -> None:
    frame = pd.DataFrame({"time": [5, 6, 7] * 2, "status": 0, "kind": list("aaabbb")})
    found = rmst(lifetimes_from_frame(frame, groups=["kind"]), by="kind", horizon_days=5,
                 small_cell=1)  # fmt: skip
    assert found.frame["estimate"].tolist() == [5, 5]
    assert found.frame["conf_low"].isna().all()
    assert found.differences().frame["p_value"].isna().all()
    assert found.differences().summary() == "1 pairs of groups, none with two means to compare"
    assert "a: 5; b: 5" in found.summary()


def test_a_group_nobody_left_is_not_known_exactly() -> None:
    # Of the same kind as b, whose members stay with chance 0.9, ten of a stay with chance 0.35.
    a = pd.DataFrame({"time": 5, "status": 0, "kind": ["a"] * 10})
    b = pd.DataFrame({"time": [2] * 20 + [5] * 180, "status": [1] * 20 + [0] * 180, "kind": "b"})
    lives = lifetimes_from_frame(pd.concat([a, b]), groups=["kind"])
    row = rmst(lives, by="kind", horizon_days=5).differences().frame.iloc[0]
    assert row["estimate"] == pytest.approx(-0.3)
    told = ["std_error", "conf_low", "conf_high", "statistic", "p_value", "p_holm", "ratio_low"]
    assert row[told].isna().all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_laws(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"time": rng.integers(1, 30, 80), "status": rng.random(80) < 0.7})
    frame.loc[0, "time"] = 30

    def mean(table: pd.DataFrame, horizon: float = 20) -> tuple[float, float]:
        row = rmst(lifetimes_from_frame(table), horizon_days=horizon).frame.iloc[0]
        return row["estimate"], row["std_error"]

    once = mean(frame)
    assert mean(frame.sample(frac=1, random_state=seed)) == pytest.approx(once)
    assert mean(frame.assign(time=3 * frame["time"]), 60) == pytest.approx(3 * np.array(once))
    twice = mean(pd.concat([frame, frame]))
    assert twice == pytest.approx((once[0], once[1] / np.sqrt(2)))
    # Without censoring before the horizon it is the plain mean and its error.
    seen = frame.assign(status=True)
    cut = np.minimum(seen["time"], 20)
    assert mean(seen) == pytest.approx((cut.mean(), cut.std(ddof=0) / np.sqrt(len(cut))))


def test_pictures() -> None:
    found = rmst(kinds(), by="kind", horizon_days=3, small_cell=1)
    ax = found.plot()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "short"]
    assert ax.get_xlabel() == "days stayed,\nof the first 3"
    forest = found.differences().plot()
    assert [label.get_text() for label in forest.get_yticklabels()] == [
        "b against a",
        "short against a",
        "short against b",
    ]


@pytest.mark.parametrize(
    ("argument", "value"), [("confidence", 1.0), ("horizon_days", 0), ("small_cell", 0)]
)
def test_arguments_are_checked(argument: str, value: float) -> None:
    given = {"horizon_days": 4, argument: value}
    with pytest.raises(ArgumentError, match=f"`{argument}` must"):
        rmst(kinds(), by="kind", **given)  # type: ignore[arg-type]


def test_small_groups_take_no_part() -> None:
    found = rmst(kinds(), horizon_days=2, small_cell=12)
    assert found.frame["n"].tolist() == [12]
    with pytest.raises(ArgumentError, match="No group has 5 customers or more"):
        rmst(kinds(), by="kind", horizon_days=2, small_cell=5)


def test_means_equal_r(expected: Table, inputs: Table) -> None:
    lives = lifetimes_from_frame(inputs("lung"), event="event", groups=["sex"])
    found = rmst(lives, by="sex", horizon_days=365)
    means = found.frame.set_index("group")
    row = found.differences().frame.iloc[0]
    differences = {"est": "estimate", "se": "std_error", "z": "statistic", "p": "p_value"}
    for value in expected("rmst_lung_sex_365").itertuples():
        if value.quantity == "rmst_diff":
            ours = row[differences[value.at]]
        else:
            column = {"rmst": "estimate", "rmst_se": "std_error"}[value.quantity]
            ours = means.loc[value.at.split("=")[1], column]
        assert ours == pytest.approx(value.value, rel=value.rtol), value
