"""Passion points: after which moments customers are likelier to move on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from journeykit.checks import check_known, check_positive
from journeykit.errors import DataError
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.paths import precursors
from journeykit.results import Provenance, Result
from journeykit.stages.following import entries, rung_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.stages.following import Entries
    from journeykit.study.models import Ladder

#: The end of a stay, which precursors takes for the outcome; no touchpoint can be called so.
_ADVANCE = "(moves on)"
_DRAWN = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PassionPoints(Result):
    """Moments after which more, or fewer, customers move on than at equal moments.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a stage and touchpoint, stages from below, then as in `precursors`: `stage`,
        `touchpoint`; `n`, `share`, customers who met it in the stage, of all with an event there;
        `n_exposed n_event n_compared`; `risk`, `risk_compared`, the share who move on within the
        horizon after it and at the moments compared with; `risk_difference difference_low
        difference_high`; `risk_ratio ratio_low ratio_high`; `p_value q_value`;
        `holdout_difference`; `verdict`.
    stages : pandas.DataFrame
        One row a stage that was searched: `stage`, `n_customers` with an event in it, `n_tried`
        touchpoints.
    horizon_days : float
    """

    stages: pd.DataFrame
    horizon_days: float
    rows: ClassVar[str] = "touchpoints in stages"

    def holding(self) -> pd.DataFrame:
        """Return the rows that hold on held-out customers, the largest difference first."""
        found = self.frame[self.frame["verdict"] == "holds"]
        return found.sort_values("risk_difference", ascending=False, ignore_index=True)

    def summary(self) -> str:
        """Say how many were tried, and after which moments customers move on."""
        found = self.holding()
        tried = int(self.stages["n_tried"].sum())
        said = (
            f"{tried:,} touchpoints in {len(self.stages):,} stages tried: "
            f"{len(found):,} {'holds' if len(found) == 1 else 'hold'} on held-out customers"
        )
        told = [
            f"after {row.touchpoint} in {row.stage} {row.risk:.1%} move on within "
            f"{self.horizon_days:g} days, {row.risk_compared:.1%} of comparable customers"
            for row in found.head(3).itertuples()
        ]
        return "; ".join([said, *told])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the differences with their intervals: filled what holds, then the smallest p."""
        from journeykit.draw import INK, PALETTE, QUIET, axes, percent_axis, tidy
        from journeykit.draw.charts import shortened

        tested = self.frame[self.frame["p_value"].notna()]
        first = tested.assign(_later=tested["verdict"] != "holds")
        top = first.sort_values(["_later", "p_value"]).head(_DRAWN)
        top = top.sort_values(["_later", "risk_difference"], ascending=[True, False])
        ax = axes(ax, height=max(1.8, 0.36 * len(top) + 1.1), width=7.2)
        at = np.arange(len(top))
        ax.axvline(0, color=QUIET, linewidth=1)
        ax.hlines(at, top["difference_low"], top["difference_high"], color=INK, linewidth=1.4)
        face = np.where(top["_later"], "white", PALETTE[0])
        ax.scatter(top["risk_difference"], at, c=face, edgecolors=PALETTE[0], s=42, zorder=3)
        labels = [
            f"{shortened(row.touchpoint)}, {shortened(row.stage)} ({row.n_exposed:,})"
            for row in top.itertuples()
        ]
        ax.set_yticks(at, labels)
        ax.invert_yaxis()
        percent_axis(ax, "x")
        ax.set_xlabel(
            f"move on within {self.horizon_days:g} days: points more than comparable customers\n"
            "filled: holds on held-out customers"
        )
        return tidy(ax, grid="x")


