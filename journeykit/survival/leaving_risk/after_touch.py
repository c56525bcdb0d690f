"""The hazard of leaving by time since a touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from journeykit.checks import check_choice, check_fraction, check_known, check_positive, check_whole
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result
from journeykit.stats import benjamini_hochberg
from journeykit.survival.leaving_risk.people import (
    followed,
    judged,
    newly_come,
    touches_of,
    warn_of_dating,
    with_known_past,
)
from journeykit.survival.leaving_risk.person_time import person_time
from journeykit.survival.leaving_risk.ratios import hazard_ratios
from journeykit.survival.leaving_risk.stretches import cut, first_only, since_touch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.survival.churn import ChurnRule, Start
    from journeykit.survival.leaving_risk.people import People, Touches

#: Where bands of time since the start end: leaving is most uneven early.
TENURE_DAYS = (7.0, 30.0, 90.0, 180.0, 365.0, 730.0)


class Effect(NamedTuple):
    """How long a raised or lowered hazard holds after a touch.

    Attributes
    ----------
    direction : {"raised", "lowered", "cannot tell"}
    until_days : float
        End of the last of the windows that hold one after another from the touch on; 0 for none.
    hazard_ratio : float
        Events over events expected in these windows together; empty for none.
    later : tuple of (float, float)
        Windows that hold although one before them does not.
    """

    direction: Literal["raised", "lowered", "cannot tell"]
    until_days: float
    hazard_ratio: float
    later: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TouchpointHazard(Result):
    """``touchpoint from_days to_days``, a row a window (from, to] of days since the touch.

    `n` customers with time under risk in the window, `n_event` of them left in it, `person_days`;
    `estimate`, `conf_low`, `conf_high`: the hazard, n_event / person_days a day, with its exact
    Poisson interval; `reference`: the hazard of comparable time without a recent touch;
    `hazard_ratio` of the two with `ratio_low`, `ratio_high`; `p_value`, `q_value`; `holds`, whether
    the ratio differs from 1 at that q-value. Windows of fewer than `small_cell` customers are
    empty.

    Attributes
    ----------
    confidence : float
    n_tested : int
        Windows of all touchpoints that were tested.
    since : {"last", "first"}
    """

    confidence: float
    n_tested: int
    since: Literal["last", "first"]
    rows: ClassVar[str] = "windows"

    @property
    def touchpoints(self) -> tuple[str, ...]:
        """Touchpoints in order."""
        return tuple(dict.fromkeys(self.frame["touchpoint"]))

    def of(self, touchpoint: str) -> TouchpointHazard:
        """Return the windows of one touchpoint."""
        check_known("touchpoint", [touchpoint], self.touchpoints, what="touchpoints")
        rows = self.frame[self.frame["touchpoint"] == touchpoint].reset_index(drop=True)
        return replace(self, frame=rows)

    def effect(self, touchpoint: str) -> Effect:
        """Return how long the hazard stays raised or lowered after a touchpoint."""
        frame = self.of(touchpoint).frame
        holds = frame["holds"].to_numpy(dtype=bool)
        ratio = frame["hazard_ratio"].to_numpy()
        above = ratio > 1
        run = 0
        while run < len(holds) and holds[run] and above[run] == above[0]:
            run += 1
        later = tuple(
            (float(frame["from_days"].iloc[at]), float(frame["to_days"].iloc[at]))
            for at in range(run, len(holds))
            if holds[at]
        )
        if not run:
            return Effect("cannot tell", 0.0, float("nan"), later)
        first = frame.iloc[:run]
        events = first["n_event"].to_numpy(dtype=np.float64)
        expected = (first["reference"] * first["person_days"]).to_numpy()
        return Effect(
            "raised" if above[0] else "lowered",
            float(first["to_days"].iloc[-1]),
            float(events.sum() / expected.sum()),
            later,
        )

    def summary(self) -> str:
        """Return after which touchpoints the hazard is raised, by how much and for how long."""
        told = []
        for name in self.touchpoints:
            effect = self.effect(name)
            if effect.until_days:
                told.append(
                    f"{name}: {effect.direction}, {effect.hazard_ratio:.2f} times, "
                    f"up to day {effect.until_days:g}"
                )
        quiet = len(self.touchpoints) - len(told)
        if quiet:
            told.append(f"cannot tell for {quiet:,} of {len(self.touchpoints):,} touchpoints")
        return f"{'; '.join(told)} ({self.n_tested:,} windows tested)"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw one touchpoint's hazard by days since the touch beside that of comparable time.

        Of several touchpoints, the ratios of their windows.
        """
        from journeykit.survival.leaving_risk.picture import draw_hazard, draw_windows

        return draw_hazard(self, ax) if len(self.touchpoints) == 1 else draw_windows(self, ax)


