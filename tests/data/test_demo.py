"""The demo is what the simulator makes, says so, and uses all a study can say."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import parquet

from journeykit.simulate import world
from journeykit.study import load_study
from journeykit.study.models import StudyModel
from journeykit.study.yaml import read_yaml
from tests.conftest import ROOT

#: Who logs in at checkout is recognised by what they did: the study says so when it is read.
pytestmark = pytest.mark.filterwarnings("ignore:.*devices with an outcome")

DEMO = ROOT / "data" / "demo"


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    simulated = load_study(DEMO).model.simulated
    assert simulated is not None
    folder = tmp_path_factory.mktemp("again") / "demo"
    world(customers=simulated.customers, seed=simulated.seed).write(folder)
    return folder


def files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found}


def test_it_is_made_anew_file_by_file(again: Path) -> None:
    assert files(again) == files(DEMO)
    for name in sorted(files(again)):
        made, kept = again / name, DEMO / name
        if name.endswith(".parquet"):
            assert parquet.read_table(made).equals(parquet.read_table(kept)), name
        else:
            assert made.read_text(encoding="utf-8") == kept.read_text(encoding="utf-8"), name


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 3_000_000


def test_it_uses_every_section_of_a_study() -> None:
    assert set(read_yaml(DEMO / "study.yaml")) == set(StudyModel.model_fields)


def test_nobody_takes_it_for_real() -> None:
    study = load_study(DEMO)
    assert "made-up" in study.title
    assert study.model.simulated is not None
    assert "Everything in this folder is simulated" in (DEMO / "README.md").read_text("utf-8")


def test_its_people_are_fewer_than_its_ids() -> None:
    journeys = load_study(DEMO).journeys()
    simulated = load_study(DEMO).model.simulated
    assert simulated is not None
    ids = journeys.customer_id.to_pylist()
    named = [name for name in ids if name.startswith("C")]
    # Whoever logged in, or was met under a name, is one person; the other ids are nameless devices.
    assert len(set(named)) == len(named) <= simulated.customers
    assert all(name.startswith(("C", "D")) for name in ids)
