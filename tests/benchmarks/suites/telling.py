"""Variants, step tables and funnels: what a customer did, whole."""

from __future__ import annotations

from collections.abc import Callable

from suites.loading import in_duckdb, in_journeykit, in_pm4py, in_polars, in_retentioneering
from suites.registry import task

STEPS = ("touch 3", "touch 7", "touch 11")
FIRST_STEPS = 10


@task
def variants_journeykit(path: str) -> Callable[[], object]:
    """The distinct paths and how many went each: what the peers return."""
    import journeykit as jk

    journeys = in_journeykit(path)
    jk.counts.path_counts(journeys.sample(10, seed=0))
    return lambda: len(jk.counts.path_counts(journeys))


@task
def told_journeykit(path: str) -> Callable[[], object]:
    """The whole answer: as text, with shares, outcome rates, intervals and durations."""
    import journeykit as jk

    journeys = in_journeykit(path)
    jk.paths.variants(journeys.sample(10, seed=0))
    return lambda: len(jk.paths.variants(journeys).frame)


@task
def variants_pm4py(path: str) -> Callable[[], object]:
    import pm4py

    frame = in_pm4py(path)
    return lambda: len(pm4py.get_variants(frame))


@task
def variants_polars(path: str) -> Callable[[], object]:
    frame = in_polars(path)

    def work() -> object:
        paths = frame.lazy().group_by("customer", maintain_order=True).agg("touchpoint")
        return paths.group_by("touchpoint").len().sort("len", descending=True).collect().height

    return work


@task
def variants_duckdb(path: str) -> Callable[[], object]:
    con = in_duckdb(path)

    def work() -> object:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE kinds AS SELECT path, count(*) AS n FROM (SELECT "
            "list(touchpoint ORDER BY time, touchpoint) AS path FROM events GROUP BY customer) "
            "GROUP BY path ORDER BY n DESC"
        )
        return con.execute("SELECT count(*) FROM kinds").fetchone()[0]

    return work


@task
def steptable_journeykit(path: str) -> Callable[[], object]:
    import journeykit as jk

    journeys = in_journeykit(path)
    table = jk.paths.step_table
    table(journeys.sample(10, seed=0), steps=FIRST_STEPS)
    return lambda: len(table(journeys, steps=FIRST_STEPS, top=25).frame)


@task
def steptable_retentioneering(path: str) -> Callable[[], object]:
    stream = in_retentioneering(path)
    return lambda: len(stream.step_matrix_data(max_steps=FIRST_STEPS))


@task
def steptable_polars(path: str) -> Callable[[], object]:
    import polars as pl

    frame = in_polars(path)

    def work() -> object:
        place = pl.int_range(pl.len()).over("customer").alias("step")
        table = (
            frame.lazy()
            .select("touchpoint", place)
            .filter(pl.col("step") < FIRST_STEPS)
            .group_by("step", "touchpoint")
            .len()
        )
        return table.collect().height

    return work


@task
def steptable_duckdb(path: str) -> Callable[[], object]:
    con = in_duckdb(path)

    def work() -> object:
        return con.execute(
            "SELECT count(*) FROM (SELECT step, touchpoint, count(*) FROM (SELECT touchpoint, "
            "row_number() OVER (PARTITION BY customer ORDER BY time, touchpoint) AS step FROM "
            f"events) WHERE step <= {FIRST_STEPS} GROUP BY ALL)"
        ).fetchone()[0]

    return work


@task
def funnel_journeykit(path: str) -> Callable[[], object]:
    """With intervals and times."""
    import journeykit as jk

    journeys = in_journeykit(path)
    funnel = jk.paths.funnel
    funnel(journeys.sample(10, seed=0), steps=STEPS)
    return lambda: int(funnel(journeys, steps=STEPS).frame["n"].iloc[-1])


@task
def funnel_retentioneering(path: str) -> Callable[[], object]:
    stream = in_retentioneering(path)
    return lambda: int(stream.funnel_data(steps=list(STEPS))["steps"][-1]["unique_paths"])


@task
def funnel_polars(path: str) -> Callable[[], object]:
    """The earliest time of each step after the step before."""
    import polars as pl

    frame = in_polars(path)

    def work() -> object:
        reached = frame.lazy().filter(pl.col("touchpoint") == STEPS[0])
        reached = reached.group_by("customer").agg(pl.col("time").min().alias("at"))
        for step in STEPS[1:]:
            later = frame.lazy().filter(pl.col("touchpoint") == step).join(reached, on="customer")
            reached = (
                later.filter(pl.col("time") > pl.col("at"))
                .group_by("customer")
                .agg(pl.col("time").min().alias("at"))
            )
        return reached.collect().height

    return work


@task
def funnel_duckdb(path: str) -> Callable[[], object]:
    con = in_duckdb(path)

    def work() -> object:
        query = "SELECT customer, min(time) AS at FROM events WHERE touchpoint = '{}' GROUP BY 1"
        query = query.format(STEPS[0])
        for step in STEPS[1:]:
            query = (
                f"SELECT e.customer, min(e.time) AS at FROM events e JOIN ({query}) s ON "
                f"e.customer = s.customer AND e.time > s.at WHERE e.touchpoint = '{step}' "
                "GROUP BY 1"
            )
        return con.execute(f"SELECT count(*) FROM ({query})").fetchone()[0]

    return work
