"""The command as a user calls it: exit codes, messages, what is written and what is not."""

from __future__ import annotations

import json
import os
import re
import shlex
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
PARAMETERS = {
    "good": "order: 2\ntop: 007\n",
    "unknown": "ordr: 2\n",
    "no": "order: no\n",
    "time": "top: 750\n",
    "clock": "top: 12:30\n",
    "list": "order: [1]\n",
    "twice": "order: 1\norder: 2\n",
    "empty": "",
}


def journeykit(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "JOURNEYKIT_CACHE": str(cwd / "cache"), "COLUMNS": "200"}
    command = [sys.executable, "-c", "from journeykit.cli import main; main()", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=environment, check=False
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "study.yaml").write_text(STUDY)
    (tmp_path / "p").mkdir()
    for name, content in PARAMETERS.items():
        (tmp_path / "p" / f"{name}.yaml").write_text(content)
    (tmp_path / "e.csv").write_text(
        "who,at,what\n"
        + "".join(f"c{i},2017-01-0{1 + i % 9},visit\nc{i},2017-02-01,buy\n" for i in range(30))
    )
    return tmp_path


def test_version(tmp_path: Path) -> None:
    done = journeykit("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"journeykit {__version__}\n")
    module = [sys.executable, "-m", "journeykit", "--version"]
    done = subprocess.run(module, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout) == (0, f"journeykit {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", ".", "-p", "ordr=2"], "`ordr` is no parameter of paths. Did you mean 'order'?"),
        (["run", ".", "-p", "order=two"], "`order` must be a whole number; got 'two'."),
        (["run", ".", "-p", "order"], "`-p` must be NAME=VALUE; got 'order'."),
        (["run", ".", "-p", "order=1", "-p", "order=2"], "`-p order=` is given twice; keep one."),
        (["run", ".", "path"], "There is no report 'path'. Did you mean 'paths'?"),
        (["run", ".", "--params", "absent.yaml"], "absent.yaml: cannot be read"),
        (["run", ".", "--params", "p/unknown.yaml"], "`ordr` is no parameter of paths. Did you"),
        (["run", ".", "--params", "p/no.yaml"], "`order` must be a whole number; got 'no'."),
        (["run", ".", "--params", "p/time.yaml"], "`top` must be at most 50; got '750'."),
        (["run", ".", "--params", "p/clock.yaml"], "must be a whole number; got '12:30'."),
        (["run", ".", "--params", "p/list.yaml"], "`order` must be a whole number; got ['1']."),
        (["run", ".", "--params", "p/twice.yaml"], "line 2: `order` was already given on line 1;"),
        (["run", ".", "--params", "p/empty.yaml"], "must hold keys such as `segment:"),
        (["describe", "path"], "There is no report 'path'. Did you mean 'paths'?"),
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


def test_a_run_prints_the_page_to_open_and_what_came_of_it(home: Path) -> None:
    done = journeykit("run", ".", "--params", "p/good.yaml", "-p", "order=1", cwd=home)
    assert done.returncode == 0, done.stderr
    path, line = done.stdout.splitlines()
    page = Path(path)
    assert page.is_file()
    assert page.parent.parent == home / "reports" / "tiny" / "paths"
    assert (home / "reports" / "index.html").is_file()
    assert (home / "reports" / "tiny" / "paths" / "latest.html").is_file()
    assert "Traceback" not in done.stderr
    said = json.loads(line)
    (report,) = said["reports"]
    assert 0 < report.pop("seconds") < 600
    assert said["status"] == "ok"
    assert report == {
        "report": "paths",
        "told": "all customers, top 7",
        "status": "ok",
        "unchanged": False,
        "page": page.relative_to(home / "reports").as_posix(),
        "run": page.parent.name,
        "cause": "",
    }
    manifest = json.loads((page.parent / "manifest.json").read_text())
    # The command line wins over the file; 007 is no octal number.
    assert (manifest["parameters"]["order"], manifest["parameters"]["top"]) == (1, 7)
    assert not re.search(r"\bc\d+\b", (page.parent / "results.json").read_text())


