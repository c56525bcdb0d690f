"""Journeys as a plain study of their own: two tables, and a study.yaml that says what counts."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import yaml

from journeykit.errors import DataError
from journeykit.study.companions import FILES, named_files
from journeykit.study.reading import files
from journeykit.study.study import FILE, Study, load_study

if TYPE_CHECKING:
    import pyarrow as pa

    from journeykit.journeys import Journeys

_EVENTS, _CUSTOMERS, _CATALOGUE = "events.parquet", "customers.parquet", "catalogue.csv"
#: Identities are resolved in journeys; how old and how many made-up data are says nothing; costs,
#: experiments and answers are those of the customers who were there.
_DROPPED = {
    "events", "customers", "identities", "catalogue", "window", "freshness", "volume", "simulated",
    "spend", "experiments", "sentiment",
}  # fmt: skip
_DAY = 86_400_000_000


class _Dumper(yaml.SafeDumper):
    """Writes a key that is given nothing as `key:`; the word ``null`` would be read as text."""


_Dumper.add_representer(
    type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "")
)


def write_study(study: Study, journeys: Journeys, folder: Path, /) -> Study:
    """Write journeys as a study of their own, with all that `study` says counts.

    ``events.parquet`` holds a row an event (`customer`, `time` in UTC or as the date of a day
    clock, `touchpoint`, `order`, which keeps the order of tied events, and the event columns),
    ``customers.parquet`` a row a customer (attributes and the watching span). Catalogue, outcome,
    churn, bands and reports are those of `study`, its own reports are copied. Read back, the
    journeys have the same fingerprint; unknown watching spans become the window's, and customers
    without any event are gone: a log of events does not know them.

    Parameters
    ----------
    study : Study
    journeys : Journeys
        Whole: one journey a customer, with times.
    folder : Path
        Made where it does not exist; files of these names are overwritten.

    Raises
    ------
    NotObservedError
        The journeys have no times.
    DataError
        They are cut, so that a customer has several, or they have no event.
    """
    from pyarrow import parquet

    time = journeys.need_time("`write_study`")
    _refuse_pieces(journeys)
    folder.mkdir(parents=True, exist_ok=True)
    parquet.write_table(_events(journeys), folder / _EVENTS, compression="zstd")
    parquet.write_table(_customers(journeys), folder / _CUSTOMERS, compression="zstd")
    model = study.model.model_dump(mode="json", by_alias=True, exclude=_DROPPED)
    content = {
        **{name: value for name, value in _given(model).items() if value not in ({}, "")},
        "events": _mapping(journeys, newest=int(time.max())),
        "customers": _customer_mapping(journeys),
        **_window(study, journeys),
    }
    if study.model.catalogue is not None:
        shutil.copyfile(study.path.parent / study.model.catalogue, folder / _CATALOGUE)
        content["catalogue"] = _CATALOGUE
    content |= _copy_companions(study, folder)
    text = yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False)
    (folder / FILE).write_text(text, encoding="utf-8")
    _copy_reports(study.path.parent, folder)
    return load_study(folder)


def _refuse_pieces(journeys: Journeys) -> None:
    from journeykit.journeys.ending import refuse_cut

    refuse_cut(journeys, "`write_study`")
    if len(journeys) != journeys.n_customers:
        raise DataError(
            "`journeys` must be one journey a customer to be written as a study; got "
            f"{len(journeys):,} of {journeys.n_customers:,} customers. Write them before cutting."
        )
    if not journeys.n_events:
        raise DataError("`journeys` must have an event to be written as a study; got none.")


def _given(model: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not given; a report's parameter that is given nothing stays."""
    return {
        name: _given(value) if isinstance(value, dict) and name != "reports" else value
        for name, value in model.items()
        if value is not None
    }


