"""Where two groups, or two periods, go different ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd

from journeykit.checks import check_choice, check_fraction, check_whole
from journeykit.draw.basics import INK, PALETTE, QUIET, axes, percent_axis, tidy
from journeykit.draw.charts import wrapped
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import microseconds
from journeykit.paths.contrasts.groups import (
    refuse_empty,
    sides_by_attribute,
    sides_by_period,
)
from journeykit.paths.contrasts.views import (
    OTHER,
    View,
    funnel_view,
    pattern_view,
    step_view,
    transition_view,
    variant_view,
)
from journeykit.paths.funnels.rules import Rules, funnel_rules
from journeykit.paths.sequences.mining import Limits
from journeykit.results import Provenance, Result
from journeykit.stats import Differences, Tallies, benjamini_hochberg, difference_of_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.paths.contrasts.groups import Period, Side

Over = Literal["transitions", "steps", "variants", "funnel", "patterns"]
#: What is compared, and what its cells are called.
OVER: Mapping[Over, str] = MappingProxyType(
    {
        "transitions": "transitions",
        "steps": "places at steps",
        "variants": "variants",
        "funnel": "funnel steps",
        "patterns": "patterns",
    }
)
_DRAWN = 15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Comparison(Result):
    """One row a cell, the clearest differences first.

    Columns: what the cell is (``source target``, ``step touchpoint``, ``path`` or ``pattern``);
    ``n_event_first n_first share_first n_event_second n_second share_second``: events,
    observations and share in each group; ``estimate conf_low conf_high``: second share less first;
    ``p_value q_value``. Cells called ``(other)`` pool the rarest, those of too few customers among
    them; they have no test.

    Attributes
    ----------
    over : str
    groups : (str, str)
        What the first and the second group are called.
    n_customers : (int, int)
        Customers in each group.
    n_both : int
        Customers who are in both.
    n_tried : int
        Cells tested: the family of the q-values.
    n_small : int
        Cells that were not, for too few customers in them or in what they are pooled with.
    q : float
        Level at which a q-value makes a finding.
    """

    over: Over
    groups: tuple[str, str]
    n_customers: tuple[int, int]
    n_both: int
    n_tried: int
    n_small: int
    q: float
    rows: ClassVar[str] = "cells"

    def findings(self) -> pd.DataFrame:
        """Return the cells that differ at the level `q`."""
        return self.frame[self.frame["q_value"] <= self.q]

    def summary(self) -> str:
        """Say how many of how many cells differ, and which most clearly."""
        first, second = self.groups
        found = self.findings()
        said = (
            f"{len(found):,} of {self.n_tried:,} {OVER[self.over]} differ between {first} "
            f"({self.n_customers[0]:,} customers) and {second} ({self.n_customers[1]:,}) at a "
            f"false-discovery rate of {self.q:.0%}"
        )
        if len(found):
            top = found.iloc[0]
            said += (
                f"; most clearly {self._label(top)}: {top['share_first']:.1%} against "
                f"{top['share_second']:.1%}"
            )
        return f"{said}; {self.n_small:,} of too few customers were not tested"

    def _label(self, row: pd.Series) -> str:
        names = list(self.frame.columns[: self.frame.columns.get_loc("n_event_first")])
        parts = [str(row[name]) for name in names]
        return f"step {parts[0]}: {parts[1]}" if "step" in names else " > ".join(parts)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the clearest differences with their intervals; findings are filled."""
        top = self.frame.dropna(subset="p_value").head(_DRAWN)
        ax = axes(ax, height=max(1.8, 0.36 * len(top) + 1.1))
        at = np.arange(len(top))
        ax.axvline(0, color=QUIET, linewidth=1)
        ax.hlines(at, top["conf_low"], top["conf_high"], color=INK, linewidth=1.4)
        found = (top["q_value"] <= self.q).to_numpy()
        for chosen, face in ((found, PALETTE[0]), (~found, "white")):
            ax.plot(
                top["estimate"].to_numpy()[chosen],
                at[chosen],
                "o",
                color=PALETTE[0],
                markerfacecolor=face,
                markersize=6,
            )
        ax.set_yticks(at, [wrapped(self._label(row)) for _, row in top.iterrows()])
        ax.invert_yaxis()
        tidy(ax, grid="x")
        percent_axis(ax, "x")
        first, second = (wrapped(group) for group in self.groups)
        ax.set_xlabel(f"share in {second}\nless share in {first}")
        return ax


