"""What a log holds, and what was set aside, mended or guessed on the way: one Result."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from journeykit.events.workspace import identifier
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from journeykit.events.log import EventLog


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class EventAudit(Result):
    """``check n share detail``, one row per check.

    `n` counts rows unless `detail` says otherwise; `share` is `n` among the rows read, for
    ``duplicates`` and ``ties`` among the events kept, and empty where it would mean nothing.

    Attributes
    ----------
    removed : dict
        Rows set aside, by reason.
    n_read, n_kept : int
        Rows read and events kept.
    """

    removed: dict[str, int]
    n_read: int
    n_kept: int
    rows: ClassVar[str] = "checks"

    def summary(self) -> str:
        """Return the finding in one plain sentence."""
        lost = self.n_read - self.n_kept
        share = f" ({lost / self.n_read:.2%})" if lost else ""
        return f"{self.n_kept:,} of {self.n_read:,} rows are kept, {lost:,}{share} set aside"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the rows set aside, by reason, as horizontal bars."""
        import matplotlib.pyplot as plt

        axes = ax if ax is not None else plt.subplots(figsize=(6.4, 2.4), layout="constrained")[1]
        reasons = list(self.removed)[::-1]
        bars = axes.barh(reasons, [self.removed[reason] for reason in reasons])
        axes.bar_label(bars, [f"{self.removed[reason]:,}" for reason in reasons], padding=3)
        axes.margins(x=0.15)
        axes.set_xlabel("rows set aside")
        axes.set_title(self.summary(), loc="left", fontsize="medium")
        return axes


def event_audit(log: EventLog) -> EventAudit:
    """Profile `log`: two passes over its events, for duplicates and for ties."""
    import pandas as pd

    ledger = log.ledger
    n_read, n_kept = ledger.input_events, ledger.events
    removed: dict[str, int] = {}
    for row in ledger.removed:
        if row.events:
            removed[row.reason] = removed.get(row.reason, 0) + row.events
    checks: list[tuple[str, int, float | None, str]] = [
        ("rows read", n_read, 1.0, log.source),
        ("events kept", n_kept, n_kept / n_read, ""),
        ("customers", ledger.customers, None, f"of {ledger.input_customers:,} customers read"),
        *_profile(log),
    ]
    checks += [(f"set aside: {reason}", n, n / n_read, "") for reason, n in removed.items()]
    checks += [(note.check, note.n, note.n / n_read, note.detail) for note in log.notes]
    checks += _constancy(log)
    return EventAudit(
        frame=pd.DataFrame(checks, columns=["check", "n", "share", "detail"]),
        provenance=Provenance(parameters={"source": log.source}),
        removed=removed,
        n_read=n_read,
        n_kept=n_kept,
    )


def _profile(log: EventLog) -> list[tuple[str, int, float | None, str]]:
    n = log.ledger.events
    low, high, n_touchpoints = _row(
        log, f"SELECT min(time), max(time), count(DISTINCT touchpoint) FROM {log.view}"
    )
    (n_distinct,) = _row(log, f"SELECT count(*) FROM (SELECT DISTINCT * FROM {log.view})")
    moment = 'customer, time, "order"' if log.has_order else "customer, time"
    (n_tied,) = _row(
        log,
        f"SELECT coalesce(sum(n), 0)::BIGINT FROM (SELECT count(*) AS n FROM {log.view} "
        f"GROUP BY {moment}) WHERE n > 1",
    )
    span = f"{_shown(low, log.clock)} to {_shown(high, log.clock)}, {log.clock} clock"
    copies = n - n_distinct
    return [
        ("touchpoints", n_touchpoints, None, "distinct names"),
        ("time span", n, None, span),
        ("duplicates", copies, copies / n, "kept, though equal in all columns to another"),
        ("ties", n_tied, n_tied / n, "share their customer's time with another event"),
    ]


def _constancy(log: EventLog) -> list[tuple[str, int, float | None, str]]:
    """Report attributes that are not constant per customer."""
    checks: list[tuple[str, int, float | None, str]] = []
    for name in log.attributes:
        column = identifier(name)
        (n,) = _row(
            log,
            f"SELECT count(*) FROM (SELECT customer FROM {log.view} GROUP BY customer "
            f"HAVING min({column}) IS DISTINCT FROM max({column}) "
            f"OR (count({column}) > 0 AND count({column}) < count(*)))",
        )
        if n:
            detail = f"customers for whom {name!r} is not the same in all events"
            checks.append(("attribute that varies", n, None, detail))
    return checks


def _row(log: EventLog, query: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = log.connection.sql(query).fetchall()[0]
    return row


def _shown(microseconds: int, clock: str) -> str:
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except OverflowError:
        return f"{microseconds} us"
    return f"{moment:%Y-%m-%d}" if clock == "day" else f"{moment:%Y-%m-%d %H:%M} UTC"
