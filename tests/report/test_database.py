"""A study whose events lie in a database: when its reports run, and what nobody sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journeykit.report import make, plan
from journeykit.report.jobs import Job, verify
from journeykit.report.run import unchanged
from journeykit.study import load_study

STUDY = """\
name: shop
events:
  query: SELECT * FROM clicks
  uri: env:SHOP_DATABASE
  {version}
  customer: who
  time: at
  touchpoint: what
reports: {{paths: {{}}}}
"""
VERSION = "version_query: SELECT count(*), max(at) FROM clicks"


def execute(address: str, *statements: str) -> None:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(address) as connection:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.commit()


@pytest.fixture
def shop(postgres: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Address of a database with a table of clicks."""
    monkeypatch.setenv("SHOP_DATABASE", postgres)
    monkeypatch.setenv("JOURNEYKIT_CACHE", str(tmp_path / "cache"))
    execute(
        postgres,
        "DROP TABLE IF EXISTS clicks",
        "CREATE TABLE clicks (who text, at timestamptz, what text)",
        "INSERT INTO clicks SELECT 'c' || n % 20, "
        "timestamptz '2026-01-01 00:00Z' + n * interval '1 hour', "
        "CASE n % 3 WHEN 0 THEN 'visit' ELSE 'buy' END FROM generate_series(1, 200) AS n",
    )
    return postgres


def job_of(folder: Path, version: str) -> Job:
    (folder / "study.yaml").write_text(STUDY.format(version=version))
    (job,) = verify(plan(load_study(folder), [], {}))
    return job


def test_its_version_says_whether_anything_changed(shop: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = make(job_of(tmp_path, VERSION), out=out)
    assert made.status == "ok", made.cause
    again = unchanged(job_of(tmp_path, VERSION), out=out)
    assert again is not None
    assert again.page == made.page
    assert list((tmp_path / "cache" / "journeys").iterdir())
    execute(shop, "INSERT INTO clicks VALUES ('c1', '2026-02-01 00:00Z', 'visit')")
    assert unchanged(job_of(tmp_path, VERSION), out=out) is None


def test_without_a_version_it_always_runs(shop: str, tmp_path: Path) -> None:
    job = job_of(tmp_path, "")
    assert make(job, out=tmp_path / "out").status == "ok"
    assert unchanged(job, out=tmp_path / "out") is None
    assert not (tmp_path / "cache" / "journeys").exists()


def test_a_database_that_does_not_answer_is_a_page_without_its_address(
    shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "postgresql://ann:tiger-77@127.0.0.1:1/shop"
    monkeypatch.setenv("SHOP_DATABASE", secret)
    job = job_of(tmp_path, VERSION)
    assert job.refused.startswith("The PostgreSQL query cannot be read")
    made = make(job, out=tmp_path / "out")
    assert made.status == "failed"
    assert "The PostgreSQL query cannot be read" in made.page.read_text()
    manifest = json.loads((made.page.parent / "manifest.json").read_text())
    assert manifest["inputs"]["data"] == ""
    for path in made.page.parent.rglob("*"):
        if path.is_file():
            assert "tiger-77" not in path.read_text(), path.name
