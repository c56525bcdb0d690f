from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from journeykit.cli import main
from journeykit.errors import StudyError
from journeykit.simulate import world
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
        assert row["contract_end"] == mine.get("contract_end")
    assert 50 < len(first) < 600


def test_without_contracts_there_are_none(tmp_path: Path) -> None:
    folder = world(customers=50, seed=4, parts=["channels", "orders"]).write(tmp_path / "a").parent
    assert "contract_start" not in parquet.read_schema(folder / "customers.parquet").names


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
