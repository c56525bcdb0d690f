"""Speed beside the peers, in one run: ``make bench``.

Random events, 25 touchpoints, 10 events a customer on average, customer ids as text, in Parquet.
Every measurement is a process of its own; peers that are no dependency of ours live in
environments of their own. Medians of three runs; CPU seconds count all threads.

Usage: ``python tests/benchmarks/run.py [suite ...] [size ...]``, by default all, with 1000000 and
10000000 events; the suites of survival with 100000 and 1000000 customers, those of attribution with
100000 and 1000000 journeys.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import duckdb

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RUNS = 3
#: Tools that are installed for the comparison alone, with what they need to read Parquet.
PEERS = {
    "pm4py": ["pm4py", "pyarrow"],
    "retentioneering": ["retentioneering", "pyarrow"],
    "prefixspan": ["prefixspan", "pandas", "pyarrow"],
    "sequenzo": ["sequenzo", "pandas", "pyarrow"],
    "sksurv": ["scikit-survival", "pyarrow"],
    "channelattribution": ["ChannelAttribution", "matplotlib", "pandas", "pyarrow"],
    "marketingattribution": ["marketing-attribution-models", "pandas", "pyarrow"],
    "doattribution": ["do-attribution", "pandas", "pyarrow"],
}
#: R and its packages come from the system: r-base-core, r-cran-survival.
R = "r"
#: What is measured, and the peers that do it; ours is always the first.
SUITES = {
    "build": ("duckdb", "duckdb_strings", "polars", "pandas"),
    "transitions": ("pm4py", "retentioneering", "polars", "duckdb"),
    "variants": ("pm4py", "polars", "duckdb"),
    "steptable": ("retentioneering", "polars", "duckdb"),
    "funnel": ("retentioneering", "polars", "duckdb"),
    "sessions": ("retentioneering", "polars", "duckdb"),
    "collapse": ("retentioneering", "polars", "duckdb"),
    "patterns": ("prefixspan",),
    "distances": ("sequenzo",),
}
CUSTOMER_SUITES = {
    "km": ("lifelines", "statsmodels", "sksurv", R),
    "logrank": ("lifelines", "statsmodels", "sksurv", R),
    "coxtied": ("lifelines", "statsmodels", "sksurv", R),
    "coxuntied": ("lifelines", "statsmodels", "sksurv", R),
    "coxchanginggrouped": ("lifelines", "statsmodels", R),
    "coxchangingnumbers": ("lifelines", "statsmodels", R),
    "competing": ("lifelines", R),
}
#: Customers with ten events each on average.
TOUCH_SUITES = {"builder": (R,)}
#: Paths of customers, with what became of them.
CREDIT_SUITES = {
    "markov1": ("channelattribution", "marketingattribution", "doattribution"),
    "markov2": ("channelattribution", "doattribution"),
    "markov3": ("channelattribution", "doattribution"),
    "bootstrap": (),
    "rules": ("channelattribution", "marketingattribution"),
    "volume": (),
    "rate": ("marketingattribution", "doattribution"),
    "hazard": (),
}
#: Measured beside a suite, where the tool does part of the work elsewhere, or more of it.
APART = {
    "build": ("validate_journeykit",),
    "variants": ("told_journeykit",),
    "markov1": ("counted1_journeykit", "closed_journeykit", "customers_journeykit"),
    "markov2": ("counted2_journeykit",),
    "markov3": ("counted3_journeykit",),
    "bootstrap": ("customersbootstrap_journeykit",),
    "rules": ("everyrule_journeykit",),
}
#: Python loops, or more memory than a laptop has, at the larger size.
SMALL_ONLY = ("pm4py", "retentioneering", "prefixspan", "sequenzo")
LARGEST = 1_000_000
#: Minutes and more at the larger number of customers.
FEW_ONLY = {
    "coxchanginggrouped": ("lifelines", "statsmodels"),
    "coxchangingnumbers": ("lifelines", "statsmodels"),
    "coxtied": ("sksurv",),
    "coxuntied": ("sksurv", "statsmodels"),
    "builder": (R,),
}
MOST = 100_000
#: Results agree to this much of them.
AGREE = 1e-6
#: Peers whose result is another by their own choice, and why.
OTHERWISE = {
    "coxchanginggrouped_statsmodels": "whoever enters at a time counts as under risk at it",
    "coxchangingnumbers_statsmodels": "whoever enters at a time counts as under risk at it",
    "coxtied_lifelines": "its search ends before the maximum; with precision=1e-12 it is ours",
    "competing_lifelines": "ties are moved at random",
    "markov1_channelattribution": "it simulates",
    "markov2_channelattribution": "it simulates",
    "markov3_channelattribution": "it simulates",
    "markov1_marketingattribution": "the same removal effects, credited in another way",
    "rate_marketingattribution": "the conversions of each set of channels are a game of their own",
    "rate_doattribution": "a set is worth the conversions that met it and nothing else",
}
#: How near to ours such a result must be all the same, where the method is ours.
NEAR = {f"markov{order}_channelattribution": 0.02 for order in (1, 2, 3)}
#: What a peer may take before it is given up.
PATIENCE_S, MEMORY = 600, 12 << 30


def events(n: int, folder: Path) -> Path:
    path = folder / f"events-{n}.parquet"
    if not path.exists():
        duckdb.sql(
            f"SELECT 'cust-' || lpad((hash(i) % {n // 10})::VARCHAR, 9, '0') AS customer, "
            "TIMESTAMP '2025-01-01' + to_microseconds((hash(i + 7777777) % 31536000000000)::BIGINT)"
            f" AS time, 'touch ' || (hash(i * 3 + 1) % 25) AS touchpoint FROM range({n}) r(i)"
        ).write_parquet(str(path))
    return path


def command_of(task: str) -> list[str | Path]:
    """Return what runs a task of a tool, making its environment when it is missing."""
    tool = task.split("_", 1)[1]
    if tool == R:
        return ["Rscript", HERE / "survival.R"]
    return [python_of(tool), HERE / "tasks.py"]


def python_of(tool: str) -> Path:
    if tool not in PEERS:
        return Path(sys.executable)
    folder = ROOT / f".venv-bench-{tool}"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", *PEERS[tool]]
        try:
            subprocess.run(install, check=True)
        except subprocess.CalledProcessError:
            shutil.rmtree(folder)
            raise
    return python


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def measure(task: str, path: Path) -> dict[str, float] | str:
    """Return the medians of what a task costs, or why it was given up."""
    environment = os.environ | {"RETENTIONEERING_NO_TRACK": "1"}
    try:
        command = command_of(task)
    except subprocess.CalledProcessError:
        return "cannot be installed here"
    costs = []
    for _ in range(RUNS):
        try:
            done = subprocess.run(
                [*command, task, path],
                capture_output=True,
                text=True,
                env=environment,
                check=False,
                timeout=PATIENCE_S,
                preexec_fn=_limit_memory,
            )
        except subprocess.TimeoutExpired:
            return f"given up after {PATIENCE_S / 60:g} minutes"
        if "MemoryError" in done.stderr or "cannot allocate" in done.stderr:
            return f"given up at {MEMORY >> 30} GB"
        if done.returncode:
            raise SystemExit(f"{task} failed:\n{done.stderr[-2000:]}")
        costs.append(json.loads(done.stdout.splitlines()[-1]))
    return {key: statistics.median(cost[key] for cost in costs) for key in costs[0]}


def verdict(task: str, cost: dict[str, float], ours: dict[str, float]) -> str:
    """Say whether a tool's result is ours."""
    apart = abs(cost["check"] - ours["check"]) / abs(ours["check"])
    if task in OTHERWISE and apart <= NEAR.get(task, float("inf")):
        return f"by its choice ({OTHERWISE[task]})"
    return "equal" if apart <= AGREE else "DIFFERS"


