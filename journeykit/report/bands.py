"""A KPI against the bands of the study: fine, a warning, or a failure beyond doubt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from journeykit.report.kpis import said

if TYPE_CHECKING:
    from journeykit.study.models import Bands


def judged(kpi: Mapping[str, Any], bands: Bands | None, /) -> dict[str, str]:
    """Return ``status`` and ``said`` of a KPI: "ok", "warn", "fail", or "" without bands.

    A fail band is passed beyond doubt when the whole interval lies beyond it: ``fail``. Where only
    the value does, or the value passes a warn band, it is ``warn``. So chance alone raises no
    alarm, and what may be failing is not called fine.
    """
    if bands is None:
        return {"status": "", "said": ""}
    if kpi["value"] is None:
        why = "too few customers to show" if kpi["period"] else "no calendar period is complete"
        return {"status": "warn", "said": f"cannot tell: {why}"}
    status, words = next(_passed(kpi, bands), ("ok", "within the bounds of the study"))
    return {"status": status, "said": words}


def _passed(kpi: Mapping[str, Any], bands: Bands) -> Iterator[tuple[str, str]]:
    # Mirrored, "above" reads as "below".
    sides = (
        ("below", 1, bands.warn_below, bands.fail_below, kpi["conf_high"]),
        ("above", -1, bands.warn_above, bands.fail_above, kpi["conf_low"]),
    )
    for side, sign, _, fail, bound in sides:
        if fail is not None and sign * kpi["value"] < sign * fail:
            line = f"{side} {said(fail)}, where the study draws the line of failure"
            sure = sign * bound < sign * fail
            yield ("fail", line) if sure else ("warn", f"{line}; this may be chance")
    for side, sign, warn, _, _ in sides:
        if warn is not None and sign * kpi["value"] < sign * warn:
            yield "warn", f"{side} {said(warn)}, where the study warns"
