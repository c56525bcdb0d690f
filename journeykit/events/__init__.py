"""Sources -> `EventLog`: read, validated, with an account of everything set aside."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from journeykit.events.audit import EventAudit
    from journeykit.events.identity import Stitching, stitch
    from journeykit.events.ledger import Ledger, LedgerRow
    from journeykit.events.log import EventLog
    from journeykit.events.read import read_events
    from journeykit.events.sources import PostgresQuery

_HOME = {
    "EventAudit": "audit",
    "EventLog": "log",
    "Ledger": "ledger",
    "LedgerRow": "ledger",
    "PostgresQuery": "sources",
    "Stitching": "identity",
    "read_events": "read",
    "stitch": "identity",
}
__all__ = [
    "EventAudit",
    "EventLog",
    "Ledger",
    "LedgerRow",
    "PostgresQuery",
    "Stitching",
    "read_events",
    "stitch",
]


def __getattr__(name: str) -> object:
    """Load a name on first use: DuckDB and pyarrow take a while."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
