"""Which touches a conversion looks back on, and which touchpoints nobody could see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pyarrow as pa

from journeykit.attribution.touch_paths import TouchPaths, touch_paths
from journeykit.checks import check_choice, check_names, check_positive, check_whole
from journeykit.errors import ArgumentError
from journeykit.events.ledger import Ledger
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import has_attribute
from journeykit.journeys.shape import codes_of, keep_events
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.study import Catalogue, Touchpoint

SEEN, LEFT, SILENT, UNOBSERVED, UNSAID = STATUSES = (
    "seen",
    "left out",
    "no events here",
    "leaves no events",
    "not said",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Touches(Result):
    """What the models may credit.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a channel, by name: `channel`; `n_touches` in finished journeys; `n_journeys`
        finished journeys with it; `n_conversions` conversions with it before them; `of_converted`
        and `of_others`, the parts of converting and of other finished journeys that hold it. They
        differ by who converts and when journeys stop, and say nothing of what a channel causes.
    coverage : pandas.DataFrame
        One row a touchpoint of the catalogue: `touchpoint`, `channel`, `observability`, `n_events`
        in all journeys, and `status`: ``seen``; ``left out``, with events that are not among
        `touchpoints`; ``no events here``, where the catalogue expects some; ``leaves no events``;
        or ``not said``, without events or a word of the catalogue.
    journeys : Journeys
        Outcome journeys within the lookback, for every model of attribution.
    n_beyond : int
        Touches that `lookback_touches` and `span_days` leave out.
    """

    coverage: pd.DataFrame
    journeys: Journeys
    n_beyond: int
    rows: ClassVar[str] = "channels"

    def summary(self) -> str:
        """Count the touches and the touchpoints of the catalogue that nobody could see."""
        line = f"{self.frame['n_touches'].sum():,} touches at {len(self.frame):,} channels"
        if self.n_beyond:
            line += f"; {self.n_beyond:,} beyond the lookback"
        if not len(self.coverage):
            return f"{line}. Without a catalogue it is not known what was not observed."
        count = self.coverage["status"].value_counts()
        seen, left, silent, unobserved, unsaid = (int(count.get(name, 0)) for name in STATUSES)
        out = f"{left:,} are left out, " if left else ""
        return (
            f"{line}. Of {len(self.coverage):,} touchpoints in the catalogue {seen:,} have events, "
            f"{out}{silent:,} could and have none, {unobserved:,} leave none, of {unsaid:,} it is "
            "not said: no model credits what was not seen."
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the parts of converting and of other journeys that hold each channel."""
        from journeykit.draw import PALETTE, axes, percent_axis, tidy

        ax = axes(ax, height=max(1.8, 0.4 * len(self.frame) + 1.0))
        at = np.arange(len(self.frame))
        for number, (column, label) in enumerate(
            (("of_converted", "converting journeys"), ("of_others", "other finished journeys"))
        ):
            ax.plot(self.frame[column], at, "o", color=PALETTE[number], label=label, clip_on=False)
        ax.set_yticks(at, self.frame["channel"].tolist())
        ax.invert_yaxis()
        ax.set_xlim(left=0)
        ax.set_xlabel("part of journeys that hold the channel")
        percent_axis(ax, "x")
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        return tidy(ax, grid="x")


