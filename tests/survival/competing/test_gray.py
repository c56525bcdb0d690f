from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.survival import Lifetimes, lifetimes_from_frame, log_rank
from journeykit.survival.competing import gray_test

#: Of those who came to no end.
NOBODY = np.array(None, dtype=object)


def lives(frame: pd.DataFrame) -> Lifetimes:
    frame = frame.assign(status=frame["to"].notna())
    start = "start" if "start" in frame else None
    kept = [name for name in ("plan", "region") if name in frame]
    return lifetimes_from_frame(frame, start=start, cause="to", groups=kept)


def simulated(rng: np.random.Generator, *, n: int = 600, late: bool = False) -> pd.DataFrame:
    """Equal incidences of a in both plans, while b comes five times as soon in the first."""
    plan = rng.integers(0, 2, n)
    to_a = rng.random(n) < 0.4
    time = np.where(to_a, rng.exponential(1, n), rng.exponential(np.where(plan == 0, 0.4, 2.0), n))
    lost = rng.uniform(0.5, 4, n)
    start = np.where(rng.random(n) < 0.5, rng.uniform(0, 0.8, n), 0.0) * late
    to = np.where(time <= lost, np.where(to_a, "a", "b"), NOBODY)
    frame = pd.DataFrame({"start": start, "time": np.minimum(time, lost), "to": to, "plan": plan})
    return frame[frame["time"] > frame["start"]]


def test_worked_by_hand() -> None:
    # One event of a at 1 among two of each plan, then one at 3 after an end of b in plan x.
    frame = pd.DataFrame(
        {"time": [1, 2, 3, 4], "to": ["a", "b", "a", None], "plan": ["x", "x", "y", "y"]}
    )
    found = gray_test(lives(frame), by="plan", cause="a", small_cell=1).frame
    # At 3 plan x has nobody left under risk, so that all is expected of y.
    assert found["expected"].tolist() == pytest.approx([0.5, 1.5])
    assert found["n_event"].tolist() == [1, 1]


def test_without_other_ends_events_are_expected_as_by_log_rank() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "time": rng.integers(1, 30, 200),
            "to": np.where(rng.random(200) < 0.6, "a", NOBODY),
            "plan": np.array(["x", "y", "z"])[rng.integers(0, 3, 200)],
        }
    )
    gray = gray_test(lives(frame), by="plan", cause="a")
    plain = log_rank(lives(frame), by="plan")
    assert gray.frame["expected"].tolist() == pytest.approx(plain.frame["expected"].tolist())
    assert gray.statistic == pytest.approx(plain.statistic, rel=0.05)


def test_another_end_that_comes_sooner_in_one_group_fools_log_rank_only() -> None:
    frame = simulated(np.random.default_rng(4), n=4_000)
    only_a = frame.assign(to=frame["to"].where(frame["to"] == "a", None))
    assert gray_test(lives(frame), by="plan", cause="a").p_value > 0.05
    assert log_rank(lives(only_a), by="plan").p_value < 1e-4


@given(st.integers(0, 1_000), st.booleans())
@settings(max_examples=15)
def test_laws(seed: int, late: bool) -> None:
    rng = np.random.default_rng(seed)
    frame = simulated(rng, n=60, late=late)
    frame[["start", "time"]] = np.ceil(frame[["start", "time"]] * 5)
    frame = frame[frame["time"] > frame["start"]]
    found = gray_test(lives(frame), by="plan", cause="a")
    assert found.frame["expected"].sum() == pytest.approx(found.frame["n_event"].sum())
    # Order, names of the groups and unit of time do not matter.
    other = frame.sample(frac=1, random_state=seed).assign(plan=1 - frame["plan"])
    other[["start", "time"]] *= 3
    again = gray_test(lives(other), by="plan", cause="a")
    assert again.statistic == pytest.approx(found.statistic, rel=1e-9)
    # A constant stratum is none, and two equal strata count twice.
    strata = gray_test(lives(frame.assign(region="r")), by="plan", cause="a", strata="region")
    assert strata.statistic == pytest.approx(found.statistic, rel=1e-9)
    both = pd.concat([frame.assign(region="r"), frame.assign(region="s")])
    twice = gray_test(lives(both), by="plan", cause="a", strata="region")
    assert twice.statistic == pytest.approx(2 * found.statistic, rel=1e-9)