def _events(journeys: Journeys) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    place = np.arange(journeys.n_events) - np.repeat(journeys.start[:-1], journeys.length)
    who = np.repeat(journeys.customer_index, journeys.length)
    codes = pa.array(journeys.touchpoint.astype(np.int32))
    names = pa.array(journeys.names, type=pa.string())
    time = pa.array(journeys.time)
    data = {
        "customer": journeys.customer_id.take(pa.array(who)),
        "time": time.cast(pa.timestamp("us")).cast(pa.date32())
        if journeys.clock == "day"
        else time.cast(pa.timestamp("us", "UTC")),
        "touchpoint": pa.DictionaryArray.from_arrays(codes, names).dictionary_decode(),
        "order": pa.array(place),
    }
    return pa.table(data | {name: pa.array(column) for name, column in journeys.columns.items()})


def _customers(journeys: Journeys) -> pa.Table:
    import pyarrow as pa

    zone = None if journeys.clock == "day" else "UTC"
    data = {"customer": journeys.customer_id.take(pa.array(journeys.customer_index))}
    data |= {name: journeys.attributes[name] for name in journeys.attributes.column_names}
    for name in _spans(journeys):
        data[name] = pa.array(getattr(journeys, name)).cast(pa.timestamp("us", zone))
    return pa.table(data)


def _spans(journeys: Journeys) -> list[str]:
    names = ("observed_from", "observed_to")
    return [name for name in names if getattr(journeys, name) is not None]


def _mapping(journeys: Journeys, *, newest: int) -> dict[str, Any]:
    return {
        "source": _EVENTS,
        "customer": "customer",
        "time": "time",
        "touchpoint": "touchpoint",
        "order": "order",
        "columns": {name: name for name in journeys.columns},
        # Made-up events may lie in the future.
        "latest": _moment(newest, journeys.clock),
    }


def _customer_mapping(journeys: Journeys) -> dict[str, Any]:
    return {
        "source": _CUSTOMERS,
        "customer": "customer",
        "attributes": list(journeys.attributes.column_names),
        **{name: name for name in _spans(journeys)},
    }


def _window(study: Study, journeys: Journeys) -> dict[str, Any]:
    """Return the window as the study writes it, where the journeys have just that one."""
    from journeykit.journeys.shape import time_point

    if journeys.window is None:
        return {}
    zone = ZoneInfo("UTC" if journeys.clock == "day" else study.model.time_zone)
    told = study.window
    if told and journeys.window == tuple(time_point("window", end, zone=zone) for end in told):
        ends = [end.isoformat() for end in told]
    else:
        ends = [_moment(end, journeys.clock) for end in journeys.window]
    return {"window": dict(zip(("from", "to"), ends, strict=True))}


def _moment(microseconds: int, clock: str) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    whole_day = clock == "day" and microseconds % _DAY == 0
    return moment.date().isoformat() if whole_day else moment.isoformat()


def _copy_companions(study: Study, folder: Path) -> dict[str, Any]:
    """Copy plans, beliefs and the like, and say under which names they lie there."""
    content: dict[str, Any] = {}
    for key in FILES:
        copied = []
        for number, path in enumerate(named_files(study, key)):
            # Two plans in two folders may have one name.
            copied.append(f"{key}-{number}{path.suffix}")
            shutil.copyfile(path, folder / copied[-1])
        if copied:
            content[key] = copied if key == "plans" else copied[0]
    happened = study.model.external_events
    if happened is not None:
        paths = files(study, "external_events.source", happened.source)
        names = [f"external_events-{number}{path.suffix}" for number, path in enumerate(paths)]
        for path, name in zip(paths, names, strict=True):
            shutil.copyfile(path, folder / name)
        content["external_events"] = {**happened.model_dump(mode="json"), "source": names}
    return content


def _copy_reports(source: Path, folder: Path) -> None:
    """Copy the notebooks of a study's own reports, and the modules that they import."""
    for part in ("", "notebooks"):
        notebooks = sorted((source / part).glob("*.ipynb"))
        if not notebooks:
            continue
        (folder / part).mkdir(exist_ok=True)
        for path in notebooks:
            shutil.copyfile(path, folder / part / path.name)
        _copy_modules(source / part, folder / part)


def _copy_modules(source: Path, folder: Path) -> None:
    for path in sorted(source.glob("*.py")):
        shutil.copyfile(path, folder / path.name)
    for package in sorted(path.parent for path in source.glob("*/__init__.py")):
        (folder / package.name).mkdir(exist_ok=True)
        _copy_modules(package, folder / package.name)