def test_some_good_some_failed_is_exit_code_4(home: Path) -> None:
    (home / "study.yaml").write_text(STUDY + "churn: {rule: inactivity, threshold_days: 3000}\n")
    done = journeykit("run", ".", "paths", "survival", cwd=home)
    assert done.returncode == 4
    assert "The report 'survival' (all customers) failed: Nobody is left to follow" in done.stderr
    path, line = done.stdout.splitlines()
    assert Path(path).parent.parent == home / "reports" / "tiny" / "summary"
    assert "could not be finished" in Path(path).read_text()
    said = json.loads(line)
    assert said["status"] == "partial"
    assert [report["status"] for report in said["reports"]] == ["ok", "failed"]
    assert "Nobody is left to follow" in said["reports"][1]["cause"]
    index = (home / "reports" / "index.html").read_text()
    assert "Nobody is left to follow" in index
    assert not (home / "reports" / "tiny" / "survival" / "latest.html").exists()
    assert (home / "reports" / "tiny" / "paths" / "latest.html").exists()


def test_all_failed_is_exit_code_1_and_a_page(home: Path) -> None:
    done = journeykit("run", ".", "--timeout", "1", cwd=home)
    assert done.returncode == 1
    path, line = done.stdout.splitlines()
    assert "It took longer than the 1 second that a report may take." in Path(path).read_text()
    assert json.loads(line)["status"] == "failed"


@pytest.mark.parametrize("option", ["--timeout", "--cell-timeout"])
def test_limits_are_checked(option: str, home: Path) -> None:
    assert journeykit("run", ".", option, "0", cwd=home).returncode == 2
    assert not (home / "reports").exists()


def test_help_tells_the_exit_codes(tmp_path: Path) -> None:
    told = journeykit("run", "--help", cwd=tmp_path).stdout
    for code in ("0: all reports", "1: all failed", "2: nothing was run", "4: some failed"):
        assert code in told


