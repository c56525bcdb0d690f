"""Content by stage: counted by hand; gaps listed; a planted role is found."""

from __future__ import annotations

import numpy as np
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.maps import content_coverage, content_roles
from journeykit.simulate.world import world
from journeykit.study.models import Ladder
from tests.truth import moved_on

NAMES = ("enter", "guide", "offer", "rise", "story")
LADDER = Ladder(
    rungs={
        "low": {"touchpoints": ["enter"]},
        "high": {"touchpoints": ["rise"]},
        "end": {"after": "high", "after_days": 50},
    }
)
ROLES = {"guide": "educate", "offer": "convert", "story": "inspire"}


def made(events: list[tuple[int, float, str]], *, days: float = 100) -> Journeys:
    events = sorted(events, key=lambda event: event[:2])
    n = events[-1][0] + 1
    content = np.array([ROLES.get(name) for _, _, name in events], dtype=object)
    return Journeys(
        names=NAMES,
        touchpoint=np.array([NAMES.index(name) for _, _, name in events], dtype=np.uint8),
        start=np.searchsorted([event[0] for event in events], np.arange(n + 1)),
        time=np.array([round(event[1] * DAY) for event in events], dtype=np.int64),
        columns={"content": content},
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, round(days * DAY)),
    )


BY_HAND = made(
    [
        (0, 1, "story"), (0, 2, "enter"), (0, 3, "guide"), (0, 4, "guide"), (0, 5, "rise"),
        (0, 6, "story"), (0, 60, "offer"),
        (1, 1, "enter"), (1, 2, "story"), (1, 70, "rise"),
    ]
)  # fmt: skip


@pytest.mark.parametrize("content", [ROLES, "content"])
def test_coverage_by_hand(content: str | dict[str, str]) -> None:
    found = content_coverage(BY_HAND, LADDER, content=content, small_cell=1)
    frame = found.frame.set_index(["stage", "content"])
    assert frame.loc[("low", "educate"), ["n", "n_event", "n_touches"]].tolist() == [2, 1, 2]
    assert frame.loc[("low", "inspire"), "n_event"] == 1
    assert frame.loc[("high", "inspire"), ["n", "n_event"]].tolist() == [2, 1]
    # The second customer's end would come on day 120, after the watching.
    assert frame.loc[("end", "convert"), ["n", "n_event"]].tolist() == [1, 1]
    assert found.n_without == 4
    gaps = {*zip(found.gaps()["stage"], found.gaps()["content"], strict=True)}
    assert gaps == {
        ("low", "convert"), ("high", "convert"), ("high", "educate"), ("end", "educate"),
        ("end", "inspire"),
    }  # fmt: skip
    assert found.without_content() == ()


def test_a_stage_without_content_is_listed() -> None:
    events = [(who, 1.0, "enter") for who in range(30)]
    events += [(who, 2.0, "guide") for who in range(12)]
    events += [(who, 5.0, "rise") for who in range(20)]
    found = content_coverage(made(events, days=40), LADDER, content=ROLES)
    assert found.without_content() == ("high",)
    assert "without any content: high" in found.summary()
    frame = found.frame.set_index(["stage", "content"])
    assert frame.loc[("low", "educate"), "estimate"] == pytest.approx(12 / 30)
    # Nobody has come to the end: it cannot lack anything.
    assert not frame.loc["end", "gap"].any()
    found.plot().figure.draw_without_rendering()
    few = content_coverage(made(events, days=40), LADDER, content=ROLES, small_cell=15).frame
    assert few.set_index(["stage", "content"]).loc[("low", "educate")].isna()["estimate"]


def test_a_planted_role_is_found_and_no_other() -> None:
    journeys = world(
        customers=8000, seed=3, parts=moved_on.PARTS, settings=moved_on.NO_ORDERS
    ).journeys()
    roles = {"call_sales": "convert", "networking_contact": "inspire", "review_read": "inform"}
    found = content_roles(
        journeys,
        moved_on.LADDER,
        content=roles,
        horizon_days=10,
        sent=["convert", "inspire"],
        seed=1,
    )
    assert set(found.frame["touchpoint"]) <= set(roles.values())
    verdict = found.frame.set_index(["stage", "touchpoint"])["verdict"] == "holds"
    assert verdict["engagement", "convert"]
    assert not verdict.xs("inspire", level="touchpoint").any()
    assert not verdict.xs("inform", level="touchpoint").any()


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(
        MappingError, match="`content` names touchpoints that do not exist: 'giude'"
    ):
        content_coverage(BY_HAND, LADDER, content={"giude": "educate"})
    with pytest.raises(MappingError, match="`content` names event columns that do not exist"):
        content_coverage(BY_HAND, LADDER, content="role")
    with pytest.raises(DataError, match="No event has content"):
        content_coverage(BY_HAND, LADDER, content={})
    with pytest.raises(DataError, match="Nobody is ever in a stage"):
        content_coverage(made([(0, 1, "guide")]), LADDER, content=ROLES)
    with pytest.raises(ArgumentError, match="leads to a stage: 'rise'"):
        content_roles(BY_HAND, LADDER, content={"guide": "rise"}, horizon_days=3)
    with pytest.raises(MappingError, match="`sent` names contents that do not exist"):
        content_roles(BY_HAND, LADDER, content=ROLES, horizon_days=3, sent=["guide"])
