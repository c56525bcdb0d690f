"""What follows what: step probabilities with intervals that know customers from steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_whole
from journeykit.counts import TransitionCounts, run, transition_counts
from journeykit.counts.naming import path_names
from journeykit.counts.transitions import ENTRY, EXIT, OPEN, UNSEEN
from journeykit.draw import heat_map, interval_bars, percent_axis
from journeykit.errors import ArgumentError, DataError
from journeykit.paths.dwelling import TIME_COLUMNS, DwellTimes, dwell_times
from journeykit.paths.picture import MOST, OTHER, draw_roads, main_roads, n_otherwise
from journeykit.results import Provenance, Result
from journeykit.stats import ClusterSums, clustered_wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

#: Touchpoints drawn in the heat map; the rest are pooled as "(other)".
_DRAWN = 12
_BARS = 15
_KEY = ("source", "target")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Transitions(Result):
    """``source target n n_customers n_source estimate conf_low conf_high`` and times.

    One row per observed cell, sorted by source and target. Rows with target ``(open)`` count
    journeys still running at that point; they have no estimate and are in no denominator. Source
    ``(unseen)`` stands before the first event seen of a journey that may have begun earlier:
    entry figures are those of ``(entry)``. ``p25_seconds median_seconds p75_seconds`` is how long
    the step takes (see `dwell_times`), empty where there is no time or nothing follows.

    Attributes
    ----------
    counts : TransitionCounts
    dwell : DwellTimes or None
        Times per source and per step with intervals; None where they were not asked for or
        cannot be had.
    """

    counts: TransitionCounts
    dwell: DwellTimes | None = None
    rows: ClassVar[str] = "steps"

    def summary(self) -> str:
        """Name the most frequent step."""
        known = self.frame.dropna(subset="estimate")
        if known.empty:
            return f"{int(self.counts.n.sum()):,} steps, none with a known successor"
        top = known.loc[known["n"].idxmax()]
        return (
            f"{int(self.counts.n.sum()):,} steps; most often {top['source']} is followed by "
            f"{top['target']}: {top['estimate']:.0%} of {top['n_source']:,} "
            f"({top['conf_low']:.0%} to {top['conf_high']:.0%})"
        )

    def plot(self, ax: Axes | None = None, *, small_cell: int = 1) -> Axes:
        """Draw order 1 as a heat map of P(next | this), higher orders as the most frequent steps.

        Touchpoints beyond the twelve most frequent are pooled as ``(other)``, so every row still
        sums to 1. Steps of fewer than `small_cell` customers are not drawn: their cells are as
        empty as those of steps that nobody made. Where some, but fewer than `small_cell` customers
        went any other way, "most" stands for the number; such steps of higher orders are not drawn.
        Where touchpoints are pooled, it is steps that are counted.
        """
        check_whole("small_cell", small_cell, least=1)
        if self.counts.order > 1:
            return self._plot_bars(ax, small_cell)
        table, rows, columns = _pooled(self.counts)
        share = table / table.sum(axis=1, keepdims=True)
        customers, others = table.copy(), table.sum(axis=1, keepdims=True) - table
        cells = self.frame[["source", "target", "n_customers"]].assign(n=n_otherwise(self.counts))
        for source, target, n, away in cells.itertuples(index=False, name=None):
            if source in rows and target in columns:
                at = rows.index(source), columns.index(target)
                customers[at], others[at] = n, away
        most = (customers >= small_cell) & (others > 0) & (others < small_cell)
        share[(customers < small_cell) | most.any(axis=1, keepdims=True)] = 0
        share[most] = 1
        ax = heat_map(share, rows=rows, columns=columns, ax=ax)
        for text in ax.texts:
            column, row = (int(place) for place in text.get_position())
            if most[row, column]:
                text.set_text(MOST)
        ax.set_xlabel("next")
        ax.set_ylabel("this")
        return ax

    def graph(self, ax: Axes | None = None, *, edges: int = 12, small_cell: int = 1) -> Axes:
        """Draw the most frequent steps of order 1 as a graph, from top to bottom.

        Blue steps lead onwards, orange ones back; both are as wide as they are frequent and carry
        P(next | this). What is not drawn is told at each touchpoint ("other ways") and under the
        picture, so nothing is lost. Touchpoints beyond the most frequent are pooled as
        ``(other)``. Steps of fewer than `small_cell` customers are not drawn. Where some, but fewer
        than `small_cell` customers went any other way, "most" stands for the percentage, and other
        ways have none.
        """
        check_whole("edges", edges, least=1)
        check_whole("small_cell", small_cell, least=1)
        if self.counts.order != 1:
            raise ArgumentError(
                f"`graph` draws transitions of order 1; these are of {self.counts.order}. `plot` "
                "draws higher orders."
            )
        return draw_roads(main_roads(self.counts, edges=edges, small_cell=small_cell), ax)

    def _plot_bars(self, ax: Axes | None, small_cell: int) -> Axes:
        others = n_otherwise(self.counts)
        few = (self.frame["n_customers"] < small_cell) | ((others > 0) & (others < small_cell))
        top = self.frame[~few].dropna(subset="estimate").nlargest(_BARS, "n")
        labels = [
            f"{source}, then {target} (of {n:,})"
            for source, target, n in zip(top["source"], top["target"], top["n_source"], strict=True)
        ]
        ax = interval_bars(labels, top["estimate"], top["conf_low"], top["conf_high"], ax=ax)
        percent_axis(ax, "x")
        ax.set_xlabel(f"how often, after {self.counts.order} touchpoints, the last one follows")
        return ax


def _pooled(counts: TransitionCounts) -> tuple[NDArray[np.int64], list[str], list[str]]:
    """Return known order-1 steps with rare touchpoints pooled, and labels of rows and columns.

    Rows begin with ``(entry)`` and ``(unseen)``, as far as they occur; columns end with exit.
    """
    full = counts.matrix()[:, :-1]
    m = len(counts.names)
    volume = full[:, :m].sum(axis=0)
    shown = np.sort(np.argsort(-volume, kind="stable")[:_DRAWN])
    rest = np.setdiff1d(np.arange(m), shown)
    labels = [counts.names[code] for code in shown]
    singles = [np.array([code]) for code in shown]
    row_groups = [np.array([m]), np.array([m + 1]), *singles, rest]
    column_groups = [*singles, rest, np.array([m])]
    table = np.array(
        [[full[row][:, column].sum() for column in column_groups] for row in row_groups]
    )
    rows, columns = [ENTRY, UNSEEN, *labels, OTHER], [*labels, OTHER, EXIT]
    there, meant = table.sum(axis=1) > 0, table.sum(axis=0) > 0
    return (
        table[np.ix_(there, meant)],
        [label for label, is_there in zip(rows, there, strict=True) if is_there],
        [label for label, is_meant in zip(columns, meant, strict=True) if is_meant],
    )


def transitions(
    data: Journeys | TransitionCounts,
    /,
    *,
    order: int = 1,
    dwell: bool = True,
    confidence: float = 0.95,
) -> Transitions:
    """Estimate P(next touchpoint | the last `order` touchpoints).

    `estimate` is the steps from source to target over all steps from source whose successor is
    known, leaving (``(exit)``) included. A customer who makes many steps counts as one: the
    interval is Wilson's at the cluster-effective n (`stats.cluster_effective_n`).

    Parameters
    ----------
    data : Journeys or TransitionCounts
        With counts, `order` is theirs.
    order : int
        At least 1.
    dwell : bool
        Whether to estimate how long steps take, where journeys have times. It sorts all steps,
        which costs more than counting them; counts have no times.
    confidence : float in (0, 1)

    Returns
    -------
    Transitions
        ``source`` joins the last touchpoints by `` > ``.

    Raises
    ------
    DataError
        When there is no event.
    """
    check_fraction("confidence", confidence)
    times = None
    if isinstance(data, TransitionCounts):
        counts = data
    else:
        counts = run(partial(transition_counts, order=order), data)
        if dwell and data.time is not None and (data.length > 1).any():
            times = dwell_times(data, order=order, confidence=confidence)
    if len(counts.gram) == 0:
        raise DataError(f"There is no step in {counts.n_journeys:,} journeys; all are empty.")
    frame = _with_times(_frame(counts, confidence), times)
    made = Provenance(
        fingerprint=f"{counts.fingerprint:032x}",
        parameters={"order": counts.order, "confidence": confidence},
    )
    return Transitions(frame=frame, provenance=made, counts=counts, dwell=times)


def _frame(counts: TransitionCounts, confidence: float) -> pd.DataFrame:
    m = len(counts.names)
    at = _row_of(counts.context, counts.gram[:, :-1])
    total = np.where((at >= 0)[:, None], counts.total[at], 0)
    known = counts.gram[:, -1] != m + 1
    n, customers, squares, cross, only_this = counts.cell.T
    sums = ClusterSums(
        n_event=np.where(known, n, 0),
        n=total[:, 0],
        event_squares=squares,
        event_cross=cross,
        squares=total[:, 2],
        n_customers=total[:, 1],
        n_rarer=np.minimum(customers, total[:, 1] - only_this),
    )
    low, high = clustered_wilson_interval(sums, confidence=confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = n / total[:, 0]
    names = counts.names if counts.order == 1 else path_names(counts.names)
    before = np.array([*names, ENTRY, UNSEEN], dtype=object)
    after = np.array([*counts.names, EXIT, OPEN], dtype=object)
    source = [" > ".join(before[codes]) for codes in counts.gram[:, :-1]]
    return pd.DataFrame(
        {
            "source": source,
            "target": after[counts.gram[:, -1]],
            "n": n,
            "n_customers": customers,
            "n_source": total[:, 0],
            "estimate": np.where(known, estimate, np.nan),
            "conf_low": np.where(known, low, np.nan),
            "conf_high": np.where(known, high, np.nan),
        }
    )


def _with_times(frame: pd.DataFrame, times: DwellTimes | None) -> pd.DataFrame:
    if times is None:
        return frame.assign(**dict.fromkeys(TIME_COLUMNS, np.nan))
    return frame.merge(times.frame[[*_KEY, *TIME_COLUMNS]], on=list(_KEY), how="left")


def _row_of(table: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find each row of `wanted` in the sorted distinct rows of `table`; -1 where it is not."""
    rows, inverse = np.unique(np.concatenate([table, wanted]), axis=0, return_inverse=True)
    place = np.full(len(rows), -1, dtype=np.int64)
    place[inverse[: len(table)]] = np.arange(len(table))
    return place[inverse[len(table) :]]
