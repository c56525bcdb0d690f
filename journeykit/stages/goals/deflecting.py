"""Call deflection: how many needs that began in self-service came to no call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_known, check_positive, check_whole
from journeykit.errors import ArgumentError, DataError
from journeykit.results import Provenance, Result
from journeykit.stages.goals.needs import Needs, answered, cut_needs
from journeykit.stats import ClusterSums, clustered_wilson_interval
from journeykit.stats.disclosure import emptied, small
from journeykit.stats.incidence import Incidence, incidence_by, incidence_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

#: How a need began, and the comparison of both.
SELF, CALL, DIFFERENCE = "self-service", "assisted", "difference"
WARNING = (
    "Not calling is not being helped: who did not call may have given up, gone elsewhere or left. "
    "Those who begin with a call have other needs than those who begin in self-service, and nobody "
    "chose by chance: the difference is a description (design grade C), not an effect."
)


class _Measured(NamedTuple):
    """Needs, the share of them with an event, and the row that tells it."""

    part: Needs
    found: Incidence | None
    row: dict[str, Any]


_NUMBERS = ("n", "n_event", "n_censored", "estimate", "std_error", "conf_low", "conf_high")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Deflection(Result):
    """What came of needs that began in self-service, and of those that began with a call.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a `began` (``self-service``, ``assisted``, ``difference``) and `measure`: `n` needs
        of `n_customers` (of the difference: of the side with fewer), `n_event n_censored`,
        `estimate std_error conf_low conf_high`. Measures: ``assisted``, ``not assisted``, ``came
        back``, ``neither``; of those not assisted who were watched to the end, where answers are
        given, ``said satisfied``, ``said not satisfied`` and ``silent``.
    within_days : float
    n_edge : int
        Needs left out because they may have begun before the window.
    warning : str
    """

    within_days: float
    n_edge: int
    warning: str = WARNING
    rows: ClassVar[str] = "measures of needs"

    def row(self, began: str, measure: str) -> pd.Series:
        """Return the row of a measure, by name."""
        at = (self.frame["began"] == began) & (self.frame["measure"] == measure)
        return self.frame[at].iloc[0]

    def summary(self) -> str:
        """Say how many needs came to no call, how many came back, and that it is no proof."""
        here = self.row(SELF, "not assisted")
        if pd.isna(here["estimate"]):
            return "Too few needs began in self-service to tell what came of them"
        said = (
            f"Of {int(here['n']):,} needs that began in self-service {_share(here)} came to no "
            f"assisted contact within {self.within_days:g} days"
        )
        quiet = self.frame[(self.frame["measure"] == "said satisfied")]
        if len(quiet) and pd.notna(quiet.iloc[0]["estimate"]):
            silent = self.row(SELF, "silent")
            said += f"; of those {_share(quiet.iloc[0])} said they were satisfied"
            if pd.notna(silent["estimate"]):
                said += f", {silent['estimate']:.0%} said nothing"
        back, call = self.row(SELF, "came back"), self.row(CALL, "came back")
        if pd.notna(back["estimate"]):
            said += f"; {_share(back)} came back"
        if pd.notna(call["estimate"]):
            said += f", of needs that began with an assisted contact {_share(call)}"
        return f"{said}. Not calling is not being helped"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shares with their intervals; the difference is in the frame alone."""
        from journeykit.draw import interval_bars, percent_axis

        shown = self.frame[(self.frame["began"] != DIFFERENCE) & self.frame["estimate"].notna()]
        labels = [_label(row) for _, row in shown.iterrows()]
        bounds = (shown[key].astype(float) for key in ("estimate", "conf_low", "conf_high"))
        ax = interval_bars(labels, *bounds, ax=ax)
        ax.set_xlim(0, 1)
        percent_axis(ax, "x")
        ax.set_xlabel(
            f"share of needs, within {self.within_days:g} days\n(not calling is not help)"
        )
        return ax


def _share(row: pd.Series) -> str:
    return f"{row['estimate']:.1%} ({row['conf_low']:.1%} to {row['conf_high']:.1%})"


def _label(row: pd.Series) -> str:
    of = {SELF: "self-service", CALL: "call"}[row["began"]]
    if row["measure"] in ("said satisfied", "said not satisfied", "silent"):
        of = "not assisted"
    then = {"assisted": "then assisted"}.get(row["measure"], row["measure"])
    return f"{of}, {then} ({int(row['n']):,})"