@pytest.mark.parametrize("late", [False, True])
def test_it_rejects_equal_incidences_as_often_as_it_says(late: bool) -> None:
    # In 1,000 worlds of 600: 6.0 % at the level of 5 %, 11.1 % at 10 %; with late entries 5.7 %
    # and 10.7 %.
    rng = np.random.default_rng(6)
    p = [
        gray_test(lives(simulated(rng, late=late)), by="plan", cause="a").p_value for _ in range(60)
    ]
    assert np.mean(np.array(p) < 0.1) < 0.2
    assert 0.3 < np.mean(p) < 0.7


def test_early_differences_weigh_more_with_rho() -> None:
    rng = np.random.default_rng(7)
    n = 2_000
    plan = rng.integers(0, 2, n)
    # Twice the rate in the first fifth of the time, and less afterwards.
    time = rng.exponential(1, n)
    time = np.where((plan == 1) & (time < 0.4), time / 2, time)
    frame = pd.DataFrame(
        {"time": time, "to": np.where(rng.random(n) < 0.7, "a", "b"), "plan": plan}
    )
    flat, early = (gray_test(lives(frame), by="plan", cause="a", rho=rho) for rho in (0, 2))
    assert early.statistic > 2 * flat.statistic
    assert early.frame["expected"].tolist() == flat.frame["expected"].tolist()


def test_messages() -> None:
    frame = pd.DataFrame(
        {"time": range(1, 41), "to": ["a", "b"] * 20, "plan": ["x"] * 35 + ["y"] * 5}
    )
    with pytest.raises(ArgumentError, match=r"two groups of 10 customers or more; got 1 \(`by`"):
        gray_test(lives(frame), by="plan", cause="a")
    with pytest.raises(MappingError, match="`cause` names ends that do not exist: 'c'"):
        gray_test(lives(frame), by="plan", cause="c", small_cell=1)
    with pytest.raises(ArgumentError, match="`rho` must be a finite number; got nan"):
        gray_test(lives(frame), by="plan", cause="a", rho=float("nan"))
    apart = pd.DataFrame({"time": [1, 2, 3, 4], "to": [None, None, "a", "a"], "plan": [*"xxyy"]})
    with pytest.raises(ArgumentError, match="cannot be compared: nobody comes to 'a' while two"):
        gray_test(lives(apart), by="plan", cause="a", small_cell=1)
    data = lives(frame.assign(plan=["x", "y"] * 20))
    with pytest.raises(MappingError, match="'shop'"):
        gray_test(data, by="shop", cause="a")
    with pytest.raises(MappingError, match="'shop'"):
        gray_test(data, by="plan", cause="a", strata="shop")
    with pytest.raises(ArgumentError, match="`small_cell` must"):
        gray_test(data, by="plan", cause="a", small_cell=0)
    endless = lifetimes_from_frame(frame.assign(status=1), groups=["plan"])
    with pytest.raises(ArgumentError, match="do not say which end each event was"):
        gray_test(endless, by="plan", cause="a")
    said = gray_test(lives(frame.assign(plan=["x", "y"] * 20)), by="plan", cause="a").summary()
    assert said.startswith("Gray's test of coming to 'a' in 2 groups: chi-squared ")


def in_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Cut everyone's time in two."""
    first = frame.assign(who=range(len(frame)), start=0, to=None)
    second = frame.assign(who=range(len(frame)), start=frame["time"] / 2)
    return pd.concat([first.assign(time=frame["time"] / 2), second])


def of_customers(frame: pd.DataFrame) -> Lifetimes:
    frame = frame.assign(status=frame["to"].notna())
    return lifetimes_from_frame(
        frame, customer_id="who", start="start", cause="to", groups=["plan", "region"]
    )


