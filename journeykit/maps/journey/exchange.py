"""Journey maps as files: YAML for people and programs, read back without loss."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import yaml
from pydantic import Field, ValidationError

from journeykit import __version__
from journeykit.errors import StudyError
from journeykit.maps.journey.mapping import JourneyMap, arranged
from journeykit.maps.journey.things import Evidence, Row, Thing, Unit
from journeykit.results import Provenance
from journeykit.study.models import Part
from journeykit.study.problems import problems
from journeykit.study.yaml import read_yaml

_NUMBERS = ("n", "estimate", "conf_low", "conf_high")


class _Row(Part):
    """A row of the map; a number that is not known is left out."""

    row: Row
    item: str = ""
    n: Annotated[int, Field(ge=0)] | None = None
    estimate: float | None = None
    conf_low: float | None = None
    conf_high: float | None = None
    unit: Unit = ""
    text: str = ""
    evidence: Evidence = ""


class _File(Part):
    """The whole file."""

    format: Literal["journeykit map 1"]
    title: str = ""
    customers: Annotated[int, Field(ge=0)]
    days: Annotated[float, Field(ge=0)] = 0
    fingerprint: str = ""
    version: str = ""
    parameters: dict[str, float] = Field(default_factory=dict)
    stages: Annotated[dict[str, list[_Row] | None], Field(min_length=1)]


def write_map(found: JourneyMap, path: str | Path, /) -> None:
    """Write a map as YAML: stages from below, and under each its rows.

    Numbers are written in full, so `read_map` returns the same map. The file is written beside and
    renamed.
    """
    target = Path(path)
    content = {
        "format": "journeykit map 1",
        "title": found.title,
        "customers": found.n_customers,
        "days": found.watched_days,
        "fingerprint": found.provenance.fingerprint,
        "version": found.provenance.version,
        "parameters": dict(found.provenance.parameters),
        "stages": {
            stage: [_thing(row) for row in _records(found.frame, stage)] for stage in found.stages
        },
    }
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=100)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _records(frame: pd.DataFrame, stage: str) -> list[dict[str, Any]]:
    here = frame[frame["stage"] == stage].drop(columns="stage")
    return [dict(zip(here.columns, row, strict=True)) for row in here.itertuples(index=False)]


def _thing(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in _NUMBERS and value != ""}
    for name in _NUMBERS:
        value = row[name]
        if not pd.isna(value):
            kept[name] = int(value) if name == "n" else float(value)
    return kept


def read_map(path: str | Path, /) -> JourneyMap:
    """Read a map that `write_map` wrote, or that was written by hand.

    Raises
    ------
    StudyError
        When the file cannot be read, or holds what no map has; the message names file and key.
    """
    file = Path(path)
    given = read_yaml(file, keys="`format:` and `stages:`")
    try:
        read = _File.model_validate(given)
    except ValidationError as error:
        lines = "\n  ".join(problems(error, model=_File))
        raise StudyError(f"{file}:\n  {lines}") from error
    rows = [
        {"stage": stage, **thing.model_dump()}
        for stage, things in read.stages.items()
        for thing in things or ()
    ]
    stages = tuple(read.stages)
    return JourneyMap(
        frame=arranged(pd.DataFrame(rows, columns=list(Thing._fields)), stages),
        provenance=Provenance(
            read.fingerprint, read.parameters, version=read.version or __version__
        ),
        stages=stages,
        title=read.title,
        n_customers=read.customers,
        watched_days=read.days,
    )
