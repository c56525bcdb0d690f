"""Sessions of half an hour's silence, and runs of one touchpoint merged."""

from __future__ import annotations

from collections.abc import Callable

from suites.loading import in_duckdb, in_journeykit, in_polars, in_retentioneering
from suites.registry import task

#: Random events of a year are days apart, so a pause of a day cuts often and not everywhere.
GAP_HOURS = 24


@task
def sessions_journeykit(path: str) -> Callable[[], object]:
    journeys = in_journeykit(path)
    journeys.sample(10, seed=0).sessions("1d")
    return lambda: len(journeys.sessions("1d"))


@task
def sessions_retentioneering(path: str) -> Callable[[], object]:
    stream = in_retentioneering(path)
    return lambda: int(stream.split_sessions(timeout=f"{GAP_HOURS}h").df["session_id"].nunique())


@task
def sessions_polars(path: str) -> Callable[[], object]:
    import polars as pl

    frame = in_polars(path)
    pause = pl.duration(hours=GAP_HOURS)

    def work() -> object:
        cut = frame.lazy().with_columns(
            ((pl.col("time") - pl.col("time").shift(1).over("customer")) > pause)
            .fill_null(value=True)
            .cum_sum()
            .alias("session")
        )
        return int(cut.collect()["session"].max())  # type: ignore[arg-type]

    return work


@task
def sessions_duckdb(path: str) -> Callable[[], object]:
    con = in_duckdb(path)

    def work() -> object:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE cut AS SELECT *, sum(new) OVER (PARTITION BY customer "
            "ORDER BY time, touchpoint) AS session FROM (SELECT *, coalesce(time - lag(time) OVER "
            f"(PARTITION BY customer ORDER BY time, touchpoint) > INTERVAL {GAP_HOURS} HOUR, true)"
            "::INT AS new FROM events)"
        )
        return con.execute("SELECT sum(new)::BIGINT FROM cut").fetchone()[0]

    return work


@task
def collapse_journeykit(path: str) -> Callable[[], object]:
    journeys = in_journeykit(path)
    journeys.sample(10, seed=0).collapse_repeats()
    return lambda: journeys.collapse_repeats().n_events


@task
def collapse_retentioneering(path: str) -> Callable[[], object]:
    stream = in_retentioneering(path)
    return lambda: len(stream.collapse_events(loops=True).df)


@task
def collapse_polars(path: str) -> Callable[[], object]:
    import polars as pl

    frame = in_polars(path)
    same = pl.col("touchpoint") == pl.col("touchpoint").shift(1).over("customer")
    return lambda: frame.lazy().filter(~same.fill_null(value=False)).collect().height


@task
def collapse_duckdb(path: str) -> Callable[[], object]:
    con = in_duckdb(path)

    def work() -> object:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE merged AS SELECT * FROM events QUALIFY touchpoint IS "
            "DISTINCT FROM lag(touchpoint) OVER (PARTITION BY customer ORDER BY time, touchpoint)"
        )
        return con.execute("SELECT count(*) FROM merged").fetchone()[0]

    return work
