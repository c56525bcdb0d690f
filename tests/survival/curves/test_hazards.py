from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, MappingError
from journeykit.survival import lifetimes_from_frame
from journeykit.survival.curves import NelsonAalen, nelson_aalen
from journeykit.survival.curves.smoothing import _epanechnikov, smooth_increments


def curve(rng: np.random.Generator, n: int, rate: float = 1 / 50, **given: object) -> NelsonAalen:
    life, end = rng.exponential(1 / rate, n), rng.uniform(20, 100, n)
    frame = pd.DataFrame({"time": np.minimum(life, end), "status": life <= end})
    return nelson_aalen(lifetimes_from_frame(frame), **given)  # type: ignore[arg-type]


def test_worked_by_hand_with_ties_and_late_entry() -> None:
    frame = pd.DataFrame(
        {"start": [0, 0, 0, 0, 0, 3], "time": [1, 2, 2, 4, 4, 6], "status": [1, 1, 1, 1, 0, 1]}
    )
    lives = lifetimes_from_frame(frame, start="start")
    found = nelson_aalen(lives, small_cell=1)
    hazard = np.cumsum([1 / 5, 2 / 4, 1 / 3, 1])
    variance = np.cumsum([1 / 25, 2 / 16, 1 / 9, 1])
    assert found.frame["estimate"].tolist() == pytest.approx(hazard)
    assert found.frame["std_error"].tolist() == pytest.approx(np.sqrt(variance))
    reach = 1.959963984540054 * np.sqrt(variance) / hazard
    assert found.frame["conf_low"].tolist() == pytest.approx(hazard * np.exp(-reach))
    assert found.frame["conf_high"].tolist() == pytest.approx(hazard * np.exp(reach))
    plain = nelson_aalen(lives, small_cell=1, interval="plain").frame
    assert plain["conf_low"].tolist()[0] == 0
    assert plain["conf_high"].tolist() == pytest.approx(
        hazard + 1.959963984540054 * np.sqrt(variance)
    )
    at = found.cumulative_hazard_at([0, 0.5, 2, 7]).frame
    assert at["estimate"].tolist() == pytest.approx([0, 0, 0.7, np.nan], nan_ok=True)
    assert at["conf_low"].notna().tolist() == [True, False, True, False]
    assert found.summary() == "cumulative hazard all: 2.03 by day 6"


def test_lifelines_and_statsmodels_agree() -> None:
    lifelines = pytest.importorskip("lifelines")
    from statsmodels.duration.survfunc import SurvfuncRight

    rng = np.random.default_rng(4)
    n = 300
    start = rng.integers(0, 15, n) * (rng.random(n) < 0.5)
    stop = start + rng.integers(1, 40, n)
    status = rng.random(n) < 0.6
    frame = pd.DataFrame({"start": start, "time": stop, "status": status})
    at = [3, 10, 25, 40]
    ours = nelson_aalen(lifetimes_from_frame(frame, start="start")).cumulative_hazard_at(at).frame
    peer = lifelines.NelsonAalenFitter(nelson_aalen_smoothing=False)
    peer.fit(stop, status, entry=start + 0.5 * (start > 0))
    assert ours["estimate"].to_numpy() == pytest.approx(
        peer.cumulative_hazard_at_times(at).to_numpy()
    )
    # Its variance is Aalen's only where times are not tied.
    untied = rng.exponential(20, n)
    frame = pd.DataFrame({"time": untied, "status": status})
    whole = lifelines.NelsonAalenFitter(nelson_aalen_smoothing=True).fit(untied, status)
    read = nelson_aalen(lifetimes_from_frame(frame)).cumulative_hazard_at(at).frame
    band = whole.confidence_interval_.reindex(at, method="ffill").to_numpy()
    assert read[["conf_low", "conf_high"]].to_numpy() == pytest.approx(band)
    # Steps of the hazard are those by which the Kaplan-Meier curve of statsmodels falls.
    theirs = SurvfuncRight(stop, status, entry=start)
    late = pd.DataFrame({"start": start, "time": stop, "status": status})
    steps = nelson_aalen(lifetimes_from_frame(late, start="start")).frame.query("n_event > 0")
    hazard = np.diff(np.concatenate([[0.0], steps["estimate"]]))
    assert np.cumprod(1 - hazard) == pytest.approx(theirs.surv_prob)


@pytest.mark.parametrize("reach", [0.0, 0.3, 0.7, 1.0])
def test_boundary_kernels_weigh_1_and_do_not_lean(reach: float) -> None:
    x = np.linspace(-1, reach, 200_001)
    weight = _epanechnikov(x, reach)
    assert np.trapezoid(weight, x) == pytest.approx(1)
    assert np.trapezoid(weight * x, x) == pytest.approx(0, abs=1e-8)


