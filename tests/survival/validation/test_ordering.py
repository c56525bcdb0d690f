"""Concordance: R's numbers, a slow count of pairs, lifelines, laws, errors and messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError
from journeykit.survival import lifetimes_from_frame
from journeykit.survival.validation import concordance
from journeykit.survival.validation.losses import in_sight
from journeykit.survival.validation.pairs import pair_sums
from journeykit.survival.validation.watched import watched


def test_veteran_equals_r(shared: Path) -> None:
    folder = shared / "oracles/survival"
    expected = pd.read_csv(folder / "expected.csv")
    expected = expected[expected["oracle"] == "concordance_veteran"]
    values = expected.set_index(["quantity", "at"])["value"]
    lives = lifetimes_from_frame(pd.read_csv(folder / "inputs/veteran.csv"))
    risk = pd.read_csv(folder / "inputs/veteran_cox_predicted_risk.csv")["risk100"]
    found = concordance(lives, risk=risk).frame.set_index("measure")
    harrell, uno = found.loc["harrell"], found.loc["uno"]
    assert harrell["estimate"] == pytest.approx(values["C_timewt_n", "est"], rel=1e-6)
    assert harrell["std_error"] == pytest.approx(values["se_timewt_n", "est"], rel=1e-6)
    assert uno["estimate"] == pytest.approx(values["C_timewt_n/G2", "est"], rel=1e-6)
    pairs = values["pairs", "concordant"] + values["pairs", "discordant"]
    assert harrell["n_pairs"] == pairs
    assert harrell["tied"] == 0
    # R's error of Uno's takes G as known; so does ours without that part.
    people = watched(lives)
    sums = pair_sums(people, risk.to_numpy(), people.event, uno=True)
    assert sums.concordant / sums.total == pytest.approx(uno["estimate"])
    assert uno["std_error"] == pytest.approx(values["se_timewt_n/G2", "est"], rel=2e-3)


def slow_pairs(frame: pd.DataFrame, risk: np.ndarray) -> tuple[float, float, float]:
    right = tied = total = 0.0
    for i, leaver in enumerate(frame.itertuples()):
        if not leaver.status:
            continue
        for j, partner in enumerate(frame.itertuples()):
            late = partner.start >= leaver.time and partner.start > 0
            later = partner.time > leaver.time or (
                partner.time == leaver.time and not partner.status
            )
            if i == j or late or not later:
                continue
            total += 1
            right += risk[i] > risk[j]
            tied += risk[i] == risk[j]
    return right, tied, total


CUSTOMERS = st.lists(
    st.tuples(
        st.integers(0, 4), st.integers(1, 6), st.booleans(), st.integers(0, 3), st.booleans()
    ),
    min_size=3,
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(CUSTOMERS)
def test_pairs_are_those_of_a_slow_count(rows: list[tuple[int, int, bool, int, bool]]) -> None:
    start, length, status, risk, late = (np.array(part) for part in zip(*rows, strict=True))
    start = start * late
    frame = pd.DataFrame({"start": start, "time": start + length, "status": status})
    people = watched(lifetimes_from_frame(frame, start="start"))
    found = pair_sums(people, risk.astype(float), people.event)
    right, tied, total = slow_pairs(frame, risk)
    assert (found.concordant, found.tied, found.total) == (right, tied, total)
    if total:
        assert found.estimate == pytest.approx((right + tied / 2) / total)
        assert found.influence.sum() == pytest.approx(0, abs=1e-12)
    if total and not start.any():
        weighed = pair_sums(people, risk.astype(float), people.event, uno=True)
        assert 0 <= weighed.estimate <= 1
        assert weighed.influence.sum() == pytest.approx(0, abs=1e-9)


def drawn(n: int = 150, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    risk = np.round(rng.normal(size=n), 1)
    time, lost = rng.exponential(30 * np.exp(-risk)), rng.exponential(50, n)
    frame = pd.DataFrame({"time": np.ceil(np.minimum(time, lost)), "status": time <= lost})
    return frame, risk


def test_lifelines_agrees() -> None:
    utils = pytest.importorskip("lifelines.utils")
    frame, risk = drawn()
    found = concordance(lifetimes_from_frame(frame), risk=risk).frame["estimate"][0]
    theirs = utils.concordance_index(frame["time"], -risk, frame["status"])
    assert found == pytest.approx(theirs)


@pytest.mark.parametrize("uno", [False, True])
def test_error_is_what_leaving_each_out_shows(uno: bool) -> None:
    """The derivative in a customer's weight against the estimate without that customer."""
    frame, risk = drawn(80)
    people = watched(lifetimes_from_frame(frame))
    within = people.event & (frame["time"].to_numpy() < 60)
    found = pair_sums(people, risk, within, uno=uno)
    without = np.empty(len(frame))
    for out in range(len(frame)):
        kept = np.arange(len(frame)) != out
        rest = watched(lifetimes_from_frame(frame[kept]))
        without[out] = pair_sums(rest, risk[kept], within[kept], uno=uno).estimate
    moved = found.estimate - without
    assert np.corrcoef(moved, found.influence)[0, 1] > 0.999
    n = len(frame)
    jackknife = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    assert np.sqrt((found.influence**2).sum()) == pytest.approx(jackknife, rel=0.05)


