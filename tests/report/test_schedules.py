"""The examples for schedulers: good for their own linters, and for the command they call."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer
import yaml
from dockerfile_parse import DockerfileParser

from journeykit.cli import app
from journeykit.report import REPORTS
from tests.report.scheduling import (
    BEFORE,
    BERLIN,
    FOLDER,
    GOOD,
    MONDAYS,
    PRETENDS,
    next_times,
    programs,
    text_of,
)


def need(program: str) -> str:
    """Path of a program of the system, or a counted skip; where CI runs, it has to be there."""
    found = shutil.which(program)
    if found is None:
        why = f"{program} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


# What is called exists


def container() -> DockerfileParser:
    return DockerfileParser(fileobj=io.BytesIO(text_of("Containerfile").encode()))


def in_container(instruction: str) -> list[str]:
    """Values of an instruction, in order."""
    structure = container().structure
    return [part["value"] for part in structure if part["instruction"] == instruction]


def commands_of(name: str) -> list[list[str]]:
    """Arguments of every `journeykit run` in a file; not those in comments and in prose."""
    if name == "Containerfile":
        command = json.loads(in_container("ENTRYPOINT")[-1]) + json.loads(in_container("CMD")[-1])
        assert command[:2] == ["journeykit", "run"]
        return [command[2:]]
    text = text_of(name)
    if name.endswith(".md"):
        text = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE))
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    # What follows belongs to the shell: redirections, pipes, the end of a substitution.
    found = re.findall(r"\bjourneykit run (.*)", text)
    return [shlex.split(re.split(r"\s(?:\d?>|\||&|;)", call)[0]) for call in found]


FILES = {
    "README.md": 2,
    "crontab": 2,
    "journeykit.service": 1,
    "github-actions.yml": 1,
    "airflow_dag.py": 1,
    "Containerfile": 1,
}
COMMANDS = [(name, call) for name in FILES for call in commands_of(name)]


def test_every_file_calls_the_command() -> None:
    assert {name: len(commands_of(name)) for name in FILES} == FILES


@pytest.mark.parametrize(("name", "call"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_the_command_takes_every_option(name: str, call: list[str]) -> None:
    command = typer.main.get_command(app).commands["run"]  # type: ignore[attr-defined]
    given = command.make_context("run", list(call)).params
    assert given["study"] == "study.yaml"
    assert given["timeout"] == 1800
    assert given["keep"] == 26
    assert set(given["reports"] or []) <= set(REPORTS)


@pytest.mark.parametrize("wrong", ["--jbos", "--timeout"])
def test_the_command_refuses_what_it_does_not_know(wrong: str) -> None:
    command = typer.main.get_command(app).commands["run"]  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="No such option|valid integer"):
        command.make_context("run", ["study.yaml", wrong, "much"])


# cron


def crontab() -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Settings of the crontab, and its entries: when, what."""
    lines = [line for line in text_of("crontab").splitlines() if line and line[0] != "#"]
    settings = [line.partition("=") for line in lines if re.match(r"[A-Z_]+=", line)]
    entries = [line.split(maxsplit=5) for line in lines if not re.match(r"[A-Z_]+=", line)]
    return (
        {name: value for name, _, value in settings},
        [(" ".join(parts[:5]), parts[5]) for parts in entries],
    )


def test_cron_comes_when_it_should() -> None:
    settings, entries = crontab()
    assert settings == {
        "SHELL": "/bin/sh",
        "MAILTO": "team@example.org",
        "CRON_TZ": "Europe/Berlin",
    }
    zone = ZoneInfo(settings["CRON_TZ"])
    assert [next_times(when, zone) for when, _ in entries] == [
        MONDAYS,
        ["2026-11-01T07:15:00+01:00", "2026-12-01T07:15:00+01:00", "2027-01-01T07:15:00+01:00"],
    ]


def test_no_run_falls_into_a_change_of_clocks() -> None:
    # Between 01:00 and 03:00 local time clocks change in Europe and America.
    hours = [int(when.split()[1]) for when, _ in crontab()[1]]
    assert all(hour >= 4 for hour in hours)


