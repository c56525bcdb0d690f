"""Intervals hold the truth as often as they say, in worlds whose hazards are known.

In 1,000 worlds each, 95 % intervals held the truth: fixed covariates with late entries and ties
95.2 %, and 95.7 % of predicted survival; covariates that change, several rows a customer, 94.9 % by
the model and 94.6 % by customer; households of a hazard of their own, 80.8 % by the model (which
takes customers for independent) and, by household, 94.3 % with 300 of them and 93.8 % with 80.
Proportional hazards were rejected at 5 % in 5.0 %.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from journeykit.survival import lifetimes_from_frame
from journeykit.survival.regression import (
    CoxModel,
    cox,
    cox_time_varying,
    proportional_hazards_test,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The log hazard ratio of x in every world.
TRUTH = 0.5
#: How much of it is left when households share a hazard of their own that is not known.
STABLE = 0.6


def fixed(rng: np.random.Generator) -> CoxModel:
    """Two covariates; some enter late; times in whole days, so that many tie."""
    n = 300
    x, z = rng.normal(size=n), rng.integers(0, 2, n)
    wait = np.ceil(rng.exponential(60 / np.exp(TRUTH * x - 0.7 * z)))
    entry = rng.integers(0, 40, n) * (rng.random(n) < 0.5)
    end = np.minimum(wait, rng.integers(45, 150, n))
    frame = pd.DataFrame({"start": entry, "time": end, "status": wait <= end, "x": x, "z": z})
    frame = frame[frame["time"] > frame["start"]]
    lives = lifetimes_from_frame(frame, start="start", covariates=["x", "z"])
    return cox(lives, covariates=["x", "z"])


def changing(rng: np.random.Generator) -> CoxModel:
    """Up to four intervals a customer, x drawn anew in each."""
    n, most = 150, 4
    cuts = np.sort(rng.uniform(0, 90, (n, most - 1)), axis=1)
    start = np.column_stack([np.zeros(n), cuts])
    stop = np.column_stack([cuts, np.full(n, 120.0)])
    x = rng.normal(size=(n, most))
    wait = rng.exponential(90 / np.exp(TRUTH * x))
    left = wait < stop - start
    reached: NDArray[np.bool_] = np.cumsum(left, axis=1) - left == 0
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), most)[reached.ravel()],
            "start": start[reached],
            "time": np.where(left, start + wait, stop)[reached],
            "status": left[reached],
            "x": x[reached],
        }
    )
    lives = lifetimes_from_frame(frame, customer_id="id", start="start", covariates=["x"])
    return cox_time_varying(lives, covariates=["x"])


def households(rng: np.random.Generator, n: int = 80) -> CoxModel:
    """Four customers share x and a frailty that is positive stable.

    That frailty is the one under which hazards are proportional without knowing it too: the log
    hazard ratio is then `STABLE` times that of a household (Hougaard 1986).
    """
    size = 4
    angle, wait = rng.uniform(0, np.pi, n), rng.exponential(size=n)
    frailty = np.sin(STABLE * angle) / np.sin(angle) ** (1 / STABLE)
    frailty *= (np.sin((1 - STABLE) * angle) / wait) ** ((1 - STABLE) / STABLE)
    x = rng.normal(size=n)
    hazard = np.repeat(frailty * np.exp(TRUTH / STABLE * x), size)
    time = (rng.exponential(size=n * size) / hazard) ** 0.5 * 30
    frame = pd.DataFrame(
        {
            "time": np.minimum(time, 90),
            "status": time < 90,
            "x": np.repeat(x, size),
            "house": np.repeat(np.arange(n), size),
        }
    )
    lives = lifetimes_from_frame(frame, covariates=["x"], groups=["house"])
    return cox(lives, covariates=["x"], clusters="house")


def covered(world: Callable[[np.random.Generator], CoxModel], n: int) -> tuple[float, float]:
    """Return the share of worlds whose intervals hold the truth: the model's, and as shown."""
    held = np.zeros(2)
    for seed in range(n):
        row = world(np.random.default_rng(seed)).frame.iloc[0]
        errors = row[["std_error_model", "std_error"]].to_numpy(dtype=float)
        held += np.abs(row["estimate"] - TRUTH) <= 1.959963984540054 * errors
    model, shown = held / n
    return float(model), float(shown)


@pytest.mark.parametrize("world", [fixed, changing, households])
def test_intervals_cover(world: Callable[[np.random.Generator], CoxModel]) -> None:
    model, shown = covered(world, 100)
    # 95 of 100 in the mean; 88 or fewer in one of 250 runs.
    assert shown >= 0.88
    assert model < 0.85 if world is households else model >= 0.88


def survival_covered(n: int) -> float:
    """Return the share of `fixed` worlds whose interval holds the survival at day 60."""
    customer = pd.DataFrame({"x": [1.0], "z": [1]})
    truth = np.exp(-np.exp(TRUTH - 0.7))
    held = 0
    for seed in range(n):
        row = fixed(np.random.default_rng(seed)).predict(customer, days=[60]).frame.iloc[0]
        held += row["conf_low"] <= truth <= row["conf_high"]
    return held / n


def test_intervals_of_predictions_cover() -> None:
    assert survival_covered(100) >= 0.88


def rejected(n: int) -> float:
    """Return the share of `fixed` worlds in which proportional hazards are rejected at 5 %."""
    models = (fixed(np.random.default_rng(seed)) for seed in range(n))
    return float(
        np.mean(
            [proportional_hazards_test(model).frame["p_value"].iloc[-1] < 0.05 for model in models]
        )
    )


def test_proportional_hazards_are_not_rejected_more_often_than_said() -> None:
    assert rejected(100) <= 0.12
