"""Anonymous ids -> people, and what that does to the comparison of outcomes."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa

from journeykit.checks import check_known, check_whole
from journeykit.errors import ArgumentError, JourneyKitWarning
from journeykit.events.clock import DAY
from journeykit.events.components import people, refuse_large
from journeykit.events.ledger import Ledger, LedgerRow
from journeykit.events.links import Links, read_links
from journeykit.events.times import time_options
from journeykit.events.workspace import literal
from journeykit.results import Provenance, Result
from journeykit.stats.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from journeykit.events.log import EventLog

#: Rates of two groups of devices are called different below this p-value.
_ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Stitching(Result):
    """``outcome n n_linked share conf_low conf_high``: devices linked to a person, by outcome.

    A device is an anonymous id with an event, linked if a link holds at one of its events. Rows
    are ``with`` and ``without`` an outcome event on the device itself, or one row ``all`` where no
    outcome was named; the bounds are Wilson's at 95 %.

    Attributes
    ----------
    log : EventLog
        The events with people as customers.
    n_ids, n_customers : int
        Distinct customers of the log before and after.
    largest_component : int
        Ids of the person who has the most, 1 where nobody has two. A link with validity adds its
        anonymous id only where it holds at one of its events.
    n_links, n_ignored : int
        Links that count (distinct, also where no event falls into their validity), and link rows
        ignored: an id is missing, the confidence is missing or below the limit, or the validity
        ends before it begins.
    p_value : float
        Of the difference between the two shares (pooled two-proportion z test), NaN without.
    n_linked_at_outcome : int or None
        Linked devices with an outcome whose first link is within a day of one; None without
        ``time=`` or ``outcome=``.
    """

    log: EventLog
    n_ids: int
    n_customers: int
    largest_component: int
    n_links: int
    n_ignored: int
    p_value: float
    n_linked_at_outcome: int | None
    rows: ClassVar[str] = "groups of devices"

    def summary(self) -> str:
        """Return the finding in one plain sentence."""
        rates = "; ".join(
            f"{row.share:.1%} of {row.n:,} devices linked"
            + ("" if row.outcome == "all" else f" {row.outcome} an outcome")
            for row in self.frame.itertuples()
            if row.n
        )
        return (
            f"{self.n_ids:,} ids merged into {self.n_customers:,} customers, the largest of "
            f"{self.largest_component:,} ids" + (f"; {rates}" if rates else "")
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of linked devices by outcome, with its interval."""
        import matplotlib.pyplot as plt

        axes = ax if ax is not None else plt.subplots(figsize=(6.4, 2.2), layout="constrained")[1]
        frame = self.frame.dropna(subset=["share"])
        reach = [frame["share"] - frame["conf_low"], frame["conf_high"] - frame["share"]]
        names = [f"{row.outcome} (n = {row.n:,})" for row in frame.itertuples()]
        axes.errorbar(frame["share"], names, xerr=np.clip(reach, 0, None), fmt="o", capsize=3)
        axes.margins(y=0.4)
        axes.set_xlim(0, 1)
        axes.set_xlabel("share of devices linked to a person")
        return axes


