"""Cadence: how often the firm sends, what comes of it, and when it becomes too much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import (
    check_fraction,
    check_known,
    check_names,
    check_positive,
    check_whole,
)
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.journeys.fingerprint import hash_customers
from journeykit.maps.rates import rates
from journeykit.maps.sending.fatigue import PARTS, Dose, dose_response
from journeykit.maps.sending.sends import Sends, sends
from journeykit.maps.sending.tables import by_gap, by_position, sends_per_week
from journeykit.results import Provenance, Result
from journeykit.stats import mix
from journeykit.stats.risk_sets import joint_strata

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.study import Catalogue

_QUARTER_DAYS = 91


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Cadence(Result):
    """How often customers are sent something, how they respond, and whether it tires them.

    Attributes
    ----------
    frame : pandas.DataFrame
        The fatigue curve, one row a number of recent sends: `recent`, sends within `recent_days`
        before; ``n n_customers n_event``, sends watched long enough and those responded to;
        `share`, of them; ``estimate conf_low conf_high``, the response with customers and quarters
        of the year held equal.
    fatigue : pandas.DataFrame
        One row: `n n_customers` of the fit; ``knee conf_low conf_high``, the recent sends beyond
        which the response falls; ``slope slope_low slope_high``, by each further send; `p_value`
        that nothing falls; `verdict`: falls beyond the knee, falls from the first send on, no fall
        found, cannot tell; where nothing falls, no knee; `n_overtaken`, sends left out because
        another lies within the response time; `n_censored n_unseen`, not watched long enough
        after, before; `n_beyond`, with more recent sends than are looked at.
    rates : pandas.DataFrame
        Sends a customer and week: ``touchpoint n n_customers n_weeks estimate conf_low conf_high``;
        ``(any)`` for all.
    positions, gaps : pandas.DataFrame
        Response by how many were sent before, and by the time since the last one: ``position`` or
        ``gap``, ``n n_customers n_event estimate conf_low conf_high``. Customers differ between
        rows: who is sent many is another kind of customer.
    response_days, recent_days : float
    """

    fatigue: pd.DataFrame
    rates: pd.DataFrame
    positions: pd.DataFrame
    gaps: pd.DataFrame
    response_days: float
    recent_days: float
    rows: ClassVar[str] = "numbers of recent sends"

    def summary(self) -> str:
        """Say how often is sent, and beyond how many customers respond less."""
        every, one = self.rates.iloc[-1], self.fatigue.iloc[0]
        said = f"{every['estimate']:.2f} sends a customer and week; {one['verdict']}"
        if pd.notna(one["knee"]):
            return (
                f"{said}: knee at {one['knee']:g} sends in {self.recent_days:g} days "
                f"({one['conf_low']:g} to {one['conf_high']:g}), then {one['slope']:+.1%} a send"
            )
        if one["verdict"] == "cannot tell":
            return f"{said} whether more sends tire customers"
        return f"{said} up to {int(self.frame['recent'].max())} sends in {self.recent_days:g} days"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the fatigue curve with its interval, and the knee where there is one."""
        from journeykit.maps.sending.picture import fatigue_curve

        return fatigue_curve(self.frame, self.fatigue.iloc[0], self.recent_days,
                             self.response_days, ax)  # fmt: skip


