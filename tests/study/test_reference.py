"""The reference of study.yaml in data/README.md names every key, and loads."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

from journeykit.study import load_study
from journeykit.study.models import (
    Bands,
    Churn,
    Customers,
    Events,
    Experiments,
    ExternalEvents,
    Freshness,
    Identities,
    Ladder,
    Outcome,
    Rung,
    Sentiment,
    Simulated,
    Spend,
    Start,
    StudyModel,
    Volume,
    Window,
)
from tests.conftest import ROOT

TEXT = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)


def keys(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_every_key_is_there() -> None:
    assert EXAMPLE is not None
    parts = (
        StudyModel, Events, Customers, Identities, Window, Outcome, Churn, Start, Freshness,
        Volume, Bands, Simulated, Spend, Experiments, Ladder, Rung, Sentiment, ExternalEvents,
    )  # fmt: skip
    known = set().union(*(keys(part) for part in parts))
    named = set(re.findall(r"([a-z_]+):(?: |\n)", EXAMPLE[1]))
    assert known <= named


def test_the_example_loads(tmp_path: Path) -> None:
    assert EXAMPLE is not None
    (tmp_path / "study.yaml").write_text(EXAMPLE[1], encoding="utf-8")
    (tmp_path / "touchpoints.csv").write_text("touchpoint,channel\nvisit,web\n")
    study = load_study(tmp_path)
    assert study.model.churn is not None
    assert study.model.events.columns == {"value": "amount", "cost": "fee"}
    assert study.model.small_cell == 10