def compare(
    journeys: Journeys,
    /,
    *,
    over: Over,
    by: str | None = None,
    groups: Sequence[object] | None = None,
    periods: Sequence[Period] | None = None,
    order: int = 1,
    steps: int = 10,
    funnel: Sequence[str] = (),
    length: int = 3,
    support: float = 0.05,
    gap_steps: int | None = None,
    within: str | timedelta | None = None,
    small_cell: int = 10,
    q: float = 0.05,
    confidence: float = 0.95,
) -> Comparison:
    """Compare two groups of customers, or two periods, cell by cell.

    Each cell is a share: of observations of customers in a context, those that are events in the
    cell.

    ============= ==================== ================================= =======================
    `over`        context              observation                       cell
    ============= ==================== ================================= =======================
    transitions   last k touchpoints   a step whose successor is known   the next touchpoint
    steps         step number          a journey known at that step      where it is, or (exit)
    variants      all                  a customer's first ended journey  its path
    funnel        the step before      a customer who reached it         the step
    patterns      all                  a customer                        a pattern they have
    ============= ==================== ================================= =======================

    The customer is the unit: intervals and tests are those of `stats.difference_of_shares`. All
    cells tested are one family for Benjamini and Hochberg's q-values. Where the groups do not
    differ at all, and are watched alike or `within` is given, a call finds anything with a chance
    of at most `q`.

    A cell is tested when each group has `small_cell` customers with an observation in its
    context, and `small_cell` customers of both groups together have an event and as many an
    observation that is none. Cells of a context in which fewer customers have an event are shown
    together as ``(other)``, untested, with as many of the next rarest as it takes until
    `small_cell` customers of each group have an event there, so the shares of a context sum to 1.
    Where then fewer customers of a group have an observation elsewhere, the rare cells are left
    out instead. So are contexts and patterns of too few customers. All are counted.

    Parameters
    ----------
    journeys : Journeys
    over : {"transitions", "steps", "variants", "funnel", "patterns"}
    by : str, optional
        Attribute that tells the groups. Journeys with another value, or none, are left out.
    groups : two values of `by`, optional
        First and second group; by default the two there are.
    periods : two (begin, end), optional
        Instead of `by`: half-open spans, the earlier first. Pieces of cut journeys belong to the
        period in which they begin; uncut journeys are cut to each. Customers may be in both.
    order : int
        Of transitions, at least 1.
    steps : int
        How many steps are compared.
    funnel : sequence of at least two str
        Steps in order, each a class of the search language, as in `funnel` with its defaults. The
        first step is compared among all customers. With `within`, customers who entered less than
        that before the end of their watching are left out of later steps whatever they did, since
        they could still come; without it the shares are those so far.
    length, support, gap_steps
        Of patterns, as in `patterns`: those frequent among all customers of `journeys`. Whether a
        customer has one depends on how long they are watched: groups watched unequally differ by
        that alone.
    within : str or timedelta, optional
        How long is looked, such as ``"7d"``: from the first step of a funnel or pattern to the
        last; for the next step of a transition; from a journey's first event for steps and
        variants. Only what was watched for that long is observed, whatever happened, and where
        nothing did the cell is ``(later)``. Without it only what is known by the end of the
        watching counts: quick ways are over-represented there, the more so the shorter somebody is
        watched, so groups or periods that are watched unequally differ by that alone.
    small_cell : int
    q : float in (0, 1)
        False-discovery rate of what is called a finding.
    confidence : float in (0, 1)
        Of the interval of each difference, on its own.

    Returns
    -------
    Comparison

    Raises
    ------
    ArgumentError
        Not one of `by` and `periods`, groups that are no values, or periods that overlap.
    DataError
        A group without events.

    References
    ----------
    Benjamini, Hochberg (1995), JRSS B 57.

    Examples
    --------
    >>> import numpy as np
    >>> import pyarrow as pa
    >>> from journeykit.journeys import Journeys
    >>> steps = np.array([[2, 1]] * 30 + [[2, 0]] * 10 + [[2, 1]] * 12 + [[2, 0]] * 28)
    >>> journeys = Journeys(
    ...     names=("buy", "cart", "visit"),
    ...     touchpoint=steps.reshape(-1).astype(np.uint8),
    ...     start=np.arange(0, 161, 2),
    ...     attributes=pa.table({"kind": ["new"] * 40 + ["old"] * 40}),
    ... )
    >>> found = compare(journeys, by="kind", over="transitions")
    >>> found.findings()[["source", "target", "share_first", "share_second"]].values.tolist()
    [['visit', 'buy', 0.25, 0.7], ['visit', 'cart', 0.75, 0.3]]
    """
    check_choice("over", over, list(OVER))
    check_whole("small_cell", small_cell, least=1)
    check_fraction("q", q)
    sides = _sides(journeys, by, groups, periods)
    refuse_empty(sides)
    span = None if within is None else microseconds("within", within)
    if over == "transitions":
        view = transition_view(sides, order=order, within=span)
    elif over == "steps":
        view = step_view(sides, steps=steps, within=span)
    elif over == "variants":
        view = variant_view(sides, within=span)
    elif over == "funnel":
        view = funnel_view(sides, _rules(journeys.names, funnel, within))
    else:
        view = pattern_view(journeys, sides, Limits.of(length, gap_steps, within), support=support)
    frame, n_small = _compared(view, small_cell, confidence)
    people = [np.unique(side.customer) for side in sides]
    return Comparison(
        frame=frame,
        provenance=Provenance(
            fingerprint=journeys.fingerprint,
            parameters={
                "over": over,
                "by": by,
                "groups": [side.label for side in sides],
                "order": order,
                "steps": steps,
                "funnel": list(funnel),
                "length": length,
                "support": support,
                "gap_steps": gap_steps,
                "within": within,
                "small_cell": small_cell,
                "q": q,
                "confidence": confidence,
            },
        ),
        over=over,
        groups=(sides[0].label, sides[1].label),
        n_customers=(len(people[0]), len(people[1])),
        n_both=len(np.intersect1d(people[0], people[1])),
        n_tried=int(frame["p_value"].notna().sum()),
        n_small=n_small,
        q=q,
    )


