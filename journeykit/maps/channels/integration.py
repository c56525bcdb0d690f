"""Channel integration: how well the channels of a journey are woven together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_known, check_positive, check_whole
from journeykit.errors import DataError
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.maps.channels.confusion import confusion
from journeykit.maps.channels.following import touches
from journeykit.maps.channels.handoffs import handoffs
from journeykit.maps.channels.isolation import isolation
from journeykit.maps.channels.picture import handoff_map, scorecard
from journeykit.maps.rates import rates, without_small
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.maps.channels.following import Touches
    from journeykit.study import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ChannelIntegration(Result):
    """How customers go from channel to channel, and which channels stand alone.

    Attributes
    ----------
    frame : pandas.DataFrame
        The scorecard, one row a channel and measure: ``channel measure n n_customers n_event
        estimate conf_low conf_high``; `n` touches watched long enough, `n_event` of them with the
        event. Measures: `in-flow`, `out-flow`, `dead end`, `repeat contact` (shares), and
        `confusion` (bits; no `n_event`).
    handoffs : pandas.DataFrame
        What follows what: ``source target n n_source n_customers estimate conf_low conf_high
        median_days n_dropped n_watched drop drop_low drop_high``; target ``(nothing)`` where the
        customer touches nothing within the time, so that the shares of a source add up to 1.
    confusion : pandas.DataFrame
        Entropy of the next touchpoint in bits, one row a touchpoint: ``touchpoint n n_customers
        estimate conf_low conf_high verdict``.
    isolation : pandas.DataFrame
        One row a channel: ``channel n n_customers``; `leads leads_low leads_high`, the share of
        touches that another channel follows beyond chance, `leads_share leads_chance` of which it
        is made; the same as `comes`, for what came before, and as `others_lead` and `others_come`,
        the touches of other channels that this one follows, precedes; ``p_value q_value`` of being
        woven in,
        ``p_isolated q_isolated`` of being isolated; `verdict`: isolated, woven in, cannot tell.
    counted : pandas.DataFrame
        One row a channel: ``channel n n_censored n_unseen``, its touches, and those not watched
        long enough after them, before them.
    within_days : float
    """

    handoffs: pd.DataFrame
    confusion: pd.DataFrame
    isolation: pd.DataFrame
    counted: pd.DataFrame
    within_days: float
    rows: ClassVar[str] = "measures of channels"

    def isolated(self) -> tuple[str, ...]:
        """Name the channels that neither lead to others nor come from them beyond chance."""
        frame = self.isolation
        return tuple(frame.loc[frame["verdict"] == "isolated", "channel"])

    def summary(self) -> str:
        """Say which channels stand alone, and where most customers are lost."""
        frame = self.isolation
        alone = self.isolated()
        woven = int((frame["verdict"] == "woven in").sum())
        said = (
            f"{len(frame):,} channels within {self.within_days:g} days: {woven:,} woven in, "
            f"{len(alone):,} isolated" + (f" ({', '.join(alone)})" if alone else "")
        )
        open_ = len(frame) - woven - len(alone)
        said += f", {open_:,} cannot tell" if open_ else ""
        ends = self.frame[self.frame["measure"] == "dead end"].dropna(subset="estimate")
        if len(ends):
            worst = ends.loc[ends["estimate"].idxmax()]
            said += f"; most dead ends: {worst['channel']}, {worst['estimate']:.0%} of its touches"
        return said

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the scorecard: a row a channel, a column a measure, isolated channels marked."""
        return scorecard(self.frame, self.isolated(), ax)

    def plot_handoffs(self, ax: Axes | None = None) -> Axes:
        """Draw what follows what: rows lead to columns, shares of the row."""
        return handoff_map(self.handoffs, ax, self.within_days)


