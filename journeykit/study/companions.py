"""The files beside the events: tables of costs, tests and answers; plans, beliefs and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from journeykit.checks import check_known
from journeykit.errors import DataError, StudyError
from journeykit.study.reading import files, read_table, whole_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pandas as pd

    from journeykit.study.study import Study

#: Keys of a study that name tables, and those that name files which are read whole.
TABLES = ("spend", "experiments", "sentiment", "external_events")
FILES = ("plans", "portfolio", "strategy", "beliefs")


def sources(study: Study, /) -> Iterable[Path]:
    """Return all these files of a study."""
    for key in TABLES:
        given = getattr(study.model, key)
        if given is not None:
            yield from files(study, f"{key}.source", given.source)
    for key in FILES:
        yield from named_files(study, key)


def named_files(study: Study, key: str, /) -> tuple[Path, ...]:
    """Return the files that a key of a study names; none where it is not given."""
    given = getattr(study.model, key)
    names = (given,) if isinstance(given, str) else tuple(given or ())
    return tuple(files(study, key, names))


def read_tables(
    study: Study, key: str, names: Sequence[str], wanted: Sequence[str], *, text: Sequence[str]
) -> pd.DataFrame:
    """Read the columns `wanted` of all files of a key; none may be empty."""
    import pandas as pd

    parts = []
    for path in files(study, f"{key}.source", names):
        table = read_table(path, text=text)
        check_known(key, wanted, table.column_names, what=f"columns of {path.name}")
        part = table.select(list(dict.fromkeys(wanted))).to_pandas()
        for column in part.columns:
            empty = int(part[column].isna().sum())
            if empty:
                raise DataError(f"{path}: column {column!r} is empty in {empty:,} rows.")
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def read_sentiment(study: Study, /) -> pd.DataFrame:
    """Read what customers said of touches; see `Study.sentiment`."""
    import pandas as pd
    import pyarrow as pa

    given = study.model.sentiment
    if given is None:
        raise StudyError(f"{study.path}: `sentiment` is missing; say which table has the answers.")
    key = [*given.customer, given.touchpoint]
    table = read_tables(study, "sentiment", given.source, [*key, given.time, given.score], text=key)
    score = pd.to_numeric(table[given.score], errors="coerce").astype(float)
    low, high = sorted((given.worst, given.best))
    # NaN is not within the ends either.
    wrong = ~((score >= low) & (score <= high))
    if wrong.any():
        raise DataError(
            f"{study.path}: `sentiment.score` must be numbers from {low:g} to {high:g}; "
            f"{int(wrong.sum()):,} of {len(table):,} rows are not, such as "
            f"{table.loc[wrong, given.score].tolist()[0]!r}."
        )
    found = pd.DataFrame(
        {
            "customer_id": whole_key(pa.table(dict(table.items())), given.customer)
            .cast(pa.string())
            .to_numpy(),
            "event_time": times(study, "sentiment", table[given.time]),
            "touchpoint": table[given.touchpoint].astype(str),
            "score": 2 * (score - given.worst) / (given.best - given.worst) - 1,
        }
    )
    return _within_window(study, found).sort_values(
        ["customer_id", "event_time", "touchpoint"], ignore_index=True, kind="stable"
    )


def read_external_events(study: Study, /) -> pd.DataFrame:
    """Read what happened outside; see `Study.external_events`."""
    import pandas as pd

    given = study.model.external_events
    if given is None:
        raise StudyError(
            f"{study.path}: `external_events` is missing; say which table has what happened."
        )
    words = [given.kind, given.scope, given.note]
    table = read_tables(study, "external_events", given.source, [given.time, *words], text=words)
    found = pd.DataFrame(
        {
            "event_time": times(study, "external_events", table[given.time]),
            **{name: table[getattr(given, name)].astype(str) for name in ("kind", "scope", "note")},
        }
    )
    return found.sort_values("event_time", ignore_index=True, kind="stable")


def times(study: Study, key: str, column: pd.Series) -> pd.Series:
    """Return times in UTC; those without an offset are the study's own clock."""
    import pandas as pd

    try:
        time = pd.to_datetime(column, format=None if column.dtype.kind == "M" else "ISO8601")
        if time.dt.tz is None:
            time = time.dt.tz_localize(study.model.time_zone)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{study.path}: `{key}.time` must be times such as 2026-01-31T12:30; column "
            f"{column.name!r} has others, such as {column.tolist()[0]!r}."
        ) from error
    return time.dt.tz_convert("UTC").astype("datetime64[us, UTC]")


def _within_window(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """Leave out what lies outside the window."""
    import pandas as pd

    if study.window is None:
        return table
    begin, end = (pd.Timestamp(moment) for moment in study.window)
    zone = study.model.time_zone
    begin, end = (
        moment.tz_localize(zone) if moment.tzinfo is None else moment for moment in (begin, end)
    )
    return table[(table["event_time"] >= begin) & (table["event_time"] < end)]
