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
from pathlib import Path

from suites import (  # noqa: F401 (register)
    building,
    crediting,
    cutting,
    grouping,
    mining,
    stepping,
    surviving,
    telling,
)
from suites.registry import TASKS

warnings.filterwarnings("ignore")


def peak_kb() -> int:
    """Return the most memory this process held; `ru_maxrss` would count its parent's too."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


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
        "peak_mb": peak_kb() / 1024,
        "check": check,
    }
    print(json.dumps(cost))


if __name__ == "__main__":
    main()
