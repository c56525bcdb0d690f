"""Why customers who ever met a touchpoint must not be compared with those who never did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_positive, check_whole
from journeykit.errors import DataError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result
from journeykit.survival.leaving_risk.after_touch import TENURE_DAYS, check_edges, without_small
from journeykit.survival.leaving_risk.people import followed, judged, touches_of, warn_of_dating
from journeykit.survival.leaving_risk.person_time import person_time
from journeykit.survival.leaving_risk.ratios import hazard_ratios
from journeykit.survival.leaving_risk.stretches import Changes, cut, first_only

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.survival.churn import ChurnRule, Start
    from journeykit.survival.leaving_risk.people import People

NAIVE = "ever met against never met"
TIME_VARYING = "from the first touch on"
_COLUMNS = (
    "design",
    "landmark_days",
    "n",
    "n_met",
    "n_event",
    "hazard_ratio",
    "conf_low",
    "conf_high",
    "p_value",
    "sound",
)
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ImmortalTime(Result):
    """``design``, a row each: the trap and what avoids it.

    `landmark_days`, empty where there is none; `n` customers under risk and `n_met` of them with
    the touch, `n_event`; `hazard_ratio`, `conf_low`, `conf_high`, `p_value`; `sound`, false for the
    naive one, whose number must not be used.

    Attributes
    ----------
    touchpoint : str
    confidence : float
    """

    touchpoint: str
    confidence: float
    rows: ClassVar[str] = "designs"

    def summary(self) -> str:
        """Return the naive ratio and the sound one."""
        ratio = self.frame.set_index("design")["hazard_ratio"].astype(float)
        if ratio[[NAIVE, TIME_VARYING]].isna().any():
            return f"{self.touchpoint}: too few customers or ends to tell"
        return (
            f"{self.touchpoint}: ever met against never met says {ratio[NAIVE]:.2f} times the "
            f"hazard of leaving, whatever the effect, because it counts time in which nobody "
            f"could have left; from the first touch on it is {ratio[TIME_VARYING]:.2f}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ratios of the designs, the trap apart in grey."""
        from journeykit.survival.leaving_risk.picture import draw_designs

        return draw_designs(self, ax)


