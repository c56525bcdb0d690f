"""The events as each tool wants them."""

from __future__ import annotations

from typing import Any


def in_journeykit(path: str) -> Any:
    import journeykit as jk

    journeys = jk.journeys(
        jk.read_events(path, customer="customer", time="time", touchpoint="touchpoint")
    )
    _ = journeys.fingerprint
    return journeys


def in_pm4py(path: str) -> Any:
    import pandas as pd
    import pm4py

    return pm4py.format_dataframe(
        pd.read_parquet(path), case_id="customer", activity_key="touchpoint", timestamp_key="time"
    )


def in_retentioneering(path: str) -> Any:
    import pandas as pd
    from retentioneering import Eventstream

    return Eventstream(
        pd.read_parquet(path).rename(
            columns={"customer": "user_id", "touchpoint": "event", "time": "timestamp"}
        ),
        schema={"path_cols": ["user_id"], "event_col": "event", "timestamp_col": "timestamp"},
    )


def in_polars(path: str) -> Any:
    import polars as pl

    return pl.read_parquet(path).sort("customer", "time", "touchpoint")


def in_duckdb(path: str) -> Any:
    import duckdb

    con = duckdb.connect()
    con.execute(f"CREATE TABLE events AS SELECT * FROM '{path}'")
    return con
