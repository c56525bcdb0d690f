"""Whether a report says where what it pools is two journeys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from journeykit import report
from journeykit.study import Study, load_study


def study(folder: Path, *, weeks: int, broken: bool) -> Study:
    """One visit a week of 60 customers; from the middle on, another touchpoint follows it."""
    random = np.random.default_rng(2)
    rows = []
    for who in range(60):
        for week in range(weeks):
            at = pd.Timestamp("2025-01-06") + pd.Timedelta(days=7 * week + random.random())
            share = 0.9 if broken and week >= weeks // 2 else 0.3
            follows = "buy" if random.random() < share else "leave"
            rows += [(who, at, "look"), (who, at + pd.Timedelta(minutes=5), follows)]
    table = pd.DataFrame(rows, columns=["who", "at", "what"])
    table.to_csv(folder / "events.csv", index=False)
    end = (pd.Timestamp("2025-01-06") + pd.Timedelta(weeks=weeks)).date()
    (folder / "happened.csv").write_text(
        "event_time,kind,scope,note\n2025-03-03,price change,all,dearer\n"
    )
    (folder / "study.yaml").write_text(
        "name: weekly\nevents: {source: events.csv, customer: who, time: at, touchpoint: what}\n"
        f"window: {{from: 2025-01-06, to: {end}}}\n"
        + ("external_events: {source: happened.csv}\n" if broken else "")
    )
    return load_study(folder)


def test_breaks_that_are_found_and_declared_are_told(tmp_path: Path) -> None:
    given = study(tmp_path, weeks=40, broken=True)
    found = report.one_journey(given, given.journeys())
    assert (found.name, found.status) == ("one journey", "warned")
    assert "do not pool across: from 2025-05-26 on" in found.found
    assert "price change was declared for 2025-03-03" in found.found


def test_where_nothing_broke_it_passes(tmp_path: Path) -> None:
    given = study(tmp_path, weeks=40, broken=False)
    assert report.one_journey(given, given.journeys()).status == "passed"


def test_too_little_to_look_for_a_break_is_said(tmp_path: Path) -> None:
    given = study(tmp_path, weeks=6, broken=False)
    found = report.one_journey(given, given.journeys())
    assert found.status == "passed"
    assert found.found.startswith("No break was looked for: ")
