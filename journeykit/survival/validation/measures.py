"""All measures of predictions, as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from journeykit.journeys.durations import DAY
from journeykit.survival.validation import scores
from journeykit.survival.validation.bounds import Scale, bounded
from journeykit.survival.validation.forecasts import Forecasts
from journeykit.survival.validation.losses import in_sight
from journeykit.survival.validation.pairs import pair_sums
from journeykit.survival.validation.scores import Known, Scored
from journeykit.survival.validation.watched import Watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Measures at a day, and over all days, with the scale that their intervals are made on.
_AT_DAYS: dict[str, Scale] = {
    "brier": "positive",
    "brier_null": "positive",
    "scaled_brier": "plain",
    "auc": "share",
    "observed_to_expected": "positive",
    "calibration_intercept": "plain",
    "calibration_slope": "plain",
}
_OVERALL: dict[str, Scale] = {
    "integrated_brier": "positive",
    "integrated_brier_null": "positive",
    "scaled_integrated_brier": "plain",
    "concordance_harrell": "share",
    "concordance_uno": "share",
}


class _Pair(NamedTuple):
    """Brier scores at a day: of the predictions, and of one risk for all."""

    day: float
    score: Scored
    null: Scored


def measures(people: Watched, said: Forecasts, /, *, confidence: float) -> pd.DataFrame:
    """Return the frame of `Validation`."""
    sight = in_sight(people.exit, people.event)
    nothing = Scored(np.nan, np.zeros(len(people.exit)))
    lines: list[dict[str, object]] = []
    briers: list[_Pair] = []
    counts: dict[str, object] = {}
    for day, survival in zip(said.days, said.survival.T, strict=True):
        time = round(day * DAY)
        told = not np.isnan(survival).any()
        at = scores.known(people.exit, people.event, time, sight) if told else None
        left = int((people.event & (people.exit <= time)).sum())
        after = int((people.exit > time).sum())
        counts = {"time_days": day, "n": len(survival), "n_event": left, "n_known": left + after}
        found = dict.fromkeys(_AT_DAYS, nothing)
        if at is not None:
            found = _at_day(at, survival)
            briers.append(_Pair(float(day), found["brier"], found["brier_null"]))
        for measure, scale in _AT_DAYS.items():
            line = _line(found[measure], scale, confidence)
            if measure == "brier_null" and at is not None:
                line = _null_line(scores.risk_of_all(at), found[measure], confidence)
            lines.append({"measure": measure, **counts, **line})
    overall = _integrated(briers, nothing) | _order(people, said)
    for measure, scale in _OVERALL.items():
        lines.append({"measure": measure, **counts, **_line(overall[measure], scale, confidence)})
    place = {measure: at for at, measure in enumerate([*_AT_DAYS, *_OVERALL])}
    lines.sort(key=lambda line: place[str(line["measure"])])
    return pd.DataFrame(lines)


def _at_day(at: Known, survival: NDArray[np.float64]) -> dict[str, Scored]:
    risk = 1 - survival
    score, null = scores.brier(at, risk), scores.brier_of_all(at)
    return {
        "brier": score,
        "brier_null": null,
        "scaled_brier": scores.scaled(score, null),
        "auc": scores.area(at, -survival),
        "observed_to_expected": scores.observed_to_expected(at, risk),
        "calibration_intercept": scores.calibration_intercept(at, survival),
        "calibration_slope": scores.calibration_slope(at, survival),
    }


def _line(found: Scored, scale: Scale, confidence: float) -> dict[str, float]:
    bounds = bounded(found.estimate, found.influence, scale, confidence)
    return {"estimate": found.estimate, **bounds._asdict()}


def _null_line(share: Scored, null: Scored, confidence: float) -> dict[str, float]:
    """Bound s (1 - s) by the bounds of the share s that left: at a half it has no slope."""
    line = _line(null, "positive", confidence)
    low, high = bounded(share.estimate, share.influence, "share", confidence)[1:]
    ends = [low * (1 - low), high * (1 - high)]
    top = 0.25 if low <= 0.5 <= high else max(ends)
    return {**line, "conf_low": min(ends), "conf_high": top}


def _integrated(briers: list[_Pair], nothing: Scored) -> dict[str, Scored]:
    """Return the mean scores over the days by the trapezoidal rule."""
    names = ("integrated_brier", "integrated_brier_null", "scaled_integrated_brier")
    if len(briers) < 2:
        return dict.fromkeys(names, nothing)
    days = np.array([part.day for part in briers])
    gap = np.diff(days) / (days[-1] - days[0])
    weight = (np.append(gap, 0.0) + np.append(0.0, gap)) / 2
    score = _weighted(weight, [part.score for part in briers])
    null = _weighted(weight, [part.null for part in briers])
    return dict(zip(names, [score, null, scores.scaled(score, null)], strict=True))


def _weighted(weight: NDArray[np.float64], parts: list[Scored]) -> Scored:
    influence = np.zeros(len(parts[0].influence))
    for w, part in zip(weight, parts, strict=True):
        influence += w * part.influence
    return Scored(float(weight @ [part.estimate for part in parts]), influence)


def _order(people: Watched, said: Forecasts) -> dict[str, Scored]:
    """Return concordance by the risk at the last day that is predicted, within it."""
    last = int(np.flatnonzero(~np.isnan(said.survival).any(axis=0))[-1])
    risk = -said.survival[:, last]
    within = people.event & (people.exit <= round(said.days[last] * DAY))
    found = {}
    for measure in ("concordance_harrell", "concordance_uno"):
        sums = pair_sums(people, risk, within, uno=measure.endswith("uno"))
        found[measure] = Scored(sums.estimate, sums.influence)
    return found
