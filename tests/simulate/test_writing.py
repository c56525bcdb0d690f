from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from journeykit.cli import main
from journeykit.errors import ArgumentError, StudyError
from journeykit.simulate import world
from journeykit.simulate.parts import PARTS
from journeykit.simulate.parts.browsing import Browsing
from journeykit.simulate.parts.orders import Orders
from journeykit.study import load_study

#: Who logs in at checkout is recognised by what they did: the study says so when it is read.
pytestmark = pytest.mark.filterwarnings("ignore:.*devices with an outcome")


def test_a_world_on_disk_is_a_study_of_its_events(tmp_path: Path) -> None:
    made = world(customers=300, seed=4, settings={"orders.effect.email_promo": 0.1})
    file = made.write(tmp_path / "shop")
    study = load_study(file)
    assert study.name == "shop"
    assert study.model.simulated is not None
    assert study.model.simulated.customers == 300
    assert study.model.simulated.seed == 4
    assert study.model.simulated.settings == {"orders.effect.email_promo": "0.1"}
    journeys = study.journeys()
    assert journeys.n_events == made.events.num_rows
    truth = json.loads((file.parent / "truth.json").read_text())
    assert truth["parameters"]["orders"]["effect"]["email_promo"] == 0.1
    again = world(customers=300, seed=4, settings=study.model.simulated.settings)
    assert again.events.equals(made.events)


def test_customers_carry_their_first_contract(tmp_path: Path) -> None:
    made = world(customers=600, seed=4)
    folder = made.write(tmp_path / "shop").parent
    customers = parquet.read_table(folder / "customers.parquet").to_pylist()
    contracts = made.tables["contracts"].to_pylist()
    first: dict[str, dict[str, object]] = {}
    for row in sorted(contracts, key=lambda row: row["contract_start"]):
        first.setdefault(row["customer_id"], row)
    assert len(customers) == 600
    for row in customers:
        mine = first.get(row["customer_id"], {})
        assert row["contract_start"] == mine.get("contract_start")
        assert row["contract_destination"] == mine.get("destination")
        assert row["contract_end"] == mine.get("contract_end")
    assert 50 < len(first) < 600


def test_persons_have_their_contracts_too() -> None:
    made = world(customers=600, seed=4)
    attributes = made.journeys().attributes
    assert attributes["contract_start"].null_count == 600 - len(
        set(made.tables["contracts"]["customer_id"].to_pylist())
    )
    parts = world(customers=10, parts=["orders"]).journeys().attributes.column_names
    assert "contract_start" not in parts


def test_the_same_world_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (
        world(customers=100, seed=1).write(tmp_path / name / "world").parent for name in "ab"
    )
    for path in first.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()


def test_a_folder_that_holds_anything_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StudyError, match=r"must be a new or an empty folder; it holds 'mine.txt'"):
        world(customers=10).write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["journeykit", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_command_writes_a_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "my world"
    arguments = ("--customers", "200", "--seed", "9", "--set", "orders.baseline_a_day=0")
    assert run("simulate", "--out", str(out), *arguments, monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "200 made-up customers" in said
    assert f"journeykit check '{out}'" in said
    study = load_study(out)
    assert study.name == "my world"
    expected = world(customers=200, seed=9, settings={"orders.baseline_a_day": 0})
    assert study.journeys().n_events == expected.events.num_rows
    assert isinstance(parquet.read_table(out / "events.parquet"), pa.Table)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("orders.efect=0", "The world has no parameter 'orders.efect'. Did you mean"),
        ("orders.baseline_a_day=often", "The parameter 'orders.baseline_a_day' cannot be 'often'"),
        ("orders.baseline_a_day", "`--set` must be NAME=VALUE"),
    ],
)
def test_a_wrong_parameter_writes_nothing(
    given: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "world"
    arguments = ("simulate", "--out", str(out), "--set", given)
    assert run(*arguments, monkeypatch=monkeypatch) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_parameters_can_be_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("describe", "world", monkeypatch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "\norders\n======\nAttempts to buy" in said
    assert "  orders.effect.email_promo" in said
    listed = {line.split()[0]: line.split()[-1] for line in said.splitlines() if line[:2] == "  "}
    assert float(listed["orders.effect.email_promo"]) == Orders().effect["email_promo"]
    assert {kind.name for kind in PARTS} <= {path.partition(".")[0] for path in listed} | {
        "holdouts"
    }


def test_warnings_of_ours_are_told_without_our_code(tmp_path: Path) -> None:
    file = world(customers=800, seed=4).write(tmp_path / "shop")
    told = subprocess.run(
        [sys.executable, "-c", "from journeykit.cli import main; main()", "check", str(file)],
        env={**os.environ, "JOURNEYKIT_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stderr.startswith("journeykit: note: ")
    assert "reading.py" not in told.stderr


def test_a_world_without_all_parts_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"needs a world of all parts; this one has no stages"):
        world(customers=50, seed=4, parts=["channels", "orders"]).write(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_settings_of_a_group_and_days_come_back(tmp_path: Path) -> None:
    settings = {"orders.friction": {"checkout": 0.3}, "browsing.chains": Browsing().chains}
    made = world(customers=60, seed=4, settings=settings, days=400)
    simulated = load_study(made.write(tmp_path / "shop")).model.simulated
    assert simulated is not None
    again = world(customers=60, seed=4, settings=simulated.settings, days=simulated.days)
    assert again.events.equals(made.events)
    readme = (tmp_path / "shop" / "README.md").read_text(encoding="utf-8")
    assert "This one has 60 customers" in readme
    assert "--customers 60 --seed 4 --days 400 --set 'orders.friction=" in readme


def test_the_readme_says_how_to_make_the_world_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world(customers=60, seed=4, days=400).null("orders.effect", "channels.mediated")
    first = made.write(tmp_path / "first").parent
    said = re.search(r"`journeykit (simulate .*) --out FOLDER`", (first / "README.md").read_text())
    assert said is not None
    arguments = shlex.split(said[1])
    assert run(*arguments, "--out", str(tmp_path / "again"), monkeypatch=monkeypatch) == 0
    events = [parquet.read_table(tmp_path / name / "events.parquet") for name in ("first", "again")]
    assert events[0].equals(events[1])


def test_a_null_of_one_in_a_group_set_later_comes_back() -> None:
    group = dict.fromkeys(Orders().effect, 0.5)
    settings = {"orders.effect.email_promo": 0.3, "orders.effect": group}
    made = world(customers=300, seed=4, settings=settings).null("orders.effect.email_promo")
    again = world(customers=300, seed=4, settings=made.settings)
    assert again.truth_json() == made.truth_json()
    assert again.credit["catalog_mailed"] > 0
