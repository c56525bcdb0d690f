from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, DataError, JourneyKitWarning, MappingError
from journeykit.survival import lifetimes_from_frame
from journeykit.survival.regression import CoxModel, cox, proportional_hazards_test
from journeykit.survival.regression.smooth import spline_through


def world(n: int = 600, *, seed: int = 0, fading: bool = True) -> pd.DataFrame:
    """Return customers in whom x acts all the time, and `fades` until day 10 only."""
    rng = np.random.default_rng(seed)
    x, fades = rng.normal(size=n), rng.integers(0, 2, n)
    start = rng.integers(0, 5, n) * (rng.random(n) < 0.3)
    hazard = np.exp(0.4 * x)
    early = rng.exponential(25 / hazard / np.exp(1.5 * fades * fading), n)
    wait = np.where(early < 10, early, 10 + rng.exponential(25 / hazard, n))
    time = np.minimum(start + 1e-3 + wait, 60)
    return pd.DataFrame(
        {
            "start": start,
            "time": time,
            "status": (start + 1e-3 + wait < 60).astype(int),
            "x": x,
            "fades": fades,
            "plan": rng.choice(["a", "b", "c"], n),
            "region": rng.choice(["north", "south"], n),
        }
    )


def fit(frame: pd.DataFrame, **options: object) -> CoxModel:
    table = lifetimes_from_frame(frame, start="start", covariates=["x", "fades", "plan", "region"])
    return cox(table, covariates=["x", "fades", "plan"], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("strata", [(), ("region",)])
def test_an_effect_that_fades_is_found(strata: tuple[str, ...]) -> None:
    test = proportional_hazards_test(fit(world(), strata=strata))
    frame = test.frame.set_index("covariate")
    assert frame.index.tolist() == ["x", "fades", "plan", "(all)"]
    assert frame["degrees_of_freedom"].tolist() == [1, 1, 2, 4]
    assert frame.loc["fades", "p_value"] < 1e-4
    assert frame.loc["x", "p_value"] > 0.05
    assert test.summary() == (
        "hazard ratios constant over time: p < 0.0001 for all at once; changing at p < 0.05: fades"
    )
    assert test.provenance.parameters["transform"] == "km"
    ax = test.plot()
    assert ax.get_ylabel() == "log hazard ratio of\nfades"
    curve, level = (np.asarray(line.get_ydata()) for line in ax.lines[1:3])
    assert curve[0] > 0.8 > 0.6 > curve[120]
    assert level == pytest.approx(test.model.coefficients[1])


def test_it_is_the_score_test_of_a_model_with_x_times_g() -> None:
    """Split at every event, x g(t) is a covariate like others; its score test is this one."""
    frame = world(60, seed=3)[["start", "time", "status", "x"]]
    frame["time"] = np.ceil(frame["time"])
    model = cox(lifetimes_from_frame(frame, start="start", covariates=["x"]), covariates=["x"])
    test = proportional_hazards_test(model, transform="identity")
    times = np.sort(frame.loc[frame["status"] == 1, "time"].unique())
    rows = []
    for who, row in frame.iterrows():
        inside = times[(times > row["start"]) & (times <= row["time"])]
        edges = [row["start"], *inside]
        for begin, end in pairwise(edges):
            left = int(row["status"] == 1 and end == row["time"])
            rows.append((who, begin, end, left, row["x"], row["x"] * end))
    split = pd.DataFrame(rows, columns=["id", "start", "time", "status", "x", "xt"])
    wide = cox(
        lifetimes_from_frame(split, customer_id="id", start="start", covariates=["x", "xt"]),
        covariates=["x", "xt"],
    )
    # The score test at the estimate of the smaller model, from the likelihood of the larger.
    from journeykit.survival.regression.likelihood import information, moments, score

    design = wide.fit.design
    beta = np.array([model.coefficients[0] * design.scale[0], 0.0])
    at = moments(design.sets, design.units, beta, "efron")
    slope = score(design.units, at)
    assert slope[0] == pytest.approx(0, abs=1e-6)
    statistic = slope @ np.linalg.solve(information(design.units, at), slope)
    assert test.frame["statistic"].iloc[0] == pytest.approx(statistic, rel=1e-6)
    assert test.frame["statistic"].iloc[1] == pytest.approx(statistic, rel=1e-6)


def test_residuals_average_to_the_estimate() -> None:
    model = fit(world(), ties="breslow")
    test = proportional_hazards_test(model)
    for name, estimate in zip(model.names, model.coefficients, strict=True):
        found = test.residuals(name)
        assert len(found.time_days) == model.n_event
        assert (np.diff(found.time_days) >= 0).all()
        assert found.residual.sum() == pytest.approx(0, abs=1e-9)
        assert found.coefficient.mean() == pytest.approx(estimate)
    with pytest.raises(MappingError, match="`coefficient` names coefficients that do not exist"):
        test.plot_coefficient("fade")


def test_few_false_alarms_where_hazards_are_proportional() -> None:
    p = [
        proportional_hazards_test(
            fit(world(150, seed=seed, fading=False).drop(columns="fades").assign(fades=range(150)))
        ).frame["p_value"].iloc[-1]
        for seed in range(120)
    ]  # fmt: skip
    # 5 % of 120 are 6; above 14 is one in a thousand.
    assert np.mean(np.array(p) < 0.05) <= 14 / 120


def test_what_cannot_be_tested_is_said() -> None:
    frame = world(100)
    with pytest.raises(ArgumentError, match="`transform` must be one of 'km', 'rank'"):
        proportional_hazards_test(fit(frame), transform="ranks")  # type: ignore[arg-type]
    frame.loc[0, ["time", "status"]] = [0, 1]
    model = cox(lifetimes_from_frame(frame, covariates=["x"]), covariates=["x"])
    with pytest.raises(DataError, match="every event must happen after time 0"):
        proportional_hazards_test(model, transform="log")


def test_a_spline_goes_through_a_line_and_a_bend() -> None:
    x = np.linspace(0, 10, 200)
    at = np.array([0.0, 2.5, 9.0])
    line = spline_through(x, 3 + 2 * x, at, confidence=0.95)
    np.testing.assert_allclose(line.estimate, 3 + 2 * at)
    np.testing.assert_allclose(line.conf_high - line.conf_low, 0, atol=1e-8)
    noise = np.random.default_rng(0).normal(scale=0.1, size=200)
    bent = spline_through(x, np.sin(x / 3) + noise, at, confidence=0.95)
    assert (bent.conf_low < np.sin(at / 3)).all()
    assert (bent.conf_high > np.sin(at / 3)).all()
    # Straight beyond the outer knots; two places are enough for a line.
    beyond = spline_through(x, x**3, np.array([10.0, 11.0, 12.0]), confidence=0.95).estimate
    assert beyond[2] - beyond[1] == pytest.approx(beyond[1] - beyond[0])
    two = spline_through(np.repeat([1.0, 2.0], 3), np.repeat([1.0, 3.0], 3), at, confidence=0.95)
    np.testing.assert_allclose(two.estimate, 2 * at - 1)


def test_a_coefficient_without_a_finite_estimate_is_not_tested() -> None:
    rng = np.random.default_rng(8)
    table = pd.DataFrame({"time": rng.integers(1, 50, 200), "z": rng.normal(size=200).round(1)})
    table["status"] = rng.integers(0, 2, 200)
    rare = pd.DataFrame({"time": [20] * 15, "z": np.arange(15) / 7 - 1, "status": 0})
    both = pd.concat([table.assign(kind="a"), rare.assign(kind="b")])
    lives = lifetimes_from_frame(both, covariates=["kind", "z"])
    with pytest.warns(JourneyKitWarning, match="No finite hazard ratio"):
        model = cox(lives, covariates=["kind", "z"])
    found = proportional_hazards_test(model, transform="identity").frame.set_index("covariate")
    assert found["degrees_of_freedom"].to_dict() == {"kind": 0, "z": 1, "(all)": 1}
    assert np.isnan(found.loc["kind", "p_value"])
    # The level that never leaves tells nothing: the test is the one without it.
    alone = cox(lifetimes_from_frame(table, covariates=["z"]), covariates=["z"])
    p_value = proportional_hazards_test(alone, transform="identity").frame["p_value"]
    assert found.loc["(all)", "p_value"] == pytest.approx(p_value.iloc[-1], rel=1e-3)
    with pytest.warns(JourneyKitWarning, match="No finite hazard ratio"):
        none = cox(lives, covariates=["kind"])
    test = proportional_hazards_test(none)
    assert "not tested" in test.summary()
