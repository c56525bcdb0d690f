"""What the catalogue does not have: events that fit no touchpoint of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_known, check_names, did_you_mean
from journeykit.errors import ArgumentError
from journeykit.journeys.ending import has_attribute
from journeykit.maps.touchpoints.grouping import chosen
from journeykit.maps.touchpoints.touching import customers_of, owner_of
from journeykit.results import Checked, Provenance, Result
from journeykit.stats import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.study.catalogue import Catalogue

_DRAWN = 15
_NAMED = 7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Unmapped(Result):
    """Events whose touchpoint the catalogue does not have.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a name, the most events first (ties by name): `touchpoint`; `n_events`,
        `event_share` of all events; `n`, customers with at least one, `share` of all customers with
        Wilson's `conf_low`, `conf_high`; `n_success`, journeys that succeeded with at least one,
        and `success_share` of all that did (missing where nobody says what success is); `near`, a
        name of the catalogue that it may have been meant for, or the empty text.
    n_events, n_mapped, n_unmapped : int
        All events, and those of both kinds, which sum to them.
    n_customers, n_met : int
        All customers, and those with at least one unmapped event.
    n_successes, n_successes_met : int
        Journeys that succeeded, and those of them with at least one unmapped event.
    most_share : float
    """

    n_events: int
    n_mapped: int
    n_unmapped: int
    n_customers: int
    n_met: int
    n_successes: int
    n_successes_met: int
    most_share: float
    rows: ClassVar[str] = "touchpoints that the catalogue does not have"

    @property
    def share(self) -> float:
        """Share of all events that fit no touchpoint of the catalogue; 0 where there are none."""
        return self.n_unmapped / self.n_events if self.n_events else 0.0

    def summary(self) -> str:
        """Say how many events fit nothing, and under which names they come."""
        if not self.n_unmapped:
            return f"All {self.n_events:,} events are at touchpoints of the catalogue"
        names = [f"{row.touchpoint} ({row.n_events:,})" for row in self.frame.itertuples()]
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        met = f", of {self.n_met:,} of {self.n_customers:,} customers"
        return (
            f"{self.n_unmapped:,} of {self.n_events:,} events ({self.share:.1%}){met}, are at "
            f"{len(names):,} touchpoints that the catalogue does not have: "
            f"{', '.join(names[:_NAMED])}{more}"
        )

    def check(self) -> Checked:
        """Check that unmapped events are at most `most_share` of all, and that all are counted.

        Failed above it, or when an event is lost or counted twice; warned above 0.
        """
        name = "events the catalogue does not have"
        listed = int(self.frame["n_events"].sum())
        if listed != self.n_unmapped or self.n_mapped + self.n_unmapped != self.n_events:
            found = (
                f"{listed:,} events are listed and {self.n_mapped:,} mapped, of {self.n_events:,}."
            )
            return Checked(name, "failed", found)
        if not self.n_unmapped:
            return Checked(name, "passed", f"{self.summary()}.")
        mend = "; add them to the catalogue, or rename them with `relabel`."
        if self.share > self.most_share:
            most = f"; at most {self.most_share:.1%} may be"
            return Checked(name, "failed", f"{self.summary()}{most}{mend}")
        return Checked(name, "warned", f"{self.summary()}{mend}")

    def published(self, small_cell: int = 10) -> pd.DataFrame:
        """Return the frame without the numbers of names that fewer than `small_cell` met."""
        from journeykit.stats.disclosure import suppress

        numbers = ["n_events", "event_share", "share", "conf_low", "conf_high"]
        return suppress(
            self.frame,
            n="n",
            hide=[*numbers, "n_success", "success_share"],
            small_cell=small_cell,
        ).frame

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of customers who met each name, the most events first."""
        from journeykit.draw import axes, interval_bars, percent_axis, tidy

        top = self.frame.head(_DRAWN)
        if not len(top):
            ax = axes(ax, height=1.2)
            ax.text(0.5, 0.5, "Every event is in the catalogue.", ha="center", va="center")
            ax.set_axis_off()
            return tidy(ax)
        labels = [f"{row.touchpoint} ({row.n_events:,})" for row in top.itertuples()]
        ax = interval_bars(labels, top["share"], top["conf_low"], top["conf_high"], ax=ax)
        percent_axis(ax, "x")
        left = len(self.frame) - len(top)
        more = f"; {left:,} more names" if left else ""
        ax.set_xlabel(f"share of {self.n_customers:,} customers who met it (events){more}")
        return ax


