"""Where it hurts: friction at each touchpoint in named parts, and what mending it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_known, check_positive, check_whole
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import SECOND, microseconds
from journeykit.journeys.ending import refuse_collapsed, refuse_cut
from journeykit.results import Provenance, Result
from journeykit.stages.pains.friction import (
    Friction,
    failures,
    limits,
    repeats,
    slowness,
    unhappiness,
)
from journeykit.stages.pains.judging import judged, on_the_way, parts_frame
from journeykit.stages.pains.removal import StepCounts, step_tallies
from journeykit.stages.pains.tables import pareto
from journeykit.stages.pains.tallies import redrawn
from journeykit.stages.pains.visits import touches_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.journeys import Journeys
    from journeykit.stages.pains.visits import Touches
    from journeykit.study.catalogue import Catalogue

#: What every number of lost conversions is, and is not.
CAVEAT = (
    "Counted is what leaves beyond the range of comparable steps, and all the same as an upper "
    "bound: those rescued may leave elsewhere, and a pain may mark people who would have left "
    "anyway."
)
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PainPoints(Result):
    """One row a touchpoint: clear pains first, by the conversions lost there.

    Columns of `frame`: `rank` (of clear pains, 1 for the most conversions lost; empty for others),
    `touchpoint`, `channel`, `owner`, `n` touches in visits seen whole, `n_customers` who had them,
    `n_left` customers who left there without a goal, `estimate`: conversions lost by what leaves
    there beyond the range of comparable steps, with `conf_low` and `conf_high`; `p_value`,
    `q_value` of leaving beyond the range; `verdict`; then the estimates of the parts, empty where
    nothing tells of them: `exit`, `time`, `repeats`, `errors`, `negative_sentiment`; and, with
    `leaving`, `leaving_ratio`, `leaving_low`, `leaving_high` and `leaving_reading`.

    Verdicts: *clear*; *within range*: no more leave than steps differ anyway; *not on the way*: too
    few of those who reach a goal come through for mending to be worth anything the data could tell;
    *cannot tell*: too few comparable steps; *sent*: by the firm, no step of a visit; *goal*.

    Attributes
    ----------
    parts : pandas.DataFrame
        One row a touchpoint and part: ``touchpoint part n n_customers n_event estimate conf_low
        conf_high reference p_value q_value verdict``. `n` is touches that could show the part:
        for `exit` all, for `time` and `repeats` those that go on in the visit, for `errors` all of
        the journeys, for `negative sentiment` those answered.
    waits : pandas.DataFrame
        ``touchpoint limit_minutes excess_minutes``: what counts as slow, and the mean time beyond.
    n_visits, n_goals : int
        Visits seen whole, and those that reached a goal.
    n_open, n_edge : int
        Visits left out: still running, or begun before the window.
    share_answered : float
        Of all touches, those with a known score; empty without `sentiment`.
    caveat : str
    """

    parts: pd.DataFrame
    waits: pd.DataFrame
    n_visits: int
    n_goals: int
    n_open: int
    n_edge: int
    share_answered: float
    caveat: str = CAVEAT
    rows: ClassVar[str] = "touchpoints"

    def summary(self) -> str:
        """Say which pains are clear and what they may cost."""
        clear = self.frame[self.frame["rank"].notna()]
        if not len(clear):
            return (
                f"No pain point is clear among {len(self.frame):,} touchpoints: nowhere do more "
                "leave than steps differ anyway."
            )
        told = [
            f"{row['touchpoint']} ({row['estimate']:,.0f}, {row['conf_low']:,.0f} to "
            f"{row['conf_high']:,.0f})"
            for _, row in clear.head(_NAMED).iterrows()
        ]
        more = len(clear) - len(told)
        also = f" and {more:,} more" if more else ""
        return f"Conversions lost, at most: {', '.join(told)}{also}. {self.caveat}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw conversions lost with intervals, and which parts of friction stand out beside."""
        from journeykit.stages.pains.picture import draw_pareto

        return draw_pareto(self, ax)


