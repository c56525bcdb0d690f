"""The closed loop: mail, product page, out, remarketing for a week, back, a pop-up offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from scipy.special import expit, logit

from journeykit.simulate.draws import Draws
from journeykit.simulate.part import Part
from journeykit.simulate.parts.loops import (
    AUTOMATIC,
    Loops,
    Returns,
    Visits,
    firsts,
    later,
    one_at_a_time,
    ranks,
    rows,
)
from journeykit.simulate.parts.looptruth import RemarketingTruth, gains, loop_truth
from journeykit.simulate.past import SECONDS, Drawn, Touches, looking_back, whole_seconds
from journeykit.simulate.sessions import session_ids
from journeykit.stats import mix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from journeykit.simulate.draws import Floats
    from journeykit.simulate.past import Columns, Past

#: Rate a day in whose units candidates of returns are drawn; no law depends on it.
_UNIT = 0.05
#: Room for the orders of a customer beside those of other parts.
_ORDERS, _FIRST_ORDER = 1000, 500

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(ge=0)]


class Remarketing(Part):
    """The closed loop, with hidden intent behind exposure, return and purchase, and a holdout.

    A promotional mail is clicked with probability `click`: minutes later the customer looks at one
    or two product pages and leaves at t0. A click within `loop_days` of an earlier t0 starts no
    loop. Customers are assigned once, for good; the holdout is shown nothing, and what it would
    have been shown are ghosts. With intent u, standard normal and hidden,

    - impressions: P(any) = expit(logit(reach) + reach_slope u); then a Poisson process of
      `impressions_a_day` over (t0, t0 + show_days], until the return;
    - return, within `loop_days`, at the rate a day
      ``return_base exp(return_slope u - return_slope^2 / 2)
      + effect * sum over impressions s < t of 2^(-(t - s) / half_life_days)``;
    - purchase: P = min(1, expit(logit(buy_base) + buy_slope u) + offer_effect [offer shown]).

    Loops begin on the world's first day at the earliest.

    Parameters
    ----------
    click : float
        Probability that a mail is clicked.
    loop_days : int
        Days after leaving in which a return counts and no other loop starts, at least 7.
    holdout : float
        Probability of the arm without remarketing.
    reach, reach_slope : float
        Probability of impressions at intent 0, and how its log odds rise with intent.
    impressions_a_day, show_days : float
        Rate, and days after leaving in which impressions are shown, at most `loop_days`.
    return_base, return_slope : float
        Mean rate of returning a day, and how its logarithm rises with intent.
    effect, half_life_days : float
        What an impression adds to the rate a day at first; days after which half of it is left.
    offer_share, offer_effect : float
        Probability that a return is shown the pop-up offer; what it adds to that of a purchase.
    buy_base, buy_slope : float
        Probability of a purchase after a return at intent 0; slope of its log odds.
    value_median, value_sigma : float
        Value of an order in cents: median, and spread of its logarithm.
    """

    name: ClassVar[str] = "remarketing"
    click: Share = 0.25
    loop_days: Annotated[int, Field(ge=7)] = 14
    holdout: Share = 0.2
    reach: Share = 0.4
    reach_slope: float = 1.5
    impressions_a_day: Positive = 0.5
    show_days: Annotated[float, Field(ge=0, le=7)] = 7.0
    return_base: Positive = 0.012
    return_slope: float = 0.8
    effect: Positive = 0.01
    half_life_days: Annotated[float, Field(gt=0)] = 3.0
    offer_share: Share = 0.5
    offer_effect: Share = 0.06
    buy_base: Share = 0.12
    buy_slope: float = 0.6
    value_median: Positive = 24_900.0
    value_sigma: Positive = 0.5

    def draw(self, past: Past, /) -> Drawn:
        """Draw loops, impressions, returns, offers and orders."""
        loops = self._loops(past)
        shown = self._would_be_shown(loops)
        returns = self._returns(loops, shown)
        visits = self._visits(past, loops, returns)
        counted = visits.sums()
        real = loops.treated[shown.who] & (shown.time < returns.time[shown.who])
        impressions = Touches(
            "remarketing_impression",
            loops.who[shown.who[real]],
            shown.time[real],
            {"actor": np.full(int(real.sum()), AUTOMATIC)},
        )
        return Drawn(
            touches=[loops.pages(), impressions, *visits.touches()],
            tables=self._tables(loops, returns, visits),
            hidden={
                "loops": {
                    "who": loops.who,
                    "start_time": loops.start,
                    "left_time": loops.left,
                    "treated": loops.treated,
                    "exposed_time": np.where(returns.first < loops.watched, returns.first, np.nan),
                    "return_time": np.where(returns.time < loops.watched, returns.time, np.nan),
                    "return_owed": returns.owed,
                }
            },
            sums={
                **self._gains(loops, shown, returns),
                **counted,
                # Without the mail there is no loop.
                "orders begun by email_promo": counted["remarketing.orders"],
            },
        )

    def _loops(self, past: Past) -> Loops:
        mails = past.touches("email_promo")
        name = np.rint(mails.time * SECONDS).astype(np.int64)
        drawn = past.draws.uniform("remarketing.click", who=mails.who, number=name)
        clicked = (drawn < self.click) & (mails.time >= 0)
        who, name, sent = mails.who[clicked], name[clicked], mails.time[clicked]
        own = Draws(mix(mix(past.draws.key[who]) ^ name.astype(np.uint64)))
        start = later(own, sent, "start", least=60, most=1800)
        second_page = own.uniform("remarketing.pages") < 0.5
        left = np.where(second_page, later(own, start, "left", least=20, most=200), start)
        watched = np.asarray(past.trait("exit"))[who]
        order = np.lexsort((start, who))
        order = order[left[order] < watched[order]]
        order = order[one_at_a_time(who[order], start[order], left[order], days=self.loop_days)]
        who = who[order]
        number = ranks(who)
        intent = np.asarray(past.trait("intent"))[who]
        slope = self.return_slope
        return Loops(
            who=who,
            number=number,
            start=start[order],
            left=left[order],
            second_page=second_page[order],
            watched=watched[order],
            treated=(past.draws.uniform("remarketing.arm") >= self.holdout)[who],
            intent=intent,
            base=self.return_base * np.exp(slope * intent - slope**2 / 2),
            session=session_ids(past, "loop", who, 2 * number),
            own=Draws(own.key[order]),
        )

    def _would_be_shown(self, loops: Loops) -> Touches:
        """Return all impressions there would be if nobody ever came back; ``who`` is the loop."""
        with np.errstate(divide="ignore"):
            odds = logit(self.reach) + self.reach_slope * loops.intent
        rate = np.where(
            loops.own.uniform("remarketing.reach") < expit(odds), self.impressions_a_day, 0.0
        )
        points = loops.own.points(
            "remarketing.impressions", rate, loops.left, loops.left + self.show_days
        )
        return Touches.of("remarketing_impression", points.who, points.time)

    def _returns(self, loops: Loops, shown: Touches) -> Returns:
        """Return when customers come back, by thinning.

        Up to a loop's first impression both arms are at the same rate and take the same candidates,
        so that whether it comes before a return does not depend on the arm.
        """
        n = len(loops.who)
        effect = np.where(loops.treated, self.effect, 0.0)
        bound = loops.base + effect * np.bincount(shown.who, minlength=n)
        points = loops.own.candidates(
            "remarketing.return", _UNIT, loops.left, loops.left + self.loop_days, bound / _UNIT
        )
        time = whole_seconds(points.time)
        pairs = looking_back(shown, points.who, time, days=self.loop_days)
        age = time[pairs.query] - shown.time[pairs.touch]
        level = np.bincount(
            pairs.query, weights=0.5 ** (age / self.half_life_days), minlength=len(time)
        )
        raised = effect[points.who] * level
        rate = loops.base[points.who] + raised
        kept = np.flatnonzero(points.height * _UNIT < rate)
        kept = kept[np.lexsort((time[kept], points.who[kept]))]
        kept = kept[firsts(points.who[kept])]
        back, owed = np.full(n, np.inf), np.zeros(n)
        back[points.who[kept]] = time[kept]
        owed[points.who[kept]] = raised[kept] / rate[kept]
        first = np.full(n, np.inf)
        at = firsts(shown.who)
        first[shown.who[at]] = shown.time[at]
        return Returns(np.where(first < back, first, np.inf), back, owed)

    def _visits(self, past: Past, loops: Loops, returns: Returns) -> Visits:
        """Return the visits of those who come back while they are observed."""
        at = np.flatnonzero(returns.time < loops.watched)
        own = Draws(loops.own.key[at])
        home = returns.time[at]
        page = later(own, home, "page", least=10, most=200)
        asked = later(own, page, "asked", least=5, most=60)
        checkout = later(own, asked, "checkout", least=30, most=600)
        thanks = later(own, checkout, "thanks", least=30, most=300)
        offered = own.uniform("remarketing.offer") < self.offer_share
        without = self._buying(loops.intent[at], 0)
        chance = self._buying(loops.intent[at], offered)
        value = self.value_median * np.exp(self.value_sigma * own.normal("remarketing.value"))
        return Visits(
            who=loops.who[at],
            session=session_ids(past, "loop", loops.who[at], 2 * loops.number[at] + 1),
            watched=loops.watched[at],
            home=home,
            page=page,
            asked=asked,
            checkout=checkout,
            thanks=thanks,
            mailed=later(own, thanks, "mailed", least=5, most=60),
            offered=offered,
            bought=own.uniform("remarketing.bought") < chance,
            without=without,
            chance=chance,
            gain=self._buying(loops.intent[at], 1) - without,
            value=np.rint(value).astype(np.int64),
            order_id=past.customers[loops.who[at]] * _ORDERS + _FIRST_ORDER + loops.number[at],
            owed=returns.owed[at],
        )

    def _buying(self, intent: Floats, offered: ArrayLike) -> Floats:
        """Return the probability of a purchase, if the offer is made with a probability."""
        with np.errstate(divide="ignore"):
            without = expit(logit(self.buy_base) + self.buy_slope * intent)
        gain = np.minimum(self.offer_effect, 1 - without)
        chance: Floats = without + np.asarray(offered) * gain
        return chance

    def _tables(self, loops: Loops, returns: Returns, visits: Visits) -> dict[str, Columns]:
        first = firsts(loops.who)
        told = returns.first < loops.watched
        treated = loops.treated[first]
        offers = {
            "who": visits.who,
            "offer": np.full(len(visits.who), "pop-up"),
            "eligible_time": visits.asked,
            "arm": np.where(visits.offered, "offer", "none"),
            "probability": np.where(visits.offered, self.offer_share, 1 - self.offer_share),
            "accepted": visits.offered & visits.ordered,
        }
        return {
            "assignments": {
                "who": loops.who[first],
                "experiment": np.full(len(first), self.name),
                "arm": np.where(treated, self.name, "holdout"),
                "probability": np.where(treated, 1 - self.holdout, self.holdout),
                "eligible_time": loops.left[first],
            },
            "exposures": {
                "who": loops.who[told],
                "experiment": np.full(int(told.sum()), self.name),
                "eligible_time": loops.left[told],
                "exposed_time": returns.first[told],
                "ghost": ~loops.treated[told],
            },
            "offers": rows(offers, visits.asked < visits.watched),
            "orders": visits.orders(),
        }

    def _gains(self, loops: Loops, shown: Touches, returns: Returns) -> dict[str, Any]:
        return gains(
            loops,
            shown,
            returns.first,
            days=self.loop_days,
            effect=self.effect,
            half_life_days=self.half_life_days,
            buying=self._buying(loops.intent, self.offer_share),
        )

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> RemarketingTruth:  # noqa: ARG002
        """Return what was counted, and what was expected of it."""
        return loop_truth(sums, half_life_days=self.half_life_days)