def unmapped(
    journeys: Journeys,
    catalogue: Catalogue,
    /,
    *,
    conversions: Sequence[str] = (),
    most_share: float = 0.05,
    confidence: float = 0.95,
) -> Unmapped:
    """List the events whose touchpoint the catalogue does not have.

    Each name is counted by events, by customers, and by journeys that succeeded: those cut by
    `outcomes` that were converted, or, of whole journeys, those with an event at one of
    `conversions`, wherever in the journey both are. Hand `check()` to a guard: it fails when more
    than `most_share` of all events fit nothing, and warns when any does.

    Parameters
    ----------
    journeys : Journeys
    catalogue : Catalogue
        ``study.catalogue``.
    conversions : sequence of str
        ``study.outcome.conversions``; not looked at where `outcomes` has said what became of each.
    most_share : float in [0, 1)
        Largest share of unmapped events that is no failure.
    confidence : float in (0, 1)

    Raises
    ------
    ArgumentError
        An empty catalogue, or a share outside [0, 1).
    MappingError
        A conversion that does not occur.

    Examples
    --------
    >>> from journeykit.journeys import Journeys
    >>> from journeykit.study.catalogue import Catalogue, Touchpoint
    >>> shop = Journeys(
    ...     names=("buy", "veiw_home", "view_home"),
    ...     touchpoint=np.array([1, 2, 0, 2], dtype=np.uint8),
    ...     start=np.array([0, 3, 4]),
    ... )
    >>> known = Catalogue({name: Touchpoint(name) for name in ("buy", "view_home")})
    >>> found = unmapped(shop, known, conversions=["buy"])
    >>> found.frame[["touchpoint", "n_events", "n", "success_share", "near"]]
      touchpoint  n_events  n  success_share       near
    0  veiw_home         1  1            1.0  view_home
    >>> found.check().status
    'failed'
    """
    check_fraction("confidence", confidence)
    check_names("conversions", conversions)
    if isinstance(most_share, bool) or not 0 <= most_share < 1:
        raise ArgumentError(f"`most_share` must lie in [0, 1); got {most_share!r}.")
    known = {row.touchpoint for row in chosen(catalogue, None)}
    whose, n_customers = customers_of(journeys)
    journey, code = owner_of(journeys), journeys.touchpoint.astype(np.int64)
    n_events = np.bincount(code, minlength=len(journeys.names))
    won = _successes(journeys, conversions)
    strange = np.array([name not in known for name in journeys.names], dtype=bool)
    lost = strange[code] if len(strange) else np.zeros(0, dtype=bool)
    frame = _frame(journeys, strange, n_events, won, confidence)
    return Unmapped(
        frame=frame.assign(near=[nearest(name, known) for name in frame["touchpoint"]]),
        provenance=Provenance(
            journeys.fingerprint,
            {"conversions": tuple(conversions), "most_share": most_share, "confidence": confidence},
        ),
        n_events=journeys.n_events,
        n_mapped=int(n_events[~strange].sum()),
        n_unmapped=int(n_events[strange].sum()),
        n_customers=n_customers,
        n_met=len(np.unique(whose[journey[lost]])),
        n_successes=0 if won is None else int(won.sum()),
        n_successes_met=0 if won is None else len(np.unique(journey[lost & won[journey]])),
        most_share=float(most_share),
    )


def _frame(
    journeys: Journeys,
    strange: NDArray[np.bool_],
    n_events: NDArray[np.int64],
    won: NDArray[np.bool_] | None,
    confidence: float,
) -> pd.DataFrame:
    """Count the strange names by events, customers, and journeys that succeeded."""
    whose, n_customers = customers_of(journeys)
    journey, code = owner_of(journeys), journeys.touchpoint.astype(np.int64)
    m, there = len(journeys.names), np.flatnonzero(strange & (n_events > 0)).tolist()
    rows = np.array(sorted(there, key=lambda at: (-n_events[at], journeys.names[at])), dtype=int)
    met = _distinct(code, whose[journey], m)[rows]
    low, high = wilson_interval(met, np.full(len(rows), n_customers), confidence=confidence)
    frame = pd.DataFrame(
        {
            "touchpoint": [journeys.names[at] for at in rows],
            "n_events": n_events[rows],
            "event_share": n_events[rows] / max(journeys.n_events, 1),
            "n": met,
            "share": met / max(n_customers, 1),
            "conf_low": low,
            "conf_high": high,
        }
    )
    if won is None:
        unsaid = pd.array([pd.NA] * len(rows), dtype="Int64")
        return frame.assign(n_success=unsaid, success_share=np.nan)
    inside = won[journey]
    n_success = _distinct(code[inside], journey[inside], m)[rows]
    share = n_success / won.sum() if won.any() else np.nan
    return frame.assign(n_success=n_success, success_share=share)


def _successes(journeys: Journeys, conversions: Sequence[str]) -> NDArray[np.bool_] | None:
    """Return which journeys succeeded, None where nobody says what success is."""
    if "outcome" in journeys.attributes.column_names:
        return has_attribute(journeys, "outcome", "converted")
    if not conversions:
        return None
    check_known("conversions", conversions, journeys.names, what="touchpoints")
    wanted = np.isin(np.array(journeys.names, dtype=object), list(conversions))
    won = np.zeros(len(journeys), dtype=bool)
    won[owner_of(journeys)[wanted[journeys.touchpoint]]] = True
    return won


def _distinct(code: NDArray[np.int64], owner: NDArray[np.int64], n_codes: int) -> NDArray[np.int64]:
    """Count the different owners of each code."""
    pairs = np.unique(code + owner * max(n_codes, 1))
    return np.bincount(pairs % max(n_codes, 1), minlength=n_codes)


def nearest(name: str, known: set[str]) -> str:
    """Return the known name that another may have been meant for, or the empty text."""
    hint = did_you_mean(name, sorted(known))
    return hint.partition("'")[2].rpartition("'")[0]
