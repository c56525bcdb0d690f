"""One measurement: ``python tasks.py TASK FILE`` prints what it cost as one JSON line.

Runs in the environment of the tool it measures, so it imports nothing of journeykit unless that
is the tool. Preparation (importing, compiling, what a tool calls loading) is outside the clock
where the task says so.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable

warnings.filterwarnings("ignore")
Task = Callable[[str], Callable[[], object]]
#: Each returns, after preparing, the piece of work to be timed; that returns a check value.
TASKS: dict[str, Task] = {}


def task(function: Task) -> Task:
    TASKS[function.__name__] = function
    return function


# ------------------------------------------------------------------ from Parquet to sorted codes


@task
def build_journeykit(path: str) -> Callable[[], object]:
    import journeykit as jk

    log = jk.read_events(path, customer="customer", time="time", touchpoint="touchpoint")
    build = jk.journeys
    return lambda: build(log).n_events


@task
def validate_journeykit(path: str) -> Callable[[], object]:
    import journeykit as jk

    read = jk.read_events
    return lambda: len(read(path, customer="customer", time="time", touchpoint="touchpoint"))


@task
def build_duckdb(path: str) -> Callable[[], object]:
    """DuckDB's own code-and-sort of the same rows, handed over as NumPy arrays."""
    import duckdb

    def work() -> object:
        con = duckdb.connect()
        for table, column in (("ids", "customer"), ("names", "touchpoint")):
            con.execute(
                f"CREATE TEMP TABLE {table} AS SELECT {column}, (row_number() OVER (ORDER BY "
                f"{column}) - 1)::INT AS code FROM (SELECT DISTINCT {column} FROM '{path}')"
            )
        arrays = con.execute(
            "SELECT ids.code AS c, epoch_us(time) AS t, names.code::UTINYINT AS p "
            f"FROM '{path}' JOIN ids USING (customer) JOIN names USING (touchpoint) "
            "ORDER BY c, t, p"
        ).fetchnumpy()
        con.sql("SELECT customer FROM ids ORDER BY code").to_arrow_table()
        return len(arrays["c"])

    return work


@task
def build_duckdb_strings(path: str) -> Callable[[], object]:
    """What one writes first: sort by the texts themselves."""
    import duckdb

    def work() -> object:
        con = duckdb.connect()
        table = con.sql(
            f"SELECT customer, time, touchpoint FROM '{path}' ORDER BY customer, time, touchpoint"
        ).to_arrow_table()
        return table.num_rows

    return work


@task
def build_polars(path: str) -> Callable[[], object]:
    import polars as pl

    def work() -> object:
        frame = (
            pl.scan_parquet(path)
            .sort("customer", "time", "touchpoint")
            .with_columns(
                pl.col("customer").rle_id().alias("code"), pl.col("touchpoint").cast(pl.Categorical)
            )
            .collect()
        )
        return frame["code"].to_numpy().size

    return work


@task
def build_pandas(path: str) -> Callable[[], object]:
    import pandas as pd

    def work() -> object:
        frame = pd.read_parquet(path)
        frame["code"] = pd.factorize(frame["customer"], sort=True)[0]
        frame["point"] = pd.factorize(frame["touchpoint"], sort=True)[0]
        return len(frame.sort_values(["code", "time", "point"], ignore_index=True))

    return work


# ------------------------------------------------------------------ transition counts, data loaded


@task
def transitions_journeykit(path: str) -> Callable[[], object]:
    """With the per-customer sums for cluster-robust intervals, which no peer makes."""
    import journeykit as jk

    journeys = jk.journeys(
        jk.read_events(path, customer="customer", time="time", touchpoint="touchpoint")
    )
    count = jk.counts.transition_counts
    count(journeys.sample(10, seed=0))
    _ = journeys.fingerprint
    return lambda: int(jk.counts.run(count, journeys).matrix()[:-1, :-2].sum())


@task
def transitions_pm4py(path: str) -> Callable[[], object]:
    import pandas as pd
    import pm4py

    frame = pm4py.format_dataframe(
        pd.read_parquet(path), case_id="customer", activity_key="touchpoint", timestamp_key="time"
    )
    return lambda: sum(pm4py.discover_dfg(frame)[0].values())


@task
def transitions_retentioneering(path: str) -> Callable[[], object]:
    import pandas as pd
    from retentioneering import Eventstream

    stream = Eventstream(
        pd.read_parquet(path).rename(
            columns={"customer": "user_id", "touchpoint": "event", "time": "timestamp"}
        ),
        schema={"path_cols": ["user_id"], "event_col": "event", "timestamp_col": "timestamp"},
    )

    def work() -> object:
        table = stream.transition_graph_data(edge_weight="count")
        edges = ["path_start", "path_end"]
        return int(table.drop(index=edges, columns=edges, errors="ignore").to_numpy().sum())

    return work


@task
def transitions_polars(path: str) -> Callable[[], object]:
    import polars as pl

    frame = pl.read_parquet(path).sort("customer", "time", "touchpoint")

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
    import duckdb

    con = duckdb.connect()
    con.execute(f"CREATE TABLE events AS SELECT * FROM '{path}'")

    def work() -> object:
        return con.execute(
            "SELECT sum(n)::BIGINT FROM (SELECT touchpoint, next, count(*) AS n FROM (SELECT "
            "touchpoint, lead(touchpoint) OVER (PARTITION BY customer ORDER BY time, touchpoint) "
            "AS next FROM events) WHERE next IS NOT NULL GROUP BY ALL)"
        ).fetchone()[0]

    return work


def main() -> None:
    name, path = sys.argv[1:]
    work = TASKS[name](path)
    before, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    check = work()
    wall = time.perf_counter() - wall
    after = resource.getrusage(resource.RUSAGE_SELF)
    cost = {
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "wall": wall,
        "peak_mb": after.ru_maxrss / 1024,
        "check": check,
    }
    print(json.dumps(cost))


if __name__ == "__main__":
    main()