def channel_integration(
    journeys: Journeys,
    /,
    catalogue: Catalogue,
    *,
    within_days: float,
    needs: Mapping[str, str] | None = None,
    negligible: float = 0.05,
    small_cell: int = 10,
    confidence: float = 0.95,
) -> ChannelIntegration:
    """Measure how customers are handed from channel to channel, and lost between them.

    A touch is an event; what comes next or before is the neighbouring touch of the same customer,
    if it lies within `within_days` elapsed days, ends included. By channel, of touches watched for
    the whole time:

    - *out-flow*: the next touch is in another channel; *in-flow*: the one before was;
    - *dead end*: no touch in any channel follows within the time;
    - *repeat contact*: the customer touches the same need again in another channel within the
      time, of touches that have a need;
    - *confusion*: entropy of the next channel, nothing included, in bits.

    Touches not watched so long are left out, whether something follows or not, and counted: those
    kept only because something followed soon would overstate it. Intervals add up what a customer
    contributes (Wilson at the cluster-effective n; entropy: see `paths.detours`). Whether a channel
    is isolated is tested against chance, see `isolation` in `maps.channels`: a channel whose
    customers are busy anyway has neighbours that it does not lead to.

    A touch that the firm sends counts like any other. To look only at what customers do, give
    ``journeys.only(...)`` of those touchpoints.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times.
    catalogue : Catalogue
        ``study.catalogue``; a touchpoint without a channel is a channel of its own.
    within_days : float
        Elapsed days within which one touch follows another.
    needs : mapping of touchpoint to need, optional
        Why customers touch it. Without it repeat contacts are not observed.
    negligible : float in (0, 1)
        Share of touches beyond chance below which a channel counts as isolated.
    small_cell : int
        Rows with fewer customers are emptied.
    confidence : float in (0, 1)

    Returns
    -------
    ChannelIntegration

    Raises
    ------
    MappingError
        When an event's touchpoint is not in the catalogue, or one in `needs` does not exist.
    NotObservedError
        When the journeys have no times.
    DataError
        When there is no event.

    Examples
    --------
    >>> from journeykit.journeys import Journeys
    >>> from journeykit.study import Catalogue
    >>> one = Journeys(
    ...     names=("call", "mail"),
    ...     touchpoint=np.array([1, 0, 1], dtype=np.uint8),
    ...     start=np.array([0, 3]),
    ...     time=np.array([10, 12, 40]) * DAY,
    ...     observed_from=np.array([0]),
    ...     observed_to=np.array([90 * DAY]),
    ... )
    >>> found = channel_integration(one, Catalogue(), within_days=7, small_cell=1)
    >>> found.handoffs[["source", "target", "n", "estimate", "median_days"]]
      source     target  n  estimate  median_days
    0   call  (nothing)  1       1.0          NaN
    1   mail       call  1       0.5          2.0
    2   mail  (nothing)  1       0.5          NaN
    """
    check_positive("within_days", within_days)
    check_fraction("negligible", negligible)
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    refuse_cut(journeys, "`channel_integration`")
    refuse_collapsed(journeys, "`channel_integration`")
    if journeys.n_events == 0:
        raise DataError("`channel_integration` needs events; these journeys have none.")
    seen = touches(journeys, catalogue, within_days=within_days)
    span = round(within_days * DAY)
    given = {"small_cell": small_cell, "confidence": confidence}
    everywhere = {"within_days": within_days, "negligible": negligible, **given}
    return ChannelIntegration(
        frame=_scores(journeys, seen, needs, span, small_cell, confidence),
        provenance=Provenance(journeys.fingerprint, everywhere),
        handoffs=handoffs(seen, small_cell=small_cell, confidence=confidence),
        confusion=_by_touchpoint(journeys, seen, small_cell, confidence),
        isolation=isolation(
            journeys,
            seen,
            span=span,
            negligible=negligible,
            small_cell=small_cell,
            confidence=confidence,
        ),
        counted=_counted(seen),
        within_days=within_days,
    )


