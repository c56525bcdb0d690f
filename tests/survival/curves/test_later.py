from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError
from journeykit.survival import kaplan_meier, lifetimes_from_frame
from journeykit.survival.curves import KaplanMeier

Table = Callable[[str], pd.DataFrame]


def worked() -> KaplanMeier:
    """Five from the beginning, one from day 3 on."""
    frame = pd.DataFrame(
        {
            "start": [0, 0, 0, 0, 0, 3],
            "time": [1, 2, 2, 4, 4, 6],
            "status": [1, 1, 0, 1, 0, 1],
        }
    )
    return kaplan_meier(lifetimes_from_frame(frame, start="start"), small_cell=1)


def test_given_survival_worked_by_hand() -> None:
    frame = worked().given_survival([1, 2], [2, 4, 5, 7]).frame
    assert frame["survived_days"].tolist() == [1] * 4 + [2] * 4
    assert frame["n_survived"].tolist() == [4] * 4 + [2] * 4
    assert frame["n_at_risk"].tolist() == [4, 3, 1, 0, 2, 3, 1, 0]
    assert frame["estimate"].tolist() == pytest.approx(
        [3 / 4, 1 / 2, 1 / 2, np.nan, 1, 2 / 3, 2 / 3, np.nan], nan_ok=True
    )
    assert frame["std_error"][5] == pytest.approx(2 / 3 * np.sqrt(1 / 6))
    whole = worked().survival_at([1, 2, 4]).frame["estimate"].to_numpy()
    assert frame["estimate"][[0, 1]].to_numpy() == pytest.approx(whole[1:] / whole[0])
    assert np.isnan(frame["conf_low"][4])


def test_few_survivors_tell_nothing() -> None:
    lives = lifetimes_from_frame(pd.DataFrame({"time": range(1, 21), "status": 1}))
    curve = kaplan_meier(lives)
    for read in (
        curve.given_survival([10, 11], 15).frame,
        curve.remaining_quantiles([10, 11]).frame,
        curve.remaining_mean([10, 11], until_days=15).frame,
    ):
        assert read["n_survived"].tolist() == [10, 9]
        assert read["estimate"].notna().tolist() == [True, False]
    assert curve.remaining_quantiles(10).frame["estimate"].tolist() == [5]
    # Of the ten, each day from 11 on takes one away.
    mean = curve.remaining_mean(10, until_days=15).frame["estimate"].iloc[0]
    assert mean == pytest.approx(1 + 0.9 + 0.8 + 0.7 + 0.6)


def test_what_is_not_reached_stays_so() -> None:
    lives = lifetimes_from_frame(pd.DataFrame({"time": [1, 2, 3, 4], "status": [1, 0, 0, 0]}))
    curve = kaplan_meier(lives, small_cell=1)
    left = curve.remaining_quantiles(0.5, (0.25, 0.5)).frame
    assert left["estimate"].tolist() == pytest.approx([0.5, np.nan], nan_ok=True)
    assert left["reached"].tolist() == [True, False]
    mean = curve.remaining_mean([0.5, 2], until_days=4).frame
    assert mean["estimate"].tolist() == pytest.approx([0.5 + 3 * 0.75, 2])
    # Nobody left after day 2: an error of 0 is no knowledge.
    assert mean["conf_low"].notna().tolist() == [True, False]
    beyond = curve.remaining_mean(2, until_days=5).frame
    assert beyond["estimate"].isna().all()
    assert curve.given_survival(9, 10).frame["estimate"].isna().all()


def test_times_are_checked() -> None:
    with pytest.raises(ArgumentError, match="`days` must not lie before `survived_days`; got 1 an"):
        worked().given_survival(2, 1)
    with pytest.raises(ArgumentError, match="`until_days` must lie after `survived_days`; got 2 a"):
        worked().remaining_mean(2, until_days=2)
    with pytest.raises(ArgumentError, match="`survived_days` must be numbers of at least 0"):
        worked().remaining_quantiles(-1)
    with pytest.raises(ArgumentError, match="`shares` must lie strictly between 0 and 1; got 1.5"):
        worked().remaining_quantiles(1, (1.5,))


def test_every_group_and_its_interval_scale() -> None:
    frame = pd.DataFrame({"time": [1, 2, 3, 4] * 2, "status": 1, "kind": list("aaaabbbb")})
    lives = lifetimes_from_frame(frame, groups=["kind"])
    read = kaplan_meier(lives, by="kind", small_cell=1, interval="plain").given_survival(1, 2)
    assert read.frame["group"].tolist() == ["a", "b"]
    error = 2 / 3 * np.sqrt(1 / 6)
    assert read.frame["conf_low"][0] == pytest.approx(2 / 3 - 1.959963984540054 * error)
    assert read.summary() == "2 pairs of times"


@pytest.mark.parametrize("survived", [100, 365])
def test_conditional_survival_equals_r(expected: Table, inputs: Table, survived: int) -> None:
    curve = kaplan_meier(lifetimes_from_frame(inputs("lung"), event="event"))
    for row in expected(f"condsurv_lung_{survived}").itertuples():
        if row.quantity in ("surv_given_t0", "std_err"):
            frame = curve.given_survival(survived, float(row.at)).frame
            ours = frame["std_error" if row.quantity == "std_err" else "estimate"].iloc[0]
        elif row.quantity == "median_abs_time":
            ours = survived + curve.remaining_quantiles(survived).frame["estimate"].iloc[0]
        else:
            mean = curve.remaining_mean(survived, until_days=1000).frame["estimate"].iloc[0]
            ours = survived + mean
        assert ours == pytest.approx(row.value, rel=row.rtol), row
