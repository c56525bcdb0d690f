"""The journey map: stages across, and in each what is known of it, with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from journeykit.checks import check_fraction, check_whole
from journeykit.journeys.durations import DAY
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.maps.journey.filling import (
    declared_rows,
    leaving_rows,
    moves_rows,
    pains_rows,
    passions_rows,
    people_rows,
    sentiment_rows,
    tested_rows,
    touchpoints_rows,
)
from journeykit.maps.journey.standing import standing
from journeykit.maps.journey.things import ROWS, Limits, Thing
from journeykit.results import Provenance, Result
from journeykit.stages import follow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from journeykit.journeys import Journeys
    from journeykit.review import Strategy
    from journeykit.stages import PainPoints, PassionPoints
    from journeykit.study.catalogue import Catalogue
    from journeykit.study.models import Ladder
    from journeykit.survival import Lifetimes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class JourneyMap(Result):
    """What is known of every stage of a journey.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a thing on the map: `row`, what it is about (`ROWS`); `stage`; `item`, the
        touchpoint or measure where a row has several; `n` customers, or answers; `estimate
        conf_low conf_high` in the `unit`; `text`, such as the channel, who answers for it, or "not
        observed"; `evidence`, one of ``assumed survey log experiment``, empty where not observed.
        Where fewer than `small_cell` customers are behind a number it is empty, and the text says
        so.
    stages : tuple of str
        Lowest first.
    title : str
    n_customers : int
    watched_days : float
        Length of the window; without one, from the first event to the end of watching.
    """

    stages: tuple[str, ...]
    title: str = ""
    n_customers: int = 0
    watched_days: float = 0.0
    rows: ClassVar[str] = "things on the map"

    def summary(self) -> str:
        """Say where people are, where it hurts and where they move on."""
        people = self.frame[self.frame["row"] == "people"].dropna(subset=["estimate"])
        known = int(people["n"].sum())
        said = [
            f"{known:,} of {self.n_customers:,} customers are in a known one of {len(self.stages)} "
            "stages at the end"
        ]
        if len(people):
            most = people.loc[people["estimate"].idxmax()]
            said.append(f"most are in {most['stage']} ({most['estimate']:.0%})")
        for row, words in (("pain point", "it hurts at"), ("passion point", "they move on after")):
            found = self.frame[(self.frame["row"] == row) & (self.frame["item"] != "")]
            if len(found):
                first = found.iloc[0]
                said.append(f"{words} {first['item']} in {first['stage']}")
        return "; ".join(said)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curve of sentiment over the stages, with intervals and people as bars."""
        from journeykit.maps.journey.curve import draw_map

        return draw_map(self, ax)