def _scores(
    journeys: Journeys,
    seen: Touches,
    needs: Mapping[str, str] | None,
    span: int,
    small_cell: int,
    confidence: float,
) -> pd.DataFrame:
    """Put the measures of all channels into one frame."""
    none = len(seen.channels)
    leaves = (seen.next_channel != seen.channel) & (seen.next_channel != none)
    arrives = (seen.previous_channel != seen.channel) & (seen.previous_channel != none)
    measures = {
        "in-flow": (seen.behind, arrives),
        "out-flow": (seen.ahead, leaves),
        "dead end": (seen.ahead, seen.next_channel == none),
    }
    if needs is not None:
        needy, again = _repeats(journeys, seen, needs, span)
        measures["repeat contact"] = (seen.ahead & needy, again)
    frames = []
    for measure, (kept, event) in measures.items():
        group = np.where(kept, seen.channel, -1)
        found = rates(group, event, seen.customer, n_groups=none, confidence=confidence)
        frames.append(pd.DataFrame({"measure": measure, **found._asdict()}))
        frames[-1].insert(0, "channel", seen.channels)
    ahead = np.flatnonzero(seen.ahead)
    bits = confusion(
        seen.channel[ahead],
        seen.next_channel[ahead],
        seen.customer[ahead],
        names=seen.channels,
        label="channel",
        small_cell=1,
        confidence=confidence,
    )
    frames.append(bits.drop(columns="verdict").assign(measure="confusion", n_event=pd.NA))
    columns = ["n", "n_customers", "n_event", "estimate", "conf_low", "conf_high"]
    frame = pd.concat([part.astype({"n_event": "Int64"}) for part in frames], ignore_index=True)
    frame["measure"] = pd.Categorical(frame["measure"], [*measures, "confusion"], ordered=True)
    frame = frame.sort_values(["channel", "measure"], ignore_index=True)
    frame["measure"] = frame["measure"].astype(str)
    return without_small(
        frame[["channel", "measure", *columns]], hide=columns, small_cell=small_cell
    )


def _repeats(
    journeys: Journeys, seen: Touches, needs: Mapping[str, str], span: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark touches that have a need, and those whose need comes again elsewhere in time."""
    check_known("needs", needs, journeys.names, what="touchpoints")
    words = sorted(set(needs.values()))
    code = np.array([words.index(needs[n]) if n in needs else -1 for n in journeys.names])
    need = code[journeys.touchpoint]
    time = journeys.need_time("`channel_integration`")
    at = np.flatnonzero(need >= 0)
    order = at[np.lexsort((at, need[at], seen.customer[at]))]
    same = np.ones(len(order), dtype=bool)
    same[1:] = (np.diff(need[order]) == 0) & (np.diff(seen.customer[order]) == 0)
    change = np.ones(len(order) + 1, dtype=bool)
    change[1:-1] = ~same[1:] | (np.diff(seen.channel[order]) != 0)
    edges = np.flatnonzero(change)
    onward = edges[np.cumsum(change[:-1])]
    inside = np.minimum(onward, len(order) - 1)
    kin = (onward < len(order)) & (need[order[inside]] == need[order])
    kin &= seen.customer[order[inside]] == seen.customer[order]
    again = np.zeros(len(need), dtype=bool)
    again[order] = kin & (time[order[inside]] - time[order] <= span)
    return need >= 0, again


def _by_touchpoint(
    journeys: Journeys, seen: Touches, small_cell: int, confidence: float
) -> pd.DataFrame:
    """Estimate the entropy of the next touchpoint after each touchpoint."""
    ahead = np.flatnonzero(seen.ahead)
    here = journeys.touchpoint.astype(np.int64)
    following = np.full(len(here), len(journeys.names))
    following[:-1] = np.where(seen.next_channel[:-1] < len(seen.channels), here[1:], following[1:])
    return confusion(
        here[ahead],
        following[ahead],
        seen.customer[ahead],
        names=journeys.names,
        label="touchpoint",
        small_cell=small_cell,
        confidence=confidence,
    )


def _counted(seen: Touches) -> pd.DataFrame:
    size = len(seen.channels)
    return pd.DataFrame(
        {
            "channel": seen.channels,
            "n": np.bincount(seen.channel, minlength=size),
            "n_censored": np.bincount(seen.channel[~seen.ahead], minlength=size),
            "n_unseen": np.bincount(seen.channel[~seen.behind], minlength=size),
        }
    )
