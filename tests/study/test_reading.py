from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from journeykit.errors import DataError, MappingError, StudyError
from journeykit.study import Study, load_study
from journeykit.study.cache import cache_folder
from journeykit.study.profile import profile
from journeykit.study.reading import read_customers

EVENTS = """\
who,at,what,paid
007,2017-01-02 08:00,visit,0
007,2017-01-03 09:00,buy,5
8,2017-02-01 10:00,visit,0
"""
STUDY = """\
name: tiny
time_zone: Europe/Berlin
events: {source: e*.csv, customer: who, time: at, touchpoint: what, columns: {value: paid}}
"""
CUSTOMERS = "customers: {source: c.csv, customer: who, attributes: [plan], observed_from: since}\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JOURNEYKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "journeys"


def study(folder: Path, more: str = "", **files: str) -> Study:
    # A folder whose name is a pattern to glob must be taken literally.
    home = folder / "study [1]"
    home.mkdir(exist_ok=True)
    for name, text in {"events": EVENTS, **files}.items():
        (home / f"{name}.csv").write_text(text)
    (home / "study.yaml").write_text(STUDY + more)
    return load_study(home)


def micro(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc, arg-type]


def test_events_are_read_as_mapped(tmp_path: Path) -> None:
    journeys = study(tmp_path).journeys()
    assert journeys.names == ("buy", "visit")
    assert journeys.customer_id.to_pylist() == ["007", "8"]
    # 08:00 in Berlin in January is 07:00 UTC.
    assert journeys.time is not None
    assert journeys.time[0] == micro(2017, 1, 2, 7)
    assert journeys.columns["value"].tolist() == [0, 5, 0]


def test_the_cache_gives_the_same_and_notices_every_change(tmp_path: Path, cache: Path) -> None:
    first = study(tmp_path).journeys()
    assert len(list(cache.iterdir())) == 1
    again = study(tmp_path).journeys()
    assert again.fingerprint == first.fingerprint
    assert np.array_equal(again.touchpoint, first.touchpoint)
    assert len(list(cache.iterdir())) == 1
    assert study(tmp_path, events=EVENTS.replace("buy", "leave")).journeys().names == (
        "leave",
        "visit",
    )
    assert len(study(tmp_path, "window: {from: 2017-01-01, to: 2017-02-01}\n").journeys()) == 1
    assert len(list(cache.iterdir())) == 3
    study(tmp_path, "title: what the page is called changes no journey\n").journeys()
    assert len(list(cache.iterdir())) == 3


def test_a_damaged_cache_is_made_again(tmp_path: Path, cache: Path) -> None:
    fingerprint = study(tmp_path).journeys().fingerprint
    (folder,) = cache.iterdir()
    (folder / "events.arrow").write_bytes(b"damaged")
    assert study(tmp_path).journeys().fingerprint == fingerprint
    assert (folder / "events.arrow").read_bytes() != b"damaged"


def test_no_cache_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JOURNEYKIT_CACHE", str(tmp_path / "file"))
    assert len(study(tmp_path).journeys()) == 2


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JOURNEYKIT_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "journeykit"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "journeykit"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert cache_folder() == tmp_path / "journeykit"


def test_customers_join_by_text_that_keeps_its_zeros(tmp_path: Path) -> None:
    customers = "who,plan,since\n8,gold,2017-01-15\n007,basic,\n"
    made = study(
        tmp_path, f"window: {{from: 2017-01-01, to: 2018-01-01}}\n{CUSTOMERS}", c=customers
    )
    journeys = made.journeys()
    assert journeys.attributes["plan"].to_pylist() == ["basic", "gold"]
    assert journeys.observed_from is not None
    # Midnight in Berlin is 23:00 UTC the day before; without a date the window's begin counts.
    assert journeys.observed_from.tolist() == [micro(2016, 12, 31, 23), micro(2017, 1, 14, 23)]


