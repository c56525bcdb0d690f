"""The population ledger: how many customers and events remain at each step, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from journeykit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


class LedgerRow(NamedTuple):
    """What one reason took out at one step."""

    step: str
    reason: str
    customers: int
    events: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything that went in, split into what was taken out and what is kept.

    Attributes
    ----------
    removed : tuple of LedgerRow
        One row per step and reason. `events` are the events taken out; `customers` those who
        thereby left altogether (an event without a customer counts none).
    customers, events : int
        What is kept.

    Notes
    -----
    The law: ``frame["events"].sum()`` is the number of events read, and
    ``frame["customers"].sum()`` the number of distinct customers read, after any number of steps.
    """

    removed: tuple[LedgerRow, ...]
    customers: int
    events: int

    @property
    def input_events(self) -> int:
        """Events that were read."""
        return self.events + sum(row.events for row in self.removed)

    @property
    def input_customers(self) -> int:
        """Distinct customers that were read."""
        return self.customers + sum(row.customers for row in self.removed)

    def then(self, step: str, reason: str, *, customers: int, events: int) -> Ledger:
        """Return the ledger after a step that keeps `customers` and `events`."""
        lost_customers, lost_events = self.customers - customers, self.events - events
        if lost_customers < 0 or lost_events < 0:
            raise DataError(
                f"Step {step!r} would keep {events} events of {customers} customers out of "
                f"{self.events} and {self.customers}; a step only takes out."
            )
        row = LedgerRow(step, reason, lost_customers, lost_events)
        return Ledger((*self.removed, row), customers, events)

    @property
    def frame(self) -> pd.DataFrame:
        """``step reason customers events``: what was removed, then what is kept."""
        import pandas as pd

        kept = LedgerRow("kept", "", self.customers, self.events)
        return pd.DataFrame([*self.removed, kept], columns=list(LedgerRow._fields))
