"""What a study declares in files of its own is looked at before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from journeykit.report.jobs import plan
from journeykit.report.unsuited import unknown_steps, unread_files
from journeykit.study import load_study

STUDY = """\
name: tiny
events: {source: events.csv, customer: who, time: at, touchpoint: what}
"""


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("plans", "name: x\nsteps: [{stp: look}]\n", "file.yaml"),
        ("portfolio", "buy: {start: look, goal: purchase}\n", "file.yaml"),
        (
            "strategy",
            "channels: {mail: {acountable: me}}\n",
            "acountable` is not known",
        ),
        (
            "beliefs",
            "a: {claim: x, metric: {reach: {of: look}}, at_least: 50}\n",
            "runs from 0 to 1",
        ),
    ],
)
def test_mistakes_in_files_are_told(key: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("who,at,what\n1,2026-01-02,look\n")
    (tmp_path / "file.yaml").write_text(text)
    (tmp_path / "study.yaml").write_text(f"{STUDY}{key}: file.yaml\n")
    (found,) = unread_files(load_study(tmp_path))
    assert said in found


def test_a_misspelt_touchpoint_of_a_plan_is_told(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("who,at,what\n1,2026-01-02,purchase\n1,2026-01-01,look\n")
    (tmp_path / "plan.yaml").write_text("name: buy\nsteps: [look, purchse]\nbeside: [lok]\n")
    (tmp_path / "study.yaml").write_text(f"{STUDY}plans: plan.yaml\n")
    study = load_study(tmp_path)
    (job,) = plan(study, ["plan_vs_actual"], {})
    found = unknown_steps(job.parameters.planned(study), study.journeys(), study.catalogue)
    assert any("'purchse'. Did you mean 'purchase'" in line for line in found)
    assert any("'lok'. Did you mean 'look'" in line for line in found)