def cadence(
    journeys: Journeys,
    /,
    catalogue: Catalogue | None = None,
    *,
    sent: Sequence[str],
    answers: Sequence[str] | None = None,
    response_days: float = 3,
    recent_days: float = 30,
    most: int = 20,
    small_cell: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
) -> Cadence:
    """Count what the firm sends, and find from how many recent sends on customers respond less.

    A *send* is an event at one of `sent`. It is *responded to* when the customer acts, at one of
    `answers`, after it and within `response_days`. Sends with another one so near, before or after,
    are left out, and counted: whose the act is could not be told, and the busier the sending the
    more acts there would be. So are sends not watched for the whole time.

    *Recent sends* are those to the same customer within `recent_days` before it. How the response
    depends on their number is estimated inside customers and quarters of the year alone
    (`dose_response`): customers who get more are other customers. Levels that fewer than
    `small_cell` customers reach, and all above, are left out.

    An association, of design grade B: a firm that sends less once a customer responds, or more,
    makes its own dependence.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times.
    catalogue : Catalogue, optional
        Says at which touchpoints customers act: those that they start.
    sent : sequence of str
        Touchpoints with which the firm turns to customers of its own accord. Receipts and other
        replies do not belong here: they follow what the customer did.
    answers : sequence of str, optional
        Touchpoints at which customers act; needed without a catalogue.
    response_days, recent_days : float
        Elapsed days. The response time should be shorter than the usual gap between sends.
    most : int
        Most recent sends looked at.
    small_cell : int
    confidence : float in (0, 1)
    seed : int
        For the bootstrap.

    Returns
    -------
    Cadence

    Raises
    ------
    ArgumentError
        When a touchpoint is both sent and an answer, or there is neither `answers` nor a
        catalogue.
    MappingError
        When a touchpoint does not exist.
    NotObservedError
        When the journeys have no times.
    DataError
        When nothing was sent, or every send is left out.

    Examples
    --------
    >>> from journeykit.journeys import Journeys
    >>> one = Journeys(
    ...     names=("mail", "web"),
    ...     touchpoint=np.array([0, 1, 0], dtype=np.uint8),
    ...     start=np.array([0, 3]),
    ...     time=np.array([40, 41, 60]) * DAY,
    ...     observed_from=np.array([0]),
    ...     observed_to=np.array([70 * DAY]),
    ... )
    >>> found = cadence(one, sent=["mail"], answers=["web"], small_cell=1)
    >>> found.frame[["recent", "n", "n_event", "share"]]
       recent  n  n_event  share
    0       0  1        1    1.0
    1       1  1        0    0.0
    >>> found.summary()
    '0.20 sends a customer and week; cannot tell whether more sends tire customers'
    """
    check_positive("response_days", response_days)
    check_positive("recent_days", recent_days)
    check_whole("most", most, least=1)
    check_whole("small_cell", small_cell, least=1)
    check_fraction("confidence", confidence)
    refuse_cut(journeys, "`cadence`")
    refuse_collapsed(journeys, "`cadence`")
    out, back = _named(journeys, catalogue, sent, answers)
    seen = sends(journeys, out, back, response_days=response_days, recent_days=recent_days)
    kept = _kept(seen, response_days)
    frame, fatigue = _fatigue(journeys, seen, kept, most, small_cell, confidence, seed)
    given = {"response_days": response_days, "recent_days": recent_days, "most": most}
    return Cadence(
        frame=frame,
        provenance=Provenance(
            journeys.fingerprint,
            {
                **given,
                "sent": out,
                "answers": back,
                "small_cell": small_cell,
                "confidence": confidence,
            },
            seed,
        ),
        fatigue=fatigue,
        rates=sends_per_week(journeys, seen, small_cell, confidence),
        positions=by_position(seen, most, small_cell, confidence),
        gaps=by_gap(seen, small_cell, confidence),
        response_days=response_days,
        recent_days=recent_days,
    )


