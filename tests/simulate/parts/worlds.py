"""Worlds whose first orders come at a constant rate, or never: what stages and contracts need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from journeykit.simulate.part import Part, with_settings
from journeykit.simulate.parts.calendar import Calendar
from journeykit.simulate.parts.contracts import Contracts
from journeykit.simulate.parts.identity import Identity
from journeykit.simulate.parts.ladder import Ladder
from journeykit.simulate.parts.population import Population
from journeykit.simulate.parts.stages import Stages
from journeykit.simulate.past import START, Drawn, Past, Touches, whole_seconds
from journeykit.simulate.world import World, _made


class FirstOrders(Part):
    """A first order at a constant rate from entry or the first day on."""

    name: ClassVar[str] = "orders"
    rate: float = 1 / 400

    def draw(self, past: Past, /) -> Drawn:
        begin = np.maximum(past.trait("entry"), 0)
        with np.errstate(divide="ignore"):
            first = whole_seconds(begin + past.draws.exponential("test.order") / self.rate)
        who = np.flatnonzero(first < past.days)
        return Drawn(
            touches=[Touches.of("thank_you_page", who, first[who])],
            tables={"orders": {"who": who, "order_time": first[who]}},
        )


def made(
    kinds: str, customers: int, settings: Mapping[str, object] | None = None, *, seed: int = 1
) -> World:
    """Simulate a world of some parts: stages and ladder, or contracts."""
    of = {"ladder": (Stages, FirstOrders, Ladder), "contracts": (FirstOrders, Contracts)}
    parts = [kind() for kind in (Population, Calendar, *of[kinds], Identity)]
    changed = with_settings(parts, settings or {})
    return _made(changed, customers=customers, seed=seed, days=731, processes=1)


def days_of(column: pa.ChunkedArray) -> Any:
    """Return times as days since the world's first; what is empty is not a number."""
    seconds = column.cast(pa.int64()).to_pandas().to_numpy(dtype=np.float64) / 1e6 - START
    return seconds / 86_400


def customers_of(column: pa.ChunkedArray) -> Any:
    """Return the customers' numbers."""
    return np.array([int(text[1:]) for text in column.cast(pa.string()).to_pylist()], dtype=int)


def persons_of(world: World) -> Any:
    """Return the number of the person behind each event."""
    return np.repeat(np.arange(world.customers), world.lengths)
