"""What happens in which stage: touches, answers and leaving, by the rung customers stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from journeykit.checks import check_known
from journeykit.journeys.durations import DAY
from journeykit.maps.touchpoints.touching import (
    Answered,
    answered,
    checked_answers,
    customers_asked,
)
from journeykit.stages.following import Entries, entries, rung_at
from journeykit.survival.states.bounds import event_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys
    from journeykit.study.models import Ladder
    from journeykit.survival import Lifetimes, Multistate

#: Rates are told for 100 customers in so many days.
RATE_DAYS = 30
#: In days, what two times of one instant may differ by.
_INSTANT = 1e-9


class Standing(NamedTuple):
    """Entries into rungs while customers were watched, and the journeys they are of."""

    journeys: Journeys
    steps: Entries
    n_rungs: int

    def customers(self) -> NDArray[np.int64]:
        """Count the customers who were ever in each stage, shape (n_rungs,)."""
        pairs = np.unique(self.steps.who * self.n_rungs + self.steps.rung)
        return np.bincount(pairs % self.n_rungs, minlength=self.n_rungs)

    def reached(self) -> NDArray[np.int64]:
        """Count the customers who met a touchpoint in a stage, shape (n_rungs, n touchpoints)."""
        m, n = len(self.journeys.names), len(self.journeys)
        owner = np.repeat(np.arange(n), self.journeys.length)
        rung = rung_at(self.steps, owner, self.journeys.need_time("`journey_map`"))
        inside = rung >= 0
        cell = rung[inside] * m + self.journeys.touchpoint[inside]
        met = np.unique(cell * n + owner[inside]) // n
        return np.bincount(met, minlength=self.n_rungs * m).reshape(self.n_rungs, m)


def standing(journeys: Journeys, ladder: Ladder, /) -> Standing:
    """Return the entries into rungs that lie within the watching of their customers."""
    steps = entries(journeys, ladder)
    if journeys.observed_to is not None:
        steps = steps.take(steps.time < journeys.observed_to[steps.who])
    return Standing(journeys, steps, len(ladder.rungs))


def answers_by_rung(place: Standing, sentiment: pd.DataFrame, /, *, confidence: float) -> Answered:
    """Average the answers given in each rung.

    Answers of customers who are not in the journeys, or in no stage yet, are left out.

    Raises
    ------
    MappingError
        When `sentiment` lacks a column.
    DataError
        When a score is outside -1 to 1.
    """
    columns = [str(name) for name in sentiment.columns]
    check_known("sentiment", ["event_time"], columns, what="columns")
    score = checked_answers(sentiment)
    who = customers_asked(place.journeys, sentiment["customer_id"])
    journey = np.full(place.journeys.n_customers, -1)
    journey[place.journeys.customer_index] = np.arange(len(place.journeys))
    time = pd.DatetimeIndex(sentiment["event_time"]).tz_convert("UTC").tz_localize(None)
    known = who >= 0
    rung = np.full(len(who), -1)
    asked = time.as_unit("us").asi8[known]
    rung[known] = rung_at(place.steps, journey[who[known]], asked)
    return answered(rung, who, score, n_groups=place.n_rungs, confidence=confidence)


class Rate(NamedTuple):
    """Happenings for 100 customers in `RATE_DAYS` days.

    `n` customers to whom they happened, of `n_at_risk`.
    """

    n: int
    n_at_risk: int
    estimate: float
    conf_low: float
    conf_high: float


def moves_rate(followed: Multistate, source: str, /, *, up: bool, confidence: float) -> Rate:
    """Return the rate of moves up, or back, out of a stage.

    Errors are robust to customers who move often, as in `Multistate.moves`; its rows of steps up
    and over stages are one here.
    """
    spells = followed.spells()
    place = followed.states.index(source)
    step = {state: rung for rung, state in enumerate(followed.ladder)}
    order = np.array([step.get(state, -1) for state in followed.states])
    own = spells.source == place
    target = spells.target[own]
    moved = (target >= 0) & (
        (order[target] > order[place]) if up else (order[target] < order[place])
    )
    n = spells.n_customers
    days = np.bincount(spells.customer[own], (spells.stop - spells.start)[own] / DAY, n)
    return _rate(np.bincount(spells.customer[own][moved], minlength=n), days, confidence)


def leaving_rate(
    followed: Multistate, lifetimes: Lifetimes, source: str, /, *, confidence: float
) -> Rate:
    """Return the rate at which customers leave while they are in a stage.

    Customers are under risk where their lifetime and a stay in the stage overlap; each leaves at
    most once, from the stage they are in then. Where leaving is dated at the last activity and that
    leads into a stage, they leave from it: they had come there before they fell silent.
    """
    stays = followed.frame.loc[
        followed.frame["source"] == source,
        ["customer_id", "origin_time", "start_days", "stop_days", "target"],
    ]
    lives = lifetimes.frame[["customer_id", "origin_time", "entry_days", "exit_days", "event"]]
    both = stays.merge(lives, on="customer_id", suffixes=("", "_life"))
    shift = (both["origin_time_life"] - both["origin_time"]).dt.total_seconds() / 86_400
    begin = np.maximum(both["start_days"], both["entry_days"] + shift)
    end = both["exit_days"] + shift
    days = np.minimum(both["stop_days"], end) - begin
    # Times of one instant come from two clocks: half a microsecond is rounding. What leads into a
    # stage has led there at its own instant.
    begun, over = both["start_days"] - _INSTANT, both["stop_days"] - _INSTANT
    # Of a stay that nothing ended the last instant belongs to it.
    open_end = both["target"].isna() & (end <= over + 2 * _INSTANT)
    left = both["event"] & (end >= begun) & ((end < over) | open_end)
    customer = pd.factorize(both["customer_id"])[0]
    n = int(customer.max(initial=-1)) + 1
    at_risk = np.bincount(customer, np.maximum(days, 0), n)
    return _rate(np.bincount(customer[left.to_numpy()], minlength=n), at_risk, confidence)


def _rate(happened: NDArray[np.int64], days: NDArray[Any], confidence: float) -> Rate:
    total, n = float(days.sum()), int(happened.sum())
    if total == 0:
        return Rate(0, 0, np.nan, np.nan, np.nan)
    rate = n / total
    squares = float(((happened - rate * days) ** 2).sum())
    low, high = event_interval(
        rate,
        max(squares, n) / total**2,
        step=1 / total,
        step_square=1 / total**2,
        confidence=confidence,
    )
    if n == 0:
        high = -np.log1p(-confidence) / total
    scale = 100 * RATE_DAYS
    return Rate(
        int((happened > 0).sum()),
        int((days > 0).sum()),
        scale * rate,
        scale * float(low),
        scale * float(high),
    )
