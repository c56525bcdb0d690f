from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.survival import Lifetimes, lifetimes_from_frame
from journeykit.survival.recurring import recurrent

# Customers 1 and 2 are both watched until 6; events at 3, 4 and 5.
WORKED = pd.DataFrame(
    {
        "customer": [1, 1, 1, 2, 2],
        "start": [0, 3, 5, 0, 4],
        "time": [3, 5, 9, 4, 6],
        "status": [1, 1, 0, 1, 0],
    }
)


def lives(frame: pd.DataFrame, **given: object) -> Lifetimes:
    return lifetimes_from_frame(frame, customer_id="customer", start="start", **given)  # type: ignore[arg-type]


def some(seed: int, *, terminal: bool) -> pd.DataFrame:
    """Customers with late entries, ties and, where wanted, ends after which nothing happens."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[int, float, float, int, str | None]] = []
    for customer in range(25):
        begin = float(rng.integers(0, 5))
        end = begin + float(rng.integers(5, 30))
        gone = terminal and rng.random() < 0.5
        at = np.unique(rng.integers(1, 60, rng.poisson(4))).astype(float)
        for event in at[(at > begin) & (at < end)]:
            rows.append((customer, begin, event, 1, "again"))
            begin = event
        rows.append((customer, begin, end, int(gone), "left" if gone else None))
    return pd.DataFrame(rows, columns=["customer", "start", "time", "status", "cause"])


def weighted(frame: pd.DataFrame, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """The definition, customer c counted weight[c] times."""
    w = weight[frame["customer"]]
    begin, end = frame["start"].to_numpy() - (frame["start"] == 0), frame["time"].to_numpy()
    ended = (frame["cause"] == "left").to_numpy()
    happened = (frame["status"] == 1).to_numpy()
    total, there, curve = 0.0, 1.0, []
    for t in np.unique(end[happened]):
        n = w[(begin < t) & (t <= end)].sum()
        total += there * w[happened & ~ended & (end == t)].sum() / n
        there *= 1 - w[ended & (end == t)].sum() / n
        curve.append(total)
    return np.array(curve)


def test_worked_by_hand() -> None:
    frame = recurrent(lives(WORKED), small_cell=1).frame
    assert frame["time_days"].tolist() == [3, 4, 5]
    assert frame["n_at_risk"].tolist() == [2, 2, 2]
    assert frame["n_event"].tolist() == [1, 1, 1]
    assert frame["estimate"].tolist() == pytest.approx([0.5, 1, 1.5])
    # One customer is a quarter above and the other a quarter below, then they are level again.
    assert (frame["std_error"] ** 2).tolist() == pytest.approx([0.125, 0, 0.125])
    half = 1.959963984540054 * np.sqrt(0.125) / 1.5
    assert frame["conf_low"].iloc[2] == pytest.approx(1.5 * np.exp(-half))
    assert frame["conf_high"].iloc[2] == pytest.approx(1.5 * np.exp(half))
    assert np.isnan(frame["conf_low"].iloc[1])


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equals_its_definition_and_the_infinitesimal_jackknife(seed: int, terminal: bool) -> None:
    frame = some(seed, terminal=terminal)
    made = lives(frame, cause="cause") if terminal else lives(frame)
    found = recurrent(made, terminal="left" if terminal else None, small_cell=1).frame
    every = np.ones(25)
    assert found["estimate"].tolist() == pytest.approx(weighted(frame, every).tolist())
    step = 1e-5 * np.eye(25)
    slopes = [(weighted(frame, every + h) - weighted(frame, every - h)) / 2e-5 for h in step]
    expected = np.sqrt((np.array(slopes) ** 2).sum(axis=0))
    assert found["std_error"].tolist() == pytest.approx(expected.tolist(), abs=1e-7)


def test_one_event_each_is_nelson_and_aalen() -> None:
    frame = pd.DataFrame({"time": [1, 2, 2, 4, 5], "status": [1, 1, 0, 1, 0]})
    found = recurrent(lifetimes_from_frame(frame), small_cell=1).frame
    assert found["estimate"].tolist() == pytest.approx(
        [1 / 5, 1 / 5 + 1 / 4, 1 / 5 + 1 / 4 + 1 / 2]
    )


@given(seed=st.integers(0, 50), factor=st.sampled_from([0.5, 2.0, 10.0]))
def test_order_scale_and_cuts_do_not_matter(seed: int, factor: float) -> None:
    frame = some(seed, terminal=False)
    found = recurrent(lives(frame), small_cell=1).frame[["estimate", "std_error"]]
    mixed = frame.sample(frac=1, random_state=seed)
    mixed = mixed.assign(start=mixed["start"] * factor, time=mixed["time"] * factor)
    halves = mixed.assign(middle=(mixed["start"] + mixed["time"]) / 2)
    cut = pd.concat(
        [
            halves.assign(time=halves["middle"], status=0),
            halves.assign(start=halves["middle"]),
        ]
    )
    again = recurrent(lives(cut), small_cell=1).frame
    pd.testing.assert_frame_equal(again[["estimate", "std_error"]], found, atol=1e-9)


def test_everybody_twice_halves_the_variance() -> None:
    frame = some(3, terminal=False)
    twice = pd.concat([frame, frame.assign(customer=frame["customer"] + 100)])
    once, both = (recurrent(lives(f), small_cell=1).frame for f in (frame, twice))
    assert both["estimate"].tolist() == pytest.approx(once["estimate"].tolist())
    assert (2 * both["std_error"] ** 2).tolist() == pytest.approx(
        (once["std_error"] ** 2).tolist(), abs=1e-12
    )


def test_reading_ends_with_the_data() -> None:
    at = recurrent(lives(WORKED), small_cell=1).mean_at([0, 3.5, 9, 9.5]).frame
    assert at["estimate"].tolist() == pytest.approx([0, 0.5, 1.5, np.nan], nan_ok=True)
    assert at["n_at_risk"].tolist() == [2, 2, 1, 0]


def test_before_the_first_event_the_interval_is_not_known() -> None:
    at = recurrent(lives(WORKED), small_cell=1).mean_at([0, 2]).frame
    assert at["estimate"].tolist() == [0, 0]
    assert at["conf_high"].tolist() == pytest.approx([0, np.nan], nan_ok=True)


def test_the_horizon_takes_nothing_back() -> None:
    frame = some(4, terminal=True)
    made = lives(frame, cause="cause")
    all_of_it = recurrent(made, terminal="left", small_cell=1).frame
    part = recurrent(made, terminal="left", small_cell=1, horizon_days=12)
    before = all_of_it[all_of_it["time_days"] <= 12]
    pd.testing.assert_frame_equal(part.frame, before)
    assert np.isnan(part.mean_at(13).frame["estimate"].iloc[0])


def test_groups_are_apart_and_small_ones_hidden() -> None:
    frame = some(5, terminal=False).assign(kind=lambda f: np.where(f["customer"] < 20, "a", "b"))
    found = recurrent(lives(frame, groups=["kind"]), by="kind", small_cell=10)
    assert found.groups == ("a",)
    assert found.suppressed == ("b",)
    alone = recurrent(lives(frame[frame["kind"] == "a"])).frame
    pd.testing.assert_frame_equal(
        found.frame.drop(columns="group"), alone.drop(columns="group"), atol=1e-12
    )
    assert "not shown, fewer than 10 customers: b" in found.summary()


def test_what_is_refused() -> None:
    frame = some(6, terminal=True)
    made = lives(frame, cause="cause")
    with pytest.raises(ArgumentError, match="`terminal` must say which cause ends it"):
        recurrent(made)
    with pytest.raises(MappingError, match="`terminal` names causes that do not exist: 'lef'"):
        recurrent(made, terminal="lef")
    with pytest.raises(DataError, match="Nothing can come after the end 'again'"):
        recurrent(made, terminal="again")
    with pytest.raises(ArgumentError, match="the lifetimes know of no causes"):
        recurrent(lives(WORKED), terminal="left")
    with pytest.raises(ArgumentError, match="No group has 10 customers or more"):
        recurrent(lives(WORKED))
    with pytest.raises(DataError, match="Something must happen again; of 2 customers"):
        recurrent(lives(WORKED.assign(status=0)), small_cell=1)


def test_the_picture_holds_the_numbers() -> None:
    found = recurrent(lives(some(7, terminal=False)), small_cell=5)
    ax = found.plot()
    drawn = found.frame[found.frame["n_at_risk"] >= 5]
    assert ax.lines[0].get_ydata()[-1] == pytest.approx(drawn["estimate"].iloc[-1])
    assert ax.get_ylabel() == "times per customer"
    # Two are there at the beginning: too few to be told.
    assert found.watched["all"].at_risk(np.array([0])).tolist() == [2]
    assert [text.get_text() for text in ax.texts[:2]] == ["under risk", "<5"]
    plt.close("all")


def covered(worlds: int, *, customers: int = 150, seed: int = 1) -> NDArray[np.float64]:
    """Share of intervals that hold the truth: rates differ by customer, entry and loss vary."""
    rng = np.random.default_rng(seed)
    at, hits = np.array([20.0, 40.0, 60.0]), np.zeros(3)
    for _ in range(worlds):
        rate = rng.gamma(2, 0.05 / 2, customers)
        begin = np.where(rng.random(customers) < 0.3, rng.uniform(0, 30, customers), 0.0)
        end = begin + rng.uniform(30, 90, customers)
        n = rng.poisson(rate * (end - begin))
        who = np.repeat(np.arange(customers), n)
        when = begin[who] + rng.random(len(who)) * (end - begin)[who]
        everyone = np.concatenate([who, np.arange(customers)])
        stop = np.concatenate([when, end])
        order = np.lexsort([stop, everyone])
        everyone, stop = everyone[order], stop[order]
        first = np.diff(everyone, prepend=-1) != 0
        start = np.where(first, begin[everyone], np.roll(stop, 1))
        frame = pd.DataFrame(
            {"customer": everyone, "start": start, "time": stop, "status": (order < len(who)) * 1}
        )
        found = recurrent(lives(frame)).mean_at(at).frame
        hits += (found["conf_low"] <= 0.05 * at) & (0.05 * at <= found["conf_high"])
    return np.asarray(hits / worlds)


def test_intervals_cover_the_mean_of_customers_who_differ() -> None:
    # 1,000 worlds: see the changelog. 200 here: three standard errors are 4.6 points.
    assert (covered(200) > 0.904).all()
