"""A hundred million events on one machine: seconds and peak memory; ``make bench``.

Random events, 25 touchpoints, 10 a customer on average, whole-number customer ids, in Parquet. Each
question is a process of its own that builds the journeys from the file first; its seconds are those
of the question alone, its peak memory that of the whole process, building included. Credits are
asked for from the journeys on: cut at conversions and after 30 days of silence, then three rules
and a Markov chain of order 1, each with 200 bootstrap samples of the customers.

Usage: ``python tests/benchmarks/large.py [events] [question ...]``, by default 100000000 and all.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).parents[2]
YEAR = 31_536_000_000_000
STEPS = ("touch 3", "touch 7", "touch 11")
CONVERSION, LOOKBACK_DAYS = "touch 0", 30


def events(n: int, folder: Path) -> Path:
    path = folder / f"large-{n}.parquet"
    if not path.exists():
        duckdb.sql(
            f"SELECT (hash(i) % {n // 10})::INT AS customer, TIMESTAMP '2025-01-01' + "
            f"to_microseconds((hash(i + 7777777) % {YEAR})::BIGINT) AS time, "
            f"'touch ' || (hash(i * 3 + 1) % 25) AS touchpoint FROM range({n}) r(i)"
        ).write_parquet(str(path))
    return path


def questions() -> dict[str, Callable[[Any], object]]:
    import journeykit as jk

    return {
        "build": len,
        "transitions": lambda journeys: len(jk.paths.transitions(journeys, dwell=False).frame),
        "variants": lambda journeys: len(jk.counts.run(jk.counts.path_counts, journeys)),
        "funnel": lambda journeys: int(jk.paths.funnel(journeys, steps=STEPS).frame["n"].iloc[-1]),
        "credits": credited,
    }


def credited(journeys: Any) -> int:
    """Return the conversions distributed, by both kinds of model."""
    from journeykit.attribution import markov, rules

    cut = journeys.outcomes(conversion=[CONVERSION], lookback_days=LOOKBACK_DAYS)
    by_rule, by_chain = rules(cut).frame, markov(cut).frame
    total = by_chain["conversions"].sum()
    assert abs(by_rule.loc[by_rule["model"] == "last", "conversions"].sum() - total) < 1e-6 * total
    return round(total)


def one(name: str, path: str) -> None:
    import journeykit as jk

    ask = questions()[name]
    began, cpu = time.perf_counter(), time.process_time()
    log = jk.read_events(path, customer="customer", time="time", touchpoint="touchpoint")
    journeys = jk.journeys(log)
    if name != "build":
        ask(journeys.sample(100, seed=0))
        began, cpu = time.perf_counter(), time.process_time()
    found = ask(journeys)
    spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - began}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**spent, "peak_mb": peak, "check": found}))


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
        return
    n = next((int(word) for word in sys.argv[1:] if word.isdecimal()), 100_000_000)
    asked = [word for word in sys.argv[1:] if not word.isdecimal()]
    folder = ROOT / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = events(n, folder)
    print(f"\n{n:,} events\n{'':16}{'CPU s':>9}{'wall s':>9}{'peak MB':>10}  check")
    for name in asked or questions():
        command = [sys.executable, __file__, "--one", name, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        cost = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{name:16}{cost['cpu_s']:9.1f}{cost['wall_s']:9.1f}{cost['peak_mb']:10,.0f}"
            f"  {cost['check']:,}",
            flush=True,
        )


if __name__ == "__main__":
    main()
