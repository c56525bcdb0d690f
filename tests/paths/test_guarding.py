from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from journeykit.errors import ArgumentError, JourneyKitError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import (
    funnel,
    guards,
    labyrinth,
    precursors,
    step_table,
    transitions,
    variants,
)
from journeykit.results import Checked, Result
from tests.strategies import journeys

N = 60


def shop(customers: int = N) -> Journeys:
    """Everybody visits; half of them go on to the cart, a third of those buy; half get a mail."""
    rng = np.random.default_rng(1)
    codes, starts, times = list[int](), [0], list[int]()
    for customer in range(customers):
        path = [3, 2] if customer % 2 else [3]
        path += [1] if customer % 4 == 1 else []
        path += [0] if customer % 12 == 1 else []
        codes += path
        starts.append(len(codes))
        times += sorted((rng.integers(0, 90, len(path)) * DAY + np.arange(len(path))).tolist())
    return Journeys(
        names=("buy", "cart", "mail", "visit"),
        touchpoint=np.array(codes, dtype=np.uint8),
        start=np.array(starts, dtype=np.int64),
        time=np.array(times, dtype=np.int64),
        customer_id=[*range(customers)],
        observed_from=np.broadcast_to(np.int64(0), customers),
        observed_to=np.broadcast_to(np.int64(100 * DAY), customers),
        window=(0, 100 * DAY),
    )


SHOP = shop()
CUT = SHOP.outcomes(conversion=["buy"], lookback_days=30)
VIEWS: dict[str, Result] = {
    "transitions": transitions(SHOP),
    "pairs": transitions(SHOP, order=2),
    "steps": step_table(SHOP),
    "variants": variants(CUT),
    "funnel": funnel(SHOP, steps=["visit", "cart", "buy"]),
    "window": funnel(SHOP, steps=["visit", "cart", "buy"], within="30d"),
}


def checked(*views: Result, **given: Any) -> dict[str, Checked]:
    return {
        check.name: check for check in guards(SHOP, *views, pieces=[CUT], outcome=["buy"], **given)
    }


def test_a_clean_report_passes() -> None:
    found = checked(*VIEWS.values())
    assert found["Views agree"] == (
        "Views agree",
        "passed",
        "6 views add up, and agree with a second count where there is one.",
    )
    assert found["Ledger adds up"].status == "passed"
    assert found["Outcome is no predictor"].status == "passed"
    assert {check.status for check in found.values()} <= {"passed", "warned"}


def test_funnels_that_choose_their_start_are_no_search() -> None:
    again = SHOP.outcomes(conversion=["cart"], lookback_days=30)
    for start, data in (("last", SHOP), ("first", again), ("any", again)):
        view = funnel(data, steps=["visit", "cart", "buy"], start=start)
        (views, *_) = guards(SHOP, view, pieces=[again])
        assert views.status == "passed"


def test_the_window_is_told() -> None:
    window = checked()["Window"]
    assert window.status == "warned"  # all customers were there when the window began
    assert window.found == (
        "Of 60 journeys 60 may have begun before they were watched, and 60 are still open: what "
        "comes next is not known of them."
    )
    later = SHOP.replace(observed_from=np.full(N, 1, dtype=np.int64))
    late = SHOP.touchpoint[SHOP.time == 0]  # type: ignore[index]
    assert len(late) == 0
    assert {check.name: check for check in guards(later)}["Window"].status == "passed"


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("transitions", "n", "steps out of "),
        ("pairs", "n", "steps: "),
        ("steps", "n", "journeys at step 0: 61 and 60"),
        ("variants", "n", "customers of variants: "),
        ("funnel", "n", "list of those at step 1 of all: 60 and 61"),
        ("window", "n_previous", "came on, dropped or open at step 2 of all: "),
    ],
)
def test_a_number_that_was_changed_is_found(name: str, column: str, message: str) -> None:
    view = VIEWS[name]
    row = {"transitions": 0, "pairs": 0, "steps": 0, "variants": 0, "funnel": 0, "window": 1}[name]
    frame = view.frame.copy()
    frame.loc[row, column] += 1
    check = checked(replace(view, frame=frame))["Views agree"]
    assert check.status == "failed"
    assert message in check.found


def test_a_funnel_that_counts_otherwise_than_the_search_is_found() -> None:
    # The funnel of other steps, under the name of these.
    other = funnel(SHOP, steps=["visit", "mail", "cart"])
    frame = other.frame.assign(touchpoint=["visit", "cart", "buy"])
    found = checked(replace(other, frame=frame, steps=("visit", "cart", "buy")))["Views agree"]
    assert found.status == "failed"
    assert "customers at step 2, searched for: 15 and 30" in found.found


def test_a_ledger_that_does_not_add_up_is_found() -> None:
    wrong = SHOP.replace(ledger=replace(SHOP.ledger, events=7))
    check = guards(wrong)[1]
    assert check.status == "failed"
    assert check.found == f"the ledger keeps 7 events, the journeys hold {SHOP.n_events}"


def test_events_that_nobody_watched_are_found() -> None:
    blind = SHOP.replace(observed_to=np.broadcast_to(np.int64(50 * DAY), N))
    assert SHOP.time is not None
    n = int((SHOP.time >= 50 * DAY).sum())
    check = {check.name: check for check in guards(blind)}["Window"]
    assert (check.status, check.found) == ("failed", f"{n} events lie where nobody watched")


def test_an_outcome_among_the_predictors_is_found() -> None:
    large = shop(600)
    view = precursors(large, outcome=["buy"], horizon_days=7, length=1, small_cell=2)
    clean = {c.name: c for c in guards(large, view, outcome=["buy"])}["Outcome is no predictor"]
    assert clean.status == "passed"
    leaking = replace(view, frame=view.frame.assign(pattern="visit > buy"))
    check = {c.name: c for c in guards(large, leaking)}["Outcome is no predictor"]
    assert (check.status, check.found[:44]) == (
        "failed",
        "pattern 'visit > buy' contains the outcome; ",
    )


def test_small_cells_are_counted() -> None:
    sizes = transitions(SHOP).frame["n_customers"]
    small = int((sizes < 20).sum())
    check = checked(VIEWS["transitions"], small_cell=20)["Small cells"]
    assert 0 < small < len(sizes)
    assert check.found.startswith(f"{small} of {len(sizes)} rows rest on fewer than 20 customers")


def test_views_of_other_journeys_are_refused() -> None:
    with pytest.raises(ArgumentError, match="made of other journeys; hand those over as `pieces`"):
        guards(SHOP, transitions(shop(40)))
    with pytest.raises(ArgumentError, match="no guard knows how to count again"):
        guards(shop(600), labyrinth(shop(600), max_order=1))


def _made(question: Callable[[], Result]) -> list[Result]:
    try:
        return [question()]
    except JourneyKitError:
        return []


@settings(max_examples=60, deadline=None)
@given(journeys())
def test_views_agree_on_any_journeys(these: Journeys) -> None:
    cut = these.outcomes(conversion=["shop"], lookback_days=20)
    views = [
        *_made(lambda: transitions(these)),
        *_made(lambda: transitions(cut)),
        *_made(lambda: step_table(these, steps=3)),
        *_made(lambda: step_table(cut, steps=3)),
        *_made(lambda: variants(cut)),
        *_made(lambda: funnel(these, steps=["web", "call | mail", "shop"])),
        *_made(lambda: funnel(these, steps=["web", "shop"], within="9d", reentry=True)),
    ]
    check = guards(these, *views, pieces=[cut])[0]
    assert check.status == "passed", check.found
