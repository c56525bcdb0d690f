"""A KPI against the bands of the study: fine, a warning, or a failure beyond doubt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from journeykit.report.kpis import said

if TYPE_CHECKING:
    from journeykit.study.models import Bands


def judged(kpi: Mapping[str, Any], bands: Bands | None, /) -> dict[str, str]:
    """Return ``status`` and ``said`` of a KPI: "ok", "warn", "fail", or "" without bands.

    A fail band is passed beyond doubt when the whole 95 % interval lies beyond it: ``fail``. Where
    only the value does, or the value passes a warn band, it is ``warn``. So what lies on the line
    raises an alarm in 2.5 of 100 looks, and what may be failing is not called fine. A value that is
    told only as a bound is judged by the bound, with the interval that belongs to it.
    """
    if bands is None:
        return {"status": "", "said": ""}
    known = _bounds(kpi)
    if known is None:
        why = "too few customers to show" if kpi["period"] else "no calendar period is complete"
        return {"status": "warn", "said": f"cannot tell: {why}"}
    status, words = next(_passed(known, bands), ("ok", "within the bounds of the study"))
    return {"status": status, "said": words}


def _bounds(kpi: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Return the value, or the bound told in its place, with the interval around it."""
    if kpi["value"] is not None:
        return kpi["conf_low"], kpi["value"], kpi["conf_high"]
    told = kpi.get("at_most") if kpi.get("at_most") is not None else kpi.get("at_least")
    if told is None:
        return None
    from journeykit.stats import wilson_interval

    low, high = wilson_interval(told * kpi["n"], kpi["n"])
    return float(low), told, float(high)


def _passed(known: tuple[float, float, float], bands: Bands) -> Iterator[tuple[str, str]]:
    low, value, high = known
    # Mirrored, "above" reads as "below".
    sides = (
        ("below", 1, bands.warn_below, bands.fail_below, high),
        ("above", -1, bands.warn_above, bands.fail_above, low),
    )
    for side, sign, _, fail, bound in sides:
        if fail is not None and sign * value < sign * fail:
            line = f"{side} {said(fail)}, where the study draws the line of failure"
            sure = sign * bound < sign * fail
            yield ("fail", line) if sure else ("warn", f"{line}; this may be chance")
    for side, sign, warn, _, _ in sides:
        if warn is not None and sign * value < sign * warn:
            yield "warn", f"{side} {said(warn)}, where the study warns"
