"""Contracts as they are told: events, tables and sums."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from journeykit.simulate.parts.population import SEGMENTS
from journeykit.simulate.past import Drawn, Touches, sort_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.simulate.draws import Floats, Indices
    from journeykit.simulate.past import Past

#: Where those who leave go.
Destination = Literal["competitor A", "competitor B", "lapse", "need gone"]
DESTINATIONS: tuple[Destination, ...] = get_args(Destination)
#: Cents a month by segment.
FEES = np.array([2900, 3900, 4900, 2900])


@dataclass(frozen=True, slots=True)
class Term:
    """Contracts of the same number, the first or the second of their customers.

    Attributes
    ----------
    who : array of int64, shape (n_contracts,)
        Index of the customer among the holders of contracts, or within the block; ascending.
    start, end : array of float64, shape (n_contracts,)
        Days; the end is infinite where none was drawn up to the last day.
    destination : array of int64, shape (n_contracts,)
        Index into `DESTINATIONS`, -1 for none.
    cured : array of bool, shape (n_contracts,)
    events : sequence of Touches
        What happened during them.
    """

    who: Indices
    start: Floats
    end: Floats
    destination: Indices
    cured: NDArray[np.bool_]
    events: Sequence[Touches]

    def of_block(self, chosen: Indices) -> Term:
        """Return the same by the customers' indices within the block, given those of holders."""
        events = [replace(kind, who=chosen[kind.who]) for kind in self.events]
        return replace(self, who=chosen[self.who], events=events)


def told(past: Past, first: Term, second: Term, mail: Touches, /) -> Drawn:
    """Return events, traits, tables and sums of all contracts; `mail` comes after them too."""
    terms = (first, second)
    who = np.concatenate([term.who for term in terms])
    start = np.concatenate([term.start for term in terms])
    number = np.repeat([0, 1], [len(term.who) for term in terms])
    order = np.argsort(sort_key(who, start), kind="stable")
    who, start, number = who[order], start[order], number[order]
    end = np.concatenate([term.end for term in terms])[order]
    destination = np.concatenate([term.destination for term in terms])[order]
    cured = np.concatenate([term.cured for term in terms])[order]
    names = np.array([*DESTINATIONS, ""])
    leaving = {
        "who": who,
        "number": number,
        "cured": cured,
        "started_time": start,
        "left_time": np.where(np.isfinite(end), end, np.nan),
        "destination": names[destination],
    }
    out = past.trait("exit")[who]
    rows = np.flatnonzero((start < out) & (end >= 0))
    ended = end[rows] < out[rows]
    fee = FEES[past.trait("segment")[who[rows]]]
    contracts = {
        "who": who[rows],
        "contract_start": start[rows],
        "contract_end": np.where(ended, end[rows], np.nan),
        "destination": names[np.where(ended, destination[rows], -1)],
        "monthly_fee": fee,
    }
    begin, left = np.full(past.n, np.inf), np.full(past.n, np.inf)
    begin[first.who], left[first.who] = first.start, first.end
    return Drawn(
        touches=[*_touches(terms), Touches.of(mail.name, mail.who, mail.time, mail.columns)],
        traits={"contract_start": begin, "contract_end": left},
        tables={"contracts": contracts},
        hidden={"leaving": leaving},
        sums=_sums(past, who, start, end, destination, number),
    )


def _touches(terms: Sequence[Term]) -> list[Touches]:
    by_name: dict[str, list[Touches]] = {}
    for term in terms:
        for kind in term.events:
            by_name.setdefault(kind.name, []).append(kind)
    return [
        Touches.of(
            name,
            np.concatenate([kind.who for kind in kinds]),
            np.concatenate([kind.time for kind in kinds]),
            {
                column: np.concatenate([kind.columns[column] for kind in kinds])
                for column in kinds[0].columns
            },
        )
        for name, kinds in by_name.items()
    ]


def _sums(
    past: Past, who: Indices, start: Floats, end: Floats, destination: Indices, number: Indices
) -> dict[str, Any]:
    segment, out = past.trait("segment")[who], past.trait("exit")[who]
    row = (start < out) & (end >= 0)
    running = np.minimum(end, out) - np.maximum(start, 0.0)
    days = np.bincount(segment[row], weights=running[row], minlength=len(SEGMENTS))
    ends = row & (end < out)
    cell = segment[ends] * len(DESTINATIONS) + destination[ends]
    counted = np.bincount(cell, minlength=len(SEGMENTS) * len(DESTINATIONS))
    return {
        "contracts.rows": int(row.sum()),
        "contracts.late": int((row & (start < 0)).sum()),
        "contracts.returns": int((row & (number == 1)).sum()),
        "contracts.ended before": int((end < 0).sum()),
        "contracts.days": days,
        "contracts.ends": counted.reshape(len(SEGMENTS), len(DESTINATIONS)),
    }