def stitch(
    log: EventLog,
    identities: object,
    /,
    *,
    anonymous: str,
    known: str,
    time: str | None = None,
    confidence: str | None = None,
    min_confidence: float = 0.0,
    valid_from: str | None = None,
    valid_to: str | None = None,
    largest: int = 50,
    outcome: Sequence[str] = (),
    time_zone: str = "UTC",
) -> Stitching:
    """Merge the ids of `log` that belong to one person.

    Links without validity join ids into connected components for all time; the person is called
    by the smallest known id of the component. A link with ``valid_from`` or ``valid_to`` holds
    for events of its anonymous id in [valid_from, valid_to) only: they go to the person of its
    known id, in precedence to links without validity. It joins nothing else, so that a device
    handed on does not merge its two owners. Ids without a link stay customers of their own.

    Where people sign in at conversion, converters are linked and others are not: their journeys
    become longer because they converted. Therefore the share of linked devices is compared by
    outcome, and a warning is given where it differs (p < 0.05).

    Parameters
    ----------
    log : EventLog
        Its customers are anonymous and known ids, in one space of names.
    identities : path, list of paths, glob, frame or PostgresQuery
        One row per link, from anything `read_events` reads.
    anonymous, known : str
        Columns of the two ids.
    time : str, optional
        Column of when the link was seen; used to count links seen within a day of an outcome.
    confidence : str, optional
        Column of the confidence in the link.
    min_confidence : float
        Links with less, or without confidence, are ignored and counted. Needs `confidence` if
        above 0.
    valid_from, valid_to : str, optional
        Columns of the bounds of validity; empty means open.
    largest : int
        Most ids one person may have.
    outcome : sequence of str
        Touchpoints that are the outcome.
    time_zone : str
        Zone of times of the identities without an offset.

    Returns
    -------
    Stitching

    Notes
    -----
    The links are held in memory: a million took 0.7 GB and 18 CPU seconds. The events are not.

    Raises
    ------
    ArgumentError, MappingError
        An argument is out of range, or names a column or touchpoint that does not exist.
    DataError
        A person would have more than `largest` ids; or dated links send an id to two people at
        one time; or the identities cannot be read.

    Warns
    -----
    JourneyKitWarning
        The share of linked devices differs by outcome.
    """
    check_whole("largest", largest, least=2)
    if min_confidence > 0 and confidence is None:
        raise ArgumentError("`min_confidence` needs `confidence`, the column it applies to.")
    if isinstance(outcome, str):
        raise ArgumentError(f"`outcome` must be a list of touchpoints; got the text {outcome!r}.")
    check_known("outcome", outcome, _touchpoints(log) if outcome else [], what="touchpoints")
    columns = {
        "anonymous": anonymous,
        "known": known,
        "confidence": confidence,
        "time": time,
        "valid_from": valid_from,
        "valid_to": valid_to,
    }
    options = time_options(time_zone=time_zone, time_unit=None, origin=None, clock_change="before")
    found = read_links(
        log,
        identities,
        {part: name for part, name in columns.items() if name is not None},
        min_confidence=min_confidence,
        options=options,
    )
    persons = people(found.links, found.kind)
    always, dated = _keep(log, "person", persons.always), _keep(log, "owner", persons.dated)
    held = _held(log, dated, found.kind)
    sizes = persons.sizes(held)
    refuse_large(sizes, largest)
    stitched = _stitched(log, always, dated, found.kind)
    linked = {link.anonymous for link in found.links if link.timeless} | {who for who, _ in held}
    frame, p_value, at_outcome = _rates(log, found, linked, tuple(outcome), seen=time is not None)
    result = Stitching(
        frame=frame,
        provenance=Provenance(parameters={**columns, "min_confidence": min_confidence}),
        log=stitched,
        n_ids=log.ledger.customers,
        n_customers=stitched.ledger.customers,
        largest_component=max(sizes.values(), default=1),
        n_links=len(found.links),
        n_ignored=found.n_ignored,
        p_value=p_value,
        n_linked_at_outcome=at_outcome,
    )
    _warn_if_outcome_decides(result)
    return result


def _touchpoints(log: EventLog) -> list[str]:
    rows = log.connection.sql(f"SELECT DISTINCT touchpoint FROM {log.view} ORDER BY 1").fetchall()
    return [name for (name,) in rows]


# --- people ------------------------------------------------------------------------------------


def _keep(log: EventLog, noun: str, table: pa.Table) -> str:
    """Copy an Arrow table into the log's database and return its name."""
    name, stream = log.workspace.fresh_name(noun), log.workspace.fresh_name("stream")
    log.connection.register(stream, table)
    log.connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {stream}")
    log.connection.unregister(stream)
    return name


def _held(log: EventLog, dated: str, kind: pa.DataType) -> list[tuple[Any, Any]]:
    """Return each id and person of a dated link into whose span an event of the id falls."""
    customer = "e.customer" if pa.types.is_int64(kind) else "e.customer::VARCHAR"
    return log.connection.sql(
        f"SELECT DISTINCT d.id, d.person FROM {log.view} e JOIN {dated} d "
        f"ON {customer} = d.id AND e.time >= d.low AND e.time < d.high"
    ).fetchall()


