"""What is true of the closed loop, by its law."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from journeykit.simulate.part import Truth
from journeykit.simulate.parts.loops import LONGEST_VISIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from journeykit.simulate.draws import Floats
    from journeykit.simulate.parts.loops import Loops
    from journeykit.simulate.past import Touches


class RemarketingTruth(Truth):
    """What is true of the closed loop.

    Loops are *followed* if all the days in which a return counts lie inside the window; *reached*
    if a first impression would be shown before any return, which no arm changes. Effects compare
    remarketing for all with remarketing for none, and are expected values over returns and
    purchases, given the followed loops and the impressions they would be shown.

    Attributes
    ----------
    loops, reached : int
        Followed loops of both arms, and those of them that are reached.
    returns, orders : int
        Returns and orders of this part inside the window, of followed loops or not.
    returns_per_loop, returns_per_reached : float or None
        E[Y(all) - Y(none)], where Y is 1 if the customer returns in time: per followed loop (the
        estimand of intention to treat), and per reached one (that of the ghost contrast).
    returns_by_day : list of float or None
        The same per followed loop, of returns until the end of day 1, 2, ... after leaving.
    orders_per_loop, orders_per_reached : float or None
        The same of orders, with offers made as they are.
    orders_per_offer : float or None
        E[order | offer] - E[order | none] per return at which the offer was randomised.
    returns_caused, orders_caused_by_remarketing, orders_caused_by_offer : float
        Expected returns and orders of this world that would not be without remarketing (in followed
        loops of the arm that has it), or without the offer (at returns where it was shown).
    half_life_days : float
        Days after which half of an impression's effect on the rate of returning is left.
    credit : mapping of str to float
        Orders inside the window by cause; they sum to `orders`. An order that the offer raised from
        probability p0 to p owes it (p - p0) / p; the rest is shared as the return's rate at its
        moment was: by impressions, and without. What comes without them is the mail's: no loop
        begins without one.
    """

    loops: int
    reached: int
    returns: int
    orders: int
    returns_per_loop: float | None
    returns_per_reached: float | None
    returns_by_day: list[float] | None
    orders_per_loop: float | None
    orders_per_reached: float | None
    orders_per_offer: float | None
    returns_caused: float
    orders_caused_by_remarketing: float
    orders_caused_by_offer: float
    half_life_days: float
    credit: dict[str, float]


def gains(
    loops: Loops,
    shown: Touches,
    first: Floats,
    /,
    *,
    days: int,
    effect: float,
    half_life_days: float,
    buying: Floats,
) -> dict[str, Any]:
    """Return expected returns and orders gained in followed loops, as sums.

    Given that the first impression comes before a return, the chance of no return until day d is
    exp(-base (d - first)) without an effect, and exp(-A(d)) times that with one, where A(d) is the
    integral of what all impressions until d add to the rate.

    Parameters
    ----------
    loops : Loops
    shown : Touches
        Impressions there would be if nobody came back; ``who`` is the loop.
    first : array of float64, shape (n_loops,)
        First impression that comes before a return, infinite for none.
    days : int
        Days after leaving in which a return counts.
    effect, half_life_days : float
    buying : array of float64, shape (n_loops,)
        Probability of a purchase after a return, over offers.
    """
    followed = loops.left + days + LONGEST_VISIT <= loops.watched
    reached = np.flatnonzero(followed & np.isfinite(first))
    place = np.full(len(loops.who), -1)
    place[reached] = np.arange(len(reached))
    seen = place[shown.who] >= 0
    loop, since = place[shown.who[seen]], shown.time[seen] - loops.left[shown.who[seen]]
    begin, decay = first[reached] - loops.left[reached], np.log(2) / half_life_days
    gain, by_day = np.zeros(len(reached)), np.zeros(days)
    for day in range(1, days + 1):
        mass = -np.expm1(-decay * np.maximum(day - since, 0.0)) / decay
        added = effect * np.bincount(loop, weights=mass, minlength=len(reached))
        gain = np.exp(-loops.base[reached] * np.maximum(day - begin, 0.0)) * -np.expm1(-added)
        by_day[day - 1] = gain.sum()
    orders, treated = gain * buying[reached], loops.treated[reached]
    return {
        "remarketing.loops": int(followed.sum()),
        "remarketing.reached": len(reached),
        "remarketing.gain_by_day": by_day,
        "remarketing.gain_orders": float(orders.sum()),
        "remarketing.caused": float(gain[treated].sum()),
        "remarketing.caused_orders": float(orders[treated].sum()),
    }


def loop_truth(sums: Mapping[str, Any], /, *, half_life_days: float) -> RemarketingTruth:
    """Return what was counted, and what was expected of it."""
    part = "remarketing."
    got = {key.removeprefix(part): sums[key] for key in sums if key.startswith(part)}
    loops, reached = got["loops"], got["reached"]
    by_day = np.asarray(got["gain_by_day"])
    credit = {"remarketing": got["credit"], "offer": got["credit_offer"]}
    return RemarketingTruth(
        loops=loops,
        reached=reached,
        returns=got["returns"],
        orders=got["orders"],
        returns_per_loop=_per(by_day[-1], loops),
        returns_per_reached=_per(by_day[-1], reached),
        returns_by_day=(by_day / loops).tolist() if loops else None,
        orders_per_loop=_per(got["gain_orders"], loops),
        orders_per_reached=_per(got["gain_orders"], reached),
        orders_per_offer=_per(got["offer_gain"], got["asked"]),
        returns_caused=got["caused"],
        orders_caused_by_remarketing=got["caused_orders"],
        orders_caused_by_offer=got["offer_caused"],
        half_life_days=half_life_days,
        credit={"email_promo": got["orders"] - sum(credit.values()), **credit},
    )


def _per(total: float, n: int) -> float | None:
    return float(total) / n if n else None
