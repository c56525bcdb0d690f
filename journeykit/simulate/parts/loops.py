"""Arrays of the closed loop: the loops of a block, how they end, and the visits they lead to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from journeykit.simulate.past import SECONDS, Touches, sort_key, whole_seconds
from journeykit.simulate.tables import ACTORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from journeykit.simulate.draws import Draws, Floats, Indices
    from journeykit.simulate.past import Columns

    Mask = NDArray[np.bool_]

AUTOMATIC = ACTORS.index("automatic")
MINUTE = 1 / 1440
#: From coming back to the end of a purchase it takes less, in days.
LONGEST_VISIT = 30 * MINUTE


@dataclass(frozen=True, slots=True)
class Loops:
    """Loops of a block, sorted by customer and time; arrays of shape (n_loops,).

    Attributes
    ----------
    who, number : array of int64
        Customer, and which of the customer's loops.
    start, left : array of float64
        When the product page is opened, and left.
    second_page : array of bool
        Whether another product page was opened in between.
    watched : array of float64
        Until when the customer is observed.
    treated : array of bool
        Whether the customer is in the arm with remarketing.
    intent, base : array of float64
        Hidden intent, and the rate of returning a day without remarketing.
    session : array of int64
        Session of the first visit; the one of the return is next.
    own : Draws
        Random numbers that belong to the loops.
    """

    who: Indices
    number: Indices
    start: Floats
    left: Floats
    second_page: Mask
    watched: Floats
    treated: Mask
    intent: Floats
    base: Floats
    session: Indices
    own: Draws

    def pages(self) -> Touches:
        """Return the product pages of the first visits."""
        at = np.concatenate([np.arange(len(self.who)), np.flatnonzero(self.second_page)])
        time = np.concatenate([self.start, self.left[self.second_page]])
        return Touches.of("view_product", self.who[at], time, {"session_id": self.session[at]})


@dataclass(frozen=True, slots=True)
class Returns:
    """What loops came to; arrays of float64, shape (n_loops,).

    Attributes
    ----------
    first : array
        First impression that is, or would be, shown before a return; infinite for none.
    time : array
        Return, infinite for none in time.
    owed : array
        Part of the rate at the moment of the return that impressions made.
    """

    first: Floats
    time: Floats
    owed: Floats


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits of those who came back; arrays of shape (n_visits,).

    Attributes
    ----------
    who, session : array of int64
    watched : array of float64
        Until when the customer is observed.
    home, page, asked, checkout, thanks, mailed : array of float64
        When each step happens, if it does; `asked` is when the offer is, or is not, made.
    offered, bought : array of bool
    without, chance : array of float64
        Probability of a purchase if no offer was made, and as it was.
    gain : array of float64
        What an offer adds to the probability.
    value, order_id : array of int64
    owed : array of float64
        As in `Returns`.
    """

    who: Indices
    session: Indices
    watched: Floats
    home: Floats
    page: Floats
    asked: Floats
    checkout: Floats
    thanks: Floats
    mailed: Floats
    offered: Mask
    bought: Mask
    without: Floats
    chance: Floats
    gain: Floats
    value: Indices
    order_id: Indices
    owed: Floats

    @property
    def ordered(self) -> Mask:
        """Whether the visit ends with an order inside the window."""
        return self.bought & (self.thanks < self.watched)

    def touches(self) -> list[Touches]:
        """Return the steps that happen."""
        every = np.ones(len(self.who), dtype=bool)
        automatic = {"actor": np.full(len(self.who), AUTOMATIC)}
        steps: list[tuple[str, Floats, Mask, Columns]] = [
            ("view_home", self.home, every, {}),
            ("view_product", self.page, every, {}),
            ("offer_popup", self.asked, self.offered, automatic),
            ("checkout", self.checkout, self.bought, {}),
            ("thank_you_page", self.thanks, self.bought, {"value": self.value}),
            ("email_confirmation", self.mailed, self.bought, automatic),
        ]
        session = {"session_id": self.session}
        return [
            Touches.of(name, self.who[which], time[which], rows({**session, **more}, which))
            for name, time, which, more in steps
        ]

    def orders(self) -> Columns:
        """Return rows of the table of orders."""
        return rows(
            {
                "who": self.who,
                "order_time": self.thanks,
                "place": np.full(len(self.who), "web"),
                "value": self.value,
                "order_id": self.order_id,
            },
            self.ordered,
        )

    def sums(self) -> dict[str, float]:
        """Return what the truth of offers and credit is made of."""
        asked, ordered = self.asked < self.watched, self.ordered
        lift = self.chance - self.without
        by_offer = np.divide(lift, self.chance, out=np.zeros_like(lift), where=self.chance > 0)
        return {
            "remarketing.returns": len(self.who),
            "remarketing.orders": int(ordered.sum()),
            "remarketing.asked": int(asked.sum()),
            "remarketing.offer_gain": float(self.gain[asked].sum()),
            "remarketing.offer_caused": float(lift[asked].sum()),
            "remarketing.credit_offer": float(by_offer[ordered].sum()),
            "remarketing.credit": float((self.owed * (1 - by_offer))[ordered].sum()),
        }


def later(own: Draws, than: Floats, what: str, /, *, least: float, most: float) -> Floats:
    """Return moments between `least` and `most` seconds later, evenly spread."""
    drawn = own.uniform(f"remarketing.{what}")
    return whole_seconds(than + (least + (most - least) * drawn) / SECONDS)


def rows(columns: Mapping[str, NDArray[Any]], which: Mask, /) -> Columns:
    """Return some rows of all columns."""
    return {name: column[which] for name, column in columns.items()}


def firsts(who: Indices, /) -> Indices:
    """Return where each customer's first row is, of rows sorted by customer."""
    return np.flatnonzero(np.diff(who, prepend=-1))


def ranks(who: Indices, /) -> Indices:
    """Count each customer's rows from 0, of rows sorted by customer."""
    first = firsts(who)
    return np.arange(len(who)) - np.repeat(first, np.diff(first, append=len(who)))


def one_at_a_time(who: Indices, start: Floats, end: Floats, /, *, days: float) -> Indices:
    """Return which spells count, if one that starts within `days` of an earlier end does not.

    Spells are sorted by customer and start; those that do not count stand in nobody's way.
    """
    n = len(who)
    free = np.searchsorted(sort_key(who, start), sort_key(who, end) + days, side="right")
    at, chosen = firsts(who), np.zeros(n, dtype=bool)
    while len(at):
        chosen[at] = True
        next_free = free[at]
        same = (next_free < n) & (who[np.minimum(next_free, n - 1)] == who[at])
        at = next_free[same]
    return np.flatnonzero(chosen)