def test_watching_spans_of_a_day_clock_and_of_numbers(tmp_path: Path) -> None:
    made = study(tmp_path, CUSTOMERS, c="who,plan,since\n8,gold,2017-01-15\n")
    table = read_customers(made, clock="day")
    assert table is not None
    assert table["observed_from"].to_pylist() == [micro(2017, 1, 15)]
    counted = study(tmp_path, CUSTOMERS, c="who,plan,since\n8,gold,-3\n")
    text = counted.path.read_text().replace("paid}}", "paid}, time_unit: day, origin: 2017-01-10}")
    counted.path.write_text(text)
    table = read_customers(load_study(counted.path), clock="day")
    assert table is not None
    assert table["observed_from"].to_pylist() == [micro(2017, 1, 7)]


def test_several_columns_make_one_customer_as_in_events(tmp_path: Path) -> None:
    made = study(
        tmp_path,
        "customers: {source: c.csv, customer: [site, who]}\n",
        c="site,who\na/b,c\nx,y\\z\n",
    )
    table = read_customers(made, clock="instant")
    assert table is not None
    assert table["customer"].to_pylist() == ["a\\/b/c", "x/y\\\\z"]


def test_customers_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="`customers.source` names 'c.csv', and there is no file"):
        read_customers(study(tmp_path, CUSTOMERS), clock="day")
    with pytest.raises(MappingError, match="columns of c.csv that do not exist: 'since'"):
        read_customers(study(tmp_path, CUSTOMERS, c="who,plan\n8,gold\n"), clock="day")
    with pytest.raises(DataError, match="`customers.observed_from` must be dates or times"):
        read_customers(study(tmp_path, CUSTOMERS, c="who,plan,since\n8,gold,soon\n"), clock="day")
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_customers(study(tmp_path, CUSTOMERS, c="who,plan,since\n8\n"), clock="day")
    odd = study(tmp_path, CUSTOMERS.replace("c.csv", "c.xlsx"))
    (odd.path.parent / "c.xlsx").write_text("")
    with pytest.raises(DataError, match="must end in .csv, .tsv, .parquet or .jsonl"):
        read_customers(odd, clock="day")


def test_missing_events_name_the_key(tmp_path: Path) -> None:
    made = study(tmp_path)
    (made.path.parent / "events.csv").unlink()
    with pytest.raises(StudyError, match="`events.source` names 'e\\*.csv', and there is no file"):
        made.read()


def test_a_database_needs_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = study(tmp_path)
    text = made.path.read_text().replace("source: e*.csv", "query: SELECT 1, uri: env:NO_SUCH_DB")
    made.path.write_text(text)
    monkeypatch.delenv("NO_SUCH_DB", raising=False)
    with pytest.raises(StudyError, match="the environment has no variable NO_SUCH_DB"):
        load_study(made.path).journeys()


def test_identities_are_stitched(tmp_path: Path) -> None:
    made = study(
        tmp_path, "identities: {source: i.csv, anonymous: a, known: k}\n", i="a,k\n007,8\n"
    )
    assert made.journeys().customer_id.to_pylist() == ["8"]


def test_profile(tmp_path: Path) -> None:
    made = study(
        tmp_path,
        "catalogue: t.csv\noutcome: {conversions: [by], value: price}\n"
        "window: {from: 2017-01-01, to: 2017-02-01}\n",
        t="touchpoint,channel,initiator,observability\nvisits,web,customer,\n"
        "wall color,store,firm,site_attribute\n",
    )
    text = profile(made)
    assert "  customers      1\n  events         2\n" in text
    assert "outside the window" in text
    assert "'visit' has events and is not in the catalogue. Did you mean 'visits'?" in text
    # What cannot leave events is not missed.
    assert "In the catalogue, without events: 'visits'." in text
    assert "33.3% of the events read are not used; the ledger says why." in text


def test_profile_of_a_study_without_worries(tmp_path: Path) -> None:
    assert "To look at" not in profile(study(tmp_path))