def pain_points(
    journeys: Journeys,
    /,
    *,
    goal: Sequence[str],
    sent: Sequence[str] = (),
    pause: str = "30min",
    deadlines_minutes: Mapping[str, float] | None = None,
    slow: float = 0.9,
    errors: Sequence[str] = (),
    error_values: Mapping[str, Sequence[object]] | None = None,
    sentiment: pd.DataFrame | None = None,
    leaving: pd.DataFrame | None = None,
    catalogue: Catalogue | None = None,
    support: float = 0.02,
    least_ratio: float = 3.0,
    draws: int = 400,
    small_cell: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
) -> PainPoints:
    """Find where customers stall, repeat, fail, are unhappy or leave, and what that may cost.

    Customers' own touches are cut into visits at goals and at pauses. No score is made of the
    parts; they stand side by side, each a share with its n, interval and reference:

    - *exit*: touches with which the visit ends without a goal. The reference is what leaves at
      comparable steps of the same prospect, see `pains.removal.exits`.
    - *time*: of touches that go on in the visit, those whose next step took longer than the
      deadline, or than the `slow` quantile of the waits at all other steps.
    - *repeats*: of touches that go on, those repeated at once, against chance: how often the step
      comes next after other steps.
    - *errors*: touches declared as errors.
    - *negative sentiment*: of answered touches, those with a score below 0, against those at other
      touchpoints. Few answer, and those who do are no sample of all.

    Pains are ordered by conversions lost: people who meet the step times what more of them would
    reach a goal, were the exits beyond the range of comparable steps not there; the rest of the way
    is solved exactly as those who go on live it. A step that is merely frequent loses nothing so.
    Steps *on the way* are candidates and comparable: those that a share `support` of the visits
    which reach a goal come through, with at least `small_cell` customers. A clear pain has q < 1 -
    `confidence` over all candidates and an interval above 0; what is clear is taken out of what
    others are compared with, until nothing more is.

    An association, of design grade B. Each gain is an upper bound by itself, and they do not add
    up: who is rescued at one step may leave at another. A pain at a step that many pass without
    being bound for a goal shows only where it is large: that visits end there may be its nature. A
    deadline is a promise, and errors are wrong: both have the reference 0 and no test.

    Parameters
    ----------
    journeys : Journeys
        Whole customers, with times.
    goal : sequence of str
        Touchpoints that are the conversion.
    sent : sequence of str
        Touchpoints that the firm sends: no steps of a visit. Errors and answers there count.
    pause : str
        A longer pause ends a visit; a visit whose pause had not passed when the watching ended is
        open, and left out.
    deadlines_minutes : mapping of touchpoint to minutes
        Planned times to the next own step, shorter than the pause.
    slow : float in (0, 1)
    errors : sequence of str
        Touchpoints that are errors.
    error_values : mapping of event column to values
        What an event carries that makes it an error.
    sentiment : pandas.DataFrame, optional
        ``customer_id touchpoint score``, scores in [-1, 1]; ``study.sentiment()``.
    leaving : pandas.DataFrame, optional
        The frame of `survival.risk_of_leaving`, whose first lag is put beside.
    catalogue : Catalogue, optional
        Gives the channel, and who is accountable; else the channel is the owner.
    support : float in (0, 1)
    least_ratio : float
        At least 1: steps at which visits without a goal end less than so many times as often as at
        comparable ones, differ as steps do. With a few steps it decides, with many the data do.
    draws : int
        Bootstrap draws of customers (Poisson weights) for intervals of lost conversions (BCa) and
        for all p-values, one-sided: excess over its bootstrap standard error.
    small_cell : int
        Rows of fewer customers are emptied.
    confidence : float in (0, 1)
    seed : int

    Raises
    ------
    ArgumentError
        A deadline not shorter than the pause; no goal.
    MappingError
        When a touchpoint or a column does not exist.
    NotObservedError
        When the journeys have no times.
    DataError
        When no visit is seen whole, or scores are out of range.

    References
    ----------
    Kemeny, Snell (1976), Finite Markov Chains, chapter 3; Efron (1987), JASA 82.

    Examples
    --------
    >>> from journeykit.simulate import world
    >>> shop = world(customers=1500, seed=1, parts=["browsing", "orders", "purchases"])
    >>> found = pain_points(
    ...     shop.journeys(), goal=["thank_you_page", "pos_transaction"],
    ...     sent=["email_confirmation", "pos_receipt"], draws=100,
    ... )
    >>> found.frame.loc[found.frame["rank"] == 1, "touchpoint"].tolist()
    ['checkout']
    """
    given = {
        "goal": tuple(goal), "sent": tuple(sent), "pause": pause,
        "deadlines_minutes": dict(deadlines_minutes or {}), "slow": slow,
        "errors": tuple(errors), "error_values": dict(error_values or {}),
        "support": support, "least_ratio": least_ratio, "draws": draws,
        "small_cell": small_cell, "confidence": confidence,
    }  # fmt: skip
    _check(journeys, given)
    touches = touches_of(journeys, goal=goal, sent=sent, pause=pause)
    if not touches.n_visits:
        raise DataError("No visit is seen whole: there is nothing to tell pains from.")
    limit, beyond = limits(touches, given["deadlines_minutes"], slow)  # type: ignore[arg-type]
    frictions = _frictions(journeys, touches, given, limit, sentiment)
    candidate = on_the_way(touches, support=support, small_cell=small_cell)
    steps = step_tallies(touches, candidate)
    tallies = [*steps, *(tally for part in frictions for tally in part.tallies)]
    counted = list(redrawn(tallies, journeys.customer_id, draws=draws, seed=seed))
    found = judged(
        touches,
        candidate,
        [StepCounts.of(columns, int(candidate.sum())) for columns in counted],
        least_ratio=least_ratio,
        small_cell=small_cell,
        confidence=confidence,
    )
    parts = parts_frame(
        touches, found, frictions, [columns[len(steps) :] for columns in counted],
        small_cell=small_cell, confidence=confidence,
    )  # fmt: skip
    frame = pareto(
        touches, found, parts, leaving, catalogue, goal=goal, sent=sent, small_cell=small_cell
    )
    return PainPoints(
        frame=frame,
        provenance=Provenance(journeys.fingerprint, given, seed),
        parts=parts,
        waits=_waits(touches, frame, limit, beyond),
        n_visits=touches.n_visits,
        n_goals=touches.n_goals,
        n_open=touches.n_open,
        n_edge=touches.n_edge,
        share_answered=_answered(frictions, journeys),
    )


