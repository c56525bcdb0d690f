"""What simulated worlds cost: CPU, wall and memory by their size; ``make bench``.

Every measurement is a process of its own; CPU seconds count all its threads and start after the
imports.

Usage: ``python tests/benchmarks/worlds.py [customers ...]``, by default 10000 100000 1000000.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

RUNS = 3


def measure(customers: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--one", str(customers)],
        capture_output=True,
        text=True,
        check=True,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def one(customers: int) -> None:
    from journeykit.simulate import world

    world(customers=10)
    cpu, wall = time.process_time(), time.perf_counter()
    made = world(customers=customers)
    spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**spent, "peak_mb": peak, "events": made.events.num_rows}))


def main() -> None:
    sizes = [int(text) for text in sys.argv[1:]] or [10_000, 100_000, 1_000_000]
    print("| customers | events | CPU s | wall s | peak MB |")
    print("|---:|---:|---:|---:|---:|")
    for size in sizes:
        runs = sorted((measure(size) for _ in range(RUNS)), key=lambda run: run["cpu_s"])
        middle = runs[len(runs) // 2]
        print(
            f"| {size:,} | {middle['events']:,.0f} | {middle['cpu_s']:.2f} | "
            f"{middle['wall_s']:.2f} | {middle['peak_mb']:,.0f} |"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(int(sys.argv[2]))
    else:
        main()