def deflection(
    journeys: Journeys,
    /,
    *,
    self_service: Sequence[str],
    assisted: Sequence[str],
    within_days: float = 7,
    start: Sequence[str] = (),
    apart_hours: float = 24,
    sentiment: pd.DataFrame | None = None,
    small_cell: int = 10,
    confidence: float = 0.95,
) -> Deflection:
    """Measure how many needs that began in self-service came to no assisted contact in time.

    A need is a run of contacts, self-service or assisted, of one customer with no pause of more
    than `within_days`; it began in self-service or assisted as its first contact was. ``assisted``
    is the share with an assisted contact within `within_days` of the beginning, ``not assisted``
    the rest; ``came back`` the share with a contact of either kind in that time that comes more
    than `apart_hours` after the contact before it; ``neither`` the share with none of both. Shares
    are Kaplan and Meier's at `within_days`: who is watched for less is censored, not deflected.
    Standard errors are of customers, who may have many needs.

    Who did not call may be satisfied, or have given up. Where answers are given, those not assisted
    who were watched to the end are split by the last answer to one of the contacts in that time:
    a score above 0 said satisfied, another not, and without any the customer is silent. Those who
    answer are not those who do not: the shares are of all, silent ones among them.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times.
    self_service, assisted : sequence of str
        Touchpoints of either kind.
    within_days : float
        Elapsed days from the beginning of a need, that time included.
    start : sequence of str
        Which of them may begin a need; by default all. Contacts before are no part of it.
    apart_hours : float
        Contacts no further apart are one visit.
    sentiment : DataFrame, optional
        ``study.sentiment()``: `customer_id event_time touchpoint score`, scores from -1 to 1.
    small_cell, confidence
        As in `portfolio`.

    Raises
    ------
    MappingError
        When a touchpoint does not exist.
    ArgumentError
        When a touchpoint is of both kinds, or a start of neither.
    DataError
        When no need began in self-service after the beginning of the window.
    NotObservedError
        When the journeys have no times.

    Notes
    -----
    The interval of the difference is of Zou and Donner, from those of both shares and the
    correlation of customers who have needs of both kinds.

    References
    ----------
    Kaplan, Meier (1958), JASA 53; Zou, Donner (2008), Construction of confidence limits about
    effect measures: a general approach, Statistics in Medicine 27.
    """
    check_positive("within_days", within_days)
    check_positive("apart_hours", apart_hours)
    check_whole("small_cell", small_cell, least=1)
    check_fraction("confidence", confidence)
    _check(journeys, self_service, assisted, start)
    needs, n_edge = cut_needs(
        journeys,
        self_service=self_service,
        assisted=assisted,
        start=start or [*self_service, *assisted],
        within_days=within_days,
        apart_hours=apart_hours,
    )
    if not needs.by_self.any():
        raise DataError(
            "No need began in self-service while customers were watched and after the first "
            f"{within_days:g} days of the window; name other touchpoints, or a longer window."
        )
    rows = _rows(needs, confidence)
    if sentiment is not None:
        score = answered(journeys, needs, sentiment, touchpoints=[*self_service, *assisted])
        rows += _said(needs, score, confidence)
    frame = pd.DataFrame(rows)
    few = small(frame["n_customers"].to_numpy(), small_cell)
    return Deflection(
        frame=emptied(frame, dict.fromkeys((*_NUMBERS, "n_customers"), few)),
        within_days=within_days,
        n_edge=n_edge,
        provenance=Provenance(
            journeys.fingerprint,
            {
                "self_service": tuple(self_service),
                "assisted": tuple(assisted),
                "within_days": within_days,
                "start": tuple(start),
                "apart_hours": apart_hours,
                "small_cell": small_cell,
                "confidence": confidence,
            },
        ),
    )


def _check(
    journeys: Journeys, self_service: Sequence[str], assisted: Sequence[str], start: Sequence[str]
) -> None:
    for name, given in (("self_service", self_service), ("assisted", assisted)):
        if isinstance(given, str) or not given:
            raise ArgumentError(f"`{name}` must be a list of touchpoints; got {given!r}.")
        check_known(name, given, journeys.names, what="touchpoints")
    both = sorted({*self_service} & {*assisted})
    if both:
        raise ArgumentError(
            f"A touchpoint must be of one kind; {both[0]!r} is under `self_service` and `assisted`."
        )
    check_known("start", start, [*self_service, *assisted], what="contacts")


def _rows(needs: Needs, confidence: float) -> list[dict[str, Any]]:
    """Return the shares of both kinds of needs, and the difference of those that came back."""
    mine, theirs = needs.take(needs.by_self), needs.take(~needs.by_self)
    called = _measured(SELF, "assisted", mine, mine.assisted, confidence)
    back = _measured(SELF, "came back", mine, mine.back, confidence)
    first = np.minimum(mine.back, mine.assisted)
    either = _measured(SELF, "either", mine, first, confidence)
    again = _measured(CALL, "came back", theirs, theirs.back, confidence)
    return [
        called.row,
        _rest(called.row, "not assisted"),
        back.row,
        _rest(either.row, "neither"),
        again.row,
        _difference(back, again),
    ]