def test_describe_lists_parameters(tmp_path: Path) -> None:
    done = journeykit("describe", "paths", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\norder      whole number  1 to 3 " in done.stdout


def test_describe_prints_the_json_schema(tmp_path: Path) -> None:
    done = journeykit("describe", "attribution", "--json-schema", cwd=tmp_path)
    assert done.returncode == 0
    schema = json.loads(done.stdout)
    assert schema["properties"]["touches"]["enum"] == ["all", "firm"]
    assert schema["required"] == ["study"]


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


def test_a_study_begun_can_be_checked_and_run(tmp_path: Path) -> None:
    done = journeykit("init", "my shop", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        f"{tmp_path / 'my shop' / 'study.yaml'} and an example of made-up"
    )
    assert done.stdout.splitlines()[-2:] == [
        "  journeykit check 'my shop'",
        "  journeykit run 'my shop'",
    ]
    checked = journeykit("check", "my shop", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "customers      60" in checked.stdout
    assert "To look at" not in checked.stdout
    run = journeykit("run", "my shop", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout.splitlines()[-1])
    assert [one["report"] for one in said["reports"]] == ["paths", "survival", "attribution"]
    assert {one["status"] for one in said["reports"]} == {"ok"}
    for one in said["reports"]:
        page = tmp_path / "reports" / one["page"]
        assert page.parts[-4] == "my shop"
        assert "An example: 60 made-up customers of a small shop" in page.read_text()
        (kpi,) = json.loads(page.with_name("manifest.json").read_text())["kpis"]
        # Enough happens for each key figure to say something, be it a bound.
        assert 0 < (kpi["value"] or kpi["at_most"]) < 1


def test_a_study_is_begun_nowhere_where_something_is(home: Path) -> None:
    before = {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
    done = journeykit("init", ".", cwd=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"journeykit: {home} must be a new or an empty folder; it holds 'e.csv' and 2 more. "
        "Nothing was written; give another name.\n"
    )
    assert {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()} == before
    assert journeykit("init", cwd=home).returncode == 2


def test_check_refuses_what_run_would(home: Path) -> None:
    (home / "study.yaml").write_text(STUDY.replace("order: 1", "order: 9"))
    done = journeykit("check", ".", cwd=home)
    assert done.returncode == 2
    assert "`order` must be at most 3; got '9'." in done.stderr


@pytest.fixture
def watched(home: Path) -> Path:
    """A study whose KPI fails: in January 30 customers came, and none of them bought."""
    (home / "study.yaml").write_text(
        f"{STUDY}outcome: {{conversions: buy}}\nkpis: {{paths.success: {{fail_below: 0.5}}}}\n"
    )
    return home


def test_an_alert_is_exit_code_3_and_is_told(watched: Path) -> None:
    told = watched / "told.json"
    code = f"import sys, pathlib; pathlib.Path({str(told)!r}).write_text(sys.stdin.read())"
    hook = ["--on-finish", shlex.join([sys.executable, "-c", code])]
    done = journeykit("run", ".", *hook, cwd=watched)
    assert done.returncode == 3, done.stderr
    path, line = done.stdout.splitlines()
    said = json.loads(line)
    assert (said["status"], said["on_finish"]) == ("alert", "")
    page = Path(path).read_text()
    assert "below 50%, where the study draws the line of failure" in page
    manifest = json.loads(Path(path).with_name("manifest.json").read_text())
    (kpi,) = manifest["kpis"]
    assert (kpi["key"], kpi["value"], kpi["n"], kpi["status"]) == ("success", 0.0, 30, "fail")
    assert kpi["period"] == ["2017-01-01", "2017-01-31"]
    payload = json.loads(told.read_text())
    assert payload["status"] == "alert"
    assert payload["reports"][0]["kpis"][0]["status"] == "fail"
    # It is one still, when nothing has changed, and a command that fails changes nothing of it.
    again = journeykit("run", ".", "--on-finish", "/nowhere", cwd=watched)
    assert again.returncode == 3
    said = json.loads(again.stdout.splitlines()[-1])
    assert said["reports"][0]["unchanged"] is True
    assert said["on_finish"].startswith("`--on-finish` could not be run: ")


def test_a_sweep_with_one_bad_member(home: Path) -> None:
    arguments = ["--sweep", "month=2017-01..2017-03", "--jobs", "2", "--keep", "1"]
    done = journeykit("run", ".", *arguments, cwd=home)
    assert done.returncode == 4, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert [one["status"] for one in said["reports"]] == ["ok", "ok", "failed"]
    assert said["reports"][2]["cause"] == "`month` is 2017-03, and no event lies in it."
    # The months may be compared with each other, so one is kept, and those the summary draws on.
    again = journeykit("run", ".", "--force", *arguments, cwd=home)
    newest = {one["run"] for one in json.loads(again.stdout.splitlines()[-1])["reports"]}
    assert {path.name for path in (home / "reports" / "tiny" / "paths").glob("2*")} == newest
    assert len(list((home / "reports" / "tiny" / "summary").glob("2*"))) == 1
    assert "2017-02" in (home / "reports" / "index.html").read_text()


def test_a_dry_run_says_what_would_be_made(home: Path) -> None:
    done = journeykit("run", ".", "--dry-run", "--sweep", "order=1,2", cwd=home)
    assert done.returncode == 0
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["status"] == "planned"
    assert [(job["report"], job["unchanged"]) for job in said["reports"]] == [("paths", False)] * 2
    assert [job["parameters"]["order"] for job in said["reports"]] == [1, 2]
    assert not (home / "reports").exists()
    wrong = journeykit("run", ".", "--dry-run", "-p", "segment=kind=odd", cwd=home)
    assert wrong.returncode == 2
    assert "`segment` names an attribute that does not exist: 'kind'" in wrong.stderr


def test_months_settle_and_are_compared_with_the_month_before(home: Path) -> None:
    rows = [f"c{n},2017-0{month}-0{1 + n % 9},visit\n" for month in (1, 2, 3) for n in range(30)]
    (home / "e.csv").write_text("who,at,what\n" + "".join(rows))
    sweep = ["--sweep", "month=2017-01..2017-03"]
    runs = [journeykit("run", ".", *more, cwd=home) for more in (sweep, sweep, [], sweep, [])]
    said = [json.loads(done.stdout.splitlines()[-1])["reports"] for done in runs]
    assert [[one["unchanged"] for one in each] for each in said] == [
        [False] * 3, [True] * 3, [False], [True] * 3, [True],
    ]  # fmt: skip
    home_of = home / "reports" / "tiny" / "paths"
    previous = [
        json.loads((home_of / one["run"] / "manifest.json").read_text())["previous"]
        for one in [*said[0], *said[2]]
    ]
    # Of the year there is none before.
    assert previous == [None, said[0][0]["run"], said[0][1]["run"], None]
    # Readers are led to what the study asks for, not to a month of a sweep.
    assert said[2][0]["run"] in (home_of / "latest.html").read_text()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_run_that_is_told_to_stop_begins_nothing_new(home: Path) -> None:
    sweep = ["--sweep", "order=1,2,3", "--sweep", "top=1,2,3", "--jobs", "2"]
    command = [sys.executable, "-c", "from journeykit.cli import main; main()", "run", ".", *sweep]
    environment = {**os.environ, "JOURNEYKIT_CACHE": str(home / "cache")}
    process = subprocess.Popen(command, cwd=home, env=environment, stderr=subprocess.DEVNULL)
    folder = home / "reports" / "tiny" / "paths"
    until = time.monotonic() + 60
    while not list(folder.glob(".building-*")) and time.monotonic() < until:
        time.sleep(0.05)
    began = time.monotonic()
    process.terminate()
    assert process.wait(timeout=30) == 143
    assert time.monotonic() - began < 10
    assert len(list(folder.glob("2*"))) <= 2


def test_nothing_changed_is_exit_code_0_and_force_makes_it_anew(home: Path) -> None:
    runs = [journeykit("run", ".", *more, cwd=home) for more in ([], [], ["--force"])]
    assert [done.returncode for done in runs] == [0, 0, 0]
    said = [json.loads(done.stdout.splitlines()[-1])["reports"][0] for done in runs]
    assert [one["unchanged"] for one in said] == [False, True, False]
    assert said[0]["run"] == said[1]["run"] != said[2]["run"]
    assert "The report 'paths' stands: nothing has changed." in runs[1].stderr
    # What was made anew from the same is the same, and says so.
    folders = [home / "reports" / "tiny" / "paths" / one["run"] for one in (said[0], said[2])]
    first, second = ((folder / "results.json").read_bytes() for folder in folders)
    assert first == second
    assert "Nothing changed since" in (folders[1] / "report.html").read_text()
    diff = journeykit("diff", *map(str, folders), cwd=home)
    assert (diff.returncode, diff.stdout) == (0, "")


def test_diff_says_exactly_what_changed(home: Path) -> None:
    folders = []
    for more in (["-p", "order=1"], ["-p", "order=2"]):
        done = journeykit("run", ".", *more, cwd=home)
        folders.append(str(Path(done.stdout.splitlines()[0]).parent))
    diff = journeykit("diff", *folders, "--json", cwd=home)
    changes = json.loads(diff.stdout)
    assert {"kind": "parameter", "text": "The parameter order is 2; it was 1."} in changes
    assert {change["kind"] for change in changes} <= {"parameter", "row", "finding"}
    done = journeykit("diff", folders[0], "nowhere", cwd=home)
    assert done.returncode == 2
    assert "is no run of a report" in done.stderr


def test_data_that_cannot_be_read_are_a_page(home: Path) -> None:
    (home / "e.csv").write_text("")
    done = journeykit("run", ".", cwd=home)
    assert done.returncode == 1, done.stderr
    page = Path(done.stdout.splitlines()[0])
    assert "This report could not be finished" in page.read_text()
    assert "e.csv" in page.read_text()
    assert "Traceback" not in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sweep", "order"], "`--sweep` must be NAME=VALUE; got 'order'."),
        (["--sweep", "order=1,1"], "`--sweep` needs different values"),
        (["--sweep", "ordr=1,2"], "`ordr` is no parameter of paths. Did you mean 'order'?"),
        (["--on-finish", "'"], "`--on-finish` cannot be read"),
    ],
)
def test_mistakes_in_options(home: Path, arguments: list[str], message: str) -> None:
    done = journeykit("run", ".", *arguments, cwd=home)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (home / "reports").exists()
