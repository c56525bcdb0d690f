"""`journeykit run --null ... --recovery` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.test_cli import journeykit

STUDY = """\
name: tiny
events: {source: e.csv, customer: who, time: at, touchpoint: what, attributes: [kind]}
outcome: {conversions: [buy], lookback_days: 30}
reports:
  paths: {}
"""
TRIED = ("--null", "exposure", "--recovery", "--replicates", "2", "--jobs", "2")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "study.yaml").write_text(STUDY)
    rows = [
        f"c{n},2017-0{month}-0{day + n % 5},{what},{'ab'[n % 2]}\n"
        for n in range(40)
        for month, day, what in ((1, 1, "visit"), (1, 3, "mail"), (2, 1, "buy"))
        if what != "mail" or n % 3
    ]
    (folder / "e.csv").write_text("who,at,what,kind\n" + "".join(rows))
    return folder


def said(home: Path, *arguments: str) -> dict[str, object]:
    done = journeykit("run", ".", *arguments, cwd=home)
    assert done.returncode == 0, done.stderr
    (report,) = json.loads(done.stdout.splitlines()[-1])["reports"]
    return dict(report)


def test_the_whole_way(home: Path) -> None:
    planned = said(home, *TRIED, "--dry-run")
    assert (planned["trial"], planned["scores"]) == (
        {"null": "exposure", "recovery": True, "replicates": 2, "seed": 0},
        None,
    )
    assert not (home / "reports").exists()
    first = said(home, *TRIED)
    folder = home / "reports" / "tiny" / "paths"
    run = folder / str(first["run"])
    results = json.loads((run / "results.json").read_text())
    null, recovery = results["trials"]["null"], results["trials"]["recovery"]
    assert (null["n_worlds"], null["n_failed"]) == (2, 0)
    assert (recovery["n_worlds"], recovery["n_failed"], recovery["no_truth"]) == (2, 0, "")
    covered = {(one["kind"], one["key"]): one["n_worlds"] for one in recovery["intervals"]}
    assert covered["kpi", "success"] == 2
    assert "How this report behaves where the truth is known" in (run / "report.html").read_text()
    # Made-up data are in nobody's cache, and no run of theirs among the reports.
    assert len(list((home / "cache" / "journeys").iterdir())) == 1
    assert len(list(folder.glob("2*"))) == 1

    assert said(home, *TRIED)["unchanged"] is True
    assert said(home, *TRIED, "--seed", "0", "--dry-run")["unchanged"] is True
    assert said(home, *TRIED, "--seed", "1", "--dry-run")["unchanged"] is False
    plain = said(home)
    assert plain["unchanged"] is False
    page = (folder / str(plain["run"]) / "report.html").read_text()
    assert "How this report behaves" not in page
    assert "Nothing changed since" in page
    # Each stands for itself, whichever was made last.
    assert said(home, *TRIED, "--dry-run")["unchanged"] is True
    assert said(home, "--dry-run")["unchanged"] is True
    for pair in ((first, plain), (plain, first)):
        paths = [str(folder / str(one["run"])) for one in pair]
        diff = journeykit("diff", *paths, cwd=home)
        assert (diff.returncode, diff.stdout) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--replicates", "5"], "`--replicates` needs `--null WHAT` or `--recovery`"),
        (["--seed", "5"], "`--seed` needs `--null WHAT` or `--recovery`"),
        (["--null", "expo"], "`--null` must be one of exposure, attributes; got 'expo'."),
        (["--null", "attributes", "paths", "-p", "month=2017-09"], "no event lies in it"),
    ],
)
def test_mistakes_are_exit_code_2(
    arguments: list[str], message: str, home: Path, tmp_path: Path
) -> None:
    done = journeykit("run", str(home), *arguments, "--out", str(tmp_path / "out"), cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["--recovery", "--replicates", "0"], ["--null"]])
def test_wrong_numbers_are_usage_errors(arguments: list[str], home: Path) -> None:
    assert journeykit("run", ".", *arguments, cwd=home).returncode == 2