@pytest.mark.parametrize("entry", [0, 1])
@pytest.mark.parametrize("code", GOOD)
def test_cron_mails_only_what_needs_a_look(entry: int, code: int, tmp_path: Path) -> None:
    need("flock")
    command = crontab()[1][entry][1]
    assert "%" not in command  # cron would end the command there
    home = tmp_path / "journeykit"
    programs(home / ".venv" / "bin", journeykit=PRETENDS)
    (home / "journeykit.env").write_text("SECRET=hush\n")
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=tmp_path, env={**os.environ, "ENDS_WITH": str(code)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if code == 0:
        assert (done.stdout, done.stderr) == ("", "")
    else:
        assert done.stdout.startswith(f"exit code {code}: secret hush: run study.yaml ")
        assert done.stdout.endswith('{"status": "ok"}\n')
    assert (home / ".lock").exists()


# systemd

UNITS = ["journeykit.service", "journeykit.timer", "journeykit-failed@.service"]


def analyze(*arguments: str, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    command = [need("systemd-analyze"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_systemd_takes_the_units() -> None:
    done = analyze("verify", *(f"./{name}" for name in UNITS))
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_would_find_a_mistake(tmp_path: Path) -> None:
    for name in UNITS:
        (tmp_path / name).write_text(text_of(name).replace("ProtectSystem", "ProtectSytem"))
    done = analyze("verify", "./journeykit.service", folder=tmp_path)
    assert "journeykit.service" in done.stderr
    assert "'ProtectSytem' in section" in done.stderr


def test_the_service_may_touch_little() -> None:
    # From 0 (nothing) to 10 (everything), times 10; a unit without settings has 9.6.
    done = analyze("security", "--offline=true", "--threshold=25", "./journeykit.service")
    assert done.returncode == 0, done.stdout


def settings_of(name: str, key: str) -> list[str]:
    text = re.sub(r"\\\n\s*", " ", text_of(name))
    return re.findall(rf"^{key}=(.*)$", text, flags=re.MULTILINE)


def test_the_timer_comes_when_it_should() -> None:
    (calendar,) = settings_of("journeykit.timer", "OnCalendar")
    done = analyze(
        *("calendar", "--iterations=3", f"--base-time={BEFORE.astimezone(UTC):%F %T} UTC"), calendar
    )
    assert done.returncode == 0, done.stderr
    utc = re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", done.stdout)
    told = [datetime.fromisoformat(f"{moment}+00:00").astimezone(BERLIN) for moment in utc]
    assert [moment.isoformat() for moment in dict.fromkeys(told)] == MONDAYS
    # The timer starts the service of its own name, and machines that were off catch up.
    assert settings_of("journeykit.timer", "Persistent") == ["yes"]
    assert settings_of("journeykit.timer", "Unit") == []


def test_failures_start_the_unit_that_tells() -> None:
    assert settings_of("journeykit.service", "OnFailure") == ["journeykit-failed@%n.service"]
    # Codes that are neither 0 nor listed are failures.
    assert settings_of("journeykit.service", "SuccessExitStatus") == ["3"]


def shell_of(line: str, **specifiers: str) -> list[str]:
    """What systemd would run: its own quotes, %-signs and $$ resolved."""
    for sign, value in specifiers.items():
        line = line.replace(f"%{sign}", value)
    return shlex.split(line.removeprefix("+").replace("$$", "$"))


@pytest.mark.parametrize("code", GOOD)
def test_an_alert_tells_though_the_unit_is_good(code: int, tmp_path: Path) -> None:
    (line,) = settings_of("journeykit.service", "ExecStopPost")
    environment = programs(tmp_path / "bin", systemctl=f'echo "$@" > "{tmp_path}/asked"')
    subprocess.run(
        shell_of(line, n="journeykit.service"),
        env={**environment, "EXIT_STATUS": str(code)},
        check=True,
    )
    asked = tmp_path / "asked"
    said = asked.read_text() if asked.exists() else ""
    wanted = "start --no-block journeykit-failed@journeykit.service.service\n"
    assert said == (wanted if code == 3 else "")


@pytest.mark.parametrize("tells", [True, False])
def test_the_unit_that_tells_tells(tells: bool, tmp_path: Path) -> None:
    (line,) = settings_of("journeykit-failed@.service", "ExecStart")
    environment = programs(
        tmp_path / "bin",
        systemctl='echo "state of $5"; exit 3',
        mail=f'echo "mail $1"; cat >> "{tmp_path}/told"',
        **{"systemd-cat": f'echo "journal $2" ; cat >> "{tmp_path}/told"'},
    )
    environment |= {"JOURNEYKIT_TELL": "mail team@example.org"} if tells else {}
    done = subprocess.run(
        shell_of(line, i="journeykit.service"),
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == ("mail team@example.org\n" if tells else "journal --priority=err\n")
    assert (tmp_path / "told").read_text() == "state of journeykit.service\n"


# GitHub Actions


def workflow() -> Any:
    # Every value as it is written: `on` stays a word.
    return yaml.load(text_of("github-actions.yml"), Loader=yaml.BaseLoader)


def checked(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    return subprocess.run(
        [*command, "vendor.github-workflows", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_workflow_fits_its_schema(tmp_path: Path) -> None:
    done = checked(FOLDER / "github-actions.yml")
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(text_of("github-actions.yml").replace("runs-on", "run-on"))
    assert "'runs-on' is a required property" in checked(wrong).stdout


def test_the_workflow_comes_when_it_should() -> None:
    (schedule,) = workflow()["on"]["schedule"]
    assert next_times(schedule["cron"], ZoneInfo(schedule["timezone"])) == MONDAYS


def test_workflows_wait_for_each_other_and_keep_what_was_made() -> None:
    assert workflow()["concurrency"] == {"group": "weekly-report", "cancel-in-progress": "false"}
    assert workflow()["permissions"] == {"contents": "read"}
    steps = workflow()["jobs"]["report"]["steps"]
    kept = {step["uses"]: step for step in steps if "uses" in step}
    for action in ("actions/upload-artifact@v4", "actions/cache/save@v4"):
        assert kept[action]["if"] == "always()"
        assert kept[action]["with"]["path"] == "reports"


@pytest.mark.parametrize("code", GOOD)
def test_the_workflow_is_red_when_reports_failed(code: int, tmp_path: Path) -> None:
    bash = need("bash")
    steps = workflow()["jobs"]["report"]["steps"]
    (step,) = [step for step in steps if "journeykit run" in step.get("run", "")]
    assert step["shell"] == "bash"
    environment = programs(tmp_path / "bin", journeykit=PRETENDS)
    environment |= {"ENDS_WITH": str(code), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    # As GitHub runs steps whose shell is bash.
    done = subprocess.run(
        [bash, "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == (0 if GOOD[code] else code)
    assert ("::warning " in done.stdout) == (code == 3)
    assert (tmp_path / "summary").read_text() == '{"status": "ok"}\n'


# The container


def test_the_image_is_small_and_stays_what_it_is() -> None:
    (image,) = in_container("FROM")
    name, _, tag = image.partition(":")
    assert (name, tag.split("-")[1]) == ("python", "slim")
    assert re.fullmatch(r"3\.\d+", tag.split("-")[0])
    assert in_container("ADD") == []
    assert not [line for line in in_container("RUN") if "curl" in line or "wget" in line]


def test_the_container_is_nobody_and_writes_in_two_places() -> None:
    assert in_container("USER") == ["10001:10001"]
    assert [json.loads(volume) for volume in in_container("VOLUME")] == [["/reports"]]
    assert container().envs["HOME"] == "/tmp"
    assert container().envs["JOURNEYKIT_CACHE"].startswith("/tmp/")
    (command,) = in_container("CMD")
    assert json.loads(command)[3] == "/reports"
    instructions = [part["instruction"] for part in container().structure]
    # Later instructions would be run by nobody, and could not install.
    assert instructions.index("USER") > max(
        at for at, instruction in enumerate(instructions) if instruction == "RUN"
    )


def test_the_container_takes_arguments_and_signals() -> None:
    # In a shell's form neither would reach the command.
    assert [json.loads(entry) for entry in in_container("ENTRYPOINT")] == [["journeykit"]]
