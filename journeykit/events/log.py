"""The validated events, in one schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

    from journeykit.events.audit import EventAudit
    from journeykit.events.ledger import Ledger
    from journeykit.events.times import Note
    from journeykit.events.workspace import Workspace


class Quarantine(NamedTuple):
    """How to list what was set aside: a query over the source, and lines that were no rows."""

    query: str
    broken: tuple[tuple[str, str, int, str], ...]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class EventLog:
    """Events that passed validation, and an account of those that did not.

    Attributes
    ----------
    workspace : Workspace
        The private database the log lives in.
    view : str
        Name of the view (or table) in `connection` with one row per event, in no order:
        ``customer`` (BIGINT or VARCHAR), ``time`` (BIGINT, microseconds since 1970 UTC),
        ``touchpoint`` (VARCHAR), ``order`` if declared, then `columns` and `attributes`.
    clock : {"instant", "day"}
        Whether times are instants, or dates held as midnight UTC.
    columns, attributes : tuple of str
        Columns of each event; columns that are constant per customer.
    has_order : bool
    ledger : Ledger
        What was read, split into what was set aside by reason and what is kept.
    notes : tuple of Note
        What was mended or guessed; shown by `audit`.
    source : str
        What the events were read from.
    """

    workspace: Workspace
    view: str
    clock: Literal["instant", "day"]
    columns: tuple[str, ...]
    attributes: tuple[str, ...]
    has_order: bool
    ledger: Ledger
    notes: tuple[Note, ...]
    source: str
    set_aside: Quarantine = field(repr=False)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The database that holds `view`."""
        return self.workspace.connection

    @property
    def quarantine(self) -> pd.DataFrame:
        """``reason file row customer time touchpoint``: every row set aside, as it was read.

        Rows count from 1 within their file, the header of a CSV file included; `file` is empty
        where there is none. Read from the source when asked for. Of a broken line, `customer`
        shows the text.
        """
        import pandas as pd

        frame = self.connection.sql(
            f"SELECT * FROM ({self.set_aside.query}) ORDER BY file, row"
        ).df()
        if not self.set_aside.broken:
            return frame
        lines = pd.DataFrame(self.set_aside.broken, columns=["reason", "file", "row", "customer"])
        both = [part for part in (frame, lines) if len(part)]
        return (
            pd.concat(both)
            .reindex(columns=frame.columns)
            .sort_values(["file", "row"], kind="stable", ignore_index=True)
        )

    def audit(self) -> EventAudit:
        """Profile the log: rows, customers, span, what was set aside, mended, guessed, tied."""
        from journeykit.events.audit import event_audit

        return event_audit(self)

    def to_arrow(self) -> pa.Table:
        """Return all events as an Arrow table, sorted by all columns from the left."""
        return self.connection.sql(f"SELECT * FROM {self.view} ORDER BY ALL").to_arrow_table()

    def to_frame(self) -> pd.DataFrame:
        """Return all events, sorted; ``time`` becomes timestamps, in UTC unless by the day."""
        frame = self.to_arrow().to_pandas()
        moments = frame["time"].astype("datetime64[us]")
        is_day = self.clock == "day"
        return frame.assign(time=moments if is_day else moments.dt.tz_localize("UTC"))

    def __len__(self) -> int:
        """Return the number of events."""
        return self.ledger.events

    def __repr__(self) -> str:
        """Return one line."""
        names = self.connection.sql(f"SELECT count(DISTINCT touchpoint) FROM {self.view}")
        ((n_touchpoints,),) = names.fetchall()
        lost = self.ledger.input_events - self.ledger.events
        return (
            f"<EventLog: {_n(self.ledger.events, 'event')} of "
            f"{_n(self.ledger.customers, 'customer')}, {_n(n_touchpoints, 'touchpoint')}, "
            f"{self.clock} clock; {_n(lost, 'row')} quarantined>"
        )


def _n(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