def touchpoint_hazard(
    journeys: Journeys,
    /,
    *,
    churn: ChurnRule,
    start: Start | None = None,
    activity: Sequence[str] | None = None,
    touchpoints: Sequence[str] | None = None,
    windows_days: Sequence[float] = (1.0, 3.0, 7.0, 14.0, 30.0, 60.0),
    since: Literal["last", "first"] = "last",
    calendar_days: float = 1.0,
    tenure_days: Sequence[float] = TENURE_DAYS,
    confidence: float = 0.95,
    small_cell: int = 10,
) -> TouchpointHazard:
    """Estimate the hazard of leaving by days since a touch, beside that of comparable time.

    Within each window (a, b] of days since the last (or first) touch at a touchpoint, the hazard is
    the number who left over the person-time there, with the exact Poisson interval. Every customer
    leaves once, so is an event in one window at most.

    Comparable time is time under risk of customers, touched or not, more than the last window after
    such a touch, on the same day of the calendar and in the same band of time since the start.
    `hazard_ratio` is the maximiser of the partial likelihood of all windows together, with a
    baseline of its own on every day and in every band (see `risk_of_leaving`), and `reference` is
    that baseline standardised to the window's own days and bands (indirect standardisation):
    ``hazard_ratio = estimate / reference``. Its interval takes the customer as the unit. Other
    touchpoints are not held: a call that always follows a failed payment shows the payment's risk.
    `risk_of_leaving` tells them apart.

    **No window before the touch.** Whoever has left meets no touch, so nobody leaves before one
    that they meet: the hazard "before" is zero by construction, and a dip drawn there says nothing.

    A touch at the very moment of leaving, or on its day on a day clock, is not before it and does
    not count as exposure. Where customers were there before the watching began, what they met then
    is not known, and they come under risk here only when the last window of watching has passed;
    with ``since="first"`` they are left out, as what is seen first need not be it.
    Comparing is not yet causing: who meets a touch may differ in ways that no day and no band hold.

    Parameters
    ----------
    journeys : Journeys
        Whole customers: one journey each.
    churn, start, activity :
        As `lifetimes`.
    touchpoints : sequence of str, optional
        Each is looked at by itself; by default all that can be judged. Under `Inactivity` what is
        `activity` cannot: leaving is the silence after it.
    windows_days : sequence of float
        Days since the touch at which windows end, rising from above 0; the first begins at 0.
    since : {"last", "first"}
    calendar_days : float
        Length of the periods of the calendar within which time is compared: 1 for days, 7 for
        weeks from Monday on, UTC. Within a period that seasons change, touches and leaving share
        the season: with weeks and a season that rises ninefold in a fortnight, harmless touches
        came out at 1.017 instead of 1 (simulated).
    tenure_days : sequence of float
        Days since the start at which bands end.
    confidence : float in (0, 1)
    small_cell : int
        Windows of fewer customers are not shown.

    Returns
    -------
    TouchpointHazard

    Raises
    ------
    ArgumentError
        Windows that do not rise from above 0, a touchpoint that cannot be judged, or more periods
        of the calendar than fit into memory.
    NotObservedError, MappingError, DataError
        As `lifetimes`; and when nobody is watched for long enough, or from their start, to know
        what they met.

    Warns
    -----
    JourneyKitWarning
        Under `Inactivity` dated at the last activity.

    References
    ----------
    Garwood (1936), Biometrika 28. Breslow, Day (1987), Statistical Methods in Cancer Research II.

    Examples
    --------
    >>> from journeykit import simulate
    >>> from journeykit.survival import EndAttribute, StartAttribute
    >>> company = simulate.world(customers=3_000, parts=("orders", "contracts"), seed=3)
    >>> found = touchpoint_hazard(
    ...     company.journeys(),
    ...     churn=EndAttribute("contract_end"),
    ...     start=StartAttribute("contract_start"),
    ...     touchpoints=["payment_failed"],
    ...     windows_days=(30, 90),
    ... )
    >>> found.effect("payment_failed").until_days
    30.0
    """
    windows = check_edges("windows_days", windows_days)
    bands = check_edges("tenure_days", tenure_days)
    check_choice("since", since, ("last", "first"))
    check_positive("calendar_days", calendar_days)
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    names, _ = judged(journeys, touchpoints, churn=churn, activity=activity)
    warn_of_dating(churn)
    people = followed(journeys, churn=churn, start=start, activity=activity)
    people = with_known_past(people, windows[-1]) if since == "last" else newly_come(people)
    parts = []
    for name in names:
        touches = touches_of(journeys, people, name)
        touches = first_only(touches) if since == "first" else touches
        table = _windows(people, touches, windows, bands, calendar_days, confidence)
        table.insert(0, "touchpoint", name)
        parts.append(without_small(table, small_cell, keep=("touchpoint", "from_days", "to_days")))
    frame = pd.concat(parts, ignore_index=True)
    frame["q_value"] = benjamini_hochberg(frame["p_value"])
    frame["holds"] = frame["q_value"].to_numpy() <= 1 - confidence
    given = {
        "churn": repr(churn),
        "start": repr(start),
        "activity": activity,
        "touchpoints": names,
        "windows_days": tuple(windows_days),
        "since": since,
        "calendar_days": calendar_days,
        "tenure_days": tuple(tenure_days),
        "confidence": confidence,
        "small_cell": small_cell,
    }
    return TouchpointHazard(
        frame=frame,
        provenance=Provenance(journeys.fingerprint, given),
        confidence=confidence,
        n_tested=int(frame["p_value"].notna().sum()),
        since=since,
    )