def test_a_line_stays_a_line_up_to_both_ends() -> None:
    # Steps of a hazard of 1 + 2 t on [0, 1].
    time = (np.arange(20_000) + 0.5) / 20_000
    step = (1 + 2 * time) / 20_000
    at = np.array([0, 0.05, 0.5, 0.97, 1])
    slope, error = smooth_increments(at, time, step, step**2, bandwidth=0.2, first=0, last=1)
    assert slope == pytest.approx(1 + 2 * at, rel=1e-3)
    assert (error > 0).all()


def test_the_rate_and_its_interval() -> None:
    """A constant rate has no bias from smoothing: its interval covers it."""
    rng = np.random.default_rng(6)
    at = [0.0, 5.0, 30.0, 60.0]
    covered = np.zeros(4)
    worlds = 200
    for _ in range(worlds):
        frame = curve(rng, 400).smoothed(bandwidth_days=15, days=at).frame
        inside = (frame["conf_low"] <= 0.02) & (frame["conf_high"] >= 0.02)
        covered += inside.to_numpy()
    assert covered.sum() / (4 * worlds) == pytest.approx(0.95, abs=0.03)
    assert (covered / worlds > 0.89).all()


def test_no_rate_beyond_the_data() -> None:
    found = curve(np.random.default_rng(1), 500, small_cell=20)
    watched = found.frame.query("n_at_risk >= 20")["time_days"].max()
    read = found.smoothed(days=[watched - 1, watched + 1, 1000]).frame
    assert read["estimate"].notna().tolist() == [True, False, False]
    assert read["n_at_risk"].tolist()[1:] == [0, 0]
    whole = found.smoothed()
    assert whole.frame["time_days"].max() == pytest.approx(watched)
    assert len(whole.frame) == 101
    n_event = found.frame.query("time_days <= @watched")["n_event"].sum()
    width = whole.frame["bandwidth_days"].iloc[0]
    assert width == pytest.approx(0.625 * watched / n_event**0.2)
    assert whole.summary().startswith("all: highest on day ")


def test_late_entries_begin_where_enough_are_there() -> None:
    rng = np.random.default_rng(2)
    start = rng.uniform(100, 200, 400)
    frame = pd.DataFrame({"start": start, "time": start + rng.exponential(50, 400), "status": 1})
    found = nelson_aalen(lifetimes_from_frame(frame, start="start"), small_cell=30).smoothed().frame
    assert 100 < found["time_days"].min() < 130
    middle = found[found["time_days"].between(150, 250)]["estimate"]
    assert middle.mean() == pytest.approx(1 / 50, rel=0.15)


def test_nothing_to_smooth() -> None:
    none = nelson_aalen(lifetimes_from_frame(pd.DataFrame({"time": range(1, 31), "status": 0})))
    assert none.smoothed().frame["estimate"].isna().all()
    assert none.smoothed().summary() == "nowhere enough customers under risk"
    start = np.arange(0, 40, 2)
    never = pd.DataFrame({"start": start, "time": start + 2, "status": 1})
    lives = lifetimes_from_frame(never, start="start")
    assert nelson_aalen(lives).smoothed().frame["estimate"].isna().all()


def test_pictures() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {"time": rng.exponential(50, 400), "status": 1, "kind": np.repeat(["a$b$", "c"], 200)}
    )
    found = nelson_aalen(lifetimes_from_frame(frame, groups=["kind"]), by="kind")
    ax = found.plot()
    assert [line.get_label() for line in ax.lines] == [r"a\$b\$", "c"]
    assert ax.get_ylabel() == "cumulative hazard"
    drawn = found.smoothed().plot()
    assert len(drawn.lines) == 2
    assert drawn.get_ylim()[0] == 0
    assert drawn.get_legend() is not None


def test_arguments_are_checked() -> None:
    lives = lifetimes_from_frame(pd.DataFrame({"time": range(1, 31), "status": 1}))
    with pytest.raises(ArgumentError, match="`interval` must be one of 'log', 'plain'"):
        nelson_aalen(lives, interval="log-log")  # type: ignore[arg-type]
    with pytest.raises(MappingError, match="`by`"):
        nelson_aalen(lives, by="kind")
    with pytest.raises(ArgumentError, match="`bandwidth_days` must be a number greater than 0"):
        nelson_aalen(lives).smoothed(bandwidth_days=0)
    with pytest.raises(ArgumentError, match="`bandwidth_days` must be at most half the watched ti"):
        nelson_aalen(lives).smoothed(bandwidth_days=20)