def _check(journeys: Journeys, given: Mapping[str, object]) -> None:
    """Check the arguments that a call was given."""
    refuse_cut(journeys, "`pain_points`")
    refuse_collapsed(journeys, "`pain_points`")
    for name in ("goal", "sent", "errors"):
        names = given[name]
        assert isinstance(names, tuple)
        check_known(name, names, journeys.names, what="touchpoints")
    if not given["goal"]:
        raise ArgumentError("`goal` must name at least one touchpoint; got none.")
    least_ratio = given["least_ratio"]
    check_positive("least_ratio", least_ratio)  # type: ignore[arg-type]
    if least_ratio < 1:  # type: ignore[operator]
        raise ArgumentError(f"`least_ratio` must be at least 1; got {least_ratio!r}.")
    for name in ("slow", "support", "confidence"):
        check_fraction(name, given[name])  # type: ignore[arg-type]
    check_whole("draws", given["draws"], least=20)  # type: ignore[arg-type]
    check_whole("small_cell", given["small_cell"], least=1)  # type: ignore[arg-type]
    deadlines = given["deadlines_minutes"]
    assert isinstance(deadlines, dict)
    check_known("deadlines_minutes", deadlines, journeys.names, what="touchpoints")
    pause = microseconds("pause", given["pause"]) / (60 * SECOND)  # type: ignore[arg-type]
    for touchpoint, minutes in deadlines.items():
        check_positive(f"deadlines_minutes[{touchpoint!r}]", minutes)
        if minutes >= pause:
            raise ArgumentError(
                f"`deadlines_minutes` must be shorter than the pause that ends a visit, {pause:g} "
                f"minutes; got {minutes:g} for {touchpoint!r}. A longer `pause` lets visits last."
            )


def _frictions(
    journeys: Journeys,
    touches: Touches,
    given: Mapping[str, object],
    limit: np.ndarray,
    sentiment: pd.DataFrame | None,
) -> list[Friction]:
    """Return the parts that can be told."""
    promised = np.isin(np.array(touches.names, dtype=object), list(given["deadlines_minutes"]))  # type: ignore[call-overload]
    found = [
        slowness(touches, limit, given["slow"], promised),  # type: ignore[arg-type]
        repeats(touches),
    ]
    if given["errors"] or given["error_values"]:
        found.append(failures(journeys, given["errors"], given["error_values"]))  # type: ignore[arg-type]
    if sentiment is not None:
        found.append(unhappiness(journeys, sentiment))
    return found


def _waits(
    touches: Touches, frame: pd.DataFrame, limit: np.ndarray, beyond: np.ndarray
) -> pd.DataFrame:
    """Return what counts as slow at each touchpoint shown, and the mean time beyond it."""
    here = np.isin(touches.names, frame["touchpoint"].to_list()) & ~np.isnan(limit)
    return pd.DataFrame(
        {
            "touchpoint": np.array(touches.names)[here],
            "limit_minutes": limit[here],
            "excess_minutes": beyond[here],
        }
    )


def _answered(frictions: list[Friction], journeys: Journeys) -> float:
    """Return the share of all touches that have a score."""
    answers = [len(part.among.who) for part in frictions if part.part == "negative sentiment"]
    return answers[0] / max(journeys.n_events, 1) if answers else float("nan")