def _stitched(log: EventLog, always: str, dated: str, kind: pa.DataType) -> EventLog:
    customer = "e.customer" if pa.types.is_int64(kind) else "e.customer::VARCHAR"
    view = log.workspace.fresh_name("stitched")
    log.connection.execute(
        f"CREATE VIEW {view} AS SELECT coalesce(d.person, a.person, {customer}) AS customer, "
        f"e.* EXCLUDE (customer) FROM {log.view} e LEFT JOIN {always} a ON {customer} = a.id "
        f"LEFT JOIN {dated} d ON {customer} = d.id AND e.time >= d.low AND e.time < d.high"
    )
    ((n,),) = log.connection.sql(f"SELECT count(DISTINCT customer) FROM {view}").fetchall()
    # Below 0 where dated links split a device among more people than ids were merged.
    row = LedgerRow("identity", "ids merged into people", log.ledger.customers - n, 0)
    ledger = Ledger((*log.ledger.removed, row), n, log.ledger.events)
    return replace(log, view=view, ledger=ledger)


# --- rates -------------------------------------------------------------------------------------


def _rates(
    log: EventLog, found: Links, linked_ids: set[Any], outcome: tuple[str, ...], *, seen: bool
) -> tuple[pd.DataFrame, float, int | None]:
    """Count devices by outcome and link."""
    kind = found.kind
    known = _keep(log, "known", pa.table({"id": pa.array({x.known for x in found.links}, kind)}))
    ids = sorted(linked_ids)
    linked = _keep(
        log,
        "linked",
        pa.table(
            {
                "id": pa.array(ids, kind),
                "seen": pa.array([found.first_seen.get(x) for x in ids], pa.int64()),
            }
        ),
    )
    customer = "customer" if pa.types.is_int64(kind) else "customer::VARCHAR"
    hit = f"touchpoint IN ({', '.join(map(literal, outcome))})" if outcome else "false"
    counts = log.connection.sql(
        f"SELECT hit, count(*), count(l.id), count(*) FILTER (near) FROM "
        f"(SELECT e.id, bool_or(hit) AS hit, "
        f"bool_or(hit AND abs(e.time - s.seen) <= {DAY}) AS near "
        f"FROM (SELECT {customer} AS id, time, {hit} AS hit FROM {log.view}) e "
        f"LEFT JOIN {linked} s ON s.id = e.id GROUP BY e.id) "
        f"ANTI JOIN {known} k USING (id) LEFT JOIN {linked} l USING (id) GROUP BY hit"
    ).fetchall()
    by_hit = {bool(row[0]): row[1:] for row in counts}
    groups = {"with": True, "without": False} if outcome else {"all": False}
    n = np.array([by_hit.get(hit, (0, 0, 0))[0] for hit in groups.values()], dtype=np.int64)
    n_linked = np.array([by_hit.get(hit, (0, 0, 0))[1] for hit in groups.values()], dtype=np.int64)
    low, high = wilson_interval(n_linked, n)
    share = np.divide(n_linked, n, out=np.full(len(n), np.nan), where=n > 0)
    frame = pd.DataFrame(
        {
            "outcome": list(groups),
            "n": n,
            "n_linked": n_linked,
            "share": share,
            "conf_low": low,
            "conf_high": high,
        }
    )
    near = by_hit.get(True, (0, 0, 0))[2] if outcome and seen else None
    return frame, _p_value(n_linked, n), near


def _p_value(n_event: Any, n: Any) -> float:
    """Test two shares for equality: pooled z, two-sided."""
    if len(n) != 2 or not n.all():
        return math.nan
    pooled = n_event.sum() / n.sum()
    error = math.sqrt(pooled * (1 - pooled) * (1 / n[0] + 1 / n[1]))
    difference = n_event[0] / n[0] - n_event[1] / n[1]
    return math.erfc(abs(difference) / error / math.sqrt(2)) if error else 1.0


def _warn_if_outcome_decides(result: Stitching) -> None:
    if not result.p_value < _ALPHA:
        return
    having, lacking = result.frame.itertuples()
    near = result.n_linked_at_outcome
    when = f", {near:,} of them within a day of the outcome" if near is not None else ""
    warnings.warn(
        f"{having.share:.1%} of {having.n:,} devices with an outcome are linked to a person"
        f"{when}, but {lacking.share:.1%} of {lacking.n:,} without (p = {result.p_value:.2g}): "
        f"people {'with' if having.share > lacking.share else 'without'} an outcome get longer "
        "journeys by being recognised. Compare them on devices "
        "(the log before stitching), not on people.",
        JourneyKitWarning,
        stacklevel=3,
    )
