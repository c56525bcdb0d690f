"""Who is on which rung of a ladder: by hand, and as the simulated world knows it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import journeykit as jk
from journeykit.errors import ArgumentError, DataError, JourneyKitError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.simulate.world import world
from journeykit.stages import Ladder, follow

NAMES = ("buy", "demo", "web")
RUNGS: dict[str, dict[str, object]] = {
    "looking": {"touchpoints": ["web"]},
    "trying": {"touchpoints": ["demo"]},
    "customer": {"touchpoints": ["buy"], "holds": True},
    "loyal": {"after": "customer", "after_days": 30, "holds": True},
}
LOOKING = {"looking": RUNGS["looking"]}
OTHER = {"aware": ("looking", "trying"), "won": ("customer", "loyal")}


def journeys(*events: tuple[int, float, str], days: float = 100, **more: object) -> Journeys:
    """Customers watched from day 0, with (customer, day, touchpoint) in order."""
    who = np.array([event[0] for event in events])
    n = int(who.max()) + 1
    return Journeys(
        names=NAMES,
        touchpoint=np.array([NAMES.index(event[2]) for event in events], dtype=np.uint8),
        start=np.searchsorted(who, np.arange(n + 1)),
        time=np.array([round(event[1] * DAY) for event in events]),
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, round(days * DAY)),
        **more,  # type: ignore[arg-type]
    )


def stays(made: Journeys, ladder: Ladder, *, other: bool = False) -> list[tuple[int, str, float]]:
    """Customer, stage and day of coming, rounded."""
    frame = follow(made, ladder, other=other).frame
    day = (frame["origin_time"] - pd.Timestamp(0, tz="UTC")) / pd.Timedelta("1D")
    found = zip(frame["customer_id"], frame["source"], day + frame["start_days"], strict=True)
    return [(who, str(stage), round(time, 6)) for who, stage, time in found]


def test_up_back_past_and_held_worked_by_hand() -> None:
    made = journeys(
        (0, 1, "web"), (0, 5, "demo"), (0, 8, "web"), (0, 9, "buy"), (0, 20, "web"),
        (1, 2, "demo"), (1, 3, "demo"),
        (2, 4, "buy"), (2, 60, "buy"),
    )  # fmt: skip
    assert stays(made, Ladder(rungs=RUNGS)) == [
        # A step up, one back, a skip; the visit on day 20 is one of a customer.
        (0, "looking", 1), (0, "trying", 5), (0, "looking", 8), (0, "customer", 9),
        (0, "loyal", 39),
        (1, "trying", 2),
        # The second purchase neither begins the thirty days anew nor ends being loyal.
        (2, "customer", 4), (2, "loyal", 34),
    ]  # fmt: skip


def test_a_stage_that_does_not_hold_is_left_again() -> None:
    rungs = {stage: {**rung, "holds": False} for stage, rung in RUNGS.items()}
    made = journeys((0, 1, "buy"), (0, 2, "web"), (0, 40, "demo"))
    assert stays(made, Ladder(rungs=rungs)) == [
        (0, "customer", 1), (0, "looking", 2), (0, "loyal", 31), (0, "trying", 40),
    ]  # fmt: skip


def test_no_days_run_from_what_is_no_entry() -> None:
    """The visit of day 5 is one of a customer, so thirty days after it mean nothing."""
    rungs = {name: RUNGS[name] for name in ("looking", "customer")}
    rungs["loyal"] = {"after": "looking", "after_days": 30}
    made = journeys((0, 1, "buy"), (0, 5, "web"), (1, 1, "web"), (1, 5, "buy"))
    assert stays(made, Ladder(rungs=rungs)) == [
        (0, "customer", 1), (1, "looking", 1), (1, "customer", 5), (1, "loyal", 31),
    ]  # fmt: skip


def test_of_several_at_one_instant_the_highest_counts() -> None:
    made = journeys((0, 1, "buy"), (0, 1, "demo"), (0, 1, "web"))
    followed = follow(made, Ladder(rungs=RUNGS))
    assert followed.frame["source"].tolist() == ["customer", "loyal"]
    # The others were passed in no time only where they would have counted: nobody falls back.
    assert followed.n_instant == 0


def test_the_time_of_an_attribute_is_an_entry() -> None:
    ladder = Ladder(rungs={**LOOKING, "subscriber": {"attribute": "contract", "holds": True}})
    contract = pa.table({"contract": pa.array([3 * DAY, None, -5 * DAY], type=pa.timestamp("us"))})
    made = journeys((0, 1, "web"), (0, 6, "web"), (1, 2, "web"), (2, 4, "web"), attributes=contract)
    # The third came into it before the watching began, and is seen there from then on.
    assert stays(made, ladder) == [
        (0, "looking", 1), (0, "subscriber", 3), (1, "looking", 2), (2, "subscriber", 0),
    ]  # fmt: skip


def test_a_history_draws_hidden_counts_as_not_shown() -> None:
    stage = ["web"] * 30 + ["demo"] * 25 + ["buy"] * 2
    made = journeys(*((who, 1, name) for who, name in enumerate(stage)))
    census = follow(made, Ladder(rungs=RUNGS)).on(["1970-01-05", "1970-01-08"])
    n = census.frame["n"].dropna()
    drawn = census.history().collections
    # Hidden is not none: all 57 are in the picture, on both days.
    assert len(n) < len(census.frame)
    assert max(layer.get_paths()[0].vertices[:, 1].max() for layer in drawn) == pytest.approx(57)


def test_the_second_ladder_is_made_of_the_first() -> None:
    made = journeys((0, 1, "web"), (0, 5, "demo"), (0, 8, "web"), (0, 9, "buy"))
    ladder = Ladder(rungs=RUNGS, other=OTHER)
    assert stays(made, ladder, other=True) == [(0, "aware", 1), (0, "won", 9)]


@pytest.mark.filterwarnings("ignore:.*devices with an outcome are linked")
def test_the_ladders_share_their_totals() -> None:
    demo = jk.load_study("demo")
    made, ladder = demo.journeys(), demo.model.stages
    assert ladder is not None
    dates = ["2024-06-01", "2025-01-01", "2025-12-31"]
    one, two = (
        follow(made, ladder, other=other)
        .on(dates, small_cell=1)
        .frame.pivot_table(index="event_time", columns="state", values="n")
        for other in (False, True)
    )
    for stage, made_of in ladder.other.items():
        assert one[list(made_of)].sum(axis=1).tolist() == two[stage].tolist()
    assert one.loc[:, "retention"].iloc[-1] > 100


def test_the_replay_is_what_the_world_knows() -> None:
    """Every week, stage and move of those who entered inside the window, to the customer."""
    made = world(
        customers=1_500,
        seed=5,
        parts=("stages", "orders", "ladder", "purchases"),
        settings={"population.dropout_a_year": 0.2},
    )
    truth, ladder = made.truth["ladder"], jk.load_study("demo").model.stages
    assert ladder is not None
    entry = made.tables["customers"]["entry_time"].to_numpy()
    inside = made.tables["customers"]["customer_id"].to_numpy()[
        entry >= entry.dtype.type("2024-01-01")
    ]
    whole = made.journeys()
    chosen = whole.take(np.isin(whole.customer_id.to_numpy(zero_copy_only=False), inside))
    followed = follow(chosen, ladder)
    weeks = pd.date_range("2024-01-08", periods=104, freq="7D")
    told = followed.on([str(week) for week in weeks], small_cell=1).frame
    n = told.pivot_table(index="event_time", columns="state", values="n")
    assert {stage: n[stage].tolist() for stage in truth.occupancy_entered_inside} == (
        truth.occupancy_entered_inside
    )
    climbed = followed.transitions(small_cell=1).frame.groupby(["source", "target"])["n"].sum()
    rung = ladder.stages
    for move in ("0-1", "0-2", "1-0", "1-2", "2-1"):
        source, target = rung[int(move[0])], rung[int(move[2])]
        assert climbed[source, target] == sum(by[move] for by in truth.moves.values())


@pytest.mark.parametrize(
    ("rungs", "other", "said"),
    [
        (LOOKING, {}, "at least 2"),
        ({**LOOKING, "b": {}}, {}, "`touchpoints`, `attribute` or `after`, one of them"),
        ({**LOOKING, "b": {"after": "looking"}}, {}, "`after` and `after_days` together"),
        ({**LOOKING, "b": {"after": "lokking", "after_days": 1}}, {}, "mean 'looking'"),
        (RUNGS, {"aware": ["looking"]}, "made of all stages.*got looking"),
    ],
)
def test_ladders_that_are_none(
    rungs: dict[str, dict[str, object]], other: dict[str, list[str]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Ladder(rungs=rungs, other=other)


def test_what_cannot_be_followed() -> None:
    made = journeys((0, 1, "web"))
    with pytest.raises(ArgumentError, match="`other` needs a ladder with a second one"):
        follow(made, Ladder(rungs=RUNGS), other=True)
    with pytest.raises(MappingError, match="'shop'"):
        follow(made, Ladder(rungs={**LOOKING, "b": {"touchpoints": ["shop"]}}))
    with pytest.raises(DataError, match="Nobody is left to follow: nothing ever leads"):
        follow(made, Ladder(rungs={name: RUNGS[name] for name in ("trying", "customer")}))
    with pytest.raises(JourneyKitError, match="`follow`"):
        follow(made.outcomes(conversion=["buy"], lookback_days=3), Ladder(rungs=RUNGS))
