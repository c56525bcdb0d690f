from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from journeykit.errors import ArgumentError, DataError
from journeykit.survival import Inactivity
from journeykit.survival.leaving_risk import ImmortalTime, immortal_time
from tests.survival.leaving_risk.test_after_touch import lived
from tests.survival.leaving_risk.worlds import CHURN, START, made


@pytest.fixture(scope="module")
def found() -> ImmortalTime:
    return immortal_time(made(4), touchpoint="touch 0", churn=CHURN, start=START)


def test_the_naive_comparison_is_wrong_and_the_others_are_right(found: ImmortalTime) -> None:
    """The touch does nothing.

    Of 1,000 worlds with seasons of leaving, the sound intervals held 1 in 94.4 to 96.6 %, and the
    naive one in none.
    """
    frame = found.frame.set_index("design")
    naive = frame.loc["ever met against never met"]
    assert naive["hazard_ratio"] == pytest.approx(0.35, abs=0.03)
    assert naive["conf_high"] < 0.5
    sound = frame[frame["sound"]]
    assert sound.index.tolist() == ["met by day 30", "met by day 90", "from the first touch on"]
    assert (sound["conf_low"] < 1).all()
    assert (sound["conf_high"] > 1).all()
    assert frame.loc["from the first touch on", "hazard_ratio"] == pytest.approx(1, abs=0.15)
    assert "because it counts time in which nobody could have left" in found.summary()
    hidden = found.frame.assign(hazard_ratio=np.nan)
    assert dataclasses.replace(found, frame=hidden).summary().endswith("to tell")


def test_a_lasting_effect_is_found_where_time_varies() -> None:
    journeys = made(2, customers=3_000, log_ratio=(0.7,), window=179)
    frame = immortal_time(journeys, touchpoint="touch 0", churn=CHURN, start=START).frame
    last = frame.set_index("design").loc["from the first touch on"]
    assert last["conf_low"] < np.exp(0.7) < last["conf_high"]
    naive = frame.set_index("design").loc["ever met against never met"]
    assert naive["hazard_ratio"] < 1


def test_customers_by_hand() -> None:
    """Of five, one is watched from later than the start; two met, one of them by day 30."""
    journeys = lived(
        [(0, 10), (0, 40), (1, 50), (3, 70)],
        began=[0, 0, 0, 0, -20],
        left=[60, 80, 20, 60, 30],
    )
    frame = immortal_time(
        journeys,
        touchpoint="call",
        churn=CHURN,
        start=START,
        landmarks_days=(30,),
        small_cell=1,
    ).frame
    assert frame["n"].tolist() == [4, 3, 4]
    assert frame["n_met"].tolist() == [2, 1, 2]
    assert frame["n_event"].tolist() == [4, 3, 4]
    small = immortal_time(journeys, touchpoint="call", churn=CHURN, start=START).frame
    assert small[["n", "n_met", "hazard_ratio"]].isna().all().all()


def test_it_is_drawn_with_the_trap_apart(found: ImmortalTime) -> None:
    ax = found.plot()
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels[0] == "ever met against never met"
    wrong, right = ax.lines[:2]
    assert wrong.get_color() != right.get_color()
    assert len(np.asarray(right.get_xdata())) == 3


def test_what_is_asked_must_make_sense() -> None:
    journeys = made(1, customers=50)
    with pytest.raises(ArgumentError, match="`landmarks_days` must be days that rise"):
        immortal_time(
            journeys, touchpoint="touch 0", churn=CHURN, start=START, landmarks_days=(9, 3)
        )
    with pytest.raises(ArgumentError, match="cannot be judged"):
        immortal_time(journeys, touchpoint="touch 0", churn=Inactivity(30))
    with pytest.raises(DataError, match="Nobody is watched from their start"):
        immortal_time(
            lived([(0, 5)], [-5, -5], [None, 20]), touchpoint="call", churn=CHURN, start=START
        )