def touches(
    journeys: Journeys,
    /,
    *,
    conversion: Sequence[str],
    lookback_days: float,
    span_days: float | None = None,
    lookback_touches: int | None = None,
    reset: bool = True,
    conversions: Literal["every", "first"] = "every",
    value: str | None = None,
    touchpoints: Sequence[str] | None = None,
    catalogue: Catalogue | None = None,
) -> Touches:
    """Cut journeys into what each conversion, or its absence, looks back on.

    `Journeys.outcomes` cuts at conversions and at pauses longer than `lookback_days`. Within a
    journey `span_days` keeps the touches at most so long before its end, and `lookback_touches`
    the last so many; the end is the conversion, or the last touch where there is none. Both apply
    to converters and non-converters alike.

    Parameters
    ----------
    journeys : Journeys
        Whole, with times.
    conversion : sequence of str
        Touchpoints that are conversions; they are never touches.
    lookback_days : float
        Longest pause within a journey, in elapsed days; not the greatest age of a touch, which is
        `span_days`.
    span_days : float, optional
        Longest time from a touch to the end of its journey, in elapsed days.
    lookback_touches : int, optional
        Most touches of a journey, the last ones.
    reset : bool
        Whether a conversion uses the touches before it up. If not, the next journey begins with
        the touches of those before it to which it is joined without a longer pause, so that a
        touch may be credited in several conversions; the ledger then counts anew.
    conversions : {"every", "first"}
        Whether customers are followed beyond their first conversion.
    value : str, optional
        Event column with the value of a conversion.
    touchpoints : sequence of str, optional
        What counts as a touch; everything else is taken out before the cut. Default: everything.
    catalogue : Catalogue, optional
        Of the study: groups touchpoints into channels, and says what leaves no events.

    Returns
    -------
    Touches

    Raises
    ------
    ArgumentError
        When journeys are cut already, or a channel bears the name of a conversion.
    DataError
        When no finished journey converts.
    MappingError
        When a touchpoint does not occur or is missing from the catalogue.
    NotObservedError
        When the journeys have no times.

    Examples
    --------
    >>> from journeykit.journeys import Journeys
    >>> from journeykit.journeys.durations import DAY
    >>> import numpy as np
    >>> one = Journeys(
    ...     names=("buy", "mail", "web"),
    ...     touchpoint=np.array([1, 2, 0, 2], dtype=np.uint8),
    ...     start=np.array([0, 4]),
    ...     time=np.array([1, 4, 5, 40]) * DAY,
    ...     observed_to=np.array([60 * DAY]),
    ... )
    >>> found = touches(one, conversion=["buy"], lookback_days=10, span_days=3)
    >>> found.frame[["channel", "n_touches", "n_conversions"]]
      channel  n_touches  n_conversions
    0     web          2              1
    """
    check_choice("conversions", conversions, ("every", "first"))
    if span_days is not None:
        check_positive("span_days", span_days)
    if lookback_touches is not None:
        check_whole("lookback_touches", lookback_touches, least=1)
    data = journeys
    check_names("conversion", conversion)
    if touchpoints is not None:
        check_names("touchpoints", touchpoints)
        data = data.only(*dict.fromkeys([*touchpoints, *conversion]))
    coverage = _coverage(journeys, data.names, catalogue, conversion)
    if catalogue is not None:
        data = _grouped(data, catalogue, conversion)
    if conversions == "first":
        data = data.until(*conversion)
    cut = data.outcomes(conversion=conversion, lookback_days=lookback_days, value=value)
    if not reset:
        cut = _carried(cut, conversion, pause=round(lookback_days * DAY))
    kept = _within(cut, span_days=span_days, most=lookback_touches)
    return Touches(
        frame=touch_table(touch_paths(kept)),
        coverage=coverage,
        journeys=kept,
        n_beyond=cut.n_events - kept.n_events,
        provenance=Provenance(
            fingerprint=kept.fingerprint,
            parameters={
                "conversion": tuple(conversion),
                "lookback_days": lookback_days,
                "span_days": span_days,
                "lookback_touches": lookback_touches,
                "reset": reset,
                "conversions": conversions,
                "value": value,
                "touchpoints": None if touchpoints is None else tuple(touchpoints),
            },
        ),
    )


