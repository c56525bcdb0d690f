"""Contracts: when they begin, what happens during them, when they end and where customers go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from journeykit.simulate.draws import Draws
from journeykit.simulate.part import Part, Truth
from journeykit.simulate.parts.calendar import Calendar
from journeykit.simulate.parts.contract_events import (
    KINDS,
    MAIL,
    SUPPORT,
    Holders,
    at_rates,
    on_dates,
)
from journeykit.simulate.parts.contract_tables import DESTINATIONS, Destination, Term, told
from journeykit.simulate.parts.leaving import Felt, leave
from journeykit.simulate.parts.orders import first_orders
from journeykit.simulate.parts.population import SEGMENTS
from journeykit.simulate.past import whole_seconds
from journeykit.simulate.tables import ACTORS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from journeykit.simulate.draws import Floats, Indices
    from journeykit.simulate.past import Drawn, Past, Touches

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(ge=0)]

_YEAR = 365.25
_AUTOMATIC = ACTORS.index("automatic")


def _to(a: float, b: float, lapse: float, need: float) -> dict[Destination, float]:
    return dict(zip(DESTINATIONS, (a, b, lapse, need), strict=True))


def _by_name(table: Mapping[str, Mapping[Destination, float]]) -> dict[str, dict[str, float]]:
    return {name: {str(to): value for to, value in row.items()} for name, row in table.items()}


class ContractsTruth(Truth):
    """What is true of contracts.

    Attributes
    ----------
    base_a_year : mapping of str to mapping of str to float
        Segment, destination: hazard of leaving of those not cured, frailty averaged out at the
        contract's start, where no event is recent.
    log_hazard_ratio : mapping of str to mapping of str to float
        Touchpoint, destination: what such an event adds to the logarithm of the hazard, for one and
        the same customer, that is conditional on frailty; at once where it decays.
    automatic_extra : float
        Added where a machine answered the call of customer service.
    window_days, half_life_days : mapping of str to float
        Touchpoint: how long it is felt at all, and by half; a half-life of 0 is a step.
    frailty_sigma : float
        Standard deviation of the logarithm of the lognormal frailty.
    cured : mapping of str to float
        Segment: share of customers who never leave.
    contracts, late_entries, returns : int
        Rows of the table `contracts`; those that began before the window; and second ones.
    ended_before : int
        Contracts that began and ended before the window, so are in no table: left truncation.
    days_running : mapping of str to float
        Segment: days of contracts inside the window and before dropping out.
    ends : mapping of str to mapping of str to int
        Segment, destination: contracts that ended there and then.
    """

    base_a_year: dict[str, dict[str, float]]
    log_hazard_ratio: dict[str, dict[str, float]]
    automatic_extra: float
    window_days: dict[str, float]
    half_life_days: dict[str, float]
    frailty_sigma: float
    cured: dict[str, float]
    contracts: int
    late_entries: int
    returns: int
    ended_before: int
    days_running: dict[str, float]
    ends: dict[str, dict[str, int]]


class Contracts(Part):
    """Subscriptions.

    A contract begins with the first order with probability `subscribes`. Of the customers who
    entered before the window a share `already` has had one since entry instead: late entry. The
    hazard that customer i leaves for destination d at time t is ::

        cured_i ? 0 : base_a_year[segment][d] / 365.25 * frailty_i
                      * exp(sum over events e of log_hazard_ratio[e][d] * decay_e(t - t_e))

    with ``frailty = exp(frailty_sigma * readiness - frailty_sigma^2 / 2)``, lognormal with mean 1,
    and the sum over this contract's events in the last `window_days`; decay is 1 for a half-life
    of 0, else ``2^(-(t - t_e) / half_life_days)``. After leaving, a second contract begins with
    probability `returns` after an exponential delay, under the same law; there is no third.

    During a contract happen, all as if it ran on and cut off at its end: calls of customer service
    and of tech support at constant rates; a payment each month, which may fail, and then a call
    the next day; a notice within 30 days of the price change, where the contract ran on that day;
    a bill every 91 days, a survey on day 90; and a follow-up call on day 300, which those who leave
    early never live to meet. Marketing mails come from the first contract's start on, whether it
    has ended or not.

    Parameters
    ----------
    subscribes, already : float
        Probabilities.
    base_a_year : mapping of str to mapping of str to float
        Segment, destination: hazards a year.
    frailty_sigma : float
    cured : mapping of str to float
        Segment: share who never leave.
    returns, return_days : float
        Probability of a second contract, and mean days until it.
    support_calls, tech_calls, marketing_mails : float
        Rates a day.
    automatic_share : mapping of str to float
        Segment: probability that a call of customer service is answered by a machine.
    payment_fails, receivable_calls : float
        Probability that a monthly payment fails, and that a failure is followed by a call.
    price_notices, surveys, followups : float
        Share of the contracts due for it that get it.
    log_hazard_ratio : mapping of str to mapping of str to float
        Touchpoint, destination.
    automatic_extra : float
        Added to every log hazard ratio of a call answered by a machine.
    window_days, half_life_days : mapping of str to float
        Touchpoint; days. A half-life of 0 is a step.
    """

    name: ClassVar[str] = "contracts"
    subscribes: Share = 0.6
    already: Share = 0.6
    base_a_year: dict[str, dict[Destination, Positive]] = {
        "household": _to(0.09, 0.06, 0.09, 0.06),
        "landlord": _to(0.10, 0.07, 0.05, 0.08),
        "business": _to(0.12, 0.08, 0.04, 0.06),
        "senior": _to(0.06, 0.04, 0.08, 0.12),
    }
    frailty_sigma: Positive = 0.6
    cured: dict[str, Share] = {"household": 0.0, "landlord": 0.0, "business": 0.0, "senior": 0.35}
    returns: Share = 0.15
    return_days: Positive = 90.0
    support_calls: Positive = 0.0015
    tech_calls: Positive = 0.0008
    marketing_mails: Positive = 1 / 90
    automatic_share: dict[str, Share] = {
        "household": 0.4, "landlord": 0.4, "business": 0.2, "senior": 0.1,
    }  # fmt: skip
    payment_fails: Share = 0.03
    receivable_calls: Share = 0.5
    price_notices: Share = 1.0
    surveys: Share = 0.9
    followups: Share = 0.8
    log_hazard_ratio: dict[str, dict[Destination, float]] = {
        **{kind: _to(0.0, 0.0, 0.0, 0.0) for kind in KINDS},
        "call_customer_service": _to(0.9, 0.9, 0.9, 0.9),
        "call_tech_support": _to(0.4, 0.4, 0.4, 0.4),
        "payment_failed": _to(1.2, 1.2, 1.2, 1.2),
        "price_change": _to(0.7, 0.7, 0.0, 0.0),
    }
    automatic_extra: float = 0.3
    window_days: dict[str, Positive] = dict.fromkeys(KINDS, 30.0)
    half_life_days: dict[str, Positive] = dict.fromkeys(KINDS, 0.0)

    def draw(self, past: Past, /) -> Drawn:
        """Draw first contracts, their events and ends; then the same of those who return."""
        holders, chosen = self._holders(past)
        steady = at_rates(self, holders, self._of_segment(self.automatic_share, holders.segment))
        first = self._term(holders, steady, np.arange(len(chosen)), holders.start, second=False)
        again = self._again(holders, first.end)
        back = np.flatnonzero(again < past.days)
        second = self._term(holders, steady, back, again[back], second=True)
        mail = replace(steady[-1], who=chosen[steady[-1].who])
        return told(past, first.of_block(chosen), second.of_block(chosen), mail)

    def _holders(self, past: Past) -> tuple[Holders, Indices]:
        """Return the customers who have a contract, and their indices within the block."""
        begin = self._begin(past)
        chosen = np.flatnonzero(begin < past.days)
        segment, draws = past.trait("segment")[chosen], Draws(past.draws.key[chosen])
        cured = draws.uniform("contracts.cured") < self._of_segment(self.cured, segment)
        rate = self._rate(segment, past.trait("readiness")[chosen], cured)
        price_day = past.part(Calendar).price_change_day
        last = float(past.days)
        return Holders(draws, segment, begin[chosen], cured, rate, last, price_day), chosen

    def _begin(self, past: Past) -> Floats:
        """Return when each customer's first contract begins, infinite for none."""
        draws, entry = past.draws, past.trait("entry")
        already = (entry < 0) & (draws.uniform("contracts.already") < self.already)
        subscribes = draws.uniform("contracts.subscribes") < self.subscribes
        order = first_orders(past)
        begin: Floats = np.where(already, entry, np.where(subscribes, order, np.inf))
        return begin

    def _of_segment(self, by_segment: Mapping[str, float], segment: Indices) -> Floats:
        return np.array([by_segment.get(name, 0.0) for name in SEGMENTS])[segment]

    def _rate(self, segment: Indices, readiness: Floats, cured: NDArray[np.bool_]) -> Floats:
        """Return the hazards a day without events, shape (n_holders, 4)."""
        table = np.array(
            [
                [self.base_a_year.get(name, {}).get(to, 0.0) for to in DESTINATIONS]
                for name in SEGMENTS
            ]
        )
        frailty = np.exp(self.frailty_sigma * readiness - self.frailty_sigma**2 / 2)
        rate: Floats = table[segment] / _YEAR * np.where(cured, 0.0, frailty)[:, None]
        return rate

    def _term(
        self,
        holders: Holders,
        steady: Sequence[Touches],
        chosen: Indices,
        start: Floats,
        *,
        second: bool,
    ) -> Term:
        """Draw one contract of each of the chosen holders, and what happens during it."""
        begin, place = np.full(len(holders.start), np.inf), np.zeros(len(holders.start), np.int64)
        begin[chosen], place[chosen] = start, np.arange(len(chosen))
        met = [kind.keep(kind.time >= begin[kind.who]) for kind in steady]
        met += on_dates(self, holders, chosen, start, second=second)
        kinds = [self._felt(kind, place) for kind in met if self._is_felt(kind.name)]
        felt = Felt.together(kinds, destinations=len(DESTINATIONS))
        left = leave(
            Draws(holders.draws.key[chosen]),
            f"contracts.leave.{int(second)}",
            holders.rate[chosen],
            start,
            felt,
            horizon=holders.last,
        )
        end = np.full(len(begin), -np.inf)
        end[chosen] = left.time
        during = [kind.keep(kind.time < end[kind.who]) for kind in met if kind.name != MAIL]
        return Term(chosen, start, left.time, left.destination, holders.cured[chosen], during)

    def _is_felt(self, kind: str) -> bool:
        extra = self.automatic_extra != 0 and kind == SUPPORT
        return extra or any(self.log_hazard_ratio.get(kind, {}).values())

    def _felt(self, kind: Touches, place: Indices) -> Felt:
        """Return how events of a kind change the hazards; `place` renumbers the holders."""
        ratios = self.log_hazard_ratio.get(kind.name, {})
        by_event = np.tile([ratios.get(to, 0.0) for to in DESTINATIONS], (len(kind.who), 1))
        if kind.name == SUPPORT:
            machine = np.asarray(kind.columns["actor"]) == _AUTOMATIC
            by_event += self.automatic_extra * machine[:, None]
        window = np.full(len(kind.who), self.window_days.get(kind.name, 0.0))
        half_life = np.full(len(kind.who), self.half_life_days.get(kind.name, 0.0))
        return Felt(place[kind.who], kind.time, by_event, window, half_life)

    def _again(self, holders: Holders, end: Floats) -> Floats:
        """Return when a second contract begins, infinite for none."""
        returns = holders.draws.uniform("contracts.returns") < self.returns
        delay = self.return_days * holders.draws.exponential("contracts.return")
        again: Floats = np.where(returns, whole_seconds(end + delay), np.inf)
        return again

    def truth(self, sums: Mapping[str, Any], /, *, customers: int, days: int) -> ContractsTruth:  # noqa: ARG002
        """Return the laws of leaving, and what was counted."""
        ends = sums["contracts.ends"].tolist()
        return ContractsTruth(
            base_a_year=_by_name(self.base_a_year),
            log_hazard_ratio=_by_name(self.log_hazard_ratio),
            automatic_extra=self.automatic_extra,
            window_days=dict(self.window_days),
            half_life_days=dict(self.half_life_days),
            frailty_sigma=self.frailty_sigma,
            cured=dict(self.cured),
            contracts=int(sums["contracts.rows"]),
            late_entries=int(sums["contracts.late"]),
            returns=int(sums["contracts.returns"]),
            ended_before=int(sums["contracts.ended before"]),
            days_running=dict(zip(SEGMENTS, sums["contracts.days"].tolist(), strict=True)),
            ends={
                segment: dict(zip(DESTINATIONS, row, strict=True))
                for segment, row in zip(SEGMENTS, ends, strict=True)
            },
        )
