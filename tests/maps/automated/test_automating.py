"""Automation: shares by hand, effects inside strata, and no effect out of Simpson's paradox."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.maps import Automation, automation
from journeykit.study import Catalogue
from journeykit.study.catalogue import Touchpoint
from journeykit.study.models import Ladder

NAMES = ("buy", "call", "early", "late")
LADDER = Ladder(rungs={"early": {"touchpoints": ["early"]}, "late": {"touchpoints": ["late"]}})
CATALOGUE = Catalogue(
    {name: Touchpoint(name, channel="web" if name == "buy" else "phone") for name in NAMES}
)


def made(events: list[tuple[int, float, str, object]], *, days: float = 200) -> Journeys:
    """Journeys from (customer, day, touchpoint, actor)."""
    events = sorted(events, key=lambda event: event[:2])
    n = events[-1][0] + 1
    return Journeys(
        names=NAMES,
        touchpoint=np.array([NAMES.index(name) for _, _, name, _ in events], dtype=np.uint8),
        start=np.searchsorted([event[0] for event in events], np.arange(n + 1)),
        time=np.array([round(event[1] * DAY) for event in events], dtype=np.int64),
        columns={"actor": np.array([event[3] for event in events], dtype=object)},
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, round(days * DAY)),
        window=(0, round(days * DAY)),
    )


def calls(rng: np.random.Generator, n: int = 1500, *, effect: float = 0.0) -> Journeys:
    """Calls in two stages; machines answer mostly in the late one, where most buy anyway."""
    events: list[tuple[int, float, str, object]] = []
    for who in range(n):
        late = rng.random() < 0.5
        day = 10 + rng.random() * 20
        events.append((who, 1.0, "late" if late else "early", "customer"))
        machine = rng.random() < (0.8 if late else 0.2)
        events.append((who, day, "call", "automatic" if machine else "human"))
        if rng.random() < (0.6 if late else 0.2) + effect * machine:
            events.append((who, day + rng.random() * 9, "buy", "customer"))
    return made(events)


def of(journeys: Journeys, **given: object) -> Automation:
    defaults: dict[str, object] = {
        "actor": "actor", "ladder": LADDER, "outcome": ["buy"], "horizon_days": 10,
    }  # fmt: skip
    return automation(journeys, CATALOGUE, **(defaults | given))  # type: ignore[arg-type]


def test_shares_by_hand() -> None:
    journeys = made(
        [
            (0, 1, "early", "customer"), (0, 2, "call", "automatic"), (0, 3, "call", "human"),
            (0, 4, "late", "human"), (0, 5, "call", None), (1, 1, "call", "bot"),
            (1, 2, "buy", "customer"),
        ]
    )  # fmt: skip
    found = automation(journeys, CATALOGUE, actor="actor", ladder=LADDER, small_cell=1)
    frame = found.frame.set_index(["level", "name", "actor"])
    assert found.n_unknown == 1
    assert frame.loc[("all", "(all)", "automated"), ["n", "n_event"]].tolist() == [6, 2]
    assert frame.loc[("touchpoint", "call", "automated"), "estimate"] == pytest.approx(2 / 3)
    assert frame.loc[("channel", "web", "customer"), "estimate"] == 1
    # What leads to a stage still finds the customer in the one before.
    before = frame.loc[("stage", "(no stage yet)", "automated")]
    assert before[["n", "n_event"]].tolist() == [3, 1]
    assert frame.loc[("stage", "early", "human"), ["n", "n_event"]].tolist() == [3, 2]
    sums = found.frame.groupby(["level", "name"])["estimate"].sum()
    assert sums.to_numpy() == pytest.approx(1)
    assert len(found.outcomes) == 0
    found.plot().figure.draw_without_rendering()
    found.plot_outcomes().figure.draw_without_rendering()


def test_a_difference_inside_a_stratum_by_hand() -> None:
    events: list[tuple[int, float, str, object]] = []
    for who in range(40):
        machine, buys = who < 20, who % 4 == 0 or 16 <= who < 20
        events.append((who, 10, "call", "automatic" if machine else "human"))
        if buys:
            events.append((who, 12, "buy", "customer"))
    row = of(made(events), ladder=None).outcomes.set_index("name").loc["call"]
    assert row[["n_exposed", "n_event", "n_compared", "n_alone"]].tolist() == [20, 8, 20, 0]
    assert row["estimate"] == pytest.approx(8 / 20 - 5 / 20)
    assert row["crude"] == pytest.approx(row["estimate"])


def test_no_effect_comes_of_different_stages() -> None:
    rng = np.random.default_rng(0)
    flagged, crude = [], []
    for _ in range(40):
        row = of(calls(rng, 500)).outcomes.iloc[0]
        flagged.append(row["verdict"] != "no difference found")
        crude.append(row["crude"])
    assert min(crude) > 0.05  # the trap is one
    assert sum(flagged) <= 6  # of 40 at a level of .05, 7 or more come once in 600


def test_an_effect_is_found_against_the_plain_difference() -> None:
    found = of(calls(np.random.default_rng(1), effect=-0.12))
    row = found.outcomes.iloc[0]
    assert row["crude"] > 0.05
    assert row["verdict"] == "fewer after machines"
    assert row["conf_low"] < -0.12 < row["conf_high"]
    assert "fewer after machines" in found.summary()
    found.plot_outcomes().figure.draw_without_rendering()
    assert of(calls(np.random.default_rng(1)), within="channel").outcomes["name"].tolist() == [
        "(all)", "phone",
    ]  # fmt: skip


def test_an_attribute_ends_the_risk() -> None:
    events: list[tuple[int, float, str, object]] = [
        (who, 20 + who % 3, "call", "automatic" if who % 2 else "human") for who in range(60)
    ]
    end = np.where(np.arange(60) % 4 < 2, 25.0, np.nan)
    end[:8] = 5.0  # gone before the call
    begin = np.where(np.arange(60) >= 56, np.nan, 0.0)  # never had a contract
    journeys = made(events).replace(
        attributes=pa.table({"end": _days(end), "begin": _days(begin)}),
        observed_to=np.where(np.isnan(end), 200.0, end).astype(np.int64) * DAY,
    )
    found = of(journeys, ladder=None, outcome="end", at_risk_from="begin", small_cell=1)
    row = found.outcomes.iloc[0]
    assert row["n_exposed"] + row["n_compared"] == 48
    # Their watching ends with the contract, and yet the end is known.
    assert found.n_censored == 0
    assert row["n_event"] == 12


def _days(days: np.ndarray) -> pa.Array:
    return pa.array(
        [None if np.isnan(day) else round(day * DAY) for day in days], pa.timestamp("us", "UTC")
    )


def test_what_is_not_watched_is_counted() -> None:
    events: list[tuple[int, float, str, object]] = [
        (who, 10 if who < 30 else 195, "call", "automatic" if who % 2 else "human")
        for who in range(40)
    ]
    found = of(made(events), ladder=None)
    assert found.n_censored == 10
    assert found.outcomes["n_exposed"].iloc[0] == 15
    few = of(made(events), ladder=None, small_cell=20).outcomes
    assert few["verdict"].tolist() == ["cannot tell", "cannot tell"]


def test_what_is_wrong_is_said() -> None:
    journeys = made([(0, 1, "call", "robot"), (0, 2, "call", "human")])
    with pytest.raises(
        DataError, match="words that `words` does not explain, in 1 events: 'robot'"
    ):
        of(journeys)
    with pytest.raises(MappingError, match="`actor` names event columns that do not exist"):
        of(journeys, actor="who")
    with pytest.raises(ArgumentError, match="`words` must be one of 'automated', 'human'"):
        of(journeys, words={"robot": "machine", "human": "human"})
    plain = made([(0, 1, "call", "human")])
    with pytest.raises(MappingError, match="`outcome` names touchpoints that do not exist: 'by'"):
        of(plain, outcome=["by"])
    with pytest.raises(ArgumentError, match="`horizon_days` must be a number greater than 0"):
        of(plain, horizon_days=None)
    with pytest.raises(MappingError, match="only with a catalogue"):
        automation(plain, actor="actor", within="channel")
    with pytest.raises(DataError, match="nothing says who acted"):
        of(made([(0, 1, "call", None)]))