def check_edges(name: str, days: Sequence[float]) -> tuple[float, ...]:
    """Require days that rise from above 0, at least one."""
    values = tuple(days)
    for value in values:
        check_positive(name, value)
    if not values or any(b <= a for a, b in pairwise(values)):
        raise ArgumentError(
            f"`{name}` must be days that rise from above 0, at least one; got {list(values)!r}. "
            "Each is where a window ends and the next begins."
        )
    return values


def _windows(
    people: People,
    touches: Touches,
    windows: tuple[float, ...],
    bands: tuple[float, ...],
    calendar_days: float,
    confidence: float,
) -> pd.DataFrame:
    edges = np.rint(np.array([0.0, *windows]) * DAY).astype(np.int64)
    rows = cut(people, [since_touch(touches, edges)], n_states=len(windows) + 1, tenure_days=bands)
    data = person_time(rows, calendar_days=calendar_days)
    state = np.arange(1, len(windows) + 1)
    fit = hazard_ratios(data, rows.states[:, [0]] == state, confidence=confidence)
    low, high = poisson_interval(fit.n_event, confidence=confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        return pd.DataFrame(
            {
                "from_days": (0.0, *windows[:-1]),
                "to_days": windows,
                "n": fit.n,
                "n_event": fit.n_event,
                "person_days": fit.person_days,
                "estimate": fit.n_event / fit.person_days,
                "conf_low": low / fit.person_days,
                "conf_high": high / fit.person_days,
                "reference": fit.expected / fit.person_days,
                "hazard_ratio": fit.ratio,
                "ratio_low": fit.low,
                "ratio_high": fit.high,
                "p_value": fit.p_value,
            }
        )


def poisson_interval(
    n_event: NDArray[np.int64], /, *, confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the exact interval of the mean of a Poisson count (Garwood)."""
    tail = (1 - confidence) / 2
    n = np.asarray(n_event, dtype=np.float64)
    low = np.where(n > 0, stats.chi2.ppf(tail, np.maximum(2 * n, 1)) / 2, 0.0)
    return low, np.asarray(stats.chi2.isf(tail, 2 * n + 2) / 2)


def without_small(
    table: pd.DataFrame, small_cell: int, *, keep: Sequence[str], by: str = "n"
) -> pd.DataFrame:
    """Empty the rows of few customers, but for the columns `keep`."""
    small = (table[by] < small_cell).to_numpy()
    counts = [name for name in ("n", "n_met", "n_event") if name in table]
    shown = table.astype(dict.fromkeys(counts, "Int64"))
    for name in shown.columns:
        if name not in keep:
            shown[name] = shown[name].mask(small)
    return shown