def test_laws() -> None:
    frame, risk = drawn()
    first = concordance(lifetimes_from_frame(frame), risk=risk).frame
    order = np.random.default_rng(3).permutation(len(frame))
    shuffled = concordance(lifetimes_from_frame(frame.iloc[order]), risk=risk[order]).frame
    stretched = concordance(
        lifetimes_from_frame(frame.assign(time=frame["time"] * 7)), risk=np.exp(risk)
    ).frame
    mirrored = concordance(lifetimes_from_frame(frame), risk=-risk).frame
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    for other in (shuffled, stretched):
        assert other[columns].to_numpy() == pytest.approx(first[columns].to_numpy())
    assert mirrored["estimate"].to_numpy() == pytest.approx(1 - first["estimate"].to_numpy())
    assert mirrored["conf_low"].to_numpy() == pytest.approx(1 - first["conf_high"].to_numpy())


def test_intervals_of_a_customer_are_one_time() -> None:
    frame, risk = drawn(40)
    frame = frame.assign(customer=[f"c{n}" for n in range(40)], start=0.0)
    frame["time"] += 1
    half = frame["time"] / 2
    parts = pd.concat([frame.assign(start=half), frame.assign(time=half, status=False)])
    lives = lifetimes_from_frame(parts, customer_id="customer", start="start")
    by_name = pd.Series(risk, index=frame["customer"]).sample(frac=1, random_state=1)
    found = concordance(lives, risk=by_name).frame
    whole = concordance(lifetimes_from_frame(frame), risk=risk).frame
    assert found["estimate"].tolist() == pytest.approx(whole["estimate"].tolist())


def test_uno_is_empty_with_late_entries() -> None:
    frame = pd.DataFrame(
        {"start": [0, 0, 2, 1], "time": [1, 4, 5, 3], "status": 1, "risk": [4.0, 2, 1, 3]}
    )
    found = concordance(lifetimes_from_frame(frame, start="start"), risk=frame["risk"].to_numpy())
    # The one who enters at 1 is no partner of the one who leaves at 1.
    assert found.frame["n_pairs"][0] == 1 + 2 + 1
    assert found.frame["estimate"].tolist() == pytest.approx([1, np.nan], nan_ok=True)
    assert found.frame["conf_low"].isna().all()


def test_uno_does_not_move_with_losses() -> None:
    """Of the same lives, once few and once many are lost: Harrell's moves, Uno's does not."""
    rng = np.random.default_rng(6)
    n = 40_000
    # A risk that orders the early leavers well and the late ones not at all.
    risk = rng.normal(size=n)
    time = rng.exponential(np.exp(-1.5 * risk))
    risk = np.where(time > 1, rng.normal(size=n) - 1, risk)
    found = {}
    for many in (0.05, 1.2):
        lost = rng.exponential(1 / many, n)
        lives = lifetimes_from_frame(
            pd.DataFrame({"time": np.minimum(time, lost), "status": time <= lost})
        )
        found[many] = concordance(lives, risk=risk, horizon_days=3).frame
    few, many = found.values()
    assert abs(few["estimate"][1] - many["estimate"][1]) < 4 * many["std_error"][1]
    assert abs(few["estimate"][0] - many["estimate"][0]) > 8 * many["std_error"][0]
    assert "leave in the order of their risk" in concordance(lives, risk=risk).summary()


def test_lost_from_sight_is_kaplan_meier_turned_round() -> None:
    exits = np.array([1, 2, 2, 3, 4, 4])
    event = np.array([True, True, False, False, True, False])
    sight = in_sight(exits, event)
    assert sight.survival.tolist() == pytest.approx([1, 1, 3 / 4, 1 / 2, 0])


def test_messages() -> None:
    frame, risk = drawn(20)
    lives = lifetimes_from_frame(frame)
    with pytest.raises(ArgumentError, match="`risk` must have a row for each of the 20 customers"):
        concordance(lives, risk=risk[:5])
    with pytest.raises(ArgumentError, match="one finite number a customer; .* 1 missing"):
        concordance(lives, risk=np.where(np.arange(20) == 3, np.nan, risk))
    with pytest.raises(ArgumentError, match="of 20 there are 15 missing, such as 5"):
        concordance(lives, risk=pd.Series(risk[:5]))
    with pytest.raises(ArgumentError, match="must name each customer once"):
        concordance(lives, risk=pd.Series(risk, index=[0] * 20))
    with pytest.raises(ArgumentError, match="No two customers can be compared"):
        concordance(lifetimes_from_frame(frame.assign(status=0)), risk=risk)
    gap = pd.DataFrame({"who": [1, 1, 2], "start": [0, 5, 0], "time": [4, 6, 7], "status": 1})
    gap.loc[0, "status"] = 0
    with pytest.raises(DataError, match="1 of 3 rows leave a gap before them, such as of 1"):
        concordance(
            lifetimes_from_frame(gap, customer_id="who", start="start"), risk=np.array([1.0, 2])
        )
