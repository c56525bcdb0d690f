"""What happens during a contract, drawn as if it ran on to the last day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from journeykit.simulate.past import Touches, whole_seconds
from journeykit.simulate.tables import ACTORS, STATUSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.simulate.draws import Draws, Floats, Indices
    from journeykit.simulate.parts.contracts import Contracts

SUPPORT, MAIL = "call_customer_service", "email_marketing"
#: What happens during contracts; marketing goes on after them.
KINDS = (
    SUPPORT,
    "call_tech_support",
    "payment_failed",
    "call_accounts_receivable",
    "price_change",
    "survey_post_sale",
    "call_followup",
    MAIL,
    "bill_sent",
)
#: Day of a contract on which the survey is sent, the call made; days between bills and payments.
SURVEY_DAY, FOLLOWUP_DAY, BILL_DAYS, MONTH = 90.0, 300.0, 91.0, 365.25 / 12
#: Days over which the notices of a price change are spread.
NOTICE_DAYS = 30.0

_AUTOMATIC, _HUMAN = ACTORS.index("automatic"), ACTORS.index("human")
_FAILED = STATUSES.index("failed")
#: Numbers of a second contract's months start here, beyond those of any first.
_SECOND = 10_000


@dataclass(frozen=True, slots=True)
class Holders:
    """Customers who have a contract at some time, and when the first of it starts.

    Attributes
    ----------
    draws : Draws
        Of these customers only.
    segment : array of int64, shape (n_holders,)
    start : array of float64, shape (n_holders,)
    cured : array of bool, shape (n_holders,)
        Whether they never leave.
    rate : array of float64, shape (n_holders, n_destinations)
        Hazard of leaving a day where no event is felt.
    last : float
        The world's last day.
    price_day : float
    """

    draws: Draws
    segment: Indices
    start: Floats
    cured: NDArray[np.bool_]
    rate: Floats
    last: float
    price_day: float


def at_rates(part: Contracts, holders: Holders, automatic: Floats, /) -> list[Touches]:
    """Draw what comes at constant rates, from the first contract's start on; not sorted.

    A second contract meets the points of the same processes that lie in it.

    Parameters
    ----------
    automatic : array of float64, shape (n_holders,)
        Probability that a call of customer service is answered by a machine.
    """
    draws = holders.draws

    def points(name: str, rate: float) -> tuple[Indices, Floats, Indices]:
        found = draws.points(f"contracts.{name}", rate, holders.start, holders.last)
        return found.who, whole_seconds(found.time), found.number

    who, time, number = points(SUPPORT, part.support_calls)
    machine = draws.uniform("contracts.automatic", who=who, number=number) < automatic[who]
    answered = {"actor": np.where(machine, _AUTOMATIC, _HUMAN)}
    calls = Touches(SUPPORT, who, time, answered)
    who, time, _ = points("call_tech_support", part.tech_calls)
    tech = Touches("call_tech_support", who, time, _by(_HUMAN, who))
    who, time, _ = points(MAIL, part.marketing_mails)
    mail = Touches(MAIL, who, time, _by(_AUTOMATIC, who))
    return [calls, tech, mail]


def on_dates(
    part: Contracts, holders: Holders, chosen: Indices, start: Floats, /, *, second: bool
) -> list[Touches]:
    """Draw what comes on set days of a contract, and with the company's price change; not sorted.

    Parameters
    ----------
    chosen : array of int64, shape (n_contracts,)
        The holders whose contracts these are.
    start : array of float64, shape (n_contracts,)
    second : bool
        Whether they are the second contracts of their holders.
    """
    draws = holders.draws

    def once(name: str, time: Floats, share: float, actor: int) -> Touches:
        drawn = draws.uniform(f"contracts.{name}", who=chosen, number=int(second)) < share
        at = np.flatnonzero(drawn & (time < holders.last))
        return Touches(name, chosen[at], whole_seconds(time[at]), _by(actor, at))

    notice = holders.price_day + NOTICE_DAYS * draws.uniform("contracts.notice", who=chosen)
    notice = np.where(start <= holders.price_day, notice, np.inf)
    bill, number = _every(BILL_DAYS, start, holders.last)
    billed = start[bill] + BILL_DAYS * number
    return [
        *_payments(part, holders, chosen, start, second=second),
        once("price_change", notice, part.price_notices, _AUTOMATIC),
        once("survey_post_sale", start + SURVEY_DAY, part.surveys, _AUTOMATIC),
        once("call_followup", start + FOLLOWUP_DAY, part.followups, _HUMAN),
        Touches("bill_sent", chosen[bill], whole_seconds(billed), _by(_AUTOMATIC, bill)),
    ]


def _payments(
    part: Contracts, holders: Holders, chosen: Indices, start: Floats, *, second: bool
) -> list[Touches]:
    """Draw the failures among the monthly payments, and the calls that follow the next day."""
    draws = holders.draws
    row, number = _every(MONTH, start, holders.last)
    who, named = chosen[row], number + _SECOND * second
    fails = draws.uniform("contracts.payment", who=who, number=named) < part.payment_fails
    row, number, who, named = row[fails], number[fails], who[fails], named[fails]
    time = whole_seconds(start[row] + MONTH * number)
    status = {"status": np.full(len(who), _FAILED)}
    failed = Touches("payment_failed", who, time, _by(_AUTOMATIC, who) | status)
    called = draws.uniform("contracts.receivable", who=who, number=named) < part.receivable_calls
    hour = draws.uniform("contracts.receivable.hour", who=who, number=named)
    later = whole_seconds(time + 1.0 + 0.3 * hour)
    calls = Touches("call_accounts_receivable", who, later, _by(_HUMAN, who))
    return [failed, calls.keep(called)]


def _every(days: float, start: Floats, last: float) -> tuple[Indices, Indices]:
    """Return row and number, from 1, of each period's end before the last day."""
    count = np.maximum(np.ceil((last - start) / days) - 1, 0).astype(np.int64)
    row = np.repeat(np.arange(len(start)), count)
    return row, 1 + np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)


def _by(actor: int, events: Indices) -> dict[str, Indices]:
    return {"actor": np.full(len(events), actor)}
