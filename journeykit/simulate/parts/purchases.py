"""The planned purchase as lived: its steps, and where they depart from the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

import numpy as np
from pydantic import Field

from journeykit.simulate.part import Part, Truth
from journeykit.simulate.past import SECONDS, Drawn, Touches, whole_seconds
from journeykit.simulate.sessions import LEAST_GAP, gap_seconds, mean_gap, session_ids
from journeykit.simulate.tables import ACTORS, STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from journeykit.simulate.draws import Floats, Indices
    from journeykit.simulate.past import Columns, Past

Deviation = Literal["extra", "irregular", "failed", "missing"]
Share = Annotated[float, Field(ge=0, le=1)]
#: A step with what a deviation adds to it comes less than 30 minutes after the one before.
Minutes = Annotated[float, Field(ge=0, le=15)]
Cents = Annotated[int, Field(ge=0)]

DEVIATIONS: tuple[Deviation, ...] = get_args(Deviation)
#: What is planned on the web, in order.
PLAN = (
    "site_search", "view_product", "view_testimonial", "checkout", "thank_you_page",
    "email_confirmation",
)  # fmt: skip
#: Steps at which the friction of `orders` loses attempts, by its index.
LOSING = ("site_search", "checkout")
WEB, STORE = 0, 1
_LONGEST_GAP = 10 * 60.0
_CONFIRMED = 60.0
#: All that may happen, in order of time, and what it is on the website.
_SLOTS = (
    "site_search", "view_product", "view_testimonial", "help_center_visit", "checkout", "checkout",
    "thank_you_page", "email_confirmation",
)  # fmt: skip
_PRODUCT, _TESTIMONIAL, _HELP, _FAILURE, _CHECKOUT, _THANKS, _EMAIL = range(1, 8)
#: Where the minutes that a deviation adds are spent, and where it is seen.
_SEEN_AT: dict[Deviation, int] = {
    "extra": _HELP,
    "irregular": _TESTIMONIAL,
    "failed": _FAILURE,
    "missing": _EMAIL,
}
#: Last slot of an attempt that is lost.
_LAST = np.array([_SLOTS.index("site_search"), _CHECKOUT])


class PurchasesTruth(Truth):
    """What is true of the planned purchase.

    Attributes
    ----------
    plan : list of str
        The steps planned on the web, in order.
    cases : int
        Attempts on the web that became orders, counted while their customer was watched.
    rate : mapping of str to float
        Probability of each deviation in a case; independent of the others, and of all else.
    count : mapping of str to int
        Counted among `cases`.
    handling_cost : mapping of str to int
        Cents that one deviation of the kind costs, on the case's thank_you_page.
    cost : mapping of str to int
        Cents in all: counted.
    minutes : mapping of str to float
        Expected minutes that one adds to its case, from the first step to the thank_you_page.
    """

    plan: list[str]
    cases: int
    rate: dict[str, float]
    count: dict[str, int]
    handling_cost: dict[str, int]
    cost: dict[str, int]
    minutes: dict[str, float]


class Purchases(Part):
    """What customers do to purchase, from the hidden table ``attempts`` of another part.

    An attempt on the web runs through `PLAN` in one session and reaches thank_you_page at the
    attempt's time; a minute later, email_confirmation is sent. Steps are 2 seconds to 10 minutes
    apart, lognormal between. One that is lost leaves the same steps, up to that at which it is
    lost. In the store checker_contact comes a minute before the attempt's time, pos_transaction at
    it, pos_receipt 5 seconds later; one that is lost leaves nothing. Of an attempt within minutes
    of the customer's entry, what would come before entry is not there.

    Each attempt on the web that became an order departs from the plan, independently, with
    probability ``rate[kind]``:

    - extra: a help_center_visit between view_testimonial and checkout,
    - irregular: view_testimonial comes before view_product,
    - failed: a checkout that fails comes before the one that does not,
    - missing: no email_confirmation.

    Each makes the gap before the step on which it is seen ``minutes[kind]`` longer (extra and
    failed add a step, with a gap like all others besides), and puts ``cost[kind]`` on
    thank_you_page. The order's time does not move: what comes before the step was earlier.

    Parameters
    ----------
    gap_seconds, gap_sigma : float
        Median, and spread of the logarithm, of the time between steps.
    rate : mapping of str to float
    cost : mapping of str to int
        Cents.
    minutes : mapping of str to float
        At most 15 each; missing takes no time.
    """

    name: ClassVar[str] = "purchases"
    gap_seconds: Annotated[float, Field(ge=LEAST_GAP, le=_LONGEST_GAP)] = 45.0
    gap_sigma: Annotated[float, Field(ge=0)] = 0.9
    rate: dict[Deviation, Share] = {
        "extra": 0.08, "irregular": 0.06, "failed": 0.05, "missing": 0.03,
    }  # fmt: skip
    cost: dict[Deviation, Cents] = {
        "extra": 400, "irregular": 150, "failed": 1200, "missing": 300,
    }  # fmt: skip
    minutes: dict[Deviation, Minutes] = {"extra": 4.0, "irregular": 2.0, "failed": 3.0}

    def draw(self, past: Past, /) -> Drawn:
        """Draw the steps of all attempts."""
        attempts = past.hidden("attempts")
        if attempts is None:
            return Drawn()
        store = (attempts["place"] == STORE) & (attempts["lost_at"] < 0)
        web = {name: column[attempts["place"] == WEB] for name, column in attempts.items()}
        deviates = self._deviates(past, web)
        drawn = self._on_web(past, web, deviates)
        in_store = _in_store(past, {name: column[store] for name, column in attempts.items()})
        return Drawn(touches=[*drawn.touches, *in_store], hidden=drawn.hidden, sums=drawn.sums)

    def _deviates(self, past: Past, web: Columns) -> dict[Deviation, NDArray[np.bool_]]:
        ordered = web["lost_at"] < 0
        return {
            kind: ordered
            & (
                past.draws.uniform(f"purchases.{kind}", who=web["who"], number=web["number"])
                < self.rate.get(kind, 0.0)
            )
            for kind in DEVIATIONS
        }

    def _on_web(
        self, past: Past, web: Columns, deviates: Mapping[Deviation, NDArray[np.bool_]]
    ) -> Drawn:
        who, ordered = web["who"], web["lost_at"] < 0
        happens = np.ones((len(who), len(_SLOTS)), dtype=bool)
        happens[:, _HELP], happens[:, _FAILURE] = deviates["extra"], deviates["failed"]
        time = self._times(past, web, happens, deviates)
        last = np.where(ordered, len(_SLOTS), _LAST[np.maximum(web["lost_at"], 0)])
        happens &= np.arange(len(_SLOTS)) <= last[:, None]
        happens &= time >= past.trait("entry")[who][:, None]
        happens[:, _EMAIL] &= ~deviates["missing"]
        session = session_ids(past, "purchase", who, web["number"])
        cost = np.sum([self.cost.get(kind, 0) * deviates[kind] for kind in DEVIATIONS], axis=0)
        failed = {"status": np.full(len(who), STATUSES.index("failed"))}
        sent = {"actor": np.full(len(who), ACTORS.index("automatic"))}
        paid = {"value": web["value"], "cost": cost, **sent}
        also = {_FAILURE: failed, _THANKS: paid, _EMAIL: sent}
        # Irregular: the two slots keep their times, and change what happens in them.
        swap = {_PRODUCT: _TESTIMONIAL, _TESTIMONIAL: _PRODUCT}
        touches = []
        for slot, name in enumerate(_SLOTS):
            in_slot = np.where(deviates["irregular"], swap.get(slot, slot), slot)
            at = np.flatnonzero(happens[np.arange(len(who)), in_slot])
            columns = {"session_id": session, **also.get(slot, {})}
            chosen = {key: column[at] for key, column in columns.items()}
            touches.append(Touches.of(name, who[at], time[at, in_slot[at]], chosen))
        inside = ordered & _watched(past, who, time[:, _THANKS])
        return Drawn(
            touches=touches,
            hidden={"deviations": _table(who, session, time, deviates, inside)},
            sums={
                "purchases.cases": int(inside.sum()),
                **{f"purchases.{kind}": int((deviates[kind] & inside).sum()) for kind in deviates},
            },
        )

    def _times(
        self,
        past: Past,
        web: Columns,
        happens: NDArray[np.bool_],
        deviates: Mapping[Deviation, NDArray[np.bool_]],
    ) -> Floats:
        """Return the time of each slot, those before thank_you_page counted back from it."""
        who = web["who"][:, None]
        number = web["number"][:, None] * len(_SLOTS) + np.arange(1, _EMAIL)
        drawn = past.draws.uniform("purchases.gap", who=who, number=number)
        gap = gap_seconds(drawn, median=self.gap_seconds, sigma=self.gap_sigma, most=_LONGEST_GAP)
        for kind, slot in _SEEN_AT.items():
            if slot < _EMAIL:
                more = np.rint(60 * self.minutes.get(kind, 0.0))
                gap[:, slot - 1] += more * deviates[kind]
        gap *= happens[:, 1:_EMAIL]
        time = np.zeros((len(web["who"]), len(_SLOTS)))
        time[:, :_THANKS] = -np.cumsum(gap[:, ::-1], axis=1)[:, ::-1]
        time[:, _EMAIL] = _CONFIRMED
        return whole_seconds(web["attempt_time"])[:, None] + time / SECONDS

    def _adds(self, kind: Deviation) -> float:
        """Return the expected minutes that a deviation adds."""
        if kind == "missing":
            return 0.0
        gap = mean_gap(median=self.gap_seconds, sigma=self.gap_sigma, most=_LONGEST_GAP)
        return self.minutes.get(kind, 0.0) + (gap / 60 if kind in ("extra", "failed") else 0.0)

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> PurchasesTruth:  # noqa: ARG002
        """Return the plan, and what departs from it."""
        count: dict[str, int] = {kind: int(sums.get(f"purchases.{kind}", 0)) for kind in DEVIATIONS}
        handling: dict[str, int] = {kind: self.cost.get(kind, 0) for kind in DEVIATIONS}
        return PurchasesTruth(
            plan=list(PLAN),
            cases=int(sums.get("purchases.cases", 0)),
            rate={kind: self.rate.get(kind, 0.0) for kind in DEVIATIONS},
            count=count,
            handling_cost=handling,
            cost={kind: count[kind] * handling[kind] for kind in DEVIATIONS},
            minutes={kind: self._adds(kind) for kind in DEVIATIONS},
        )


def _in_store(past: Past, bought: Columns) -> list[Touches]:
    who, time = bought["who"], whole_seconds(bought["attempt_time"])
    human, automatic = (np.full(len(who), ACTORS.index(word)) for word in ("human", "automatic"))
    met = time - 60 / SECONDS >= past.trait("entry")[who]
    return [
        Touches.of("checker_contact", who[met], time[met] - 60 / SECONDS, {"actor": human[met]}),
        Touches.of("pos_transaction", who, time, {"value": bought["value"]}),
        Touches.of("pos_receipt", who, time + 5 / SECONDS, {"actor": automatic}),
    ]


def _watched(past: Past, who: Indices, time: Floats) -> NDArray[np.bool_]:
    begin = np.maximum(past.trait("entry"), 0.0)[who]
    inside: NDArray[np.bool_] = (time >= begin) & (time < past.trait("exit")[who])
    return inside


def _table(
    who: Indices,
    session: Indices,
    time: Floats,
    deviates: Mapping[Deviation, NDArray[np.bool_]],
    inside: NDArray[np.bool_],
) -> dict[str, NDArray[Any]]:
    """Return one row a deviation of the cases inside the window, sorted by customer and time."""
    flags = np.stack([deviates[kind] & inside for kind in DEVIATIONS], axis=1)
    at, kind = np.nonzero(flags)
    slots = np.array([_SEEN_AT[name] for name in DEVIATIONS])
    when = time[at, slots[kind]]
    order = np.lexsort((when, who[at]))
    return {
        "who": who[at][order],
        "case": session[at][order],
        "kind": np.array(DEVIATIONS)[kind][order],
        "deviation_time": when[order],
    }
