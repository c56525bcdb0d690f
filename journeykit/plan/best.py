"""The best journeys that are lived: which ways through the plan take the least time, or cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from journeykit.checks import check_fraction, check_whole
from journeykit.errors import DataError, NotObservedError
from journeykit.plan.marks import mark, minutes
from journeykit.plan.rates import moves_of
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.draw.lanes import Lane
    from journeykit.journeys import Journeys
    from journeykit.plan.marks import Marked
    from journeykit.plan.model import Plan

_LANES = 5
_SAID = {
    "as planned": "exactly as planned",
    "quicker": "quicker than as planned",
    "slower": "slower than as planned",
    "cannot tell": "which cannot be told from cases as planned",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BestJourneys(Result):
    """Ways that enough customers go, the quickest first.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a way of at least `least_customers`: `way`, its moves as in `Deviations`; `n` cases,
        `n_customers`, `share` of all closed cases; `minutes conf_low conf_high`, its mean with an
        interval that holds for all ways at once; `difference difference_low difference_high`, to
        the cases exactly as planned, likewise; `verdict`: ``quicker``, ``slower``, ``cannot tell``,
        and ``as planned`` for ways without a deviation.
    lanes : tuple of Lane
        The quickest, to be drawn over the plan.
    n_compared, n_ways : int
        Ways compared, and ways in all.
    plan : Plan
    """

    lanes: tuple[Lane, ...]
    n_compared: int
    n_ways: int
    plan: Plan
    rows: ClassVar[str] = "ways"

    def summary(self) -> str:
        """Name the quickest way, and whether it is quicker than the plan."""
        top = self.frame.iloc[0]
        span = f"{top['conf_low']:,.3g} to {top['conf_high']:,.3g}"
        return (
            f"{self.n_compared:,} of {self.n_ways:,} ways have enough customers; the quickest "
            f"takes {top['minutes']:,.3g} minutes ({span}), "
            f"{_SAID[str(top['verdict'])]}: {top['way']}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the plan above, and below it the quickest ways with their minutes."""
        from journeykit.draw.lanes import plan_lanes
        from journeykit.plan.layout import blocks_of

        steps = self.plan.all_steps
        return plan_lanes(
            [step.step for step in steps],
            self.lanes,
            {},
            blocks=blocks_of(self.plan),
            optional=[step.step for step in steps if step.optional],
            lived=f"the quickest of {self.n_compared:,} ways compared",
            ax=ax,
        )


