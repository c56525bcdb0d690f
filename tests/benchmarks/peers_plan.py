"""Does pm4py align lived journeys with a plan at the same cost as we, and how long does it take?

Usage: ``python tests/benchmarks/peers_plan.py [--cases 2000] [--pm4py PYTHON]``; without an
interpreter, the one of ``make bench`` is used. Two logs: noisy cases, nearly all of them different,
of a plan in order and of one with blocks. For each: how many costs differ, and the ratio of the
processor seconds of the alignments alone; both have compiled or imported what they need before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from journeykit.journeys import Journeys

#: Name of the plan, its process tree for pm4py, and its steps for us.
PLANS: dict[str, tuple[str, list[Any]]] = {
    "in order": (
        "->( 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' )",
        list("abcdefgh"),
    ),
    "blocks": (
        "->( 'a', +( 'b', 'c', 'd' ), X( 'e', tau ), *( 'f', tau ), X( 'g', 'h' ) )",
        [
            "a",
            {"together": ["b", "c", "d"]},
            {"step": "e", "optional": True},
            {"step": "f", "repeat": True},
            {"choice": ["g", "h"]},
        ],
    ),
}
#: How often an event of a case is another one, comes twice, or is left out.
NOISE = 0.12


def lived(n_cases: int, *, seed: int = 0) -> list[str]:
    """Return cases that go through a to h, with noise."""
    import random

    draw = random.Random(seed)
    made = []
    for _ in range(n_cases):
        word = ""
        for letter in "abcdefgh":
            chance = draw.random()
            if chance > 2 * NOISE:
                word += letter
            elif chance > NOISE:
                word += letter + draw.choice("abcdefghx")
            elif chance > NOISE / 2:
                word += draw.choice("abcdefghx")
        made.append(word or "a")
    return made


def ask_pm4py(path: str) -> dict[str, object]:
    """Align the cases of a file with every plan; runs in the interpreter that has pm4py."""
    import pandas as pd
    import pm4py
    from pm4py.objects.process_tree.utils.generic import parse

    begin = pd.Timestamp("2024-01-01", tz="UTC")
    rows = [
        (str(at), letter, begin + pd.Timedelta(minutes=minute))
        for at, word in enumerate(json.loads(Path(path).read_text()))
        for minute, letter in enumerate(word)
    ]
    frame = pm4py.format_dataframe(
        pd.DataFrame(rows, columns=["case", "step", "time"]),
        case_id="case",
        activity_key="step",
        timestamp_key="time",
    )
    said: dict[str, object] = {}
    for name, (tree, _) in PLANS.items():
        net = pm4py.convert_to_petri_net(parse(tree))
        clock = time.process_time()
        found = pm4py.conformance_diagnostics_alignments(frame, *net)
        seconds = time.process_time() - clock
        order = list(dict.fromkeys(frame["case:concept:name"]))
        costs = dict(zip(order, (round(one["cost"]) // 10_000 for one in found), strict=True))
        said[name] = {"seconds": seconds, "costs": costs}
    return said


def asked(python: Path, path: Path) -> dict[str, Any]:
    """Ask pm4py in an interpreter of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "said.json"
        subprocess.run(
            [python, __file__, "--ask", path, out],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": ""},
        )
        said: dict[str, Any] = json.loads(out.read_text())
        return said


def journeys_of(words: list[str]) -> Journeys:
    """Return the cases as journeys without times."""
    import numpy as np

    from journeykit.journeys import Journeys

    names = tuple(sorted({letter for word in words for letter in word}))
    codes = [names.index(letter) for word in words for letter in word]
    return Journeys(
        names=names,
        touchpoint=np.array(codes, dtype=np.uint8),
        start=np.concatenate([[0], np.cumsum([len(word) for word in words])]).astype(np.int64),
    )


def compare(n_cases: int, python: Path) -> None:
    """Print, for each plan, how many costs differ and how much longer pm4py takes."""
    from journeykit.plan import Plan, align

    words = lived(n_cases)
    made = journeys_of(words)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.json"
        path.write_text(json.dumps(words))
        said = asked(python, path)
    for name, (_, steps) in PLANS.items():
        plan = Plan(name=name, steps=tuple(steps))
        align(made, plan)
        clock = time.process_time()
        frame = align(made, plan).frame
        seconds = time.process_time() - clock
        ours = dict(zip(frame["path"], frame["cost"].tolist(), strict=True))
        paths = [" > ".join("(other)" if x == "x" else x for x in word) for word in words]
        theirs = said[name]["costs"]
        apart = sum(ours[path] != theirs[str(at)] for at, path in enumerate(paths))
        print(
            f"{name:10}{len(words):8,} cases, {len(frame):,} ways: {apart:,} costs differ; "
            f"pm4py {said[name]['seconds']:.2f} s, ours {seconds:.3f} s, "
            f"{said[name]['seconds'] / seconds:,.0f} times"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--ask", nargs=2)
    parser.add_argument("--pm4py", type=Path)
    given = parser.parse_args()
    if given.ask:
        path, out = given.ask
        Path(out).write_text(json.dumps(ask_pm4py(path)))
        return
    sys.path.insert(0, str(Path(__file__).parent))
    from run import python_of

    compare(given.cases, given.pm4py or python_of("x_pm4py"))


if __name__ == "__main__":
    main()
