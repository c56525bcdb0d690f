from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.patches import StepPatch

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.survival import EndAttribute, EndTouchpoint, Inactivity, StartAttribute
from journeykit.survival.leaving_risk import TouchpointHazard, touchpoint_hazard
from journeykit.survival.leaving_risk.after_touch import poisson_interval
from journeykit.survival.leaving_risk.people import Touches
from journeykit.survival.leaving_risk.stretches import since_touch
from tests.survival.leaving_risk.worlds import CHURN, START, made

WINDOWS = (3.0, 7.0, 14.0, 21.0, 30.0, 60.0)


def lived(
    touches: list[tuple[int, float]],
    began: list[float],
    left: list[float | None],
    *,
    until: float = 100.0,
    watched: float = 0.0,
) -> Journeys:
    """Return journeys of touches (customer, day) whose customers begin and leave on days."""
    touches = sorted(touches)
    who = np.array([customer for customer, _ in touches])
    return Journeys(
        names=("call",),
        touchpoint=np.zeros(len(touches), dtype=np.uint8),
        start=np.concatenate([[0], np.cumsum(np.bincount(who, minlength=len(began)))]),
        time=np.array([int(day * DAY) for _, day in touches]),
        observed_from=np.full(len(began), int(watched * DAY)),
        observed_to=np.full(len(began), int(until * DAY)),
        attributes=pa.table(
            {
                "left": pa.array([None if day is None else int(day * DAY) for day in left]),
                "began": [int(day * DAY) for day in began],
            }
        ),
        window=(int(watched * DAY), int(until * DAY)),
    )


def test_events_and_person_days_by_hand() -> None:
    """Windows (0, 5] and (5, 20] since the last touch, which a second touch begins anew."""
    journeys = lived(
        [(0, 10), (0, 12), (1, 10), (2, 10), (2, 10), (3, 30)],
        began=[0, 0, 0, 0, 0],
        left=[15, 40, 15.5, 30, 80],
    )
    found = touchpoint_hazard(
        journeys, churn=CHURN, start=START, windows_days=(5, 20), small_cell=1
    ).frame
    # 0: 2 days, then 3 of the second touch up to leaving; 1: 5; 2: 5; 3 left as it was touched.
    assert found["person_days"].tolist() == pytest.approx([5 + 5 + 5, 15 + 0.5])
    assert found["n"].tolist() == [3, 2]
    assert found["n_event"].tolist() == [1, 1]
    assert found["estimate"].tolist() == pytest.approx([1 / 15, 1 / 15.5])
    # Exact interval of one event: 0.0253 to 5.572.
    assert found["conf_low"].tolist() == pytest.approx([0.0253178 / 15, 0.0253178 / 15.5], rel=1e-4)
    assert found["conf_high"].tolist() == pytest.approx([5.571643 / 15, 5.571643 / 15.5], rel=1e-4)


def test_the_first_touch_only() -> None:
    journeys = lived([(0, 10), (0, 12), (1, 50)], began=[0, 0], left=[15, None])
    found = touchpoint_hazard(
        journeys, churn=CHURN, start=START, windows_days=(5, 20), since="first", small_cell=1
    ).frame
    assert found["person_days"].tolist() == pytest.approx([10, 15])
    assert found["n_event"].tolist() == [1, 0]


def test_who_was_there_before_the_watching_has_no_first_touch_that_is_known() -> None:
    journeys = lived([(0, 40), (1, 40)], began=[-50, 1], left=[90, None])
    found = touchpoint_hazard(
        journeys, churn=CHURN, start=START, windows_days=(5, 20), since="first", small_cell=1
    ).frame
    assert found["n"].tolist() == [1, 1]
    assert found["person_days"].tolist() == pytest.approx([5, 15])
    old = lived([(0, 40)], began=[-50], left=[90])
    with pytest.raises(DataError, match="whether a touch was their first is not known"):
        touchpoint_hazard(old, churn=CHURN, start=START, windows_days=(5,), since="first")


def test_a_window_is_open_at_the_touch_and_closed_at_its_end() -> None:
    journeys = lived([(0, 10), (1, 10)], began=[0, 0, 0], left=[15, 10, 90])
    found = touchpoint_hazard(
        journeys, churn=CHURN, start=START, windows_days=(5, 20), small_cell=1
    ).frame
    # Whoever left as they were touched had not been before; nobody was seen later than day 5.
    assert found["n_event"].iloc[0] == 1
    assert found["person_days"].iloc[0] == 5
    assert found.drop(columns=["touchpoint", "from_days", "to_days", "holds"]).iloc[1].isna().all()


def test_states_since_the_last_touch() -> None:
    """Touches at 0, 1, 1 and 9 of one customer, at 20 of another; windows (0, 2] and (2, 5]."""
    touches = Touches(np.array([0, 0, 0, 0, 1]), np.array([0, 1, 1, 9, 20]))
    found = since_touch(touches, np.array([0, 2, 5]))
    assert found.owner.tolist() == [0] * 7 + [1] * 3
    assert found.time.tolist() == [0, 1, 3, 6, 9, 11, 14, 20, 22, 25]
    assert np.cumsum(found.by)[:7].tolist() == [1, 1, 2, 0, 1, 2, 0]