def best_journeys(
    journeys: Journeys,
    plan: Plan,
    /,
    *,
    least_customers: int = 30,
    case: str | None = None,
    confidence: float = 0.95,
) -> BestJourneys:
    """Rank the ways that lead through the plan by the time they take.

    Of the closed cases of the plan, which with `reaches` all come to its goal, each distinct way is
    the cases of one alignment. The mean of its minutes (see `deviation_costs`) has a Student
    interval with errors clustered by customer, at the level 1 - (1 - `confidence`) / m for m ways
    compared (Bonferroni): the first of many would else look better than it is. So has the
    difference to all cases exactly as planned. Ties are in the order of frequency.

    Without `reaches`, ways that lack a step are left out: giving up is quick.

    An association: who goes the quickest way may be quick anyway.

    Parameters
    ----------
    journeys, plan, case
        As in `deviations`; with times.
    least_customers : int
        Fewest customers of a way that is compared, at least 2.
    confidence : float in (0, 1)
        For all ways at once.

    Raises
    ------
    NotObservedError
        When the journeys have no times.
    DataError
        When no way has enough customers.
    """
    import pandas as pd

    check_whole("least_customers", least_customers, least=2)
    check_fraction("confidence", confidence)
    if journeys.time is None:
        raise NotObservedError("`best_journeys` needs times, and these journeys have none.")
    marked = mark(journeys, plan, case=case)
    spent, way = minutes(marked.cases, plan), marked.ways.way
    customer = marked.cases.journeys.customer_index
    pairs = np.unique(np.stack([way, customer]), axis=1)[0]
    n_customers = np.bincount(pairs, minlength=len(marked.ways.n))
    chosen = np.flatnonzero(n_customers >= least_customers)
    if not plan.reaches:
        # Giving up is quick, and no way to the end.
        whole = [all(sign != "-" for sign, _ in m) for m in moves_of(marked, chosen.tolist())]
        chosen = chosen[whole]
    if not len(chosen):
        raise DataError(
            f"No way has {least_customers:,} customers; the most frequent has "
            f"{int(n_customers.max()):,}. Take fewer as `least_customers`."
        )
    level = 1 - (1 - confidence) / len(chosen)
    conform = marked.found.moves[way] == 0
    texts = [" ".join(f"{s}{name}" for s, name in m) for m in moves_of(marked, chosen.tolist())]
    rows = []
    for at, text in zip(chosen.tolist(), texts, strict=True):
        inside = way == at
        own = _mean(spent, inside, customer, level)
        apart = _against(spent, inside, conform, customer, level)
        planned = marked.found.moves[at] == 0
        verdict = "as planned" if planned else _verdict(apart)
        rows.append(
            (
                text,
                int(inside.sum()),
                int(n_customers[at]),
                inside.mean(),
                *own,
                *apart,
                verdict,
                at,
            )
        )
    columns = [
        "way", "n", "n_customers", "share", "minutes", "conf_low", "conf_high", "difference",
        "difference_low", "difference_high", "verdict", "at",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns).sort_values(
        ["minutes", "n"], ascending=[True, False], ignore_index=True
    )
    return BestJourneys(
        frame=frame.drop(columns="at"),
        provenance=Provenance(
            journeys.fingerprint,
            {"plan": plan.name, "least_customers": least_customers, "case": case,
             "confidence": confidence},
        ),
        lanes=_lanes(marked, frame),
        n_compared=len(chosen),
        n_ways=len(marked.ways.n),
        plan=plan,
    )  # fmt: skip


def _mean(
    spent: NDArray[np.float64],
    inside: NDArray[np.bool_],
    customer: NDArray[np.int64],
    level: float,
) -> tuple[float, float, float]:
    """Return the mean and its interval, errors clustered by customer."""
    mean = float(spent[inside].mean())
    parts = np.where(inside, spent - mean, 0.0) / inside.sum()
    return (mean, *_interval(mean, parts, inside, customer, level))


def _against(
    spent: NDArray[np.float64],
    inside: NDArray[np.bool_],
    others: NDArray[np.bool_],
    customer: NDArray[np.int64],
    level: float,
) -> tuple[float, float, float]:
    """Return the difference of two means and its interval; missing without any to compare."""
    others = others & ~inside
    if not others.any():
        return (np.nan, np.nan, np.nan)
    first, second = float(spent[inside].mean()), float(spent[others].mean())
    parts = np.where(inside, spent - first, 0.0) / inside.sum()
    parts = parts - np.where(others, spent - second, 0.0) / others.sum()
    return (first - second, *_interval(first - second, parts, inside, customer, level))


def _interval(
    estimate: float,
    parts: NDArray[np.float64],
    inside: NDArray[np.bool_],
    customer: NDArray[np.int64],
    level: float,
) -> tuple[float, float]:
    from scipy.special import stdtrit

    n = len(np.unique(customer[inside]))
    variance = (np.bincount(customer, weights=parts) ** 2).sum() * n / max(n - 1, 1)
    half = float(stdtrit(max(n - 1, 1), (1 + level) / 2) * np.sqrt(variance))
    return estimate - half, estimate + half


def _verdict(apart: tuple[float, float, float]) -> str:
    if apart[2] < 0:
        return "quicker"
    return "slower" if apart[1] > 0 else "cannot tell"


def _lanes(marked: Marked, frame: pd.DataFrame) -> tuple[Lane, ...]:
    from journeykit.draw.lanes import Lane

    top = frame.head(_LANES)
    moves = moves_of(marked, top["at"].tolist())
    return tuple(
        Lane(
            share=float(row.share),
            n=int(row.n),
            moves=tuple(way),
            note=f"{row.minutes:.3g} min",
        )
        for row, way in zip(top.itertuples(), moves, strict=True)
    )