def _named(
    journeys: Journeys,
    catalogue: Catalogue | None,
    sent: Sequence[str],
    answers: Sequence[str] | None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the touchpoints that are sent, and those at which customers act."""
    check_names("sent", sent)
    check_known("sent", sent, journeys.names, what="touchpoints")
    if answers is None:
        if catalogue is None:
            raise ArgumentError("`answers` must be given where there is no `catalogue`.")
        rows = catalogue.touchpoints
        started = (n for n in journeys.names if n in rows and rows[n].initiator == "customer")
        return tuple(sent), tuple(name for name in started if name not in set(sent))
    check_names("answers", answers)
    check_known("answers", answers, journeys.names, what="touchpoints")
    both = sorted(set(sent) & set(answers))
    if both:
        raise ArgumentError(
            f"`sent` and `answers` must have no touchpoint in common; both have {both[0]!r}."
        )
    return tuple(sent), tuple(answers)


def _kept(seen: Sends, response_days: float) -> NDArray[np.int64]:
    kept = np.flatnonzero(seen.followed & ~seen.overtaken & seen.remembered)
    if not len(seen.customer):
        raise DataError("Nothing was sent: the journeys have no event at any touchpoint of `sent`.")
    if not len(kept):
        raise DataError(
            f"None of {len(seen.customer):,} sends is left to look at: "
            f"{int(seen.overtaken.sum()):,} are within {response_days:g} days of another, "
            "the others are not watched long enough; give a shorter `response_days` or "
            "`recent_days`."
        )
    return kept


def _fatigue(
    journeys: Journeys,
    seen: Sends,
    kept: NDArray[np.int64],
    most: int,
    small_cell: int,
    confidence: float,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the curve by recent sends, and the knee."""
    size = int(seen.recent[kept].max()) + 1
    found = rates(
        seen.recent[kept],
        seen.responded[kept],
        seen.customer[kept],
        n_groups=size,
        confidence=confidence,
    )
    few = np.flatnonzero(found.n_customers < small_cell)
    levels = min(int(few[0]) if len(few) else size, most + 1)
    used = kept[seen.recent[kept] < levels]
    dose = _dose(journeys, seen, used, confidence, seed)
    shown = len(dose.estimate)
    frame = pd.DataFrame(
        {
            "recent": np.arange(shown),
            "n": found.n[:shown],
            "n_customers": found.n_customers[:shown],
            "n_event": found.n_event[:shown],
            "share": found.estimate[:shown],
            "estimate": dose.estimate,
            "conf_low": dose.conf_low,
            "conf_high": dose.conf_high,
        }
    )
    return frame, _knee(seen, kept, used, dose)


def _knee(
    seen: Sends, kept: NDArray[np.int64], used: NDArray[np.int64], dose: Dose
) -> pd.DataFrame:
    """Return the row of the knee, and which sends are not in it."""
    falls = dose.verdict.startswith("falls")
    names = {"knee": "knee", "knee_low": "conf_low", "knee_high": "conf_high"}
    names |= {name: name for name in ("slope", "slope_low", "slope_high")}
    row = {name: getattr(dose, field) if falls else np.nan for field, name in names.items()}
    alone = ~seen.overtaken
    return pd.DataFrame(
        [
            {
                "n": len(used),
                "n_customers": len(np.unique(seen.customer[used])),
                **row,
                "p_value": dose.p_value,
                "verdict": dose.verdict,
                "n_overtaken": int(seen.overtaken.sum()),
                "n_censored": int((alone & ~seen.followed).sum()),
                "n_unseen": int((alone & seen.followed & ~seen.remembered).sum()),
                "n_beyond": len(kept) - len(used),
            }
        ]
    )


def _dose(
    journeys: Journeys, seen: Sends, used: NDArray[np.int64], confidence: float, seed: int
) -> Dose:
    if not len(used):
        nothing, nan = np.zeros(0), np.nan
        return Dose(nothing, nothing, nothing, nan, nan, nan, nan, nan, nan, nan, "cannot tell")
    stratum, _ = joint_strata(seen.customer[used], seen.time[used] // (_QUARTER_DAYS * DAY))
    hashed = mix(hash_customers(journeys.customer_id), seed=seed)
    part = (hashed % np.uint64(PARTS)).astype(np.int64)[journeys.customer_index]
    return dose_response(
        seen.recent[used],
        seen.responded[used],
        stratum,
        part[seen.customer[used]],
        confidence=confidence,
        seed=seed,
    )
