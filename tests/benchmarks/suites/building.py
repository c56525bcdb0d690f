"""From Parquet to sorted codes."""

from __future__ import annotations

from collections.abc import Callable

from suites.registry import task


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
