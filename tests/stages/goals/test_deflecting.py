"""Call deflection: by hand, against Kaplan and Meier, and where the truth is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.stages import deflection
from journeykit.stages.goals.needs import cut_needs
from tests.stages.goals.test_cutting import journeys
from tests.truth.set_out import contacts, deflected

HELP = {"self_service": ["help"], "assisted": ["call"]}


def some() -> Journeys:
    """Five customers; in the first seven of 100 days a beginning may be hidden."""
    return journeys(
        (0, 20, "help"), (0, 20.1, "help"), (0, 22, "call"),
        (1, 20, "help"), (1, 23, "help"), (1, 60, "help"), (1, 68, "call"),
        (2, 3, "help"), (2, 30, "call"), (2, 31.5, "call"),
        (3, 95, "help"),
        (4, 40, "look"), (4, 41, "help"), (4, 47, "call"),
    )  # fmt: skip


def test_needs_are_cut_by_hand() -> None:
    needs, n_edge = cut_needs(
        some(), **HELP, start=["help", "call"], within_days=7, apart_hours=24
    )  # fmt: skip
    assert n_edge == 1
    never = np.iinfo(np.int64).max
    rows = [
        (who, day / DAY, by, *(time / DAY if time < never else None for time in (called, back)))
        for who, day, by, called, back in zip(
            needs.customer, needs.begin, needs.by_self, needs.assisted, needs.back, strict=True
        )
    ]
    assert rows == [
        (0, 20, True, 2, 2), (1, 20, True, None, 3), (1, 60, True, None, None),
        (1, 68, False, None, None), (2, 30, False, 1.5, 1.5), (3, 95, True, None, None),
        (4, 41, True, 6, 6),
    ]  # fmt: skip
    # With a start only what begins so counts, and what comes before it is left out.
    needs, _ = cut_needs(
        some(), **HELP, start=["call"], within_days=7, apart_hours=24
    )  # fmt: skip
    assert (needs.begin / DAY).tolist() == [22, 68, 30, 47]


def test_shares_worked_by_hand() -> None:
    found = deflection(some(), **HELP, small_cell=1)
    shares = found.frame.set_index(["began", "measure"])["estimate"].round(9).to_dict()
    # Of five needs in self-service one is cut off on day 5, between the calls of days 2 and 6.
    assert shares["self-service", "not assisted"] == pytest.approx(4 / 5 * 2 / 3, abs=1e-9)
    assert shares["self-service", "assisted"] == pytest.approx(1 - 4 / 5 * 2 / 3, abs=1e-9)
    assert shares["self-service", "came back"] == pytest.approx(1 - 4 / 5 * 3 / 4 * 1 / 2)
    assert shares["assisted", "came back"] == pytest.approx(1 / 2)
    assert shares["difference", "came back"] == pytest.approx(0.7 - 0.5)
    row = found.row("self-service", "not assisted")
    assert (row["n"], row["n_customers"], row["n_event"], row["n_censored"]) == (5, 4, 2, 1)
    assert found.n_edge == 1
    assert "Not calling is not being helped" in found.summary()
    assert "design grade C" in found.warning


def test_as_kaplan_and_meier() -> None:
    made = contacts(300, 2)
    found = deflection(made, **HELP)
    needs, _ = cut_needs(made, **HELP, start=["help", "call"], within_days=7, apart_hours=24)
    mine = needs.take(needs.by_self)
    come = mine.assisted <= np.minimum(mine.watched, mine.within)
    time = np.where(come, mine.assisted, np.minimum(mine.watched, mine.within)) / DAY
    theirs = KaplanMeierFitter().fit(time, come)
    share = found.row("self-service", "not assisted")["estimate"]
    assert share == pytest.approx(float(theirs.predict(7)))
    # The trap: to call deflected whoever was not seen to call.
    assert 1 - come.mean() > share


def test_the_truth_is_covered() -> None:
    frames = pd.concat([deflected(SimpleNamespace(customers=300, seed=seed)) for seed in range(40)])
    covered = (frames["conf_low"] <= frames["truth"]) & (frames["truth"] <= frames["conf_high"])
    assert covered.mean() >= 0.85


def test_those_who_did_not_call_are_split_by_what_they_said() -> None:
    answers = pd.DataFrame(
        {
            "customer_id": ["0", "1", "1", "1", "9", "4"],
            "event_time": pd.to_datetime([21, 21, 24, 65, 20, 20], unit="D", utc=True),
            "touchpoint": ["help", "help", "help", "look", "help", "help"],
            "score": [-1, -1, 0.5, 1, 1, 1],
        }
    )
    found = deflection(some(), **HELP, sentiment=answers, small_cell=1)
    said = found.frame.set_index("measure")["n_event"]
    # Two needs of customer 1 came to no call and were watched: the last answer to help counts, and
    # one to another touchpoint says nothing of it.
    assert said[["said satisfied", "said not satisfied", "silent"]].tolist() == [1, 0, 1]
    assert "50% said nothing" in found.summary()
    assert len(found.plot().patches) == 8


def test_nothing_to_compare_with_is_missing() -> None:
    made = journeys((0, 20, "help"), (1, 90, "look"), (1, 5, "call"))
    found = deflection(made, **HELP, small_cell=1)
    assert np.isnan(found.row("assisted", "came back")["estimate"])
    assert np.isnan(found.row("difference", "came back")["estimate"])
    assert "of needs that began with an assisted contact" not in found.summary()
    few = deflection(made, **HELP)
    assert few.frame["estimate"].isna().all()
    assert few.summary() == "Too few needs began in self-service to tell what came of them"


def test_wrong_arguments_are_refused() -> None:
    made = some()
    with pytest.raises(ArgumentError, match="'help' is under `self_service` and `assisted`"):
        deflection(made, self_service=["help"], assisted=["help"])
    with pytest.raises(ArgumentError, match="`assisted` must be a list of touchpoints; got 'call'"):
        deflection(made, self_service=["help"], assisted="call")
    with pytest.raises(MappingError, match="'halp'.* Did you mean 'help'"):
        deflection(made, self_service=["halp"], assisted=["call"])
    with pytest.raises(MappingError, match="`start` names contacts that do not exist: 'look'"):
        deflection(made, **HELP, start=["look"])
    with pytest.raises(DataError, match="No need began in self-service"):
        deflection(made, **HELP, start=["call"])
    with pytest.raises(ArgumentError, match="`within_days` must be a number greater than 0"):
        deflection(made, **HELP, within_days=0)
    answers = pd.DataFrame({"customer_id": [], "event_time": [], "touchpoint": []})
    with pytest.raises(MappingError, match="`sentiment` names columns .* 'score'"):
        deflection(made, **HELP, sentiment=answers)
    bare = made.replace(time=None, observed_from=None, observed_to=None)
    with pytest.raises(NotObservedError, match="path table"):
        deflection(bare, **HELP)
