"""Who answers for what: planted gaps are listed and nothing else, and weighed by touches."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from journeykit import load_study
from journeykit.errors import ArgumentError, StudyError
from journeykit.journeys import Journeys
from journeykit.review import Strategy, ownership, read_strategy
from journeykit.shipped import shipped
from journeykit.stats import ClusterSums, clustered_wilson_interval
from journeykit.study.catalogue import Catalogue, Touchpoint, standard_catalogue
from journeykit.study.models import Ladder

LADDER = Ladder(rungs={"looking": {"touchpoints": ["a"]}, "buying": {"touchpoints": ["b"]}})
WHOLE = {"accountable": "Ann", "kpi": "many", "target": "more"}


def complete(catalogue: Catalogue) -> dict[str, Any]:
    """Say everything of everything."""
    channels = {row.channel for row in catalogue.touchpoints.values()} - {""}
    return {
        "stages": {stage: dict(WHOLE) for stage in LADDER.stages},
        "channels": {channel: dict(WHOLE) for channel in channels},
        "touchpoints": {name: dict(WHOLE) for name in catalogue.touchpoints},
    }


def listed(said: dict[str, Any], catalogue: Catalogue, **given: Any) -> list[tuple[str, ...]]:
    found = ownership(catalogue, Strategy.model_validate(said), ladder=LADDER, **given)
    names = ["kind", "name", "missing"]
    return [tuple(row) for row in found.gaps[names].itertuples(index=False)]


@pytest.mark.parametrize("inherit", [(), ("kpi", "target"), ("accountable", "kpi", "target")])
def test_three_planted_gaps_are_listed_and_a_complete_plan_has_none(
    inherit: tuple[str, ...],
) -> None:
    catalogue = standard_catalogue()
    said = complete(catalogue)
    assert listed(said, catalogue, inherit=inherit) == []
    said["stages"]["buying"].pop("target")
    said["channels"]["phone"].pop("accountable")
    said["channels"]["mobile"]["kpi"] = " "
    assert listed(said, catalogue, inherit=inherit) == [
        ("stage", "buying", "target"),
        ("channel", "mobile", "kpi"),
        ("channel", "phone", "accountable"),
    ]


def test_a_touchpoint_without_anything_of_its_own() -> None:
    catalogue = standard_catalogue()
    said = complete(catalogue)
    said["touchpoints"].pop("lighting")
    assert listed(said, catalogue) == []
    assert listed(said, catalogue, inherit=["kpi", "target"]) == [
        ("touchpoint", "lighting", "accountable")
    ]
    assert len(listed(said, catalogue, inherit=[])) == 3


CATALOGUE = Catalogue(
    {
        "a": Touchpoint("a", "mail", accountable="Cy"),
        "b": Touchpoint("b", "mail"),
        "c": Touchpoint("c", "web"),
        "d": Touchpoint("d"),
    }
)
SAID = Strategy.model_validate(
    {
        "stages": {"looking": WHOLE, "buying": WHOLE},
        "channels": {"mail": {"kpi": "letters"}, "web": WHOLE},
        "touchpoints": {"c": {"accountable": "Di"}},
    }
)
MADE = Journeys(
    names=("a", "b", "c", "x"),
    touchpoint=np.array([0, 1, 1, 2, 3, 0, 2, 1], dtype=np.uint8),
    start=np.array([0, 4, 7, 7, 8]),
)


def test_what_is_own_comes_before_the_channel_and_gaps_are_listed_once() -> None:
    found = ownership(CATALOGUE, SAID, ladder=LADDER, journeys=MADE)
    frame = found.frame[found.frame["kind"] == "touchpoint"].set_index("name")
    assert frame["accountable"].to_dict() == {"a": "Cy", "b": "", "c": "Di", "d": ""}
    assert frame["inherited"].to_dict() == {"a": "kpi", "b": "kpi", "c": "kpi, target", "d": ""}
    assert frame["missing"].to_dict() == {
        "a": "target",
        "b": "accountable, target",
        "c": "",
        "d": "accountable, kpi, target",
    }
    gaps = found.gaps.set_index(["kind", "name", "missing"])
    assert gaps.index.tolist() == [
        ("channel", "mail", "accountable"),
        ("channel", "mail", "target"),
        ("touchpoint", "d", "accountable"),
        ("touchpoint", "d", "kpi"),
        ("touchpoint", "d", "target"),
    ]
    # a has an owner of its own, so the channel's gap leaves only b without: 3 events.
    assert gaps["n_touchpoints"].tolist() == [1, 2, 1, 1, 1]
    assert gaps["n_events"].tolist() == [3, 5, 0, 0, 0]


def test_shares_are_counted_and_weighed_by_touches() -> None:
    found = ownership(CATALOGUE, SAID, ladder=LADDER, journeys=MADE)
    shares = found.shares.set_index("kind")
    assert shares["n"].to_dict() == {"stage": 2, "channel": 2, "touchpoint": 4, "touches": 8}
    # b three times, and x, which the catalogue does not have.
    assert shares["n_unowned"].to_dict() == {
        "stage": 0,
        "channel": 1,
        "touchpoint": 2,
        "touches": 4,
    }
    assert shares["unowned"].to_dict() == {
        "stage": 0.0,
        "channel": 0.5,
        "touchpoint": 0.5,
        "touches": 0.5,
    }
    assert shares.loc["touches", "n_incomplete"] == 6
    low, high = clustered_wilson_interval(ClusterSums.of_clusters([2, 1, 1], [4, 3, 1]))
    assert shares.loc["touches", "unowned_low"] == pytest.approx(float(low))
    assert shares.loc["touches", "unowned_high"] == pytest.approx(float(high))
    assert found.n_unmapped == 1
    assert found.frame["n_events"].fillna(-1).tolist() == [-1, -1, 5, 2, 2, 3, 2, 0]
    assert found.summary() == (
        "nobody answers for 0 of 2 stages, 1 of 2 channels, 2 of 4 touchpoints; 5 gaps in all; "
        "50.0% of touches are at what nobody answers for"
    )


def test_without_journeys_and_ladder() -> None:
    found = ownership(CATALOGUE, Strategy.model_validate({"stages": {"dreaming": {}}}))
    assert found.shares["kind"].tolist() == ["stage", "channel", "touchpoint"]
    assert found.frame["n_events"].isna().all()
    assert found.gaps["name"].iloc[0] == "dreaming"
    assert found.check().status == "warned"
    assert found.check().found.startswith("dreaming (stage): nobody answers; dreaming (stage): no")


def test_the_demo_has_three_gaps() -> None:
    study = load_study("demo")
    strategy = read_strategy(shipped("data", "demo", "strategy.yaml"))
    found = ownership(
        study.catalogue, strategy, ladder=study.model.stages, journeys=study.journeys()
    )
    assert found.gaps[["name", "missing"]].to_numpy().tolist() == [
        ["retention", "target"],
        ["mobile", "accountable"],
        ["in_person", "target"],
    ]
    frame = found.frame.set_index("name")
    assert frame.loc["payment_failed", "accountable"] == "Billing"
    assert found.check().found == (
        "retention (stage): no target; mobile (channel): nobody answers; "
        "in_person (channel): no target."
    )


def test_the_picture_marks_what_is_missing() -> None:
    ax = ownership(CATALOGUE, SAID, ladder=LADDER).plot()
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == [
        "looking (stage)", "buying (stage)", "mail (channel)", "web (channel)", "d (touchpoint)",
    ]  # fmt: skip
    crosses = [mark for mark in ax.collections if mark.get_edgecolor()[0][0] > 0.8]
    assert len(crosses) == 5
    plt.close(ax.figure)  # type: ignore[arg-type]
    many = {str(at): Touchpoint(str(at)) for at in range(30)}
    ax = ownership(Catalogue(many), Strategy()).plot()
    assert ax.get_xlabel() == "6 more touchpoints have gaps"
    plt.close(ax.figure)  # type: ignore[arg-type]


def test_a_complete_plan_passes() -> None:
    catalogue = standard_catalogue()
    found = ownership(catalogue, Strategy.model_validate(complete(catalogue)), ladder=LADDER)
    assert found.check().status == "passed"
    assert found.check().found == "Everything has an owner, a KPI and a target."


def test_what_must_hold() -> None:
    with pytest.raises(ArgumentError, match="`catalogue` must describe touchpoints; it is empty"):
        ownership(Catalogue(), SAID)
    with pytest.raises(StudyError, match="`channels.mial` is no channel here. Did you mean 'mail'"):
        ownership(CATALOGUE, Strategy.model_validate({"channels": {"mial": {}}}))
    with pytest.raises(ArgumentError, match="`inherit` must be one of 'accountable', 'kpi', 'targ"):
        ownership(CATALOGUE, SAID, inherit=["owner"])  # type: ignore[list-item]
    with pytest.raises(ArgumentError, match="`inherit` must be a list of names"):
        ownership(CATALOGUE, SAID, inherit="kpi")  # type: ignore[arg-type]
