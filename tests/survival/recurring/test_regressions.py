from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxTimeVaryingFitter
from statsmodels.duration.hazard_regression import PHReg

from journeykit.errors import ArgumentError, DataError
from journeykit.survival import Lifetimes, lifetimes_from_frame
from journeykit.survival.recurring import andersen_gill, numbered, prentice_williams_peterson


def lives(frame: pd.DataFrame, covariates: list[str]) -> Lifetimes:
    return lifetimes_from_frame(frame, customer_id="customer", start="start", covariates=covariates)


@pytest.fixture(scope="module")
def some() -> pd.DataFrame:
    """Eighty customers with tied events, frailty and a dose that multiplies the rate by e^0.5."""
    rng = np.random.default_rng(8)
    parts = []
    for customer in range(80):
        dose = float(rng.integers(0, 3))
        end = int(rng.integers(20, 60))
        rate = 0.05 * rng.gamma(2, 0.5) * np.exp(0.5 * dose)
        at = np.unique(rng.integers(1, end, rng.poisson(rate * end)))
        stop = [*at, end]
        parts.append(
            pd.DataFrame(
                {
                    "customer": customer,
                    "start": [0, *at],
                    "time": stop,
                    "status": [*([1] * len(at)), 0],
                    "dose": dose,
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(number=frame.groupby("customer").cumcount() + 1)


def test_andersen_gill_by_hand() -> None:
    # Events at 1 and 3 of x = 1 and at 2 of x = 0, both under risk: odds e^b = 2 to 1.
    frame = pd.DataFrame(
        {
            "customer": ["a", "a", "a", "b", "b"],
            "start": [0, 1, 3, 0, 2],
            "time": [1, 3, 4, 2, 4],
            "status": [1, 1, 0, 1, 0],
            "x": [1, 1, 1, 0, 0],
        }
    )
    found = andersen_gill(lives(frame, ["x"]), covariates=["x"], small_cell=1).frame
    assert found["hazard_ratio"].tolist() == pytest.approx([2])


@pytest.mark.filterwarnings("ignore:.*will be keyword-only")
def test_andersen_gill_equals_lifelines(some: pd.DataFrame) -> None:
    found = andersen_gill(lives(some, ["dose"]), covariates=["dose"]).frame
    peer = CoxTimeVaryingFitter().fit(
        some[["customer", "start", "time", "status", "dose"]],
        id_col="customer", start_col="start", stop_col="time", event_col="status",
    )  # fmt: skip
    assert np.log(found["hazard_ratio"]).tolist() == pytest.approx(peer.params_.tolist(), rel=1e-4)


@pytest.mark.filterwarnings("ignore:.*will be keyword-only")
def test_total_clock_equals_lifelines_with_strata(some: pd.DataFrame) -> None:
    found = prentice_williams_peterson(
        lives(some, ["dose"]), covariates=["dose"], pooled_from=4
    ).frame
    table = some.assign(number=some["number"].clip(upper=4))
    peer = CoxTimeVaryingFitter().fit(
        table, id_col="customer", start_col="start", stop_col="time", event_col="status",
        strata=["number"],
    )  # fmt: skip
    assert np.log(found["hazard_ratio"]).tolist() == pytest.approx(peer.params_.tolist(), rel=1e-4)


def test_gap_clock_equals_statsmodels_with_strata(some: pd.DataFrame) -> None:
    found = prentice_williams_peterson(
        lives(some, ["dose"]), covariates=["dose"], clock="gap", pooled_from=4
    ).frame
    peer = PHReg(
        some["time"] - some["start"], some[["dose"]], status=some["status"],
        strata=some["number"].clip(upper=4), ties="efron",
    ).fit()  # fmt: skip
    assert np.log(found["hazard_ratio"]).tolist() == pytest.approx(peer.params.tolist(), rel=1e-5)


def test_rows_are_numbered_whatever_their_order_and_cuts() -> None:
    # A covariate changes at 2; one enters late.
    frame = pd.DataFrame(
        {
            "customer": ["a", "b", "a", "a", "b"],
            "start": [5, 1, 0, 2, 4],
            "time": [9, 4, 2, 5, 7],
            "status": [0, 1, 0, 1, 0],
        }
    )
    made = lives(frame, [])
    total = numbered(made).frame
    assert total["exit_days"].tolist() == [2, 5, 9]
    assert total["event_number"].tolist() == [1, 1, 2]
    gap = numbered(made, clock="gap")
    assert gap.frame["entry_days"].tolist() == [0, 2, 0]
    assert gap.frame["exit_days"].tolist() == [2, 5, 4]
    assert gap.frame["late"].tolist() == [False, True, False]
    assert sum(gap.left_out.values()) == 1
    assert numbered(made, pooled_from=1).frame["event_number"].tolist() == [1, 1, 1]


def test_a_wait_that_is_seen_late_began_at_the_event() -> None:
    frame = pd.DataFrame(
        {"customer": ["a", "a"], "start": [0, 5], "time": [3, 9], "status": [1, 1]}
    )
    gap = numbered(lives(frame, []), clock="gap").frame
    assert gap["entry_days"].tolist() == [0, 2]
    assert gap["exit_days"].tolist() == [3, 6]
    assert gap["late"].tolist() == [False, True]


def test_what_is_refused() -> None:
    late = pd.DataFrame({"customer": ["a"], "start": [1], "time": [2], "status": [1]})
    with pytest.raises(DataError, match="Everybody entered late"):
        numbered(lives(late, []))
    taken = late.assign(start=0, event_number=1)
    with pytest.raises(DataError, match="have a column 'event_number' already"):
        numbered(lives(taken, ["event_number"]))


def test_which_event_recurs_must_be_said() -> None:
    frame = pd.DataFrame({"time": range(1, 41), "status": 1, "x": [0, 1] * 20})
    frame["kind"] = ["again", "left"] * 20
    several = lifetimes_from_frame(frame, cause="kind", covariates=["x"])
    for method in (andersen_gill, prentice_williams_peterson):
        with pytest.raises(ArgumentError, match="which event recurs; there are 'again', 'left'"):
            method(several, covariates=["x"])
