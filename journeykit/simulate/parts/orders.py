"""Orders: what customers buy, which touch made them, and where an attempt is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

import numpy as np
from pydantic import Field

from journeykit.simulate.part import Part, Truth
from journeykit.simulate.parts.calendar import Rhythm
from journeykit.simulate.parts.causes import Causes, Trials, causes_of
from journeykit.simulate.parts.laws import Law
from journeykit.simulate.past import Drawn, sort_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.simulate.draws import Floats, Indices
    from journeykit.simulate.past import Past

PLACES = ("web", "store")
#: Stages on the way to an order.
Stage = Literal["familiarity", "engagement", "deliberation"]
STAGES: tuple[Stage, ...] = get_args(Stage)

Positive = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class OrdersTruth(Truth):
    """What is true of the orders in the window; all estimands are about this world's customers.

    Attributes
    ----------
    orders : int
        Orders of this part in the window.
    credit : mapping of str to float
        Hazard credit: at each order, the part of its rate that the baseline and each channel's
        touches make up. Sums to `orders`.
    lost_without : mapping of str to float
        Expected orders lost when a channel's touches are deleted, all other touches and the stages
        being as they are.
    lost_without_responding : mapping of str to float
        The same when all is gone that the deleted touches brought about: touches of other channels,
        and the orders of other parts that begin with one, such as loops of remarketing (counted).
    attempts_lost : mapping of str to int
        Attempts lost at each step of friction.
    value_of_removal : mapping of str to float
        Expected further orders of this part in the window were a step's friction removed.
    mean_value : float
        Mean value of an order in cents, expected.
    """

    orders: int
    credit: dict[str, float]
    lost_without: dict[str, float]
    lost_without_responding: dict[str, float]
    attempts_lost: dict[str, int]
    value_of_removal: dict[str, float]
    mean_value: float


class Orders(Part):
    """Attempts to buy, and the orders they become.

    Customer i attempts to buy at the rate ``season(week) * shock(region, week) * f(stage) * (b_i +
    together(A_i(t)))`` with ``b_i = baseline_a_day * exp(intent_slope * intent_i - intent_slope^2 /
    2)``. A touch of channel c at time s adds ``effect[c] * exp(-(t - s) / mean_days) / mean_days``
    to ``A_i(t)`` for `window_days`, so `effect` is the number of attempts a touch adds at a factor
    of 1, but for the little that the end of the window cuts off; `laws` says how touches act
    together. A web attempt is lost at a step of friction with the step's probability, one step
    after the other; the rest become orders.

    Parameters
    ----------
    baseline_a_day, intent_slope : float
    law : {"additive", "multiplicative", "saturating"}
    effect : mapping of str to float
        Attempts that a touch adds, by channel.
    mean_days, window_days : float
        How long a touch works on average, and at most.
    saturation : float
        In the saturating law: the most that touches add, in units of the customer's baseline.
    stage_factor : mapping of str to float
        ``f``, 1 where nothing is said, by the stage that the customer would be in had nobody ever
        bought: one order moves no other, and a channel's worth owes nothing to earlier orders.
    friction : mapping of str to float
        Probability that a web attempt is lost at a step, in the order of the steps.
    store_share : float
    value_median, value_sigma : float
        Value of an order in cents: lognormal.
    """

    name: ClassVar[str] = "orders"
    baseline_a_day: Positive = 0.0012
    intent_slope: float = 0.6
    law: Law = "additive"
    effect: dict[str, Positive] = {
        "email_promo": 0.03,
        "ad_impression": 0.015,
        "catalog_mailed": 0.08,
        "sms_sent": 0.01,
        "app_session": 0.05,
        "influencer_referral": 0.20,
        "social_owned_touch": 0.0,
        "review_read": 0.0,
    }
    mean_days: Annotated[float, Field(gt=0)] = 5.0
    window_days: Annotated[float, Field(gt=0, le=60)] = 30.0
    saturation: Annotated[float, Field(gt=0)] = 5.0
    stage_factor: dict[Stage, Positive] = {
        "familiarity": 0.7, "engagement": 1.0, "deliberation": 1.5,
    }  # fmt: skip
    friction: dict[str, Share] = {"site_search": 0.05, "checkout": 0.15}
    store_share: Annotated[float, Field(ge=0, le=1)] = 0.25
    value_median: Annotated[float, Field(gt=0)] = 12_000.0
    value_sigma: Positive = 0.5

    def draw(self, past: Past, /) -> Drawn:
        """Draw the attempts, and what came of them."""
        rhythm = Rhythm(past)
        intent = past.trait("intent")
        slope = self.intent_slope
        baseline = self.baseline_a_day * np.exp(slope * intent - slope**2 / 2)
        factors = np.array([self.stage_factor.get(stage, 1.0) for stage in STAGES])
        causes = causes_of(past, self, baseline=baseline, most=rhythm.most * float(factors.max()))
        trials = causes.trials()
        place = (
            past.draws.uniform("orders.place", who=trials.who, number=trials.number)
            < self.store_share
        ).astype(np.int64)
        lost_at = self._lost_at(past, trials, place)
        calendar = rhythm.of_week(trials.who, trials.time)
        height = trials.height * causes.top / calendar
        factor = factors[_stage(past, trials.who, trials.time)]
        inside = (trials.time >= np.maximum(past.trait("entry"), 0)[trials.who]) & (
            trials.time < past.trait("exit")[trials.who]
        )
        found = np.flatnonzero((height < factor) & inside)
        value = self._value(past, trials)
        attempts = {
            "who": trials.who[found],
            "attempt_time": trials.time[found],
            "number": trials.number[found],
            "place": place[found],
            "value": value[found],
            "lost_at": lost_at[found],
        }
        ordered = found[lost_at[found] < 0]
        weight = calendar * factor * self._surviving(place) * inside
        return Drawn(
            tables={"orders": _order_rows(past, attempts)},
            hidden={"attempts": attempts},
            sums=self._sums(causes, trials, ordered, lost_at[found], place, weight),
        )

    def _lost_at(self, past: Past, trials: Trials, place: Indices) -> Indices:
        lost = np.full(len(trials.who), -1)
        for step, (name, share) in reversed(list(enumerate(self.friction.items()))):
            drawn = past.draws.uniform(
                f"orders.friction.{name}", who=trials.who, number=trials.number
            )
            lost = np.where((drawn < share) & (place == 0), step, lost)
        return lost

    def _surviving(self, place: Indices) -> Floats:
        survives = float(np.prod([1 - share for share in self.friction.values()]))
        return np.where(place == 0, survives, 1.0)

    def _value(self, past: Past, trials: Trials) -> Indices:
        spread = past.draws.normal("orders.value", who=trials.who, number=trials.number)
        value = np.rint(self.value_median * np.exp(self.value_sigma * spread))
        return value.astype(np.int64)

    def _sums(
        self,
        causes: Causes,
        trials: Trials,
        ordered: Indices,
        lost_at: Indices,
        place: Indices,
        weight: Floats,
    ) -> dict[str, Any]:
        sums: dict[str, Any] = {
            "orders.orders": len(ordered),
            "orders.lost": np.bincount(lost_at + 1, minlength=len(self.friction) + 1)[1:],
            "orders.credit": causes.credit(trials)[ordered].sum(axis=0),
        }
        # What would happen at any time is averaged over all candidates, those that did not become
        # orders too: an expectation given the touches, with far less chance in it.
        expected = weight / trials.density
        for kind, lost in causes.lost_without(trials).items():
            losses = dict(zip(causes.channels, (expected @ lost).tolist(), strict=True))
            sums |= {f"orders.{kind}.{name}": orders for name, orders in losses.items()}
        whole = expected * (trials.baseline + trials.raised)
        sums["orders.expected_web"] = float(whole[place == 0].sum())
        return sums

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> OrdersTruth:  # noqa: ARG002
        """Return who made the orders, and what is lost without."""
        return OrdersTruth(
            orders=int(sums["orders.orders"]),
            credit=dict(
                zip(["baseline", *self.effect], sums["orders.credit"].tolist(), strict=True)
            ),
            lost_without={name: float(sums[f"orders.held.{name}"]) for name in self.effect},
            lost_without_responding={name: lost_responding(sums, name) for name in self.effect},
            attempts_lost=dict(zip(self.friction, sums["orders.lost"].tolist(), strict=True)),
            value_of_removal={
                name: float(sums["orders.expected_web"]) * share / (1 - share)
                for name, share in self.friction.items()
            },
            mean_value=self.value_median * float(np.exp(self.value_sigma**2 / 2)),
        )


def _stage(past: Past, who: Indices, time: Floats) -> Indices:
    """Return the prospect's stage at each time; 0 where the world has no stages."""
    stages = past.hidden("stages")
    if stages is None:
        return np.zeros(len(who), dtype=np.int64)
    keys = sort_key(stages["who"], stages["entered_time"])
    at = np.searchsorted(keys, sort_key(who, time), side="right") - 1
    known = (at >= 0) & (stages["who"][np.maximum(at, 0)] == who)
    return np.where(known, stages["stage"][np.maximum(at, 0)], 0)


def first_orders(past: Past, /) -> Floats:
    """Return the time of each customer's first order in the window, infinite where there is none.

    Orders of all parts drawn so far count.
    """
    orders = past.rows("orders")
    first = np.full(past.n, np.inf)
    np.minimum.at(first, orders["who"], orders["order_time"])
    return first


def _order_rows(past: Past, attempts: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    ordered = attempts["lost_at"] < 0
    who = attempts["who"][ordered]
    starts = np.searchsorted(who, who)
    return {
        "who": who,
        "order_time": attempts["attempt_time"][ordered],
        "place": np.array(PLACES, dtype=object)[attempts["place"][ordered]],
        "value": attempts["value"][ordered],
        "order_id": past.customers[who] * 1000 + np.arange(len(who)) - starts,
    }


def lost_responding(sums: Mapping[str, Any], channel: str, /) -> float:
    """Return the orders lost without a channel and all that its touches brought about.

    A part whose orders begin with a channel's touch has their number in the sum
    ``orders begun by <channel>``.
    """
    begun = float(sums.get(f"orders begun by {channel}", 0))
    return float(sums[f"orders.responding.{channel}"]) + begun
