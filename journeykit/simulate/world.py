"""A world whose truth is known: a company, its customers, two years of their journeys."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import check_known, check_whole
from journeykit.journeys import Journeys
from journeykit.simulate.assembly import BlockTables, assembled, closed
from journeykit.simulate.part import Part, Truth, overriding, with_settings, zero
from journeykit.simulate.parts import PARTS
from journeykit.simulate.past import Past
from journeykit.simulate.processes import pool

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

#: Customers drawn at a time: their arrays fit a processor's cache. No number depends on it.
BLOCK = 20_000
#: Days of the world, from Monday 2024-01-01 through 2025-12-31.
DAYS = 731


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class World:
    """A simulated company; made by `world`.

    Attributes
    ----------
    tables : mapping of str to pyarrow.Table
        What the company knows: the tables of `TABLES` that the parts fill.
    hidden : mapping of str to pyarrow.Table
        What only the truth knows, such as each customer's persona.
    truth : mapping of str to Truth
        What each part declares to be true, by the name of the part.
    parts : tuple of Part
        With their parameters.
    settings : mapping of str to object
        Parameters that differ from the default.
    customers, seed, days : int
    lengths : array of int64, shape (customers,)
        Events of each customer.
    """

    tables: Mapping[str, pa.Table]
    hidden: Mapping[str, pa.Table]
    truth: Mapping[str, Truth]
    parts: tuple[Part, ...]
    settings: Mapping[str, object]
    customers: int
    seed: int
    days: int
    lengths: NDArray[np.int64]

    @property
    def events(self) -> pa.Table:
        """The events, sorted by customer and time."""
        return self.tables["events"]

    def journeys(self) -> Journeys:
        """Return the journeys of the persons behind all ids, as only a simulated world can.

        Every customer is watched from entry, or the first day, to dropping out or the last day, and
        carries the columns of the table `customers` and of the hidden one, and the first contract
        where the world has contracts: ``contract_start contract_end contract_destination``.
        """
        from journeykit.simulate.persons import journeys_of

        return journeys_of(self)

    @property
    def credit(self) -> dict[str, float]:
        """Hazard credit of all orders in the window, by cause; it sums to their number.

        At each order, the part of its rate that each cause makes up. Causes are the baseline, the
        channels, remarketing and its offer.
        """
        total: dict[str, float] = {}
        for told in self.truth.values():
            for cause, orders in getattr(told, "credit", {}).items():
                total[cause] = total.get(cause, 0.0) + orders
        return total

    def truth_json(self) -> str:
        """Return all that is true as JSON, keys sorted, numbers with 10 significant digits."""
        told = {name: part.model_dump(mode="json") for name, part in self.truth.items()}
        made = {part.name: part.model_dump(mode="json") for part in self.parts}
        content = {
            "customers": self.customers, "seed": self.seed, "days": self.days,
            "parameters": made, "truth": told,
        }  # fmt: skip
        text = json.dumps(content)
        # Processors differ in the last digits of a logarithm.
        same = json.loads(text, parse_float=lambda number: float(f"{float(number):.10g}"))
        return f"{json.dumps(same, indent=1, sort_keys=True)}\n"

    def null(self, *what: str) -> World:
        """Return the same world, with the same random numbers, where some effects are not there.

        Parameters
        ----------
        what : str
            Parameters to be zero, such as ``orders.effect.email_promo``, or a group of them, such
            as ``orders.effect``.
        """
        return self.changed({path: zero(self.parts, path) for path in what})

    def changed(self, settings: Mapping[str, object]) -> World:
        """Return the world with other parameters and the same random numbers."""
        size = {"customers": self.customers, "seed": self.seed, "days": self.days}
        changed = with_settings(self.parts, settings)
        return _made(changed, **size, processes=1, settings=overriding(self.settings, settings))

    def write(self, folder: str | Path, /) -> Path:
        """Write all tables, the truth and a study to a new folder; see `writing.write_world`."""
        from journeykit.simulate.writing import write_world

        return write_world(self, folder)

    def __repr__(self) -> str:
        """Return one line: how much of what."""
        return (
            f"<World: {self.customers:,} customers, {self.events.num_rows:,} events, "
            f"seed {self.seed}>"
        )


def world(
    *,
    customers: int = 10_000,
    seed: int = 0,
    settings: Mapping[str, object] | None = None,
    parts: Sequence[str] | None = None,
    days: int = DAYS,
    processes: int = 1,
) -> World:
    """Simulate a company that sells home security, its customers and their journeys.

    ``data/demo/README.md`` has the story and the laws.

    Parameters
    ----------
    customers : int
        The first of them are the same in a larger world of the same seed.
    seed : int
    settings : mapping of str to object, optional
        Parameters that differ from the default, such as ``{"orders.effect.email_promo": 0}``.
    parts : sequence of str, optional
        Names of the parts the world has, by default all; population and calendar always are.
    days : int
        Length of the window, from 2024-01-01; 30 to 3000.
    processes : int
        Processes that draw; every number is the same for any.

    Returns
    -------
    World

    Raises
    ------
    ArgumentError
        Unknown part or parameter, or a value that does not suit it.
    """
    check_whole("customers", customers, least=1)
    check_whole("days", days, least=30, most=3000)
    check_whole("processes", processes, least=1)
    given = dict(settings or {})
    chosen = with_settings(chosen_parts(parts), given)
    size = {"customers": customers, "seed": seed, "days": days}
    return _made(chosen, **size, processes=processes, settings=given)


def chosen_parts(names: Sequence[str] | None, /) -> list[Part]:
    """Return the parts of these names with default parameters; population and calendar always."""
    if names is None:
        return [kind() for kind in PARTS]
    check_known("parts", names, [kind.name for kind in PARTS], what="parts of the world")
    always = ("population", "calendar")
    return [kind() for kind in PARTS if kind.name in names or kind.name in always]


def _made(
    parts: Sequence[Part],
    *,
    customers: int,
    seed: int,
    days: int,
    processes: int,
    settings: Mapping[str, object] | None = None,
) -> World:
    edges = [*range(0, customers, BLOCK), customers]
    draw = partial(_block, tuple(parts), days=days, seed=seed)
    spans = list(pairwise(edges))
    if processes == 1 or len(spans) == 1:
        blocks = [draw(span) for span in spans]
    else:
        with pool(min(processes, len(spans))) as workers:
            blocks = list(workers.map(draw, spans))
    whole = closed(blocks, parts, days=days, seed=seed)
    truth = {
        part.name: told
        for part in parts
        if (told := part.truth(whole.sums, customers=customers, days=days)) is not None
    }
    return World(
        tables=whole.tables,
        hidden=whole.hidden,
        truth=truth,
        parts=tuple(parts),
        settings=settings or {},
        customers=customers,
        seed=seed,
        days=days,
        lengths=whole.lengths,
    )


def _block(parts: tuple[Part, ...], span: tuple[int, int], *, days: int, seed: int) -> BlockTables:
    past = Past(parts, np.arange(*span), days=days, seed=seed)
    for part in parts:
        past.add(part.draw(past))
    return assembled(past)


class _Callable(ModuleType):
    """``simulate.world`` is both this module and the verb, whichever is imported first."""

    __call__ = staticmethod(world)


sys.modules[__name__].__class__ = _Callable