def journey_map(
    journeys: Journeys,
    /,
    ladder: Ladder,
    *,
    catalogue: Catalogue | None = None,
    sentiment: pd.DataFrame | None = None,
    lifetimes: Lifetimes | None = None,
    points: PassionPoints | None = None,
    pains: PainPoints | None = None,
    strategy: Strategy | None = None,
    experiments: pd.DataFrame | None = None,
    title: str = "",
    small_cell: int = 10,
    confidence: float = 0.95,
) -> JourneyMap:
    """Put on one page what is known of every stage of a journey.

    - people: customers in the stage when the watching ends, of all whose stage is known (Wilson).
    - moving on, falling back: moves up and back for 100 customers in the stage in 30 days, see
      `standing.moves_rate`.
    - touchpoint: of the customers who were ever in the stage, the share who met it there (Wilson);
      what leads into the stage is left out, since all met it. Touchpoints that the catalogue has
      for the stage and that leave no events say "not observed".
    - sentiment: mean score of what was answered in the stage, from -1 to 1, clustered by customer.
    - pain point: from `stages.pain_points`, those that are clear, with the conversions lost there
      at most; in the stage that the catalogue means the touchpoint for, or in which most met it.
    - passion point: from `stages.passion_points`, those that hold and after which more move on.
    - leaving: customers who leave, for 100 in the stage in 30 days, see `standing.leaving_rate`.
    - KPI, accountable: as the strategy says.

    - tested: conversions that a touchpoint added, from customers held out by chance.

    Evidence is of the number, not of the touchpoint: ``log`` where events were counted,
    ``experiment`` where customers were held out by chance, ``survey`` for what was answered,
    ``assumed`` for what was only declared. Reach is of customers who were in a stage for as long as
    they were, so stages in which they stay longer reach more.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times.
    ladder : Ladder
    catalogue : Catalogue, optional
    sentiment : pandas.DataFrame, optional
        `customer_id event_time touchpoint score`; see `Study.sentiment`.
    lifetimes : Lifetimes, optional
        Who is followed until when, and who left.
    points : PassionPoints, optional
    pains : PainPoints, optional
    strategy : Strategy, optional
    experiments : pandas.DataFrame, optional
        What was added by what was tested: `channel increment conf_low conf_high`; see
        `attribution.holdout_increments`.
    title : str
    small_cell : int
        Numbers of fewer customers are left out.
    confidence : float in (0, 1)

    Raises
    ------
    ArgumentError
        When journeys are cut, or an argument is out of range.
    MappingError, NotObservedError, DataError
        As `stages.follow`; when `sentiment` lacks a column.

    References
    ----------
    Bernard, Andritsos (2019), Contextual and behavioral customer journey discovery using a genetic
    approach, ADBIS. Halvorsrud, Kvale, Folstad (2016), Improving service quality through customer
    journey analysis, Journal of Service Theory and Practice 26.
    """
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    refuse_cut(journeys, "`journey_map`")
    refuse_collapsed(journeys, "`journey_map`")
    followed = follow(journeys, ladder)
    place = standing(journeys, ladder)
    limits = Limits(small_cell, confidence)
    rows = [
        *people_rows(journeys, followed, ladder, limits),
        *moves_rows(followed, ladder, limits),
        *touchpoints_rows(place, ladder, catalogue, limits),
    ]
    if sentiment is not None:
        rows += sentiment_rows(place, ladder, sentiment, limits)
    if lifetimes is not None:
        rows += leaving_rows(followed, lifetimes, ladder, limits)
    if pains is not None:
        rows += pains_rows(pains, place, ladder, catalogue)
    if points is not None:
        rows += passions_rows(points)
    if experiments is not None:
        rows += tested_rows(experiments, place, ladder, catalogue)
    if strategy is not None:
        rows += declared_rows(strategy, ladder)
    return JourneyMap(
        frame=arranged(pd.DataFrame(rows, columns=list(Thing._fields)), ladder.stages),
        provenance=Provenance(journeys.fingerprint, limits._asdict()),
        stages=ladder.stages,
        title=title,
        n_customers=journeys.n_customers,
        watched_days=_span(journeys),
    )


def _span(journeys: Journeys) -> float:
    """Return the days of the window, or from the first event to the end of watching."""
    assert journeys.observed_to is not None  # else there would be nobody to follow
    if journeys.window is not None:
        return (journeys.window[1] - journeys.window[0]) / DAY
    first = journeys.need_time("`journey_map`").min()
    return float(journeys.observed_to.max() - first) / DAY


def arranged(frame: pd.DataFrame, stages: Sequence[str], /) -> pd.DataFrame:
    """Return the rows of a map in its order: rows from above, stages from below, as found."""
    order = {name: at for at, name in enumerate(stages)}
    key = pd.DataFrame(
        {
            "row": frame["row"].map({name: at for at, name in enumerate(ROWS)}),
            "stage": frame["stage"].map(order),
        }
    ).sort_values(["row", "stage"], kind="stable")
    found = frame.loc[key.index].reset_index(drop=True)
    numbers = dict.fromkeys(("n", "estimate", "conf_low", "conf_high"), float)
    return found.astype(numbers).astype({"n": "Int64"})
