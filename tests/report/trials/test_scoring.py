"""Shares of false findings and of intervals that hold the truth, by results made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from journeykit.report.trials.scoring import coverage, false_findings


def found(key: str, verdict: str = "", *numbers: float | None) -> dict[str, Any]:
    estimate, low, high = numbers or (None, None, None)
    return {
        "key": key, "verdict": verdict, "estimate": estimate, "conf_low": low, "conf_high": high,
    }  # fmt: skip


def world(*findings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"findings": list(findings), "kpis": [], "tables": [], **more}


def test_false_findings_worked_by_hand() -> None:
    verdicts = ["clear", "leaning", "cannot tell", "cannot tell", "missed", "counted", ""]
    worlds = [world(found("a", verdict), found("", "clear")) for verdict in verdicts]
    worlds += [world(), world(found("b", "counted"))]
    (one,) = false_findings(worlds)
    # A report of one's own, or an older one, does not say what its findings rest on.
    assert (one.key, one.rests_on, one.n_worlds) == ("a", "", 9)
    # "counted" and nothing claim nothing; "cannot tell" claims and is not flagged.
    assert (one.clear.n_event, one.clear.n, one.clear.share) == (1, 5, 0.2)
    assert (one.flagged.n_event, one.flagged.n, one.flagged.share) == (2, 5, 0.4)
    # Wilson's interval of 1 in 5 and of 2 in 5: R's prop.test(1, 5, correct = FALSE).
    assert one.clear.conf_low == pytest.approx(0.0362241, abs=1e-6)
    assert one.clear.conf_high == pytest.approx(0.6244654, abs=1e-6)
    assert one.flagged.conf_low == pytest.approx(0.1176208, abs=1e-6)


def test_one_that_rests_on_another_signal_elsewhere_has_a_row_for_each() -> None:
    worlds = [world({**found("a", "leaning"), "rests_on": "exposure"})]
    worlds += [world(found("a", "clear"))] * 19
    first, second = false_findings(worlds)
    assert (first.rests_on, first.clear.n_event, first.flagged.n_event, first.clear.n) == (
        "exposure", 0, 1, 20,
    )  # fmt: skip
    assert (second.rests_on, second.clear.n_event, second.clear.n) == ("", 19, 20)


def test_what_a_finding_rests_on_is_kept() -> None:
    worlds = [world({**found("a", "clear"), "rests_on": "exposure"}, found("b", "clear"))]
    assert [(one.key, one.rests_on) for one in false_findings(worlds)] == [
        ("a", "exposure"), ("b", ""),
    ]  # fmt: skip


def test_none_of_no_worlds() -> None:
    assert false_findings([]) == []
    assert coverage([], world(found("a", "", 1, 0, 2))) == []


def test_findings_are_held_against_the_finding_of_that_key() -> None:
    truth = world(found("a", "clear", 0.3, 0.2, 0.4), found("only-there", "", 1, 0, 2))
    worlds = [
        world(found("a", "", 0.5, 0.3, 0.7)),
        world(found("a", "", 0.5, 0.31, 0.7)),
        # At ten digits a bound may lie beside itself.
        world(found("a", "", 0.2, 0.1, 0.29999999999)),
        world(found("a", "", 0.5, None, 0.7)),
        world(found("new", "", 0.5, 0.4, 0.7)),
    ]
    a, new = coverage(worlds, truth)
    assert (a.kind, a.key, a.n_worlds, a.n_left_out) == ("finding", "a", 3, 0)
    assert (a.held.n_event, a.held.n) == (2, 3)
    # Each world has one interval, so it is Wilson's: prop.test(2, 3, correct = FALSE).
    assert a.held.conf_low == pytest.approx(0.2076596, abs=1e-6)
    assert a.held.conf_high == pytest.approx(0.9385081, abs=1e-6)
    assert (new.key, new.held.n, new.held.share, new.n_left_out) == ("new", 0, None, 1)


def kpi(value: float | None, low: float | None, high: float | None, month: str) -> dict[str, Any]:
    return {
        "key": "success", "value": value, "conf_low": low, "conf_high": high,
        "period": [f"2026-{month}-01", f"2026-{month}-28"],
    }  # fmt: skip


def test_kpis_are_compared_within_their_period() -> None:
    truth = world(kpis=[kpi(0.2, 0.1, 0.3, "02")])
    worlds = [
        world(kpis=[kpi(0.25, 0.15, 0.35, "02")]),
        world(kpis=[kpi(0.25, 0.15, 0.35, "01")]),
        # Told as a bound only, and not at all.
        world(kpis=[kpi(None, None, None, "02")]),
        world(kpis=[{**kpi(None, None, None, "02"), "period": None}]),
    ]
    (one,) = coverage(worlds, truth)
    assert (one.kind, one.held.n_event, one.held.n, one.n_left_out) == ("kpi", 1, 1, 1)


def rows(*values: Any, identity: tuple[str, ...] = ("path",), **columns: str) -> dict[str, Any]:
    names = [*(columns.get("names", "path").split()), "estimate", "conf_low", "conf_high"]
    return world(tables=[{"key": "t", "columns": names, "rows": values, "identity": identity}])


def test_rows_are_matched_by_their_identity_and_worlds_are_the_unit() -> None:
    truth = rows(["a", 0.5, None, None], ["b", 0.2, 0.1, 0.3], ["c", None, None, None])
    worlds = [
        # Both held, one more without a counterpart, one without a truth, one without an interval.
        rows(["b", 0.2, 0.1, 0.3], ["a", 0.4, 0.3, 0.6], ["x", 1, 0, 2], ["c", 1, 0, 2]),
        rows(["a", 0.4, 0.3, 0.6], ["b", 0.4, 0.3, 0.6], ["d", None, None, None]),
        rows(["a", 0.4, 0.6, 0.7], ["b", 0.4, 0.3, 0.6]),
        rows(["a", 0.4, "-inf", "inf"]),
    ]
    (one,) = coverage(worlds, truth)
    assert (one.key, one.n_worlds, one.n_left_out) == ("t", 4, 2)
    assert (one.held.n_event, one.held.n) == (4, 7)
    assert one.held.share == pytest.approx(4 / 7)
    # Held x = 2 1 0 1 of m = 2 2 2 1: p = 4/7, sum (x - pm)^2 = 2.3673, v = 4/3 * 2.3673 / 49,
    # p(1-p)/v = 3.802; two worlds on the rarer side, so t of 1 degree: (1.96 / 12.7062)^2 of that.
    effective = 3.8017 * (1.959964 / 12.7062) ** 2
    z2, p = 1.959964**2, 4 / 7
    middle = (p + z2 / (2 * effective)) / (1 + z2 / effective)
    assert one.held.conf_low is not None
    assert one.held.conf_high is not None
    # With so little the middle is all but one half.
    assert (one.held.conf_low + one.held.conf_high) / 2 == pytest.approx(middle, abs=5e-3)
    assert one.held.conf_high - one.held.conf_low > 0.9


def test_twenty_rows_of_one_world_are_no_twenty_worlds() -> None:
    truth = rows(*([str(row), 0.5, 0, 1] for row in range(20)))
    held = rows(*([str(row), 0.5, 0.4, 0.6] for row in range(20)))
    (one,) = coverage([held] * 10, truth)
    assert (one.held.n_event, one.held.n, one.n_worlds) == (200, 200, 10)
    # As wide as that of 10 in 10: prop.test(10, 10, correct = FALSE) has 0.7224672.
    assert one.held.conf_low == pytest.approx(0.7224672, abs=1e-6)


def test_rows_that_cannot_be_told_apart_are_left_out() -> None:
    same = rows(["a", 0.5, 0.4, 0.6], ["a", 0.7, 0.6, 0.8])
    nameless = rows(["a", 0.5, 0.4, 0.6], identity=())
    for results in (same, nameless):
        (one,) = coverage([results], results)
        assert (one.held.n, one.n_left_out) == (0, len(results["tables"][0]["rows"]))
    # Days and groups say which row it is, whether a table says so or not.
    days = rows(["30", "a", 0.5, 0.4, 0.6], ["60", "a", 0.7, 0.6, 0.8],
                names="time_days group", identity=())  # fmt: skip
    (one,) = coverage([days], days)
    assert (one.held.n_event, one.held.n, one.n_left_out) == (2, 2, 0)


def test_a_row_that_pools_the_rest_is_another_quantity_in_a_larger_study() -> None:
    small = rows(["a", 0.5, 0.4, 0.6], ["rarer ways together", 0.4, 0.3, 0.5])
    large = rows(["a", 0.5, 0.45, 0.55], ["rarer ways together", 0.1, 0.05, 0.15])
    (one,) = coverage([small], large)
    assert (one.held.n_event, one.held.n, one.n_left_out) == (1, 2, 0)
    small["tables"][0]["rest"] = "rarer ways together"
    (one,) = coverage([small], large)
    assert (one.held.n_event, one.held.n, one.n_left_out) == (1, 1, 1)


def test_tables_of_shares_and_tables_without_intervals() -> None:
    table = {"key": "s", "columns": ["path", "share", "conf_low", "conf_high"],
             "rows": [["a", 0.5, 0.4, 0.6]], "identity": ["path"]}  # fmt: skip
    counts = {"key": "c", "columns": ["path", "n"], "rows": [["a", 5]], "identity": ["path"]}
    results = world(tables=[table, counts])
    (one,) = coverage([results], results)
    assert (one.key, one.held.n_event) == ("s", 1)