def _share_by(part: Needs, time: NDArray[np.int64]) -> Incidence | None:
    """Estimate who has had the event by the horizon; None without needs."""
    if not len(time):
        return None
    come = time <= part.watched
    return incidence_by(
        np.where(come, time, part.watched), come.astype(int), of=1, horizon=part.within
    )


def _measured(
    began: str, measure: str, part: Needs, time: NDArray[np.int64], confidence: float
) -> _Measured:
    """Return the row of a measure: the share of needs with an event by the horizon."""
    found = _share_by(part, time)
    come = (time <= part.within) & (time <= part.watched)
    row: dict[str, Any] = {
        "began": began,
        "measure": measure,
        "n": len(time),
        "n_customers": len(np.unique(part.customer)),
        "n_event": int(come.sum()),
        "n_censored": int((~come & (part.watched < part.within)).sum()),
        **dict.fromkeys(("estimate", "std_error", "conf_low", "conf_high"), np.nan),
    }
    if found is not None:
        at = incidence_share(found, cluster=part.customer, confidence=confidence)
        row |= {"estimate": at.estimate, "std_error": at.std_error}
        row |= {"conf_low": at.low, "conf_high": at.high}
    return _Measured(part, found, row)


def _rest(row: dict[str, Any], measure: str) -> dict[str, Any]:
    """Return the row of those without the event."""
    return row | {
        "measure": measure,
        "n_event": row["n"] - row["n_event"] - row["n_censored"],
        "estimate": 1 - row["estimate"],
        "conf_low": 1 - row["conf_high"],
        "conf_high": 1 - row["conf_low"],
    }


def _difference(one: _Measured, other: _Measured) -> dict[str, Any]:
    """Return the difference of two shares of the same customers, with its interval."""
    a, b = one.row, other.row
    row = a | {
        "began": DIFFERENCE,
        **{key: a[key] + b[key] for key in ("n", "n_event", "n_censored")},
        "n_customers": min(a["n_customers"], b["n_customers"]),
        **dict.fromkeys(("estimate", "std_error", "conf_low", "conf_high"), np.nan),
    }
    if one.found is None or other.found is None:
        return row
    customers = np.unique(np.concatenate([one.part.customer, other.part.customer]))
    x, y = (
        np.bincount(
            np.searchsorted(customers, side.part.customer),
            side.found.influence,  # type: ignore[union-attr]
            len(customers),
        )
        for side in (one, other)
    )
    ratio = len(customers) / max(len(customers) - 1, 1)
    length = float(np.linalg.norm(x) * np.linalg.norm(y))
    r = float(x @ y) / length if length else 0.0
    difference = a["estimate"] - b["estimate"]
    below = a["estimate"] - a["conf_low"], b["conf_high"] - b["estimate"]
    above = a["conf_high"] - a["estimate"], b["estimate"] - b["conf_low"]
    return row | {
        "estimate": difference,
        "std_error": (ratio * float(np.square(x - y).sum())) ** 0.5,
        "conf_low": difference - _joint(*below, r),
        "conf_high": difference + _joint(*above, r),
    }


def _joint(left: float, right: float, r: float) -> float:
    """Return the distance of the bound of a difference, from those of both sides."""
    return float(max(left**2 + right**2 - 2 * r * left * right, 0.0) ** 0.5)


def _said(needs: Needs, score: NDArray[np.float64], confidence: float) -> list[dict[str, Any]]:
    """Split the needs that were watched to the end and not assisted by what customers said."""
    chosen = needs.by_self & (needs.assisted > needs.within) & (needs.watched >= needs.within)
    _, who = np.unique(needs.customer[chosen], return_inverse=True)
    n_by = np.bincount(who)
    rows: list[dict[str, Any]] = []
    for measure, come in (
        ("said satisfied", score > 0),
        ("said not satisfied", score <= 0),
        ("silent", np.isnan(score)),
    ):
        events = np.bincount(who, come[chosen], minlength=len(n_by))
        share = events.sum() / n_by.sum() if len(n_by) else np.nan
        bounds = (np.nan, np.nan)
        if len(n_by):
            sums = ClusterSums.of_clusters(events, n_by)
            found = clustered_wilson_interval(sums, confidence=confidence)
            bounds = float(found.low), float(found.high)
        spread = np.square(events - share * n_by).sum() * len(n_by) / max(len(n_by) - 1, 1)
        rows.append(
            {
                "began": SELF,
                "measure": measure,
                "n": int(n_by.sum()),
                "n_customers": len(n_by),
                "n_event": int(events.sum()),
                "n_censored": 0,
                "estimate": share,
                "std_error": spread**0.5 / n_by.sum() if len(n_by) else np.nan,
                "conf_low": bounds[0],
                "conf_high": bounds[1],
            }
        )
    return rows
