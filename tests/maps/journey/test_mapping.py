"""The journey map: what stands on it, as a file, and what changed between two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, StudyError
from journeykit.maps import JourneyMap, diff, journey_map, read_map, write_map
from journeykit.simulate.world import world
from journeykit.stages import Ladder, follow
from journeykit.study.catalogue import Catalogue, Touchpoint
from tests.maps.journey.test_standing import TWO

LADDER = Ladder(
    rungs={
        "familiarity": {"touchpoints": ["view_microsite"]},
        "engagement": {"touchpoints": ["whitepaper_download"]},
        "deliberation": {"touchpoints": ["contact_form"]},
    }
)
PARTS = ("channels", "stages", "orders", "ladder")


@pytest.fixture(scope="module")
def whole() -> JourneyMap:
    made = world(customers=800, seed=4, parts=PARTS).journeys()
    return journey_map(made, LADDER, title="<b>ours</b>", small_cell=5)


def test_everybody_whose_stage_is_known_is_somewhere(whole: JourneyMap) -> None:
    people = whole.frame[whole.frame["row"] == "people"]
    assert people["estimate"].sum() == pytest.approx(1)
    last = follow(world(customers=800, seed=4, parts=PARTS).journeys(), LADDER)
    stays = last.frame.groupby("customer_id", observed=True).last()
    assert people["n"].tolist() == [
        int((stays["source"] == stage).sum()) for stage in LADDER.stages
    ]


def test_small_numbers_are_not_shown() -> None:
    ladder = Ladder(rungs={"looking": {"touchpoints": ["web"]}, "buying": {"touchpoints": ["buy"]}})
    shown = journey_map(TWO, ladder, small_cell=2).frame.set_index(["row", "stage", "item"])
    # One customer moved, and one alone was ever buying.
    moves = shown.loc[("moving on", "looking", "")]
    assert moves[["n", "estimate", "conf_low", "conf_high"]].isna().all()
    assert moves["text"] == "fewer than 2 customers"
    assert shown.loc["touchpoint"].index.tolist() == [("looking", "ad")]
    with pytest.raises(ArgumentError, match="No group has 3 customers or more"):
        journey_map(TWO, ladder, small_cell=3)


def test_what_cannot_be_seen_is_not_observed() -> None:
    ladder = Ladder(rungs={"looking": {"touchpoints": ["web"]}, "buying": {"touchpoints": ["buy"]}})
    rows = [
        Touchpoint("ad", "internet", observability="log", stage="looking"),
        Touchpoint("talk", "social", observability="external", stage="looking"),
        Touchpoint("letter", "mail", observability="crm", stage="looking"),
    ]
    found = journey_map(
        TWO, ladder, catalogue=Catalogue({row.touchpoint: row for row in rows}), small_cell=1,
        experiments=pd.DataFrame(
            {"channel": ["ad"], "increment": [4.0], "conf_low": [1.0], "conf_high": [7.0]}
        ),
    ).frame  # fmt: skip
    touches = found[found["row"] == "touchpoint"].set_index(["stage", "item"])
    assert touches.loc[("looking", "ad"), ["n", "estimate", "text", "evidence"]].tolist() == [
        2, 1.0, "internet", "log",
    ]  # fmt: skip
    # Only what was tried rests on a test, not all that is known of the touchpoint.
    tried = found[found["evidence"] == "experiment"].iloc[0]
    assert tried[["row", "stage", "item", "estimate"]].tolist() == ["tested", "looking", "ad", 4]
    assert touches.loc[("looking", "talk"), "text"] == "not observed"
    assert pd.isna(touches.loc[("looking", "talk"), "estimate"])
    # A letter could have been seen: it did not happen. What leads into a stage all of it met.
    assert ("looking", "letter") not in touches.index
    assert ("looking", "web") not in touches.index


def test_a_map_is_read_back_as_it_was_written(whole: JourneyMap, tmp_path: Path) -> None:
    write_map(whole, tmp_path / "map.yaml")
    back = read_map(tmp_path / "map.yaml")
    pd.testing.assert_frame_equal(back.frame, whole.frame, check_exact=True)
    assert (back.stages, back.title, back.n_customers) == (whole.stages, "<b>ours</b>", 800)
    assert back.provenance == whole.provenance
    assert [path.name for path in tmp_path.iterdir()] == ["map.yaml"]
    assert diff(whole, back).frame.empty


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("format: other\ncustomers: 1\nstages: {a: }", "`format` must be one of"),
        ("format: journeykit map 1\ncustomers: 1\nstages: {a: [{row: peple}]}", "`stages.a.0.row`"),
        (
            "format: journeykit map 1\ncustomers: 1\nstages: {a: [{row: KPI, m: 1}]}",
            "`stages.a.0.m",
        ),
        (
            "format: journeykit map 1\ncustomers: -1\nstages: {a: }",
            "`customers` must be at least 0",
        ),
    ],
)
def test_files_that_are_no_map(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(StudyError, match="map.yaml") as raised:
        read_map(tmp_path / "map.yaml")
    assert said in str(raised.value)


def changed(found: JourneyMap, **places: float) -> JourneyMap:
    """Add to estimates and intervals of the people in stages."""
    frame = found.frame.copy()
    for stage, more in places.items():
        at = (frame["row"] == "people") & (frame["stage"] == stage)
        frame.loc[at, ["estimate", "conf_low", "conf_high"]] += more
    return replace(found, frame=frame)


def test_planted_changes_are_listed_and_nothing_else(whole: JourneyMap) -> None:
    other = changed(whole, engagement=0.2, familiarity=-0.2)
    gone = other.frame[other.frame["row"] == "touchpoint"].index[0]
    name = other.frame.loc[gone, "item"]
    other = replace(other, frame=other.frame.drop(gone).reset_index(drop=True))
    found = diff(whole, other).frame
    assert found[["row", "stage", "change"]].to_numpy().tolist() == [
        ["people", "familiarity", "less"],
        ["people", "engagement", "more"],
        ["touchpoint", "familiarity", "gone"],
    ]
    assert found["item"].tolist() == ["", "", name]
    assert found["difference"].tolist()[:2] == pytest.approx([-0.2, 0.2])


def test_the_interval_of_a_difference_by_hand(whole: JourneyMap) -> None:
    one = whole.frame[whole.frame["row"] == "people"].iloc[0]
    found = diff(whole, changed(whole, familiarity=0.3)).frame.iloc[0]
    down, up = one["estimate"] - one["conf_low"], one["conf_high"] - one["estimate"]
    assert found["difference_low"] == pytest.approx(0.3 - np.hypot(down, up))
    assert found["difference_high"] == pytest.approx(0.3 + np.hypot(down, up))


def test_two_worlds_of_one_law_seldom_differ(whole: JourneyMap) -> None:
    listed = 0
    for seed in range(10, 40):
        other = journey_map(world(customers=800, seed=seed, parts=PARTS).journeys(), LADDER,
                            small_cell=5)  # fmt: skip
        numbers = diff(whole, other).frame
        listed += bool(numbers["change"].isin(["more", "less"]).any())
    # Of 30 comparisons with one map, which may itself be a little odd.
    assert listed <= 5


def test_maps_that_cannot_be_compared(whole: JourneyMap) -> None:
    with pytest.raises(ArgumentError, match="must share a stage"):
        diff(whole, replace(whole, stages=("a", "b")))
    given = {**whole.provenance.parameters, "confidence": 0.9}
    other = replace(whole, provenance=replace(whole.provenance, parameters=given))
    with pytest.raises(ArgumentError, match=r"one confidence; got 0\.95 and 0\.9"):
        diff(whole, other)
