"""A world on disk: its tables, its truth, and a study of them that runs."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import csv, parquet

from journeykit.errors import ArgumentError
from journeykit.simulate.parts import PARTS
from journeykit.study.folders import new_folder, study_name
from journeykit.study.study import FILE

if TYPE_CHECKING:
    from journeykit.simulate.world import World

_TEMPLATE = Path(__file__).with_name("study.yaml")
_README = Path(__file__).with_name("README.md")
#: What this company has planned and believes; the same in all worlds.
_DECLARED = Path(__file__).with_name("declared")
#: Tables that are CSV, for people to read; the others are Parquet.
_CSV = ("touchpoints", "external_events")


def write_world(world: World, folder: str | Path, /) -> Path:
    """Write a world into a new or empty folder; return the path of its ``study.yaml``.

    There are the tables as the company has them, `customers` with each one's first contract, and
    what it has planned and believes; beside them ``truth.json`` and in ``hidden/`` what only the
    truth knows. The same world gives the same
    bytes.

    Raises
    ------
    ArgumentError
        The world lacks parts: a study needs all tables.
    StudyError
        When the folder holds anything, or cannot be written.
    """
    if missing := [kind.name for kind in PARTS if kind not in map(type, world.parts)]:
        raise ArgumentError(
            "A study needs a world of all parts; this one has no " + ", ".join(missing) + "."
        )
    target = Path(folder).resolve()
    with new_folder(target, last=FILE) as beside:
        tables = {**world.tables, "customers": with_contracts(world)}
        for name, table in tables.items():
            if name in _CSV:
                csv.write_csv(_plain(table), beside / f"{name}.csv")
            else:
                _write(table, beside / f"{name}.parquet")
        (beside / "hidden").mkdir()
        for name, table in world.hidden.items():
            _write(table, beside / "hidden" / f"{name}.parquet")
        (beside / "truth.json").write_text(world.truth_json(), encoding="utf-8")
        for path in sorted(_DECLARED.glob("*.yaml")):
            shutil.copyfile(path, beside / path.name)
        (beside / FILE).write_text(_study(world, study_name(target.name)), "utf-8")
        (beside / _README.name).write_text(_readme(world), encoding="utf-8")
    return target / FILE


def _write(table: pa.Table, path: Path) -> None:
    parquet.write_table(
        table.unify_dictionaries(),
        path,
        compression="zstd",
        compression_level=15,
        # Strings come back as plain strings, whatever reads them.
        store_schema=False,
    )


def _plain(table: pa.Table) -> pa.Table:
    """Return a table that CSV can hold: words as text, times as readable ones."""
    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


def with_contracts(world: World, /) -> pa.Table:
    """Return the customers with their first contract, from when to when and where they went."""
    customers = world.tables["customers"]
    if "contracts" not in world.tables:
        return customers
    contracts = _plain(world.tables["contracts"]).sort_by("contract_start")
    who = pc.index_in(
        customers["customer_id"].cast(pa.string()), value_set=contracts["customer_id"]
    )
    for name in ("contract_start", "contract_end", "destination", "monthly_fee"):
        called = "contract_destination" if name == "destination" else name
        customers = customers.append_column(called, contracts[name].take(who))
    return customers


def _study(world: World, name: str) -> str:
    text = _TEMPLATE.read_text(encoding="utf-8")
    return (
        text.replace("name: world", f"name: {json.dumps(name, ensure_ascii=False)}", 1)
        .replace("customers: 0", f"customers: {world.customers}", 1)
        .replace("seed: 0", f"seed: {world.seed}", 1)
        .replace("days: 0", f"days: {world.days}", 1)
        .replace("two years", f"{world.customers:,} customers, world {world.seed}", 1)
        .replace("settings: {}", f"settings: {json.dumps(_as_texts(world))}", 1)
        .replace("to: 2026-01-01", f"to: {_end(world)}", 1)
    )


def _as_texts(world: World) -> dict[str, str]:
    return {
        path: json.dumps(value) if isinstance(value, dict) else str(value)
        for path, value in world.settings.items()
    }


def _readme(world: World) -> str:
    """Return the story and the laws of the world, and how this one was made."""
    made = [f"--customers {world.customers} --seed {world.seed} --days {world.days}"]
    made += [f"--set {shlex.quote(f'{path}={text}')}" for path, text in _as_texts(world).items()]
    return (
        _README.read_text(encoding="utf-8")
        .replace("CUSTOMERS", f"{world.customers:,}")
        .replace("DAYS", f"{world.days:,}")
        .replace("EVENTS", f"{world.events.num_rows:,}")
        .replace("OPTIONS", " ".join(made))
    )


def _end(world: World) -> str:
    return str(np.datetime64("2024-01-01") + np.timedelta64(world.days, "D"))