def passion_points(
    journeys: Journeys,
    /,
    ladder: Ladder,
    *,
    horizon_days: float,
    sent: Sequence[str] = (),
    held_equal: Sequence[str] = (),
    support: float = 0.05,
    q: float = 0.05,
    holdout: float = 0.3,
    small_cell: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
) -> PassionPoints:
    """Find the moments of a stage after which customers are likelier to move on.

    For every stage but the highest, customers are followed from their first entry into it until
    they first come into a higher one, by whatever way: that is moving on. A touchpoint's moment is
    the first time a customer meets it while in the stage; what is met while fallen back is left
    out. Who meets it is compared, at that moment, with others in the stage who have not met it
    there yet and are alike in time since entry, steps and visits before, calendar week, and how
    often they have left the stage and come back (risk sets; see `paths.precursors`, which does the
    comparison). Never are those who ever met it set against those who never did: whoever stays
    long meets more. What happens counts within `horizon_days` after the moment, watched to its end.

    Touchpoints that lead to rungs are not tested: entering a stage is no cause of having entered
    it. Nor are stages searched from which time alone leads up, all higher rungs being `after`
    others: nothing met there could bring that day nearer. All stages together are one family: each
    is searched at the level `q` divided by their number, discovered on part of the customers and
    confirmed on those held out.

    An association, of design grade B: who seeks a moment may be about to move on anyway.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times.
    ladder : Ladder
        ``study.model.stages``.
    horizon_days : float
        Elapsed days after the moment within which moving on counts.
    sent : sequence of str
        Touchpoints that the firm sends: they find customers at moments that those have not chosen,
        and are compared with random moments.
    held_equal : sequence of str
        Attributes in which customers compared are equal, such as the segment.
    support : float in (0, 1]
        Least share of the customers of a stage who meet a touchpoint that is tested.
    q, holdout, small_cell, confidence, seed
        As in `paths.precursors`.

    Raises
    ------
    MappingError
        When a touchpoint or an attribute does not exist.
    NotObservedError
        When the journeys have no times.
    DataError
        When no stage can be searched.

    References
    ----------
    As of `paths.precursors`.
    """
    import pandas as pd

    check_positive("horizon_days", horizon_days)
    refuse_cut(journeys, "`passion_points`")
    refuse_collapsed(journeys, "`passion_points`")
    check_known("sent", sent, journeys.names, what="touchpoints")
    steps = entries(journeys, ladder)
    lower, leading = searchable(journeys, ladder)
    # As `precursors` names them; the level is that of a stage.
    given: dict[str, Any] = {
        "horizon_days": horizon_days,
        "sent": tuple(sent),
        "support": support,
        "holdout": holdout,
        "small_cell": small_cell,
        "confidence": confidence,
    }
    frames, rows, reasons = [], [], []
    for stage in lower:
        stays = stays_in(journeys, steps, ladder.stages.index(stage), leading)
        try:
            found = precursors(
                stays,
                outcome=[_ADVANCE],
                held_equal=[*held_equal, "in stage"],
                length=1,
                q=q / len(lower),
                seed=seed,
                **given,
            )
        except DataError as error:
            reasons.append(f"{stage}: {error}")
            continue
        frames.append(found.frame.rename(columns={"pattern": "touchpoint"}).assign(stage=stage))
        rows.append((stage, found.n_customers, found.n_tried))
    if not frames:
        raise DataError(f"No stage can be searched. {' '.join(reasons)}")
    frame = pd.concat(frames, ignore_index=True).drop(columns=["n_steps", "closed"])
    return PassionPoints(
        frame=frame[["stage", *frame.columns.drop("stage")]],
        provenance=Provenance(
            journeys.fingerprint, {**given, "held_equal": tuple(held_equal), "q": q}, seed
        ),
        stages=pd.DataFrame(rows, columns=["stage", "n_customers", "n_tried"]),
        horizon_days=horizon_days,
    )


def searchable(journeys: Journeys, ladder: Ladder) -> tuple[list[str], set[str]]:
    """Return the stages from which more than time leads up, and what leads to any rung."""
    rungs = tuple(ladder.rungs.values())
    lower = [
        stage
        for at, stage in enumerate(ladder.stages)
        if any(rung.after is None for rung in rungs[at + 1 :])
    ]
    if not lower:
        raise DataError("No stage can be searched: time alone leads up.")
    leading = {name for rung in rungs for name in rung.touchpoints}
    if leading >= set(journeys.names):
        raise DataError(
            "There is no touchpoint to try: all of them lead to a stage of the ladder, and coming "
            "into a stage is no cause of having come into it."
        )
    return lower, leading