def immortal_time(
    journeys: Journeys,
    /,
    *,
    touchpoint: str,
    churn: ChurnRule,
    start: Start | None = None,
    activity: Sequence[str] | None = None,
    landmarks_days: Sequence[float] = (30.0, 90.0),
    calendar_days: float = 1.0,
    tenure_days: Sequence[float] = TENURE_DAYS,
    confidence: float = 0.95,
    small_cell: int = 10,
) -> ImmortalTime:
    """Show what comparing "ever met" with "never met" makes of a touchpoint, beside what is right.

    Whoever met a touch was there until then: all time before it is time in which they could not
    leave ("immortal"), and whoever left early had less time to meet it. Counted as time of those
    who met, it makes any harmless touchpoint look as if it kept customers. Three designs, all
    hazard ratios as those of `risk_of_leaving`, with the same strata:

    - *ever met against never met*: the trap. Never use it.
    - *met by day L*: among those still there L days after their start, whether they had met a touch
      by then, followed from there on. Right, of a question of its own; touches after L do not count
      and those who left before L are not in it.
    - *from the first touch on*: the time before the touch counts as time without it.

    An effect that passes is not shown by the last two: see `touchpoint_hazard`. Customers watched
    from later than their start are left out, since what they met before is not known.

    Parameters
    ----------
    journeys : Journeys
        Whole customers: one journey each.
    touchpoint : str
    churn, start, activity :
        As `lifetimes`.
    landmarks_days : sequence of float
        Days since the start, rising from above 0.
    calendar_days, tenure_days, confidence :
        As `risk_of_leaving`.
    small_cell : int
        Designs of fewer customers with the touch are not shown.

    Returns
    -------
    ImmortalTime

    Raises
    ------
    ArgumentError
        Landmarks that do not rise, or a touchpoint that cannot be judged.
    NotObservedError, MappingError, DataError
        As `lifetimes`; and when nobody is watched from their start.

    References
    ----------
    Suissa (2008), Am. J. Epidemiol. 167. Anderson, Cain, Gelber (1983), J. Clin. Oncol. 1.
    """
    landmarks = check_edges("landmarks_days", landmarks_days)
    bands = check_edges("tenure_days", tenure_days)
    check_positive("calendar_days", calendar_days)
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    judged(journeys, [touchpoint], churn=churn, activity=activity)
    warn_of_dating(churn)
    people = followed(journeys, churn=churn, start=start, activity=activity)
    people = people.keep(people.watched_from <= people.origin)
    if not len(people.begin):
        raise DataError(
            "Nobody is watched from their start, so who had met the touchpoint before is not "
            "known. Declare another `start`, or use `touchpoint_hazard`."
        )
    first = first_only(touches_of(journeys, people, touchpoint))
    met = np.full(len(people.begin), _NEVER)
    met[first.owner] = first.time

    strata = _Strata(calendar_days, bands, confidence)
    lines = _designs(people, met, landmarks, strata)
    frame = without_small(
        pd.DataFrame(lines, columns=_COLUMNS),
        small_cell,
        by="n_met",
        keep=("design", "landmark_days", "sound"),
    )
    given = {
        "touchpoint": touchpoint,
        "churn": repr(churn),
        "start": repr(start),
        "activity": activity,
        "landmarks_days": landmarks,
        "calendar_days": calendar_days,
        "tenure_days": tuple(tenure_days),
        "confidence": confidence,
        "small_cell": small_cell,
    }
    return ImmortalTime(
        frame=frame,
        provenance=Provenance(journeys.fingerprint, given),
        touchpoint=touchpoint,
        confidence=confidence,
    )


class _Strata(NamedTuple):
    """Within what customers are compared, and how sure intervals are."""

    calendar_days: float
    tenure_days: tuple[float, ...]
    confidence: float


def _designs(
    people: People, met: NDArray[np.int64], landmarks: tuple[float, ...], strata: _Strata
) -> list[dict[str, object]]:
    """Compare by every design; `met` is when each of the people first met the touch, or never."""
    ever = np.where(met < people.end, people.begin, _NEVER)
    naive = _compared(people, ever, strata)
    lines = [{"design": NAIVE, "landmark_days": np.nan, **naive, "sound": False}]
    for day in landmarks:
        line = people.origin + round(day * DAY)
        kept = people.end > line
        if not kept.any():
            continue
        some = people.keep(kept)
        some = some._replace(begin=np.maximum(some.begin, line[kept]))
        by_then = np.where(met[kept] <= line[kept], some.begin, _NEVER)
        found = _compared(some, by_then, strata)
        lines.append({"design": f"met by day {day:g}", "landmark_days": day, **found})
    varying = _compared(people, met, strata)
    lines.append({"design": TIME_VARYING, "landmark_days": np.nan, **varying})
    return [{"sound": True, **line} for line in lines]


def _compared(some: People, since: NDArray[np.int64], strata: _Strata) -> dict[str, object]:
    """Compare time from `since` on with other time."""
    owner = np.flatnonzero(since < some.end).astype(np.int32)
    change = Changes(owner, since[owner], np.ones(len(owner), dtype=np.int16))
    rows = cut(some, [change], n_states=2, tenure_days=strata.tenure_days)
    data = person_time(rows, calendar_days=strata.calendar_days)
    fit = hazard_ratios(data, rows.states == 1, confidence=strata.confidence)
    return {
        "n": len(some.begin),
        "n_met": int(fit.n[0]),
        "n_event": int(some.event.sum()),
        "hazard_ratio": float(fit.ratio[0]),
        "conf_low": float(fit.low[0]),
        "conf_high": float(fit.high[0]),
        "p_value": float(fit.p_value[0]),
    }
