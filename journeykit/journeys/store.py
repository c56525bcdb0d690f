"""Journeys on disk: Arrow files that open in an instant, mapped into memory and shared."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from journeykit.errors import DataError
from journeykit.events.ledger import Ledger, LedgerRow
from journeykit.journeys.journeys import Journeys

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Raised when the layout changes, so that older folders are rebuilt and never misread.
FORMAT = 2
_SPANS = ("observed_from", "observed_to")


def save(journeys: Journeys, folder: str | os.PathLike[str]) -> None:
    """Write journeys into a new folder: built beside and renamed, so it is whole or absent."""
    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f"{target.name}.part{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        _write(beside / "events.arrow", _event_table(journeys))
        _write(beside / "journeys.arrow", _journey_table(journeys))
        _write(beside / "start.arrow", pa.table({"start": journeys.start}))
        _write(beside / "customers.arrow", pa.table({"customer_id": journeys.customer_id}))
        _write(beside / "attributes.arrow", journeys.attributes)
        (beside / "meta.json").write_text(json.dumps(_meta(journeys)), encoding="utf-8")
        try:
            beside.rename(target)
        except OSError:
            # Another process was first with the same content; its folder stands.
            if not (target / "meta.json").exists():
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def load(folder: str | os.PathLike[str]) -> Journeys:
    """Open journeys that `save` wrote; the arrays stay on disk until they are touched.

    Raises
    ------
    DataError
        When the folder is not one of ours, is of another format, or is damaged.
    """
    source = Path(folder)
    try:
        meta = json.loads((source / "meta.json").read_text(encoding="utf-8"))
        if meta["format"] != FORMAT:
            raise DataError(
                f"{source.name} holds journeys of format {meta['format']}, not {FORMAT}."
            )
        names = ("events", "journeys", "start", "customers", "attributes")
        tables = {name: _read(source / f"{name}.arrow") for name in names}
    except (OSError, KeyError, ValueError, pa.ArrowInvalid) as error:
        raise DataError(f"{source} does not hold saved journeys: {error}") from error
    events, by_journey = tables["events"], tables["journeys"]
    return Journeys(
        names=tuple(meta["names"]),
        touchpoint=_array(events, "touchpoint"),
        start=_array(tables["start"], "start"),
        time=_array(events, "time") if meta["timed"] else None,
        customer_index=_array(by_journey, "customer_index"),
        customer_id=tables["customers"]["customer_id"].combine_chunks(),
        attributes=tables["attributes"],
        columns={name: _array(events, f"column {name}") for name in meta["columns"]},
        window=None if meta["window"] is None else tuple(meta["window"]),
        clock=meta["clock"],
        collapsed=meta["collapsed"],
        ledger=Ledger(tuple(LedgerRow(*row) for row in meta["removed"]), *meta["kept"]),
        _fingerprint=int(meta["fingerprint"], 16),
        observed_from=_span(meta, by_journey, "observed_from"),
        observed_to=_span(meta, by_journey, "observed_to"),
    )


def _meta(journeys: Journeys) -> dict[str, object]:
    shared = {
        name: int(span[0])
        for name in _SPANS
        if (span := getattr(journeys, name)) is not None and span.strides == (0,) and len(span)
    }
    return {
        "format": FORMAT,
        "names": journeys.names,
        "timed": journeys.time is not None,
        "columns": list(journeys.columns),
        "window": journeys.window,
        "clock": journeys.clock,
        "collapsed": journeys.collapsed,
        "removed": journeys.ledger.removed,
        "kept": [journeys.ledger.customers, journeys.ledger.events],
        "shared": shared,
        "fingerprint": journeys.fingerprint,
    }


def _event_table(journeys: Journeys) -> pa.Table:
    data = {"touchpoint": pa.array(journeys.touchpoint)}
    if journeys.time is not None:
        data["time"] = pa.array(journeys.time)
    for name, column in journeys.columns.items():
        data[f"column {name}"] = pa.array(column)
    return pa.table(data)


def _journey_table(journeys: Journeys) -> pa.Table:
    data = {"customer_index": pa.array(journeys.customer_index)}
    for name in _SPANS:
        span = getattr(journeys, name)
        if span is not None and span.strides != (0,):
            data[name] = pa.array(span)
    return pa.table(data)


def _write(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        # One batch a file: a single chunk is what can be mapped as one array.
        writer.write_table(table.combine_chunks())


def _read(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _array(table: pa.Table, name: str) -> NDArray[Any]:
    array: NDArray[Any] = table[name].combine_chunks().to_numpy(zero_copy_only=False)
    return array


def _span(meta: dict[str, Any], table: pa.Table, name: str) -> NDArray[np.int64] | None:
    if name in meta["shared"]:
        return np.broadcast_to(np.int64(meta["shared"][name]), table.num_rows)
    return _array(table, name) if name in table.column_names else None
