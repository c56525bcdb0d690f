"""Do pm4py and retentioneering say the same as we, number by number?

Usage: ``python tests/benchmarks/peers_paths.py [--events 100000] [--pm4py PYTHON]
[--retentioneering PYTHON]``; without interpreters, those of ``make bench`` are used. Every line
says how many numbers were compared and how many differ; definitions that differ are written down
beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

STEPS = 6


def ask_pm4py(path: str) -> dict[str, object]:
    import pandas as pd
    import pm4py

    frame = pm4py.format_dataframe(
        pd.read_parquet(path), case_id="customer", activity_key="touchpoint", timestamp_key="time"
    )
    steps, first, last = pm4py.discover_dfg(frame)
    times, _, _ = pm4py.discover_performance_dfg(frame, perf_aggregation_key="all")
    return {
        "steps": [[a, b, int(n)] for (a, b), n in steps.items()],
        "first": {name: int(n) for name, n in first.items()},
        "last": {name: int(n) for name, n in last.items()},
        "median": [[a, b, float(time["median"])] for (a, b), time in times.items()],
        "variants": [[" > ".join(path), int(n)] for path, n in pm4py.get_variants(frame).items()],
    }


def ask_retentioneering(path: str) -> dict[str, object]:
    import pandas as pd
    from retentioneering import Eventstream

    stream = Eventstream(
        pd.read_parquet(path).rename(
            columns={"customer": "user_id", "touchpoint": "event", "time": "timestamp"}
        ),
        schema={"path_cols": ["user_id"], "event_col": "event", "timestamp_col": "timestamp"},
    )

    def cells(weight: str) -> list[list[object]]:
        table = stream.transition_graph_data(edge_weight=weight)
        second = pd.Timedelta("1s") if weight == "time_median" else 1
        return [
            [str(source), str(target), float(value / second)]
            for target, column in table.items()
            for source, value in column.dropna().items()
        ]

    matrix = stream.step_matrix_data(max_steps=STEPS)
    return {
        "steps": cells("count"),
        "proba": cells("proba_out"),
        "median": cells("time_median"),
        "matrix": [
            [int(step), str(name), float(matrix.loc[name, step])]
            for step in matrix.columns
            for name in matrix.index
        ],
        "sessions": int(
            stream.split_sessions(timeout="30m").to_dataframe()["session_id"].nunique()
        ),
        "collapsed": len(stream.collapse_events(loops=True).to_dataframe()),
    }


PEERS = {"pm4py": ask_pm4py, "retentioneering": ask_retentioneering}


def asked(peer: str, python: Path, path: Path) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "said.json"
        subprocess.run(
            [python, __file__, "--ask", peer, path, out],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"RETENTIONEERING_NO_TRACK": "1"},
        )
        said: dict[str, object] = json.loads(out.read_text())
        return said


def compared(
    what: str, ours: dict[object, float], theirs: dict[object, float], *, within: float = 0
) -> None:
    keys = ours.keys() | theirs.keys()
    apart = {key: abs(ours.get(key, 0) - theirs.get(key, 0)) for key in keys}
    wrong = [key for key in keys if apart[key] > within + 1e-9 * (1 + abs(ours.get(key, 0)))]
    tail = f", such as {wrong[0]}: {ours.get(wrong[0])} and {theirs.get(wrong[0])}" if wrong else ""
    print(f"{what:62}{len(keys):8,} numbers, {len(wrong):,} differ{tail}")


def compare(path: Path, pythons: dict[str, Path]) -> None:
    import numpy as np

    import journeykit as jk
    from journeykit.paths.dwelling import ANY

    read = jk.read_events(str(path), customer="customer", time="time", touchpoint="touchpoint")
    watched = jk.journeys(read)
    # Peers know no end of watching: every journey has ended with its last event.
    whole = watched.replace(observed_from=None, observed_to=None, window=None)
    found = jk.paths.transitions(whole)
    frame = found.frame
    n = {(a, b): int(k) for a, b, k in frame[["source", "target", "n"]].itertuples(index=False)}
    inner = {key: k for key, k in n.items() if key[0] != "(entry)" and key[1] != "(exit)"}
    time = {
        (a, b): t
        for a, b, t in frame[["source", "target", "median_seconds"]].itertuples(index=False)
    }
    assert found.dwell is not None
    assert set(found.dwell.frame["target"]) == {ANY, *whole.names}

    said = asked("pm4py", pythons["pm4py"], path)
    compared("pm4py: steps", inner, {(a, b): k for a, b, k in said["steps"]})
    compared("pm4py: first", {b: k for (a, b), k in n.items() if a == "(entry)"}, said["first"])
    compared("pm4py: last", {a: k for (a, b), k in n.items() if b == "(exit)"}, said["last"])
    medians = {(a, b): t for a, b, t in said["median"]}
    odd = [key for key in inner if inner[key] % 2]
    compared(
        "pm4py: median times, odd n (even n: they take the middle)",
        {key: time[key] for key in odd},
        {key: medians[key] for key in odd},
    )
    variants = jk.paths.variants(whole).frame
    compared(
        "pm4py: variants",
        dict(zip(variants["path"], variants["n"].tolist(), strict=True)),
        dict(said["variants"]),
    )

    said = asked("retentioneering", pythons["retentioneering"], path)
    steps = {(a, b): k for a, b, k in said["steps"]}
    renamed = {"(entry)": "path_start", "(exit)": "path_end"}
    ours = {(renamed.get(a, a), renamed.get(b, b)): k for (a, b), k in n.items()}
    compared("retentioneering: steps", ours, {key: k for key, k in steps.items() if k})
    share = dict(zip(ours, frame["estimate"].tolist(), strict=True))
    compared(
        "retentioneering: P(next | this)", share, {(a, b): p for a, b, p in said["proba"] if p}
    )
    medians = {(a, b): t for a, b, t in said["median"]}
    compared(
        "retentioneering: median times, odd n, to 1 s (whole ones)",
        {key: time[key] for key in odd},
        {key: medians[key] for key in odd},
        within=1,
    )
    table = jk.paths.step_table(whole, steps=STEPS - 1, top=99).frame
    matrix = {
        (int(step) + 1, renamed.get(name, name).replace("(left)", "path_end")): share
        for step, name, share in table[["step", "touchpoint", "share"]].itertuples(index=False)
        if share
    }
    compared(
        "retentioneering: step matrix",
        matrix,
        {(step, name): p for step, name, p in said["matrix"] if p and name != "path_start"},
    )
    compared(
        "retentioneering: sessions of 30 min",
        {"n": len(whole.sessions("30min"))},
        {"n": said["sessions"]},
    )
    compared(
        "retentioneering: events without repeats",
        {"n": whole.collapse_repeats().n_events},
        {"n": said["collapsed"]},
    )
    censored = jk.paths.dwell_times(watched).frame.set_index(["source", "target"])
    plain = found.dwell.frame.set_index(["source", "target"])
    longer = (censored["median_seconds"] / plain["median_seconds"]).loc[(slice(None), ANY)]
    print(
        "Watched to the end of the window, medians of what comes next are longer by "
        f"{np.nanmin(longer) - 1:.0%} to {np.nanmax(longer) - 1:.0%}."
    )


def tied(path: Path, folder: Path) -> dict[str, Path]:
    """Write the events with their times cut to the day: as they lie, and sorted by touchpoint."""
    import duckdb

    day = f"SELECT customer, date_trunc('day', time) AS time, touchpoint FROM '{path}'"
    files = {"as they lie": folder / "lie.parquet", "sorted": folder / "sorted.parquet"}
    duckdb.sql(day).write_parquet(str(files["as they lie"]))
    duckdb.sql(f"{day} ORDER BY customer, time, touchpoint").write_parquet(str(files["sorted"]))
    return files


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--ask", nargs=3)
    for peer in PEERS:
        parser.add_argument(f"--{peer}", type=Path)
    given = parser.parse_args()
    if given.ask:
        peer, path, out = given.ask
        Path(out).write_text(json.dumps(PEERS[peer](path)))
        return
    sys.path.insert(0, str(Path(__file__).parent))
    from run import ROOT, events, python_of

    folder = ROOT / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = events(given.events, folder)
    pythons = {peer: getattr(given, peer) or python_of(f"x_{peer}") for peer in PEERS}
    compare(path, pythons)
    with tempfile.TemporaryDirectory() as temporary:
        for name, file in tied(path, Path(temporary)).items():
            print(
                f"\nTimes cut to the day, rows {name}: ties are ordered by touchpoint, theirs stay"
            )
            compare(file, pythons)


if __name__ == "__main__":
    main()
