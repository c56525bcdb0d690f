"""Where customers are, step by step from an anchor, and the flow between the steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_whole
from journeykit.counts import StepCounts, run, step_counts
from journeykit.counts.transitions import ENTRY, OPEN, UNSEEN
from journeykit.errors import DataError
from journeykit.results import Provenance, Result
from journeykit.stats import ClusterSums, clustered_wilson_interval, wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.counts.steps import Direction, Occurrence
    from journeykit.journeys import Journeys

LEFT, OTHER = "(left)", "(other)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class StepTable(Result):
    """``step touchpoint n n_customers share conf_low conf_high``.

    One row per step and touchpoint, those at which nobody was included: the `top` touchpoints,
    then ``(other)``, ``(left)`` for journeys that ended before and ``(open)`` for those still
    running, whose step is not known yet; backwards ``(entry)`` and ``(unseen)`` in their places.
    Step 0 is the anchor, steps before it are negative. At every step `n` sums to `n_anchors` and
    `share` to 1. `n_customers` of ``(other)`` is empty: a customer may be at several of them.

    Attributes
    ----------
    counts : StepCounts
    n_anchors, n_customers : int
        Anchors (one a journey unless `occurrence` is ``every``) and their customers.
    n_without, n_unseen : int
        Journeys without the anchor; journeys left out because their first event was not seen.
    links : pandas.DataFrame
        ``step source target n share``: who goes where from one step to the next, see `flow`.
    """

    counts: StepCounts
    n_anchors: int
    n_customers: int
    n_without: int
    n_unseen: int
    links: pd.DataFrame
    rows: ClassVar[str] = "cells"

    def summary(self) -> str:
        """Say what is most frequent one step from the anchor, and how many are gone or unknown."""
        question = self.counts.question
        one = 1 if question.direction == "forwards" else -1
        first = self.frame[self.frame["step"] == one].set_index("touchpoint")
        edge, unknown = _edges(question.direction)
        known = first.drop([OTHER, edge, unknown])
        told = [
            f"{known.loc[name, 'share']:.0%} ({known.loc[name, 'conf_low']:.0%} to "
            f"{known.loc[name, 'conf_high']:.0%}) are at {name}"
            for name in known["n"].nlargest(1).index
            if known.loc[name, "n"] > 0
        ]
        told.append(
            f"{first.loc[edge, 'share']:.0%} {'have left' if one == 1 else 'entered there'}"
        )
        if first.loc[unknown, "n"]:
            told.append(f"of {first.loc[unknown, 'share']:.0%} it is not known")
        unit = "occurrences" if question.anchor and question.occurrence == "every" else "journeys"
        without = f"; {self.n_without:,} journeys have none" if question.anchor else ""
        when = "after" if one == 1 else "before"
        return (
            f"One step {when} {_anchor_text(question.anchor, question.direction)}, of "
            f"{self.n_anchors:,} {unit}: {', '.join(told)}{without}"
        )

    def table(self) -> pd.DataFrame:
        """Return the shares as a table, touchpoints by steps; every column sums to 1."""
        order = self.frame["touchpoint"].drop_duplicates()
        cells = self.frame.set_index(["touchpoint", "step"])["share"]
        return cells.unstack().loc[order]  # noqa: PD010 (every cell is there once)

    def flow(self) -> pd.DataFrame:
        """Return ``step source target n share``, the links from each step to the next in time.

        `step` is the earlier of the two, `share` of all anchors: at every step they sum to 1.
        Those gone stay at ``(left)``, those not known at ``(open)``.
        """
        return self.links

    def plot(self, ax: Axes | None = None, *, small_cell: int = 1) -> Axes:
        """Draw the flow from step to step; touchpoints keep their colour throughout.

        Touchpoints beyond the seven most frequent join ``(other)``. Places of fewer than
        `small_cell` journeys carry no number.
        """
        from journeykit.draw import flow_chart

        check_whole("small_cell", small_cell, least=1)
        edge, unknown = _edges(self.counts.question.direction)
        touchpoints = [
            name
            for name in self.frame["touchpoint"].drop_duplicates()
            if name not in (OTHER, edge, unknown)
        ]
        anchored = self.counts.question.anchor is not None
        ax = flow_chart(
            self.links,
            touchpoints=touchpoints,
            edges=(OTHER, edge, unknown),
            first_is_zero=anchored or self.counts.question.direction == "backwards",
            least=small_cell,
            ax=ax,
        )
        ax.set_xlabel(self._axis_text())
        return ax

    def _axis_text(self) -> str:
        question = self.counts.question
        unit = "occurrences" if question.occurrence == "every" and question.anchor else "journeys"
        if question.direction == "forwards":
            where = "step" if question.anchor is None else "steps after the anchor"
        else:
            where = "steps before the anchor" if question.anchor else "steps before the last event"
        return f"{where} ({self.n_anchors:,} {unit})"


def step_table(
    data: Journeys | StepCounts,
    /,
    *,
    anchor: str | None = None,
    occurrence: Occurrence = "first",
    direction: Direction = "forwards",
    steps: int = 5,
    top: int = 8,
    confidence: float = 0.95,
) -> StepTable:
    """Follow journeys step by step from an anchor, forwards or backwards.

    `share` is the anchors that are at a touchpoint after that many events, over all anchors.
    Journeys still running when their watching ends stay in the denominator as ``(open)``: to
    leave them out would favour the fast ones. So the share of a touchpoint is what is known so
    far; it may grow by at most the share of ``(open)`` at that step. A customer who anchors many
    times counts as one: the interval is Wilson's at the cluster-effective n; that of ``(other)``
    is Wilson's at Kish's n, which is at least as wide. Ties in time keep the order of the events.

    Parameters
    ----------
    data : Journeys or StepCounts
        With counts, `anchor`, `occurrence`, `direction` and `steps` are theirs.
    anchor : str, optional
        A touchpoint, or a pattern of the search language: the steps are counted from its last
        event, backwards from its first. By default from the journey's first event (pieces that
        may have begun before they were watched are left out), backwards from the last one seen.
    occurrence : {"first", "last", "every"}
        Which occurrences of the anchor in a journey count. Of a journey that may have begun
        before it was watched, the first is the first one seen.
    direction : {"forwards", "backwards"}
    steps : int
        At least 1.
    top : int
        Touchpoints shown, the most frequent over all steps (ties by name); the others are pooled.
    confidence : float in (0, 1)

    Raises
    ------
    DataError
        When no journey has the anchor.

    Examples
    --------
    >>> import numpy as np
    >>> from journeykit.journeys import Journeys
    >>> visits, start = np.array([1, 0, 1]), np.array([0, 2, 3])
    >>> two = Journeys(names=("buy", "web"), touchpoint=visits, start=start)
    >>> step_table(two, anchor="web", steps=1).table()[1].to_dict()
    {'web': 0.0, 'buy': 0.5, '(other)': 0.0, '(left)': 0.5, '(open)': 0.0}
    """
    check_fraction("confidence", confidence)
    check_whole("top", top, least=1)
    if isinstance(data, StepCounts):
        counts = data
    else:
        question = partial(
            step_counts, anchor=anchor, occurrence=occurrence, direction=direction, steps=steps
        )
        counts = run(question, data)
    n_anchors, n_customers, _ = counts.total.tolist()
    if n_anchors == 0:
        raise DataError(
            f"None of {counts.n_journeys:,} journeys has the anchor, "
            f"{_anchor_text(counts.question.anchor, counts.question.direction)}; of "
            f"{counts.n_unseen:,} the beginning was not seen."
        )
    place = _pooling(counts, top)
    return StepTable(
        frame=_frame(counts, place, confidence),
        provenance=Provenance(
            fingerprint=f"{counts.fingerprint:032x}",
            parameters={**counts.question._asdict(), "top": top, "confidence": confidence},
        ),
        counts=counts,
        n_anchors=n_anchors,
        n_customers=n_customers,
        n_without=counts.n_without,
        n_unseen=counts.n_unseen,
        links=_links(counts, place),
    )


@dataclass(frozen=True, slots=True)
class _Pooling:
    """Which touchpoints are shown: labels of the places, and the place of each code, (m + 2,)."""

    labels: list[str]
    of_code: NDArray[np.int64]


def _pooling(counts: StepCounts, top: int) -> _Pooling:
    m = len(counts.names)
    volume = counts.table()[:, :m].sum(axis=0)
    seen = int((volume > 0).sum())
    shown = np.argsort(-volume, kind="stable")[: min(top, seen)]
    of_code = np.full(m + 2, len(shown), dtype=np.int64)
    of_code[shown] = np.arange(len(shown))
    of_code[[m, m + 1]] = len(shown) + 1, len(shown) + 2
    labels = [counts.names[code] for code in shown]
    return _Pooling([*labels, OTHER, *_edges(counts.question.direction)], of_code)


def _frame(counts: StepCounts, place: _Pooling, confidence: float) -> pd.DataFrame:
    shape = (counts.question.steps + 1, len(place.labels), 5)
    cell = np.zeros(shape, dtype=np.int64)
    # Of the places only (other) has several codes; its sums over customers are not known.
    np.add.at(cell, (counts.place[:, 0], place.of_code[counts.place[:, 1]]), counts.cell)
    n, customers, squares, cross, only_there = np.moveaxis(cell, 2, 0)
    total, n_customers, total_squares = counts.total.tolist()
    sums = ClusterSums(
        n_event=n,
        n=np.full_like(n, total),
        event_squares=squares,
        event_cross=cross,
        squares=np.full_like(n, total_squares),
        n_customers=np.full_like(n, n_customers),
        n_rarer=np.minimum(customers, n_customers - only_there),
    )
    low, high = clustered_wilson_interval(sums, confidence=confidence)
    other = len(place.labels) - 3
    kish = total**2 / total_squares
    low[:, other], high[:, other] = wilson_interval(
        n[:, other] / total * kish, np.full(shape[0], kish), confidence=confidence
    )
    sign = 1 if counts.question.direction == "forwards" else -1
    known = pd.array(customers.reshape(-1), dtype="Int64")
    known[np.tile(np.arange(len(place.labels)) == other, shape[0])] = pd.NA
    frame = pd.DataFrame(
        {
            "step": sign * np.repeat(np.arange(shape[0]), shape[1]),
            "touchpoint": np.tile(np.array(place.labels, dtype=object), shape[0]),
            "n": n.reshape(-1),
            "n_customers": known,
            "share": (n / total).reshape(-1),
            "conf_low": low.reshape(-1),
            "conf_high": high.reshape(-1),
        }
    )
    return frame.sort_values("step", kind="stable", ignore_index=True)


def _links(counts: StepCounts, place: _Pooling) -> pd.DataFrame:
    step, here, there = counts.link.T
    if counts.question.direction == "backwards":
        # In time: from the event further back to the one nearer to the anchor.
        step, here, there = -step - 1, there, here
    key = np.stack([step, place.of_code[here], place.of_code[there]], axis=1)
    rows, inverse = np.unique(key, axis=0, return_inverse=True)
    n = np.bincount(inverse.reshape(-1), weights=counts.n_link[:, 0], minlength=len(rows))
    labels = np.array(place.labels, dtype=object)
    n = n.astype(np.int64)
    return pd.DataFrame(
        {
            "step": rows[:, 0],
            "source": labels[rows[:, 1]],
            "target": labels[rows[:, 2]],
            "n": n,
            "share": n / int(counts.total[0]),
        }
    )


def _edges(direction: Direction) -> tuple[str, str]:
    """Return what stands beyond the journey, and what is not known of it."""
    return (LEFT, OPEN) if direction == "forwards" else (ENTRY, UNSEEN)


def _anchor_text(anchor: str | None, direction: Direction) -> str:
    if anchor is None:
        return "the first event" if direction == "forwards" else "the last event"
    return anchor