def stays_in(
    journeys: Journeys,
    steps: Entries,
    rung: int,
    leading: set[str],
) -> Journeys:
    """Follow customers from their first entry into a stage to their first into a higher one.

    What they meet while they have fallen back is left out. The attribute ``in stage`` lists when
    they left it and came back: at what is sent, and at random moments, the last event before would
    not tell, and who has fallen back is to be compared with nobody who is there.
    """
    who, when, to = steps = steps.take(last_of_instant(steps))
    never = np.iinfo(np.int64).max
    begin, end = (np.full(len(journeys), never) for _ in range(2))
    np.minimum.at(begin, who[to == rung], when[to == rung])
    later = (to > rung) & (when > begin[who])
    np.minimum.at(end, who[later], when[later])
    chosen = begin < never
    if journeys.observed_to is not None:
        chosen &= begin < journeys.observed_to
    time = journeys.need_time("`passion_points`")
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    is_leading = np.isin(np.array(journeys.names, dtype=object), list(leading))
    kept = (time >= begin[owner]) & (time < end[owner]) & ~is_leading[journeys.touchpoint]
    kept &= chosen[owner]
    ends = np.flatnonzero(chosen & (end < never))
    kept[kept] = rung_at(steps, owner[kept], time[kept]) == rung
    names = tuple(sorted({*journeys.names, _ADVANCE}))
    code = np.array([names.index(name) for name in journeys.names])
    whose = np.concatenate([owner[kept], ends])
    at = np.concatenate([time[kept], end[ends]])
    touchpoint = np.concatenate(
        [code[journeys.touchpoint[kept]], np.full(len(ends), names.index(_ADVANCE))]
    )
    order = np.lexsort((at, whose))
    since = begin if journeys.observed_from is None else np.maximum(begin, journeys.observed_from)
    made = journeys.replace(
        names=names,
        touchpoint=touchpoint[order].astype(np.min_scalar_type(len(names))),
        start=np.searchsorted(whose[order], np.arange(len(journeys) + 1)),
        time=at[order],
        columns={},
        attributes=_with_changes(journeys.attributes, steps, rung, begin, end),
        observed_from=np.where(chosen, since, 0),
    )
    if made.window is None and chosen.any():
        # Without one, the clock of those compared would start with the first thing they meet.
        made = made.replace(window=(int(since[chosen].min()) - 1, never))
    # Nobody reads the fingerprint of stays, and lists have none.
    return made.take(chosen).with_fingerprint(journeys.fingerprint_number)


def last_of_instant(steps: Entries) -> NDArray[np.bool_]:
    """Of several entries of a customer at one instant, mark the last, which is the highest."""
    last = np.ones(len(steps.who), dtype=bool)
    last[:-1] = (np.diff(steps.who) != 0) | (np.diff(steps.time) != 0)
    return last


def _with_changes(
    attributes: pa.Table,
    steps: Entries,
    rung: int,
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
) -> pa.Table:
    """Add when customers left the stage and came back, between their first entry and the end."""
    here = (steps.time >= begin[steps.who]) & (steps.time < end[steps.who])
    who, when, to = steps.take(here)
    inside = to == rung
    changed = np.zeros(len(who), dtype=bool)
    changed[1:] = (np.diff(who) == 0) & (inside[1:] != inside[:-1])
    offsets = np.searchsorted(who[changed], np.arange(len(begin) + 1))
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(when[changed]))
    if "in stage" in attributes.column_names:
        attributes = attributes.drop_columns(["in stage"])
    if not attributes.num_columns:
        return pa.table({"in stage": lists})
    return attributes.append_column("in stage", lists)
