"""What a strategy.yaml says, and what is said of its mistakes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from journeykit import load_study
from journeykit.errors import StudyError
from journeykit.review import read_strategy
from journeykit.shipped import shipped
from journeykit.study.catalogue import Catalogue, Touchpoint
from journeykit.study.models import Ladder

CATALOGUE = Catalogue(
    {
        "letter": Touchpoint("letter", "mail"),
        "visit": Touchpoint("visit", "web"),
        "odd": Touchpoint("odd"),
    }
)
LADDER = Ladder(rungs={"looking": {"touchpoints": ["visit"]}, "buying": {"touchpoints": ["odd"]}})


def written(folder: Path, text: str) -> Path:
    path = folder / "strategy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_it_may_say(tmp_path: Path) -> None:
    text = """
stages: {looking: {accountable: Ann, kpi: visits, target: 9 %}, buying: }
channels: {mail: {accountable: Bo, kpi: "yes", target: 007}, web: {accountable: }}
touchpoints: {letter: {kpi: opened}}
goals: {safe: {text: I want to be safe, evidence: survey, stages: looking}, cheap: {}}
objectives:
  grow: {text: more, metric: visits, baseline: 1, target: 2.5, due: 2026-06-30, segment: old,
         serves: [safe, cheap], accountable: Ann}
tactics: {write: {serves: grow, touchpoints: letter, channels: [mail], evidence: experiment}}
"""
    found = read_strategy(written(tmp_path, text), catalogue=CATALOGUE, ladder=LADDER)
    assert found.stages["looking"].target == "9 %"
    assert found.stages["buying"].accountable == ""
    assert (found.channels["mail"].kpi, found.channels["mail"].target) == ("yes", "007")
    assert found.goals["safe"].stages == ("looking",)
    assert found.goals["cheap"].evidence == "assumed"
    grow = found.objectives["grow"]
    assert (grow.baseline, grow.target, grow.due) == (1, 2.5, date(2026, 6, 30))
    assert grow.serves == ("safe", "cheap")
    assert found.tactics["write"].touchpoints == ("letter",)


def test_an_empty_group_is_none(tmp_path: Path) -> None:
    found = read_strategy(written(tmp_path, "goals:\nchannels: {mail: }\n"))
    assert found.goals == {}
    assert found.channels["mail"].kpi == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "chanels: {}",
            "`chanels` is not known. Did you mean 'channels'? Known here: stages, chan",
        ),
        (
            "channels: {mail: {acountable: Bo}}",
            "`channels.mail.acountable` is not known.",
        ),
        (
            "goals: {safe: {evidence: surwey}}",
            "`goals.safe.evidence` must be one of 'assumed', 'qualitative', 'survey', 'log' or "
            "'experiment'; got 'surwey'. Did you mean 'survey'?",
        ),
        (
            "objectives: {grow: {target: much}}",
            "`objectives.grow.target` must be a number; got 'much'.",
        ),
        (
            "objectives: {grow: {due: soon}}",
            "`objectives.grow.due` must be a date such as 2026-03-31; got 'soon'.",
        ),
        (
            "goals: {safe: {}}\nobjectives: {grow: {serves: saef}}",
            "`objectives.grow.serves` names 'saef', which is none of the goals. Did you mean "
            "'safe'? There are: safe.",
        ),
        (
            "tactics: {write: {serves: [grow]}}",
            "`tactics.write.serves` names 'grow', which is none of the objectives. There are: no",
        ),
        (
            "stages: {loking: {}}",
            "`stages.loking` is no stage here. Did you mean 'looking'? There are: looking, buying.",
        ),
        (
            "goals: {safe: {stages: bying}}",
            "`goals.safe.stages` names 'bying', which is none of the stages. Did you mean 'buying",
        ),
        (
            "channels: {mial: {}}",
            "`channels.mial` is no channel here. Did you mean 'mail'? There are: mail, web.",
        ),
        (
            "touchpoints: {leter: {}}",
            "`touchpoints.leter` is no touchpoint here. Did you mean 'let",
        ),
        (
            "tactics: {write: {channels: webb, touchpoints: lettre}}",
            "`tactics.write.channels` names 'webb', which is none of the channels. Did you mean "
            "'web'? There are: mail, web.\n  `tactics.write.touchpoints` names 'lettre'",
        ),
        ("- a", "must hold keys such as `channels:`, `goals:` and `objectives:`; it holds none."),
        ("channels: {mail: {}, mail: {}}", "`mail` was already given on line 1"),
        ("goals: [safe]", "`goals` must be a group of `key: value` lines; got ['safe']."),
    ],
)
def test_mistakes_are_named_with_file_key_and_mend(tmp_path: Path, text: str, told: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(StudyError) as caught:
        read_strategy(path, catalogue=CATALOGUE, ladder=LADDER)
    assert str(caught.value).startswith(str(path))
    assert told in str(caught.value)


def test_without_catalogue_and_ladder_their_names_are_not_looked_up(tmp_path: Path) -> None:
    found = read_strategy(written(tmp_path, "channels: {pigeon: {}}\nstages: {flying: {}}"))
    assert list(found.channels) == ["pigeon"]


def test_the_file_of_the_demo_fits_it() -> None:
    study = load_study("demo")
    found = read_strategy(
        shipped("data", "demo", "strategy.yaml"),
        catalogue=study.catalogue,
        ladder=study.model.stages,
    )
    assert len(found.goals) == 5
    assert found.objectives["more app sessions"].serves == ()
