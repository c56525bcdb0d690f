"""What changed between two runs: what was changed and nothing else, and what chance may do."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import fisher_exact

from journeykit.counts import Periods
from journeykit.counts.calendar import counted
from journeykit.errors import ReportError
from journeykit.report import kpi
from journeykit.report.compare import Run, beyond_chance, changes, diff, p_value_of_change

KPI = {
    "key": "success", "label": "With a success", "definition": "Of all, those with one.",
    "value": 0.12, "n": 1000, "status": "ok", "said": "within the bounds of the study",
    "period": ["2026-02-01", "2026-02-28"],
    "history": [
        {"from": "2026-01-01", "to": "2026-01-31", "value": 0.1, "n": 900, "std_error": 0.01},
        {"from": "2026-02-01", "to": "2026-02-28", "value": 0.12, "n": 1000, "std_error": 0.0},
    ],
}  # fmt: skip
MANIFEST: dict[str, Any] = {
    "report": "paths", "status": "ok", "run": "A", "parameters": {"study": "/x", "order": 1},
    "fingerprint": "aa", "rows": {"customers": 1000, "events": 5000},
    "span": ["2026-01-01", "2026-02-28"], "packages": {"numpy": "2.0"},
    "inputs": {"study": "s", "notebook": "n", "code": "c", "data": "d"},
}  # fmt: skip
RESULTS: dict[str, Any] = {
    "kpis": [KPI],
    "findings": [{"key": "leader", "text": "A leads.", "verdict": "clear"}],
    "guards": [{"name": "Enough", "status": "passed", "found": "x"}],
    "tables": [
        {
            "key": "journeys", "caption": "Ways", "identity": ["path"], "columns": ["path", "n"],
            "rows": [["a > b", 700], ["a", 200]],
        }
    ],
}  # fmt: skip


def run(change: Callable[[dict[str, Any], dict[str, Any]], None] = lambda m, r: None) -> Run:
    manifest, results = copy.deepcopy(MANIFEST), copy.deepcopy(RESULTS)
    change(manifest, results)
    return Run(manifest, results)


def set_to(*path: Any, value: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    """Change one value: ("m" or "r", key, key ..., value=...)."""

    def change(manifest: dict[str, Any], results: dict[str, Any]) -> None:
        inner: Any = {"m": manifest, "r": results}[path[0]]
        for key in path[1:-1]:
            inner = inner[key]
        inner[path[-1]] = value

    return change


def test_nothing_where_nothing_changed() -> None:
    assert changes(run(), run()) == []


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        (set_to("m", "status", value="alert"), "status", "The report is alert; it was ok."),
        (
            set_to("m", "parameters", "order", value=2),
            "parameter",
            "The parameter order is 2; it was 1.",
        ),
        (
            set_to("m", "parameters", "segment", value="a=b"),
            "parameter",
            "The parameter segment is a=b; it was not given.",
        ),
        (set_to("m", "parameters", "study", value="/elsewhere"), None, ""),
        (set_to("m", "packages", "numpy", value="2.1"), "code", "numpy is 2.1; it was 2.0."),
        (set_to("m", "inputs", "notebook", value="x"), "code", "The notebook is not the same."),
        (
            set_to("m", "inputs", "code", value="x"),
            "code",
            "The code of journeykit is not the same.",
        ),
        (
            set_to("r", "guards", 0, "status", value="warned"),
            "guard",
            "Enough: warned; it was passed.",
        ),
        (
            set_to("r", "findings", 0, "verdict", value="leaning"),
            "finding",
            "“A leads.” is now “leaning”; it was “clear”.",
        ),
        (
            set_to("r", "findings", 0, "text", value="B leads."),
            "finding",
            "It now says: B leads. It said: A leads.",
        ),
        (
            set_to("r", "tables", 0, "rows", value=[["a > b", 700], ["a", 200], ["c", 40]]),
            "row",
            "“c” is new in the table “Ways”",
        ),
        (
            set_to("r", "tables", 0, "rows", value=[["a > b", 700]]),
            "row",
            "“a” is gone in the table “Ways”",
        ),
        (
            set_to("r", "kpis", 0, "history", 0, "value", value=0.2),
            "revision",
            "With a success of January 2026 was revised: 20% of 900; it was 10% of 900.",
        ),
        (
            set_to("r", "kpis", 0, "status", value="fail"),
            "status",
            "With a success is within the bounds of the study; it was within the bounds of the "
            "study.",
        ),
    ],
)
def test_each_change_is_said_and_nothing_else(
    change: Callable[[dict[str, Any], dict[str, Any]], None], kind: str | None, text: str
) -> None:
    found = [(one.kind, one.text) for one in changes(run(), run(change))]
    assert found == ([] if kind is None else [(kind, text)])


def test_other_data_say_how_many_more() -> None:
    def more(manifest: dict[str, Any], results: dict[str, Any]) -> None:
        manifest |= {"fingerprint": "bb", "rows": {"customers": 1100, "events": 4990}}
        manifest["span"] = ["2026-01-01", "2026-03-01"]

    assert [one.text for one in changes(run(), run(more))] == [
        "The data are not the same: 1,100 customers (+100), 4,990 events (-10), from 2026-01-01 to "
        "2026-03-01 (before: 2026-01-01 to 2026-02-28)."
    ]


def later(
    value: float | None, std_error: float, *, revised: float | None = None, **told: Any
) -> Run:
    """A run a month later; `std_error` is that of the change since February."""

    def change(manifest: dict[str, Any], results: dict[str, Any]) -> None:
        past = copy.deepcopy(KPI["history"])
        assert isinstance(past, list)
        past[1]["std_error"] = std_error
        if revised is not None:
            past[1]["value"] = revised
        newest = {"value": value, "n": 1000, **told}
        results["kpis"][0] |= {
            **newest,
            "period": ["2026-03-01", "2026-03-31"],
            "history": [*past, {"from": "2026-03-01", "to": "2026-03-31", **newest}],
        }

    return run(change)


def test_kpis_of_two_periods_are_compared_with_what_chance_may_do() -> None:
    (beyond,) = changes(run(), later(0.17, 0.02))
    assert (beyond.kind, beyond.text) == (
        "kpi",
        "With a success: 17% in March 2026, 12% in February 2026: more than chance alone explains.",
    )
    (within,) = changes(run(), later(0.17, 0.03))
    assert (within.kind, within.text[-36:]) == ("chance", "26: within what chance alone may do.")
    # As a third of all KPIs of a study its alarm is a third as likely: z = 2.2, p = .028 > .05 / 3.
    old, new = run(), later(0.164, 0.02)
    assert [one.kind for one in changes(old, new)] == ["kpi"]
    assert [one.kind for one in changes(old, new, part=1 / 3)] == ["chance"]


def test_the_p_value_worked_by_hand() -> None:
    old, new = KPI, later(0.17, 0.02).results["kpis"][0]
    # z = .05 / .02 = 2.5.
    assert p_value_of_change(old, new) == pytest.approx(0.012419, abs=1e-6)
    # A run that does not hold the older month: of different customers, sqrt(.12 x .88 / 1000 +
    # .17 x .83 / 1000) = .0157067, z = 3.18336.
    alone = {**new, "history": new["history"][-1:]}
    assert p_value_of_change(old, alone) == pytest.approx(0.0014558, abs=1e-6)


def test_a_collapse_is_seen_whatever_is_hidden() -> None:
    told = {"at_most": 0.009, "at_least": None}
    (found,) = changes(run(), later(None, 0.0, **told))
    assert (found.kind, found.text) == (
        "kpi",
        "With a success: at most 0.9% in March 2026, 12% in February 2026: more than chance alone "
        "explains.",
    )
    (gone,) = changes(run(), later(0.0, 0.0))
    assert gone.kind == "kpi"
    # Fisher's exact test of 120 of 1000 and 9 of 1000.
    p = p_value_of_change(KPI, later(None, 0.0, **told).results["kpis"][0])
    assert p == pytest.approx(fisher_exact([[120, 880], [9, 991]]).pvalue)


@pytest.mark.parametrize(
    ("before", "table"),
    [
        # Nobody, and then 1 to 9 who are not told apart: 1 may be.
        ({"value": 0.0}, [[0, 1000], [1, 999]]),
        # All but 1 to 9, and then 1 to 9: the least difference is between 991 and 9.
        ({"value": None, "at_least": 0.991}, [[991, 9], [9, 991]]),
        # 12 of 1000, and then at most 9.
        ({"value": 0.012}, [[12, 988], [9, 991]]),
        # 5 of 1000 would be told only where the limit is lower; it is where the other may be.
        ({"value": 0.005}, [[5, 995], [5, 995]]),
    ],
)
def test_a_bound_alone_is_no_change(before: dict[str, Any], table: list[list[int]]) -> None:
    new = later(None, 0.0, at_most=0.009, at_least=None).results["kpis"][0]
    new["history"][1] |= before
    expected = fisher_exact(table).pvalue
    assert p_value_of_change(KPI, new) == pytest.approx(expected)


def test_what_cannot_be_tested_says_so() -> None:
    hidden = {"value": None, "at_most": 0.009, "at_least": None}

    def few(manifest: dict[str, Any], results: dict[str, Any]) -> None:
        results["kpis"][0] |= hidden
        results["kpis"][0]["history"][1] |= hidden

    new = later(None, 0.0, at_most=0.009, at_least=None)
    new.results["kpis"][0]["history"][1] |= hidden
    (found,) = changes(run(few), new)
    assert (found.kind, found.text) == (
        "chance",
        "With a success: at most 0.9% in March 2026, at most 0.9% in February 2026: whether it "
        "changed cannot be told.",
    )


def test_another_definition_is_another_figure() -> None:
    new = later(0.5, 0.01)
    new.results["kpis"][0]["definition"] = "Of all, those with two."
    (found,) = changes(run(), new)
    assert (found.kind, found.text) == (
        "revision", "With a success is defined anew: Of all, those with two.",
    )  # fmt: skip


def test_revisions_are_apart_from_change() -> None:
    found = changes(run(), later(0.22, 0.02, revised=0.21))
    assert [one.kind for one in found] == ["chance", "revision"]
    assert "22% in March 2026, 21% in February 2026" in found[0].text
    assert found[1].text == (
        "With a success of February 2026 was revised: 21% of 1,000; it was 12% of 1,000."
    )


def test_periods_that_overlap_are_not_compared() -> None:
    def overlapping(manifest: dict[str, Any], results: dict[str, Any]) -> None:
        results["kpis"][0] |= {"period": ["2026-02-15", "2026-03-14"], "value": 0.5, "history": []}

    assert changes(run(), run(overlapping)) == []


def next_month(*span: str) -> Run:
    def change(manifest: dict[str, Any], results: dict[str, Any]) -> None:
        manifest["span"] = list(span)
        results["tables"][0]["rows"] += [["c", 280], ["d", 210]]

    return run(change)


def test_months_of_a_zone_of_their_own_meet_in_a_day() -> None:
    new = next_month("2026-02-28", "2026-04-26")
    new.results["tables"][0]["caption"] = "Ways. 3 rows are left out."
    assert changes(run(), new)[0].text == "“c” is new in the table “Ways”"


def test_the_row_that_pools_the_rest_neither_comes_nor_goes() -> None:
    pooled = set_to("r", "tables", 0, "rows", value=[["a > b", 700], ["a", 200], ["rarer", 90]])
    named = run(pooled)
    named.results["tables"][0]["rest"] = "rarer"
    assert changes(run(), named) == changes(named, run()) == changes(named, named) == []
    # Without its being said it is a row as any other.
    assert [change.kind for change in changes(run(), run(pooled))] == ["row"]


def test_rows_of_another_time_must_be_more_than_chance() -> None:
    # Unpublished before is at most 200. Of 480 in two halves (59 days each, 1000 customers) 280 or
    # more: p = .00015, times 2 sides and 6 rows .002; 210 of 410: p = .33.
    assert [one.text for one in changes(run(), next_month("2026-03-01", "2026-04-28"))] == [
        "“c” is new in the table “Ways”",
        "1 row is new in the table “Ways”, which chance alone may bring",
    ]


@pytest.mark.parametrize(
    "span",
    [("2026-02-01", "2026-03-31"), ("2026-03-01", "2026-06-30"), ("2026-03-01", "2026-03-02")],
)
def test_rows_of_spans_that_overlap_or_are_not_as_long_are_only_counted(
    span: tuple[str, str],
) -> None:
    assert [one.text for one in changes(run(), next_month(*span))] == [
        "2 rows are new in the table “Ways”, as the spans of time differ that the runs are about"
    ]


def test_runs_are_found_by_any_of_their_files(tmp_path: Path) -> None:
    folders = []
    for name, change in (("a", None), ("b", set_to("m", "parameters", "order", value=2))):
        made = run(change) if change else run()
        folder = tmp_path / name
        folder.mkdir()
        (folder / "manifest.json").write_text(json.dumps(made.manifest))
        (folder / "results.json").write_text(json.dumps(made.results))
        folders.append(folder)
    for second in (folders[1], folders[1] / "report.html"):
        assert [one.kind for one in diff(folders[0], second)] == ["parameter"]
    with pytest.raises(ReportError, match="is no run of a report; name its folder"):
        diff(folders[0], tmp_path / "c")
    other = {**MANIFEST, "report": "survival"}
    (folders[1] / "manifest.json").write_text(json.dumps(other))
    with pytest.raises(ReportError, match="Only runs of one report can be compared; got paths and"):
        diff(*folders)


CALENDAR = Periods(
    (date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)), np.arange(3), np.array([True, True])
)


def two_months(rng: np.random.Generator, shares: tuple[float, float], n: int = 300) -> list[float]:
    """p-values of three KPIs of an older and a newer run, most of whose customers are the same."""
    diligence = rng.beta(2, 2, size=(n, 1)) * 2
    there = np.tile(rng.random((n, 2)) < 0.8, 3)
    done = there & (rng.random((n, 6)) < np.tile(shares, 3) * diligence)
    p_value = []
    for at in (slice(0, 2), slice(2, 4), slice(4, 6)):
        newer = counted(there[:, at], done[:, at], periods=CALENDAR)
        older = replace(newer, periods=replace(CALENDAR, complete=np.array([True, False])))
        told = [asdict(kpi(c, key="k", label="L", definition="D")) for c in (older, newer)]
        p_value.append(p_value_of_change(*told))
    return p_value


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_of_runs_without_a_change_at_most_one_in_ten_says_there_was_one(share: float) -> None:
    rng = np.random.default_rng(20)
    worlds = 1000
    flagged = sum(any(beyond_chance(two_months(rng, (share, share)))) for _ in range(worlds))
    assert flagged / worlds <= 0.1


def test_customers_who_take_turns_raise_no_more_alarms() -> None:
    """Whoever did it in one month does not in the next: months vary against each other."""
    rng = np.random.default_rng(22)
    worlds, flagged = 1000, 0
    for _ in range(worlds):
        first = rng.random(300) < 0.5
        done = np.column_stack([first, ~first & (rng.random(300) < 0.95)])
        newer = counted(np.ones((300, 2), dtype=bool), done, periods=CALENDAR)
        older = replace(newer, periods=replace(CALENDAR, complete=np.array([True, False])))
        share = [0.5, 0.475]
        told = [asdict(kpi(c, key="k", label="L", definition="D")) for c in (older, newer)]
        z = (told[1]["value"] - told[0]["value"] - (share[1] - share[0])) / (
            told[1]["history"][0]["std_error"]
        )
        flagged += abs(z) > 1.959964
    # Within 3.6 standard errors of 5 %.
    assert 0.025 <= flagged / worlds <= 0.075


def test_a_pack_of_three_reports_raises_one_alarm_in_twenty() -> None:
    rng = np.random.default_rng(23)
    worlds = 1000
    flagged = sum(
        any(beyond_chance([p], level=0.05 / 3)[0] for p in two_months(rng, (0.2, 0.2)))
        for _ in range(worlds)
    )
    assert flagged / worlds <= 0.1


def test_a_change_is_found() -> None:
    rng = np.random.default_rng(21)
    worlds = 1000
    # From 10 to 20 % of about 240 customers: the first of three KPIs is flagged in 80 % at least.
    found = sum(beyond_chance(two_months(rng, (0.1, 0.2)))[0] for _ in range(worlds))
    assert found / worlds >= 0.8


def test_a_collapse_is_found() -> None:
    rng = np.random.default_rng(24)
    worlds = 1000
    found = sum(beyond_chance(two_months(rng, (0.12, 0.01)))[0] for _ in range(worlds))
    assert found / worlds >= 0.8