def compare(name: str, peers: tuple[str, ...], n: int, what: str, path: Path) -> bool:
    """Measure one suite at one size and print it; tell whether every result is ours."""
    tasks = [f"{name}_{tool}" for tool in ("journeykit", *peers)]
    ours = measure(tasks[0], path)
    if isinstance(ours, str):
        raise SystemExit(f"{tasks[0]}: {ours}")
    print(f"\n{name}, {n:,} {what}, median of {RUNS} runs")
    print(f"{'':32}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}{'x CPU':>9}{'x wall':>9}  check")
    agreed = True
    for task in (*tasks, *APART.get(name, ())):
        cost = ours if task == tasks[0] else measure(task, path)
        if isinstance(cost, str):
            print(f"{task:32}  {cost}", flush=True)
            continue
        said = verdict(task, cost, ours) if task in tasks[1:] else ""
        agreed &= said != "DIFFERS"
        print(
            f"{task:32}{cost['cpu']:9.3f}{cost['wall']:9.3f}{cost['peak_mb']:9.0f}"
            f"{cost['cpu'] / ours['cpu']:9.1f}{cost['wall'] / ours['wall']:9.1f}"
            f"  {cost['check']:,.3f} {said}",
            flush=True,
        )
    return agreed


def main() -> None:
    from contracts import contracts, touches
    from suites.campaigns import campaigns

    sizes = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    suites = [word for word in sys.argv[1:] if not word.isdecimal()]
    folder = ROOT / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    makers: list[tuple[dict[str, tuple[str, ...]], str, Callable[[int, Path], Path], list[int]]] = [
        (SUITES, "events", events, [1_000_000, 10_000_000]),
        (CUSTOMER_SUITES, "customers", contracts, [100_000, 1_000_000]),
        (TOUCH_SUITES, "customers", touches, [100_000, 1_000_000]),
        (CREDIT_SUITES, "journeys", campaigns, [100_000, 1_000_000]),
    ]
    agreed = True
    for known, what, made, usual in makers:
        for name in [name for name in known if not suites or name in suites]:
            few = SMALL_ONLY if what == "events" else FEW_ONLY.get(name, ())
            most = LARGEST if what == "events" else MOST
            for n in sizes or usual:
                peers = tuple(peer for peer in known[name] if n <= most or peer not in few)
                agreed &= compare(name, peers, n, what, made(n, folder))
    if not agreed:
        raise SystemExit("Some results differ from ours: see DIFFERS above.")


if __name__ == "__main__":
    main()
