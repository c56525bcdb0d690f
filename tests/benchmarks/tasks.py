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

from suites import building, cutting, grouping, mining, stepping, telling  # noqa: F401 (register)
from suites.registry import TASKS

warnings.filterwarnings("ignore")


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
