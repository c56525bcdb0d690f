"""Steps from touchpoint to touchpoint, the data already loaded."""

from __future__ import annotations

from collections.abc import Callable

from suites.loading import in_duckdb, in_journeykit, in_pm4py, in_polars, in_retentioneering
from suites.registry import task


@task
def transitions_journeykit(path: str) -> Callable[[], object]:
    """With the per-customer sums for cluster-robust intervals, which no peer makes."""
    import journeykit as jk

    journeys = in_journeykit(path)
    count = jk.counts.transition_counts
    count(journeys.sample(10, seed=0))
    return lambda: int(jk.counts.run(count, journeys).matrix()[:-1, :-2].sum())


@task
def transitions_pm4py(path: str) -> Callable[[], object]:
    import pm4py

    frame = in_pm4py(path)
    return lambda: sum(pm4py.discover_dfg(frame)[0].values())


@task
def transitions_retentioneering(path: str) -> Callable[[], object]:
    stream = in_retentioneering(path)

    def work() -> object:
        table = stream.transition_graph_data(edge_weight="count")
        edges = ["path_start", "path_end"]
        return int(table.drop(index=edges, columns=edges, errors="ignore").to_numpy().sum())

    return work


@task
def transitions_polars(path: str) -> Callable[[], object]:
    import polars as pl

    frame = in_polars(path)

    def work() -> object:
        table = (
            frame.lazy()
            .select("touchpoint", pl.col("touchpoint").shift(-1).over("customer").alias("next"))
            .drop_nulls()
            .group_by("touchpoint", "next")
            .len()
            .collect()
        )
        return int(table["len"].sum())

    return work


@task
def transitions_duckdb(path: str) -> Callable[[], object]:
    con = in_duckdb(path)

    def work() -> object:
        return con.execute(
            "SELECT sum(n)::BIGINT FROM (SELECT touchpoint, next, count(*) AS n FROM (SELECT "
            "touchpoint, lead(touchpoint) OVER (PARTITION BY customer ORDER BY time, touchpoint) "
            "AS next FROM events) WHERE next IS NOT NULL GROUP BY ALL)"
        ).fetchone()[0]

    return work
