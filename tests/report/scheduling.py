"""What the tests of schedules share: the files, a stand-in for the command, and Mondays."""

from __future__ import annotations

import os
from datetime import datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from cronsim import CronSim

from tests.conftest import ROOT

FOLDER = ROOT / "journeykit" / "report" / "schedules"
BERLIN = ZoneInfo("Europe/Berlin")
#: A Wednesday before clocks are set back on 25 October 2026.
BEFORE = datetime(2026, 10, 14, 12, tzinfo=BERLIN)
#: Mondays at 06:30 in Berlin: in UTC the hour moves, on the wall it does not.
MONDAYS = ["2026-10-19T06:30:00+02:00", "2026-10-26T06:30:00+01:00", "2026-11-02T06:30:00+01:00"]
#: Exit codes of the command, and whether a scheduler may call the run good.
GOOD = {0: True, 1: False, 2: False, 3: True, 4: False}


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def programs(folder: Path, **scripts: str) -> dict[str, str]:
    """Write shell scripts; return an environment in which they are found first."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


#: In place of the command: shows a secret and what it was given, and ends as asked.
PRETENDS = 'echo "secret $SECRET: $*"; echo \'{"status": "ok"}\'; exit ${ENDS_WITH:-0}'


def next_times(cron: str, zone: ZoneInfo, n: int = 3) -> list[str]:
    times = CronSim(cron, BEFORE.astimezone(zone))
    return [moment.isoformat() for moment in islice(times, n)]
