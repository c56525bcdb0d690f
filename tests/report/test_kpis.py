"""KPIs: the newest complete period, its interval and past; and the bands a study sets."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import date
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from journeykit.counts import PeriodCounts, Periods
from journeykit.counts.calendar import counted
from journeykit.errors import ArgumentError
from journeykit.report import kpi
from journeykit.report.bands import judged
from journeykit.report.kpis import said
from journeykit.stats import wilson_interval
from journeykit.study.models import Bands

WORDS = {"key": "success", "label": "With a success", "definition": "Of all, those with one."}


def counts(
    complete: list[bool],
    *,
    n_event: tuple[int, ...] = (10, 30, 50),
    n: tuple[int, ...] = (100, 120, 80),
) -> PeriodCounts:
    """Counts of months that have no customer in common."""
    calendar = Periods(
        (date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)),
        np.arange(4),
        np.array(complete),
    )
    there = np.repeat(np.eye(3, dtype=bool), n, axis=0)
    done = (
        there & np.concatenate([np.arange(m) < k for k, m in zip(n_event, n, strict=True)])[:, None]
    )
    return counted(there, done, periods=calendar)


def test_the_newest_complete_period_is_the_value() -> None:
    found = kpi(counts([True, True, False]), **WORDS)
    assert (found.value, found.n, found.period) == (0.25, 120, ("2026-02-01", "2026-02-28"))
    low, high = wilson_interval(30, 120)
    assert (found.conf_low, found.conf_high) == (float(low), float(high))
    nothing = {"at_most": None, "at_least": None}
    january, february = found.history
    # Different customers: .1 x .9 / 100 + .25 x .75 / 120.
    assert january.pop("std_error") == pytest.approx(math.sqrt(0.0009 + 0.0015625))
    assert february.pop("std_error") == 0
    assert january == {"from": "2026-01-01", "to": "2026-01-31", "value": 0.1, "n": 100, **nothing}
    assert february == {
        "from": "2026-02-01", "to": "2026-02-28", "value": 0.25, "n": 120, **nothing,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("n_event", "n", "told", "words"),
    [
        (4, 120, (None, 9 / 120, None, 120), "at most 7.5%"),
        (116, 120, (None, None, 1 - 9 / 120, 120), "at least 92.5%"),
        (10, 120, (10 / 120, None, None, 120), "8.3%"),
        (0, 120, (0.0, None, None, 120), "0.0%"),
        (120, 120, (1.0, None, None, 120), "100.0%"),
        (3, 9, (None, None, None, 0), "cannot tell"),
    ],
)
def test_few_customers_are_told_as_a_bound(
    n_event: int, n: int, told: tuple[float | None, ...], words: str
) -> None:
    found = kpi(counts([True] * 3, n_event=(10, 30, n_event), n=(100, 120, n)), **WORDS)
    assert (found.value, found.at_most, found.at_least, found.n) == told
    # An older period never stands in for the newest.
    assert found.period == ("2026-03-01", "2026-03-31")
    assert (found.conf_low is None) is (found.value is None)
    assert words in found._repr_html_()


def test_no_error_tells_what_a_bound_hides() -> None:
    """The error of a difference and one of its shares would give the other share."""
    hidden = {"n_event": (10, 4, 50), "n": (100, 120, 80)}
    newest_told = kpi(counts([True] * 3, **hidden), **WORDS)
    assert [past["std_error"] is None for past in newest_told.history] == [False, True, False]
    newest_hidden = kpi(counts([True, True, False], **hidden), **WORDS)
    assert [past["std_error"] for past in newest_hidden.history] == [None, None]


def test_what_is_told_as_a_bound_is_judged_by_it() -> None:
    few = asdict(kpi(counts([True] * 3, n_event=(10, 30, 4), n=(100, 120, 400)), **WORDS))
    assert judged(few, Bands(fail_below=0.1)) == {
        "status": "fail", "said": "below 10%, where the study draws the line of failure",
    }  # fmt: skip
    assert judged(few, Bands(fail_below=0.03))["status"] == "warn"
    assert judged(few, Bands(fail_below=0.02))["status"] == "ok"
    nobody = asdict(kpi(counts([True] * 3, n_event=(10, 30, 3), n=(100, 120, 9)), **WORDS))
    assert judged(nobody, Bands(fail_below=0.1)) == {
        "status": "warn", "said": "cannot tell: too few customers to show",
    }  # fmt: skip


def test_without_a_complete_period_nothing_can_be_told() -> None:
    found = kpi(counts([False] * 3), **WORDS)
    assert (found.value, found.period, found.history, found.n) == (None, None, (), 0)
    assert "cannot tell" in found._repr_html_()
    assert judged({"value": None, "period": None}, Bands(fail_below=0.1)) == {
        "status": "warn", "said": "cannot tell: no calendar period is complete",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": " "}, "`key` of a KPI must not be empty"),
        ({"label": ""}, "`label` of a KPI must not be empty"),
    ],
)
def test_a_kpi_without_words_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        kpi(counts([True] * 3), **{**WORDS, **change})


BELOW = {"warn_below": 0.3, "fail_below": 0.2}
ABOVE = {"warn_above": 0.5, "fail_above": 0.6}


@pytest.mark.parametrize(
    ("bands", "low", "value", "high", "status", "words"),
    [
        (BELOW, 0.3, 0.35, 0.4, "ok", "within the bounds of the study"),
        (BELOW, 0.2, 0.25, 0.31, "warn", "below 30%, where the study warns"),
        # The value fails, and its interval reaches over the line: it may be chance.
        (
            BELOW, 0.1, 0.15, 0.21, "warn",
            "below 20%, where the study draws the line of failure; this may be chance",
        ),
        (
            BELOW, 0.1, 0.15, 0.19, "fail",
            "below 20%, where the study draws the line of failure",
        ),
        # On the line is not beyond it.
        (BELOW, 0.2, 0.3, 0.4, "ok", "within the bounds of the study"),
        (ABOVE, 0.4, 0.55, 0.7, "warn", "above 50%, where the study warns"),
        (
            ABOVE, 0.61, 0.7, 0.8, "fail",
            "above 60%, where the study draws the line of failure",
        ),
        (
            ABOVE, 0.59, 0.7, 0.8, "warn",
            "above 60%, where the study draws the line of failure; this may be chance",
        ),
        ({**BELOW, **ABOVE}, 0.3, 0.4, 0.5, "ok", "within the bounds of the study"),
    ],
)  # fmt: skip
def test_bands(
    bands: dict[str, float], low: float, value: float, high: float, status: str, words: str
) -> None:
    found = {"value": value, "conf_low": low, "conf_high": high}
    assert judged(found, Bands(**bands)) == {"status": status, "said": words}


def test_a_kpi_without_bands_is_neither_good_nor_bad() -> None:
    assert judged({"value": 0.5}, None) == {"status": "", "said": ""}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "needs `warn_below`, `fail_below`, `warn_above` or `fail_above`"),
        (
            {"warn_below": 0.1, "fail_below": 0.2},
            "must warn before it fails; got `warn_below` 0.1 and `fail_below` 0.2",
        ),
        (
            {"warn_above": 0.6, "fail_above": 0.5},
            "must warn before it fails; got `warn_above` 0.6 and `fail_above` 0.5",
        ),
    ],
)
def test_bands_that_make_no_sense_are_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Bands(**given)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.256, "26%"), (0.1, "10%"), (0.0567, "5.7%"), (0.951, "95.1%"), (0, "0.0%")],
)
def test_shares_are_said_without_false_precision(value: float, text: str) -> None:
    assert said(value) == text
