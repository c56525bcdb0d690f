"""Speed beside the peers, in one run: ``make bench``.

Random events, 25 touchpoints, 10 events a customer on average, customer ids as text, in Parquet.
Every measurement is a process of its own; peers that are no dependency of ours live in
environments of their own. Medians of three runs; CPU seconds count all threads.

Usage: ``python tests/benchmarks/run.py [events ...]``, by default 1000000 10000000.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import venv
from pathlib import Path

import duckdb

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RUNS = 3
#: Tools that are installed for the comparison alone, with what they need to read Parquet.
PEERS = {"pm4py": ["pm4py", "pyarrow"], "retentioneering": ["retentioneering", "pyarrow"]}
SUITES = {
    "build": {
        "ours": "build_journeykit",
        "peers": ["build_duckdb", "build_duckdb_strings", "build_polars", "build_pandas"],
        "apart": ["validate_journeykit"],
    },
    "transitions": {
        "ours": "transitions_journeykit",
        "peers": [
            "transitions_pm4py",
            "transitions_retentioneering",
            "transitions_polars",
            "transitions_duckdb",
        ],
        "apart": [],
    },
}
#: Peers that need minutes or more memory than a laptop has at the larger sizes.
LARGEST = {"transitions_pm4py": 10_000_000, "transitions_retentioneering": 10_000_000}


def events(n: int, folder: Path) -> Path:
    path = folder / f"events-{n}.parquet"
    if not path.exists():
        duckdb.sql(
            f"SELECT 'cust-' || lpad((hash(i) % {n // 10})::VARCHAR, 9, '0') AS customer, "
            "TIMESTAMP '2025-01-01' + to_microseconds((hash(i + 7777777) % 31536000000000)::BIGINT)"
            f" AS time, 'touch ' || (hash(i * 3 + 1) % 25) AS touchpoint FROM range({n}) r(i)"
        ).write_parquet(str(path))
    return path


def python_of(task: str) -> Path:
    """Return the interpreter of the tool, making its environment when it is missing."""
    tool = task.split("_", 1)[1]
    if tool not in PEERS:
        return Path(sys.executable)
    folder = ROOT / f".venv-bench-{tool}"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS[tool]], check=True)
    return python


def measure(task: str, path: Path) -> dict[str, float]:
    python = python_of(task)
    environment = os.environ | {"RETENTIONEERING_NO_TRACK": "1"}
    costs = []
    for _ in range(RUNS):
        done = subprocess.run(
            [python, HERE / "tasks.py", task, path],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{task} failed:\n{done.stderr[-2000:]}")
        costs.append(json.loads(done.stdout.splitlines()[-1]))
    return {key: statistics.median(cost[key] for cost in costs) for key in costs[0]}


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [1_000_000, 10_000_000]
    folder = ROOT / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    for name, suite in SUITES.items():
        for n in sizes:
            path = events(n, folder)
            tasks = [suite["ours"], *suite["peers"], *suite["apart"]]
            costs = {t: measure(t, path) for t in tasks if n <= LARGEST.get(t, n)}
            ours = costs[suite["ours"]]
            print(f"\n{name}, {n:,} events, median of {RUNS} runs")
            print(f"{'':32}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}{'x CPU':>9}{'x wall':>9}  check")
            for t, cost in costs.items():
                print(
                    f"{t:32}{cost['cpu']:9.3f}{cost['wall']:9.3f}{cost['peak_mb']:9.0f}"
                    f"{cost['cpu'] / ours['cpu']:9.1f}{cost['wall'] / ours['wall']:9.1f}"
                    f"  {cost['check']:,.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