def test_what_was_met_before_the_watching_is_not_known() -> None:
    """Those there before come under risk when the last window has passed: day 20, not day 0."""
    journeys = lived([(0, 5), (1, 40)], began=[-50, 10, -50], left=[22, None, None])
    found = touchpoint_hazard(
        journeys, churn=CHURN, start=START, windows_days=(10, 20), small_cell=1
    ).frame
    assert found["person_days"].tolist() == pytest.approx([10, 2 + 10])
    assert found["n_event"].tolist() == [0, 1]
    with pytest.raises(DataError, match="Nobody is watched for longer than 200 days"):
        touchpoint_hazard(
            lived([(0, 5)], [-5, -5], [None, 20]), churn=CHURN, start=START, windows_days=(200,)
        )


def test_a_bump_of_three_for_a_fortnight_is_found() -> None:
    """Of 1,000 such worlds every window's interval held the truth in 94.4 to 95.6 %."""
    journeys = made(3, customers=4_000, log_ratio=(np.log(3),), touched=0.008, hazard=0.003)
    found = touchpoint_hazard(journeys, churn=CHURN, start=START, windows_days=WINDOWS)
    frame = found.frame
    truth = np.array([3, 3, 3, 1, 1, 1])
    assert ((frame["ratio_low"] <= truth) & (truth <= frame["ratio_high"])).all()
    assert frame["holds"].tolist() == [True] * 3 + [False] * 3
    effect = found.effect("touch 0")
    assert (effect.direction, effect.until_days, effect.later) == ("raised", 14.0, ())
    assert effect.hazard_ratio == pytest.approx(3, rel=0.15)
    assert frame["estimate"].to_numpy() / frame["reference"].to_numpy() == pytest.approx(
        frame["hazard_ratio"].to_numpy()
    )
    assert "touch 0: raised, " in found.summary()
    assert "up to day 14" in found.summary()


def test_small_windows_are_empty() -> None:
    journeys = made(5, customers=60, touched=0.002, hazard=0.03)
    frame = touchpoint_hazard(journeys, churn=CHURN, start=START, windows_days=(0.5, 2, 30)).frame
    hidden = frame["n"].isna()
    assert hidden.any()
    assert frame.loc[hidden, ["n_event", "estimate", "hazard_ratio", "p_value"]].isna().all().all()
    assert not frame["holds"][hidden].any()


def test_the_exact_interval_is_garwoods() -> None:
    low, high = poisson_interval(np.array([0, 1, 10]), confidence=0.95)
    assert low.tolist() == pytest.approx([0, 0.025318, 4.795389], rel=1e-5)
    assert high.tolist() == pytest.approx([3.688879, 5.571643, 18.390356], rel=1e-6)


@pytest.fixture(scope="module")
def found() -> TouchpointHazard:
    journeys = made(2, log_ratio=(0.0, 1.0))
    return touchpoint_hazard(journeys, churn=CHURN, start=START, windows_days=(7, 14, 30))


def test_one_touchpoint_is_drawn_as_steps(found: TouchpointHazard) -> None:
    ax = found.of("touch 1").plot()
    frame = found.of("touch 1").frame
    estimate, reference = (patch for patch in ax.patches if isinstance(patch, StepPatch))
    values, edges, _ = estimate.get_data()
    assert values.tolist() == pytest.approx((1000 * frame["estimate"]).tolist())
    assert edges.tolist() == [0, 7, 14, 30]
    values, _, _ = reference.get_data()
    assert values.tolist() == pytest.approx((1000 * frame["reference"]).tolist())
    assert "touch 1" in ax.get_xlabel()


def test_several_are_drawn_as_ratios(found: TouchpointHazard) -> None:
    ax = found.plot()
    assert [text.get_text() for text in ax.get_yticklabels()] == ["touch 0", "touch 1"]
    legend = ax.get_legend()
    assert legend is not None
    assert len(legend.get_texts()) == 3


def test_what_is_asked_must_make_sense() -> None:
    journeys = made(1, customers=50)
    for wrong in ((), (3, 3), (7, 1)):
        with pytest.raises(ArgumentError, match="`windows_days` must be days that rise"):
            touchpoint_hazard(journeys, churn=CHURN, start=START, windows_days=wrong)
    with pytest.raises(ArgumentError, match="`windows_days` must be a number greater than 0"):
        touchpoint_hazard(journeys, churn=CHURN, start=START, windows_days=(0, 7))
    with pytest.raises(ArgumentError, match="`tenure_days` must be days that rise"):
        touchpoint_hazard(journeys, churn=CHURN, start=START, tenure_days=(7, 2))
    with pytest.raises(MappingError, match="Did you mean 'touch 0'"):
        touchpoint_hazard(journeys, churn=CHURN, start=START, touchpoints=["touch 9"])
    with pytest.raises(ArgumentError, match=r"it is what leaving is\. Name others"):
        touchpoint_hazard(journeys, churn=EndTouchpoint("touch 0"), touchpoints=["touch 0"])
    with pytest.raises(ArgumentError, match="'touch 0' cannot be judged: it is a sign of life"):
        touchpoint_hazard(journeys, churn=Inactivity(30), touchpoints=["touch 0"])
    with pytest.raises(MappingError, match="`touchpoint` names touchpoints that do not exist"):
        touchpoint_hazard(
            made(1, customers=300), churn=EndAttribute("left"), start=StartAttribute("began")
        ).of("call")