def _rules(names: Sequence[str], steps: Sequence[str], within: str | timedelta | None) -> Rules:
    """Read a funnel whose options, but for the window, are the defaults of `funnel`."""
    return funnel_rules(
        names,
        steps=steps,
        order="ordered",
        entry="closed",
        start="first",
        within=within,
        at_least=None,
        step_within=None,
        step_at_least=None,
        exclude=(),
        leaving=None,
        reentry=False,
        shared_events=False,
    )


def _sides(
    journeys: Journeys,
    by: str | None,
    groups: Sequence[object] | None,
    periods: Sequence[Period] | None,
) -> tuple[Side, Side]:
    if (by is None) == (periods is None):
        raise ArgumentError(
            f"Either `by` or `periods` must say what is compared; got {by!r} and {periods!r}."
        )
    if by is not None:
        return sides_by_attribute(journeys, by, groups)
    assert periods is not None
    return sides_by_period(journeys, periods)


def _compared(view: View, small_cell: int, confidence: float) -> tuple[pd.DataFrame, int]:
    """Test the cells of enough customers; return the frame, and how many had too few."""
    tallies = view.tallies()
    enough = np.asarray((tallies.n_customers() >= small_cell).all(axis=1))
    tested = enough & (tallies.n_rarer() >= small_cell)
    n_small = int((~tested).sum())
    shown = tested
    if view.exclusive:
        pool, left_out = _pool(tallies, enough & (tallies.n_with_event() < small_cell), small_cell)
        n_small += int((tested & pool).sum())
        view = view.pooled(pool, tallies.cell_context, enough & ~left_out)
        tallies = view.tallies()
        pooled = np.asarray(list(view.labels.values())[-1]) == OTHER
        tested = ~pooled & (tallies.n_rarer() >= small_cell)
        shown = np.ones(len(tested), dtype=bool)
    found = difference_of_shares(tallies, confidence=confidence)
    frame = _frame(view, found, tested)[shown]
    return frame.sort_values("p_value", kind="stable", ignore_index=True), n_small


def _pool(
    tallies: Tallies, rare: NDArray[np.bool_], small_cell: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which cells of each context are pooled, and which are left out, by cell.

    The rare ones are, and the next rarest, until `small_cell` customers of each group have an event
    among these. When fewer than that are left with one that is not, the rare ones are left out.
    """
    context, n_contexts = tallies.cell_context, int(tallies.cell_context.max(initial=-1)) + 1
    order = np.lexsort((tallies.n_with_event(), context))
    pool, left_out = rare.copy(), np.zeros(len(rare), dtype=bool)
    while True:
        inside = np.zeros_like(tallies.m)
        chosen = pool[tallies.cell]
        np.add.at(inside, tallies.row[chosen], tallies.x[chosen])
        with_event, others = np.zeros((2, n_contexts, 2), dtype=np.int64)
        np.add.at(with_event, tallies.context, inside > 0)
        np.add.at(others, tallies.context, inside < tallies.m)
        pools = np.bincount(context[pool], minlength=n_contexts) > 0
        lost = pools & (others < small_cell).any(axis=1)
        weak = pools & ~lost & (with_event < small_cell).any(axis=1)
        left_out |= rare & lost[context]
        pool &= ~lost[context]
        wanted = order[weak[context[order]] & ~pool[order]]
        if not len(wanted):
            return pool, left_out
        pool[wanted[np.unique(context[wanted], return_index=True)[1]]] = True


def _frame(view: View, found: Differences, tested: NDArray[np.bool_]) -> pd.DataFrame:
    p_value = np.where(tested, found.p_value, np.nan)
    groups: dict[str, NDArray[np.generic]] = {}
    for group, name in enumerate(("first", "second")):
        groups[f"n_event_{name}"] = found.n_event[:, group].astype(np.int64)
        groups[f"n_{name}"] = found.n[:, group].astype(np.int64)
        groups[f"share_{name}"] = found.share[:, group]
    return pd.DataFrame(
        {
            **view.labels,
            **groups,
            "estimate": found.estimate,
            "conf_low": found.conf_low,
            "conf_high": found.conf_high,
            "p_value": p_value,
            "q_value": benjamini_hochberg(p_value),
        }
    )