def test_rows_of_a_customer_are_one_customer() -> None:
    frame = simulated(np.random.default_rng(9), n=100).assign(region="r")
    cut = in_rows(frame)
    found = gray_test(of_customers(cut), by="plan", cause="a")
    assert found.statistic == pytest.approx(gray_test(lives(frame), by="plan", cause="a").statistic)
    assert found.frame["n"].sum() == 100
    moving = cut.assign(plan=np.where(cut["start"] > 0, 1, 0))
    with pytest.raises(DataError, match="must keep one value of 'plan'; 100 of 100 change it"):
        gray_test(of_customers(moving), by="plan", cause="a")
    moving = cut.assign(region=np.where(cut["start"] > 0, "s", "r"))
    with pytest.raises(DataError, match="must keep one value of 'region'"):
        gray_test(of_customers(moving), by="plan", cause="a", strata="region")
    after = cut.assign(to=cut["to"].where(cut["start"] > 0, "a").where(cut["start"] == 0, None))
    with pytest.raises(DataError, match="Nobody is under risk after their end; 100 of 200 rows"):
        gray_test(of_customers(after), by="plan", cause="a")
    with pytest.raises(DataError, match="comes to one end at most; 100 of 100 end more than once"):
        gray_test(of_customers(cut.assign(to="a")), by="plan", cause="a")


def test_small_groups_take_no_part() -> None:
    frame = simulated(np.random.default_rng(10), n=100)
    frame["plan"] = np.array(["x", "y"])[frame["plan"]]
    more = pd.concat([frame, frame.head(5).assign(plan="few")])
    found = gray_test(lives(more), by="plan", cause="a")
    assert found.suppressed == ("few",)
    assert found.frame["group"].tolist() == ["x", "y"]
    assert found.statistic == gray_test(lives(frame), by="plan", cause="a").statistic
    assert found.summary().endswith("; 1 too small to take part")


def mixed(n: int = 120) -> pd.DataFrame:
    """Three groups, two strata and many ties, made without chance."""
    i = np.arange(n)
    return pd.DataFrame(
        {
            "time": 1 + (i * 37 + i * i) % 11 + (i % 4 == 0) * 3,
            "to": np.array([None, "a", "b"], dtype=object)[(i * 7 + i // 5) % 3],
            "plan": np.array(["x", "y", "z"])[(i * i + i // 7) % 3],
            "region": np.array(["r", "s"])[(i // 3) % 2],
        }
    )


@pytest.mark.parametrize(
    ("rho", "plain", "stratified"),
    [
        (0, (0.14995813697092, 0.21006037799574), (0.11423559218501, 0.42321919566268)),
        (1, (0.07832953633261, 0.24855024520779), (0.10659959748005, 0.4451956026481)),
        (-1, (0.3048477671664, 0.20730147740281), (0.108950151638, 0.42353580240287)),
    ],
)
def test_ties_weights_and_strata_equal_to_cmprsk(
    rho: float, plain: tuple[float, float], stratified: tuple[float, float]
) -> None:
    # R: cuminc(time, status, group, strata, rho)$Tests of cmprsk 2.2-11.
    data = lives(mixed())
    for strata, values in ((None, plain), ("region", stratified)):
        for cause, value in zip("ab", values, strict=True):
            found = gray_test(data, by="plan", cause=cause, rho=rho, strata=strata)
            assert found.statistic == pytest.approx(value, rel=1e-9)
            assert found.degrees_of_freedom == 2


def test_equal_to_cmprsk(shared: Path) -> None:
    frame = pd.read_csv(shared / "oracles/survival/inputs/mgus2_competing.csv")
    frame["to"] = frame["ev"].map({1: "pcm", 2: "death"})
    table = pd.read_csv(shared / "oracles/survival/expected.csv", dtype={"at": str})
    table = table[table["oracle"] == "gray_mgus2_male"]
    assert len(table) == 4
    data = lives(frame.rename(columns={"etime": "time", "sex": "plan"}))
    for row in table.itertuples():
        found = gray_test(data, by="plan", cause={"1": "pcm", "2": "death"}[row.at])
        value = found.statistic if row.quantity == "stat" else found.p_value
        assert value == pytest.approx(row.value, rel=row.rtol)