def touch_table(paths: TouchPaths) -> pd.DataFrame:
    """Count touches, journeys and conversions by channel; see `Touches`."""
    import pandas as pd

    m, row = len(paths.channels), np.repeat(np.arange(len(paths.n)), paths.length)
    count = np.zeros(m, dtype=np.int64)
    np.add.at(count, paths.touch, paths.n[row])
    met = np.unique(row * m + paths.touch)
    reached = np.zeros((2, m), dtype=np.int64)
    np.add.at(reached, (paths.converted[met // m].astype(int), met % m), paths.n[met // m])
    others, converted = (int(paths.n[paths.converted == kind].sum()) for kind in (False, True))
    return pd.DataFrame(
        {
            "channel": list(paths.channels),
            "n_touches": count,
            "n_journeys": reached.sum(axis=0),
            "n_conversions": reached[1],
            "of_converted": reached[1] / converted,
            "of_others": reached[0] / (others or np.nan),
        }
    )


def _coverage(
    journeys: Journeys,
    kept: Sequence[str],
    catalogue: Catalogue | None,
    conversion: Sequence[str],
) -> pd.DataFrame:
    """Say of every touchpoint of the catalogue, conversions left out, whether it has events."""
    import pandas as pd

    n = np.bincount(journeys.touchpoint, minlength=len(journeys.names)).tolist()
    events = dict(zip(journeys.names, n, strict=True))
    unseen = {True: SILENT, False: UNOBSERVED, None: UNSAID}

    def status(one: Touchpoint) -> str:
        if events.get(one.touchpoint):
            return SEEN if one.touchpoint in kept else LEFT
        return unseen[one.leaves_events]

    listed = [] if catalogue is None else list(catalogue.touchpoints.values())
    return pd.DataFrame(
        [
            {
                "touchpoint": one.touchpoint,
                "channel": one.channel or one.touchpoint,
                "observability": one.observability,
                "n_events": events.get(one.touchpoint, 0),
                "status": status(one),
            }
            for one in listed
            if one.touchpoint not in conversion
        ],
        columns=["touchpoint", "channel", "observability", "n_events", "status"],
    )


def _grouped(journeys: Journeys, catalogue: Catalogue, conversion: Sequence[str]) -> Journeys:
    """Rename touchpoints to their channels, conversions left alone."""
    touched = [name for name in journeys.names if name not in conversion]
    channel = {name: catalogue.channel_of(name) for name in touched}
    taken = sorted(set(channel.values()) & set(conversion))
    if taken:
        raise ArgumentError(
            f"A channel must not bear the name of a conversion; {taken[0]!r} is both: rename the "
            "channel in the catalogue."
        )
    return journeys.relabel(channel)


def _carried(cut: Journeys, conversion: Sequence[str], *, pause: int) -> Journeys:
    """Let each journey begin with the touches of those before it that no pause parts from it."""
    time = cut.need_time("A lookback")
    begin, stop = cut.start[:-1], cut.start[1:]
    if not len(cut):
        return cut
    joined = np.zeros(len(cut), dtype=bool)
    joined[1:] = cut.customer_index[1:] == cut.customer_index[:-1]
    joined[1:] &= time[begin[1:]] - time[begin[1:] - 1] <= pause
    chain = np.maximum.accumulate(np.where(joined, 0, np.arange(len(cut))))
    opened = begin[chain]
    length = stop - opened
    start = np.concatenate([[0], np.cumsum(length)])
    event = np.repeat(opened - start[:-1], length) + np.arange(start[-1])
    is_own = event >= np.repeat(begin, length)
    keep = is_own | ~codes_of(cut, "conversion", conversion)[cut.touchpoint[event]]
    event = event[keep]
    edge = cut.attributes["edge"].to_numpy()[chain]
    return cut.replace(
        touchpoint=cut.touchpoint[event],
        start=np.concatenate([[0], np.cumsum(keep)])[start],
        time=time[event],
        columns={name: column[event] for name, column in cut.columns.items()},
        attributes=_with_edge(cut, edge),
        # An event may now stand in several journeys: what is taken out is counted from here.
        ledger=Ledger((), len(cut.customer_id), len(event)),
    )


def _within(cut: Journeys, *, span_days: float | None, most: int | None) -> Journeys:
    """Keep the touches within the lookback; what is then known of first touches changes `edge`."""
    if (span_days is None and most is None) or not len(cut):
        return cut
    time, length = cut.need_time("A lookback"), cut.length
    converted = has_attribute(cut, "outcome", "converted")
    end = time[cut.start[1:] - 1]
    edge = cut.attributes["edge"].to_numpy()
    keep = np.ones(cut.n_events, dtype=bool)
    if span_days is not None:
        span = round(span_days * DAY)
        keep &= np.repeat(end, length) - time <= span
        if cut.window is not None:
            edge = edge & (end - span < cut.window[0])
    if most is not None:
        after = np.repeat(cut.start[1:], length) - 1 - np.arange(cut.n_events)
        keep &= after < most + np.repeat(converted, length)
        edge = edge & (length - converted < most)
    kept = keep_events(cut, keep, step="touches", reason="beyond the lookback")
    return kept.replace(attributes=_with_edge(kept, edge))


def _with_edge(cut: Journeys, edge: NDArray[np.bool_]) -> pa.Table:
    at = cut.attributes.column_names.index("edge")
    return cut.attributes.set_column(at, "edge", pa.array(edge))
