"""A real PostgreSQL server, and small helpers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def _program(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run as the user postgres if we are root, whom PostgreSQL refuses."""
    become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    return subprocess.run(
        [*become, *command], check=True, capture_output=True, text=True, cwd="/", timeout=60
    )


def _cannot(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have a PostgreSQL server: {reason}")
    pytest.skip(f"no PostgreSQL server can be started: {reason}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of a PostgreSQL server that this session starts and stops."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if initdb is None or pg_ctl is None:
        _cannot("initdb and pg_ctl are not installed")
    folder = Path(tempfile.mkdtemp(prefix="journeykit-pg-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    data = str(folder / "data")
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        _run(initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        _run(pg_ctl, "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    except (OSError, LookupError, subprocess.SubprocessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        _cannot(f"{error} {getattr(error, 'stderr', '') or ''}".strip())
    yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    _run(pg_ctl, "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder, ignore_errors=True)
