"""The command as a user calls it: exit codes, messages, what is written and what is not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from journeykit import __version__

STUDY = """\
name: tiny
events: {source: e.csv, customer: who, time: at, touchpoint: what}
reports:
  paths: {order: 1}
"""


def journeykit(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "JOURNEYKIT_CACHE": str(cwd / "cache"), "COLUMNS": "200"}
    command = [sys.executable, "-c", "from journeykit.cli import main; main()", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=environment, check=False
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "study.yaml").write_text(STUDY)
    (tmp_path / "e.csv").write_text(
        "who,at,what\n"
        + "".join(f"c{i},2017-01-0{1 + i % 9},visit\nc{i},2017-02-01,buy\n" for i in range(30))
    )
    return tmp_path


def test_version(tmp_path: Path) -> None:
    done = journeykit("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"journeykit {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", ".", "-p", "ordr=2"], "`ordr` is no parameter of paths. Did you mean 'order'?"),
        (["run", ".", "-p", "order=two"], "`order` must be a whole number; got 'two'."),
        (["run", ".", "-p", "order"], "`-p` must be NAME=VALUE; got 'order'."),
        (["run", ".", "-p", "order=1", "-p", "order=2"], "`-p order=` is given twice; keep one."),
        (["run", ".", "path"], "There is no report 'path'. Did you mean 'paths'?"),
        (["run", "nowhere.yaml"], "There is no study file nowhere.yaml"),
        (["run", "paths"], "`paths` is a report; name its study first: journeykit run STUDY paths"),
        (["check", "nowhere.yaml"], "There is no study file nowhere.yaml"),
    ],
)
def test_mistakes_stop_before_a_kernel(home: Path, arguments: list[str], message: str) -> None:
    began = time.monotonic()
    done = journeykit(*arguments, cwd=home)
    assert done.returncode == 2
    assert done.stderr.startswith("journeykit: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (home / "reports").exists()
    assert not (home / "cache").exists()
    # Generous: the promise is 1.5 s on a quiet machine, and no kernel starts in that time.
    assert time.monotonic() - began < 6


def test_unknown_options_are_usage_errors(home: Path) -> None:
    assert journeykit("run", "--nonsense", cwd=home).returncode == 2


def test_a_broken_study_is_told_with_its_key(home: Path) -> None:
    (home / "study.yaml").write_text(STUDY.replace("customer", "custmer"))
    done = journeykit("run", ".", cwd=home)
    assert done.returncode == 2
    assert "`events.custmer` is not known. Did you mean 'customer'?" in done.stderr


def test_a_run_prints_the_page_to_open(home: Path) -> None:
    done = journeykit("run", ".", "-p", "variants=3", cwd=home)
    assert done.returncode == 0, done.stderr
    page = Path(done.stdout.strip())
    assert page.is_file()
    assert page.parent.parent == home / "reports" / "tiny" / "paths"
    assert (home / "reports" / "index.html").is_file()
    assert (home / "reports" / "tiny" / "paths" / "latest.html").is_file()
    assert "Traceback" not in done.stderr


def test_a_failed_report_is_exit_code_1_and_a_page(home: Path) -> None:
    (home / "study.yaml").write_text(STUDY + "churn: {rule: inactivity, threshold_days: 3000}\n")
    done = journeykit("run", ".", "paths", "survival", cwd=home)
    assert done.returncode == 1
    assert "The report 'survival' failed: Nobody is left to follow" in done.stderr
    assert done.stdout == f"{home / 'reports' / 'index.html'}\n"
    index = (home / "reports" / "index.html").read_text()
    assert "The newest run failed" in index
    assert not (home / "reports" / "tiny" / "survival" / "latest.html").exists()
    assert (home / "reports" / "tiny" / "paths" / "latest.html").exists()


def test_check_profiles_without_running(home: Path) -> None:
    done = journeykit("check", ".", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "customers      30" in done.stdout
    assert not (home / "reports").exists()


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "outcome: {conversions: [by]}\nreports: {paths: {}}",
            "paths: `outcome.conversions` names a touchpoint that does not exist: 'by'. Did you "
            "mean 'buy'? There are: 'buy', 'visit'.",
        ),
        (
            "outcome: {conversions: [buy], value: price}\nreports: {paths: {}}",
            "paths: `outcome.value` names an event column that does not exist: 'price'.",
        ),
        (
            "churn: {rule: touchpoint, touchpoint: bye}\nreports: {survival: {group: age}}",
            "survival: `group` names an attribute that does not exist: 'age'.",
        ),
        (
            "churn: {rule: touchpoint, touchpoint: bye}\nreports: {survival: {}}",
            "survival: `churn.touchpoint` names a touchpoint that does not exist: 'bye'.",
        ),
        ("reports: {survival: {}}", "The study does not say what counts as leaving; add `churn:`"),
        ("reports: {attribution: {}}", "The study does not say what counts as success; add"),
        (
            "outcome: {conversions: [buy]}\nreports: {attribution: {touches: firm}}",
            "`touches` is 'firm', and the catalogue names no touchpoint of these data",
        ),
        (
            "reports: {paths: {segment: kind=od}}",
            "paths: `segment` names a value of 'kind' that does not exist: 'od'. Did you mean "
            "'odd'? There are: 'even', 'odd'.",
        ),
        ("reports: {paths: {segment: knd=odd}}", "names an attribute that does not exist: 'knd'."),
    ],
)
def test_what_does_not_suit_the_data_stops_before_a_kernel(
    home: Path, command: str, lines: str, message: str
) -> None:
    events = STUDY.splitlines()[1].replace("}", ", attributes: [kind]}")
    (home / "study.yaml").write_text(f"name: tiny\n{events}\n{lines}\n")
    rows = (home / "e.csv").read_text().splitlines()
    kinds = ["kind", *("odd" if int(row[1 : row.index(",")]) % 2 else "even" for row in rows[1:])]
    (home / "e.csv").write_text(
        "".join(f"{row},{kind}\n" for row, kind in zip(rows, kinds, strict=True))
    )
    done = journeykit(command, ".", cwd=home)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (home / "reports").exists()


def test_check_refuses_what_run_would(home: Path) -> None:
    (home / "study.yaml").write_text(STUDY.replace("order: 1", "order: 9"))
    done = journeykit("check", ".", cwd=home)
    assert done.returncode == 2
    assert "`order` must be at most 3; got '9'." in done.stderr
