from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.report import PathsParameters
from journeykit.study import Study, load_study

NAMES = ("buy", "in `store`", "mail", "visit")
JOURNEYS = Journeys(
    names=NAMES,
    touchpoint=np.array([3, 0, 2, 1], dtype=np.uint8),
    start=np.array([0, 2, 4]),
    time=np.array([0, 1, 0, 5]) * DAY,
    window=(0, 10 * DAY),
    attributes=pa.table({"tier": ["gold", "iron"], "one": ["x", "x"]}),
)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    (tmp_path / "study.yaml").write_text(
        "name: t\nevents: {source: e, customer: c, time: t, touchpoint: p}\n"
        "outcome: {conversions: [buy, ordered], lookback_days: 12}\n"
    )
    return load_study(tmp_path)


def of(**given: object) -> PathsParameters:
    return PathsParameters.of({"study": "x", **given})


def test_success_is_the_study_s_or_what_is_asked_for(study: Study) -> None:
    # `ordered` is a conversion that nobody made here.
    assert of().goals(study, JOURNEYS) == ["buy"]
    assert of(outcome="mail | `in ``store```").goals(study, JOURNEYS) == ["in `store`", "mail"]
    assert of(outcome="!(mail | visit)").goals(study, JOURNEYS) == ["buy", "in `store`"]


def test_the_funnel_is_read_from_its_text_or_leads_to_success(study: Study) -> None:
    assert of(steps="visit | mail >> buy").funnel_steps(["buy"]) == ("visit | mail", "buy")
    assert of().funnel_steps(["buy", "in `store`"]) == (
        "!(`buy` | `in ``store```)", "`buy` | `in ``store```",
    )  # fmt: skip


def test_the_window_is_the_look_back_unless_given(study: Study) -> None:
    assert of().window_days(study) == 12
    assert of(window="3").window_days(study) == 3


def test_whom_to_compare() -> None:
    assert of(group="tier").sides(JOURNEYS) == {"by": "tier", "groups": ["gold", "iron"]}
    assert of(group="one").sides(JOURNEYS) == {}
    assert of().sides(JOURNEYS) == {
        "periods": [("1970-01-01", "1970-01-06"), ("1970-01-06", "1970-01-11")]
    }
    assert of(month="2026-03").sides(JOURNEYS) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"outcome": "bui"}, "`outcome`: There is no touchpoint 'bui'. Did you mean 'buy'?"),
        ({"anchor": "visit >> (mail"}, "`anchor`: "),
        ({"steps": "visit >> bui"}, "`steps`: There is no touchpoint 'bui'."),
        ({"steps": "visit"}, "`steps` must be at least two touchpoints with `>>` between"),
        ({"steps": "visit > buy"}, "`steps` must be at least two touchpoints with `>>` between"),
        ({"steps": "visit >> [7d] buy"}, "their time is `window`; got 'visit >> [7d] buy'."),
        ({"steps": "visit+ >> buy"}, "`steps` must be at least two"),
        ({"steps": "^ visit >> buy"}, "`steps` must be at least two"),
        ({"group": "teir"}, "`group` names an attribute that does not exist: 'teir'. Did you mean"),
    ],
)
def test_what_does_not_suit_is_said_before_anything_runs(
    given: dict[str, object], message: str, study: Study
) -> None:
    plain = study.model.outcome
    assert plain is not None
    found = [
        said for said in of(**given).unsuited(study, JOURNEYS) if "outcome.conversions" not in said
    ]
    assert len(found) == 1
    assert message in found[0]
