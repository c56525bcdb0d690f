"""The touchpoint matrix: phase by channel, who is reached, how often, how liked, and what next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from journeykit.checks import check_choice, check_fraction, check_positive, check_whole
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.maps.touchpoints import grouping, touching
from journeykit.results import Checked, Provenance, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.study.catalogue import Catalogue, Touchpoint
    from journeykit.study.models import Ladder

Medium = Literal["virtual", "physical"]
Shown = Literal["reach", "frequency", "score", "positive", "next_stage"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TouchpointMatrix(Result):
    """Cells of phase and channel, and their touchpoints.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a cell, from before the purchase to after it: `phase`, `channel`, `n_touchpoints`
        of the catalogue in it, `n_observable` of them that can leave events; then

        - `observed`: "observed"; "in part", where some of its touchpoints cannot leave events, so
          that reach and frequency are at least what is shown; "no events here", where events could
          be and none are; "not observed", where none can be; "not said", where the catalogue has
          no word on it;
        - `n`, `share`, `conf_low`, `conf_high`: customers with at least one event, of all
          (Wilson); `n_events`;
        - `frequency`, `frequency_low`, `frequency_high`: events of the customers reached, by 30
          days for which these were watched;
        - `n_answers` of `n_answered` customers; `score`, the average answer, from -1 to 1, and
          `positive`, the share above 0, each with `_low` and `_high`;
        - `n_moments` of `n_at_moments` customers, `n_moved` of them within the horizon,
          `n_unfinished` watched for less; `next_stage`, `next_stage_low`, `next_stage_high`.

        What nobody could see, what was not asked for, and what rests on fewer than `small_cell`
        customers is missing.
    touchpoints : pandas.DataFrame
        One row a touchpoint, as the catalogue has them: `touchpoint`, `phase`, `channel`, `owner`,
        `medium`, `observability`, `initiator`, `stage`, and the same columns from `observed` on.
    n_customers, n_events : int
        All customers; all events.
    n_here, n_unmapped, n_other_medium : int
        Events in the matrix, at touchpoints that the catalogue does not have, and of the other
        medium; they sum to `n_events`.
    n_answers_left_out : int
        Answers of customers who have no journey here, or on touchpoints that are not in the matrix.
    n_hidden : int
        Cells in which something was emptied because it rests on too few.
    contradicting : tuple of str
        Touchpoints with events, of which the catalogue says that they can leave none.
    horizon_days : float
    """

    touchpoints: pd.DataFrame
    n_customers: int
    n_events: int
    n_here: int
    n_unmapped: int
    n_other_medium: int
    n_answers_left_out: int
    n_hidden: int
    contradicting: tuple[str, ...]
    horizon_days: float
    rows: ClassVar[str] = "cells"

    @property
    def coverage(self) -> pd.DataFrame:
        """How the catalogue says that touchpoints can be seen, and how many are.

        One row a word of `observability` (empty text where there is none) and of `observed`:
        `observability`, `observed`, `n_touchpoints`.
        """
        by = self.touchpoints.groupby(["observability", "observed"], sort=False)
        return by.size().rename("n_touchpoints").reset_index()

    def summary(self) -> str:
        """Say how much of the catalogue is seen, and which cell reaches most."""
        said = self.touchpoints["observed"].value_counts()
        told = [
            f"{int(said[word]):,} {'are ' if word.startswith('not') else ''}{word}"
            for word in (grouping.SEEN, grouping.NONE_HERE, grouping.UNSEEN, grouping.UNSAID)
            if word in said
        ]
        told = [text.replace("no events here", "have no events here") for text in told]
        head = f"{len(self.touchpoints):,} touchpoints in {len(self.frame):,} cells: "
        found = head + ", ".join(told)
        shares = self.frame["share"]
        if not shares.notna().any() or not shares.max() > 0:
            return found
        top = self.frame.loc[shares.idxmax()]
        return (
            f"{found}; {top['channel']}, {top['phase']} the purchase, reaches most: "
            f"{top['share']:.0%} of {self.n_customers:,} customers "
            f"({top['conf_low']:.0%} to {top['conf_high']:.0%})"
        )

    def check(self) -> Checked:
        """Check that no event is lost, and that the catalogue does not deny what is there."""
        counted = self.n_here + self.n_unmapped + self.n_other_medium
        name = "touchpoint matrix"
        if counted != self.n_events:
            found = f"{counted:,} events are counted of {self.n_events:,}."
            return Checked(name, "failed", found)
        if self.contradicting:
            found = (
                f"{', '.join(self.contradicting)}: the catalogue says that no events can be, and "
                "there are; mend `observability` there."
            )
            return Checked(name, "warned", found)
        return Checked(name, "passed", f"All {self.n_events:,} events are in one place.")

    def plot(self, ax: Axes | None = None, *, shown: Shown = "reach") -> Axes:
        """Draw a heat map, channels down and phases across.

        Hatched is what nobody can observe; "at least" (>=) stands where a part cannot be.

        Parameters
        ----------
        shown : {"reach", "frequency", "score", "positive", "next_stage"}
        """
        from journeykit.maps.touchpoints.picture import matrix_chart

        check_choice("shown", shown, get_args(Shown))
        return matrix_chart(self, shown, ax)


def touchpoint_matrix(
    journeys: Journeys,
    catalogue: Catalogue,
    /,
    *,
    ladder: Ladder | None = None,
    sentiment: pd.DataFrame | None = None,
    horizon_days: float = 30,
    medium: Medium | None = None,
    small_cell: int = 10,
    confidence: float = 0.95,
) -> TouchpointMatrix:
    """Say of every phase and channel, and of every touchpoint, whom it reaches and what follows.

    *Reach* is the share of customers with at least one event there while they were watched; each
    counts once (Wilson's interval). *Frequency* is the sum of the events of those reached over the
    sum of the time for which they were watched, by 30 days; the customer is the unit (see
    `maps.ratios.ratio_interval`). *Score* and *positive* are the average of the answers, and the
    share above 0; a customer may give several (clustered intervals). They say nothing of those who
    gave none.

    *Next stage*: a moment is the first event of the cell that a customer has in a stage of the
    ladder, from the last entry at or before it on; an event that leads to a stage has happened in
    that stage. `next_stage` is the share of moments after which the customer comes into a higher
    stage within `horizon_days`, by whatever way; the wait of customers whose watching ends before
    is censored (Kaplan and Meier), and customers with moments in several stages are clusters.
    Stages from which nothing but time leads up have no moments. It describes those who were there:
    after the till, which comes just before an order, nearly all come higher. Whether the touch
    moves anybody on is the question of `stages.passion_points`.

    Where events cannot be, there is no 0: see `observed`. What is censored is taken to be censored
    by chance, and a first event is the first that was watched.

    Parameters
    ----------
    journeys : Journeys
        Whole customers.
    catalogue : Catalogue
        ``study.catalogue``.
    ladder : Ladder, optional
        ``study.model.stages``; without it nothing is said of the next stage.
    sentiment : DataFrame, optional
        ``study.sentiment()``: `customer_id touchpoint score`, scores from -1 to 1.
    horizon_days : float
        Elapsed days after a moment within which a higher stage counts.
    medium : {"virtual", "physical"}, optional
        Only touchpoints of this medium; by default all.
    small_cell : int
        Numbers that rest on fewer customers are emptied.
    confidence : float in (0, 1)

    Raises
    ------
    ArgumentError
        An empty catalogue, one without that medium, or journeys that were cut or collapsed.
    MappingError
        When the ladder names touchpoints that do not exist.
    NotObservedError
        When the next stage is asked for and the journeys have no times.
    DataError
        When scores are missing or lie outside -1 to 1.

    References
    ----------
    Korn, Graubard (1998), Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data, Survey Methodology 24. Dorey, Korn (1987), Effective
    sample sizes for confidence intervals for survival probabilities, Statistics in Medicine 6.

    Examples
    --------
    >>> from journeykit.journeys import Journeys
    >>> from journeykit.study.catalogue import Catalogue, Touchpoint
    >>> shop = Journeys(
    ...     names=("till", "web"),
    ...     touchpoint=np.array([1, 1, 0, 1], dtype=np.uint8),
    ...     start=np.array([0, 3, 4]),
    ... )
    >>> rows = [
    ...     Touchpoint("web", "site", "before", observability="log"),
    ...     Touchpoint("till", "store", "during", observability="pos"),
    ...     Touchpoint("wall colour", "store", "during", observability="site_attribute"),
    ...     Touchpoint("rumour", "street", "before", observability="survey"),
    ... ]
    >>> known = Catalogue({row.touchpoint: row for row in rows})
    >>> matrix = touchpoint_matrix(shop, known, small_cell=1)
    >>> matrix.frame[["phase", "channel", "observed", "n", "share"]]
        phase channel      observed     n  share
    0  before    site      observed     2    1.0
    1  before  street  not observed  <NA>    NaN
    2  during   store       in part     1    0.5
    """
    _check_arguments(journeys, horizon_days, medium, small_cell, confidence)
    rows = grouping.chosen(catalogue, medium)
    cells = grouping.cells_of(rows)
    count = _Counting(journeys, rows, ladder, sentiment, horizon_days, confidence)
    met, answered, moved = count.by(np.arange(len(rows)))
    in_cells = count.by(cells.of)
    said = grouping.words(rows, met.n_events)
    touchpoints, _ = grouping.without_few(
        grouping.measured(said, met, answered, moved), cells.of, small_cell
    )
    table = grouping.measured(grouping.cell_words(said, cells), *in_cells)
    frame, hidden = grouping.without_few(table, np.zeros(len(table), dtype=np.int64), small_cell)
    n_here, n_mapped = int(met.n_events.sum()), _mapped(journeys, catalogue)
    given = {
        "horizon_days": horizon_days,
        "medium": medium,
        "small_cell": small_cell,
        "confidence": confidence,
    }
    return TouchpointMatrix(
        frame=pd.concat([_described_cells(rows, cells), frame], axis=1),
        provenance=Provenance(journeys.fingerprint, given),
        touchpoints=pd.concat([_described(rows), touchpoints], axis=1),
        n_customers=count.n_customers,
        n_events=journeys.n_events,
        n_here=n_here,
        n_unmapped=journeys.n_events - n_mapped,
        n_other_medium=n_mapped - n_here,
        n_answers_left_out=count.n_left_out,
        n_hidden=hidden,
        contradicting=tuple(
            row.touchpoint
            for row, n in zip(rows, met.n_events, strict=True)
            if n and row.leaves_events is False
        ),
        horizon_days=float(horizon_days),
    )


def _check_arguments(
    journeys: Journeys,
    horizon_days: float,
    medium: Medium | None,
    small_cell: int,
    confidence: float,
) -> None:
    check_whole("small_cell", small_cell, least=1)
    check_fraction("confidence", confidence)
    check_positive("horizon_days", horizon_days)
    if medium is not None:
        check_choice("medium", medium, get_args(Medium))
    refuse_cut(journeys, "`touchpoint_matrix`")
    refuse_collapsed(journeys, "`touchpoint_matrix`")


def _mapped(journeys: Journeys, catalogue: Catalogue) -> int:
    """Count the events at touchpoints of the catalogue, of whichever medium."""
    known = np.array([name in catalogue for name in journeys.names], dtype=bool)
    return int(np.count_nonzero(known[journeys.touchpoint])) if len(known) else 0


class _Counting:
    """What is counted once, and then grouped by touchpoint and by cell."""

    def __init__(
        self,
        journeys: Journeys,
        rows: tuple[Touchpoint, ...],
        ladder: Ladder | None,
        sentiment: pd.DataFrame | None,
        horizon_days: float,
        confidence: float,
    ) -> None:
        known = tuple(row.touchpoint for row in rows)
        self._customer, self.n_customers = touching.customers_of(journeys)
        self._journey = touching.owner_of(journeys)
        place = touching.codes(pd.Series(journeys.names, dtype=object), known)
        self._row = place[journeys.touchpoint] if len(place) else np.empty(0, dtype=np.int64)
        self._days = touching.watched_days(journeys)
        self._moments = None if ladder is None else touching.moments(journeys, ladder)
        self._horizon_days, self._confidence = horizon_days, confidence
        self._answers: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]] | None
        self._answers, self.n_left_out = None, 0
        if sentiment is not None:
            score = touching.checked_answers(sentiment)
            row = touching.codes(sentiment["touchpoint"], known)
            person = touching.customers_asked(journeys, sentiment["customer_id"])
            kept = (row >= 0) & (person >= 0)
            self._answers = row[kept], person[kept], score[kept]
            self.n_left_out = int((~kept).sum())

    def by(
        self, group: NDArray[np.int64]
    ) -> tuple[touching.Reached, touching.Answered | None, touching.Moved | None]:
        """Return the numbers of groups of touchpoints; `group` is that of each touchpoint."""
        n, confidence = int(group.max()) + 1, self._confidence
        here = np.where(self._row >= 0, group[self._row], -1)
        met = touching.reached(
            here, self._customer[self._journey], self._days, n_groups=n, confidence=confidence
        )
        said = moved = None
        if self._answers is not None:
            row, person, score = self._answers
            said = touching.answered(group[row], person, score, n_groups=n, confidence=confidence)
        if self._moments is not None:
            moved = touching.moved_on(
                self._moments,
                here,
                self._journey,
                self._customer,
                n_groups=n,
                horizon_days=self._horizon_days,
                confidence=confidence,
            )
        return met, said, moved


def _described(rows: tuple[Touchpoint, ...]) -> pd.DataFrame:
    named = ("touchpoint", "phase", "channel", "owner", "medium", "observability", "initiator",
             "stage")  # fmt: skip
    return pd.DataFrame({name: [getattr(row, name) for row in rows] for name in named})


def _described_cells(rows: tuple[Touchpoint, ...], cells: grouping.Cells) -> pd.DataFrame:
    able = np.array([row.leaves_events is True for row in rows])
    n = len(cells.phase)
    return pd.DataFrame(
        {
            "phase": cells.phase,
            "channel": cells.channel,
            "n_touchpoints": np.bincount(cells.of, minlength=n),
            "n_observable": np.bincount(cells.of[able], minlength=n),
        }
    )
