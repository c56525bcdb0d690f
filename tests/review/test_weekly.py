"""What follows what by week, counted by hand and against a slow count."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from journeykit.errors import DataError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.review.weekly import (
    NOTHING,
    OTHER,
    Rare,
    exposed_days,
    groups_of,
    stage_cells,
    step_cells,
    whole_periods,
)
from journeykit.stages import Ladder

NAMES = ("a", "b", "c")
#: The first Monday of 1970.
MONDAY = 4
WEEKS = 6


def customers(*lives: list[tuple[str, float]], weeks: int = WEEKS) -> Journeys:
    events = [(NAMES.index(name), day) for life in lives for name, day in life]
    window = (MONDAY * DAY, (MONDAY + 7 * weeks) * DAY)
    return Journeys(
        names=NAMES,
        touchpoint=np.array([code for code, _ in events], dtype=np.uint8),
        start=np.cumsum([0, *map(len, lives)]),
        time=np.array([round((MONDAY + day) * DAY) for _, day in events], dtype=np.int64),
        observed_from=np.full(len(lives), window[0]),
        observed_to=np.full(len(lives), window[1]),
        window=window,
        attributes=pa.table({"kind": ["x"] * len(lives)}),
    )


def random_lives(seed: int, n: int = 40) -> list[list[tuple[str, float]]]:
    random = np.random.default_rng(seed)
    return [
        [
            (NAMES[random.integers(3)], float(day))
            for day in np.sort(random.uniform(0, 7 * WEEKS, random.integers(0, 60)))
        ]
        for _ in range(n)
    ]


def test_steps_agree_with_a_slow_count() -> None:
    lives = random_lives(1)
    made = customers(*lives)
    spans = whole_periods(made, unit="week", time_zone="UTC", within_days=1)
    # A day after the last week nobody is watched.
    assert len(spans) == WEEKS - 1
    cells = step_cells(made, spans, within_days=1, rare=Rare(1, 1), seed=0)
    expected: dict[tuple[int, str, str], int] = {}
    for life in lives:
        for place, (name, day) in enumerate(life):
            after = life[place + 1] if place + 1 < len(life) else None
            target = after[0] if after and after[1] - day <= 1 else NOTHING
            week = int(day // 7)
            if week < WEEKS - 1:
                key = (week, name, target)
                expected[key] = expected.get(key, 0) + 1
    found = cells.x.sum(axis=0)
    for cell, (source, target) in enumerate(zip(cells.source, cells.target, strict=True)):
        for week in range(WEEKS - 1):
            assert found[week, cell] == expected.get((week, source, target), 0)
    n = cells.n.sum(axis=0)
    for source, row in dict(zip(cells.source, cells.row.tolist(), strict=True)).items():
        for week in range(WEEKS - 1):
            assert n[week, row] == sum(
                count for (w, s, _), count in expected.items() if (w, s) == (week, source)
            )


def test_rare_ways_are_put_together_and_nothing_is_lost() -> None:
    lives = [[("a", 1.0), ("b", 1.5)]] * 20 + [[("a", 1.0), ("c", 1.5)]] * 3
    lives += [[("a", 1.0)]] * 12 + [[("a", 1.0), ("a", 1.2)]] * 2
    lives += [[("c", 10.0)]]
    made = customers(*lives, weeks=2)
    spans = whole_periods(made, unit="week", time_zone="UTC", within_days=1)
    assert len(spans) == 1
    cells = step_cells(made, spans, within_days=1, rare=Rare(1, 10), seed=0)
    counts = dict(
        zip(zip(cells.source, cells.target, strict=True), cells.x.sum((0, 1)).tolist(), strict=True)
    )
    assert counts == {("a", "b"): 20, ("a", NOTHING): 14}
    lower = step_cells(made, spans, within_days=1, rare=Rare(1, 5), seed=0)
    assert ("a", OTHER) in zip(lower.source, lower.target, strict=True)
    assert lower.x.sum() == lower.n.sum() == 39


def test_groups_hold_whole_customers_and_are_equal() -> None:
    made = customers(*[[("a", 1.0)]] * 250)
    group = groups_of(made, 3)
    assert sorted(np.bincount(group).tolist()) == [2] * 50 + [3] * 50
    assert (group == groups_of(made, 3)).all()
    assert groups_of(made.take(np.arange(5)), 3).max() == 4


def test_days_are_shared_out_by_weeks() -> None:
    spans = whole_periods(customers(*random_lives(1)), unit="week", time_zone="UTC")
    random = np.random.default_rng(5)
    begin = np.sort(random.uniform(-5, 50, (80, 2)), axis=1)
    code = random.integers(0, 3, 80)
    times = np.rint((MONDAY + begin) * DAY).astype(np.int64)
    found = exposed_days(code, times[:, 0], times[:, 1], 3, spans)
    for which in range(3):
        for week in range(len(spans)):
            low, high = spans.edge[week], spans.edge[week + 1]
            own = times[code == which]
            inside = np.clip(np.minimum(own[:, 1], high) - np.maximum(own[:, 0], low), 0, None)
            assert found[which, week] == pytest.approx(inside.sum() / DAY)


def test_days_in_stages_add_up_and_moves_are_counted() -> None:
    made = customers(*random_lives(2, 60))
    ladder = Ladder.model_validate(
        {"rungs": {"low": {"touchpoints": ["a"]}, "high": {"touchpoints": ["b"]}}}
    )
    spans = whole_periods(made, unit="week", time_zone="UTC")
    cells = stage_cells(made, spans, ladder=ladder, rare=Rare(1, 1), seed=0)
    assert set(zip(cells.source, cells.target, strict=True)) == {("low", "high"), ("high", "low")}
    from journeykit.stages import follow

    stays = follow(made, ladder).frame
    for cell, source in enumerate(cells.source):
        mine = stays[stays["source"] == source]
        days = (mine["stop_days"] - mine["start_days"]).sum()
        assert cells.n[:, :, cell].sum() == pytest.approx(days)
        assert cells.x[:, :, cell].sum() == mine["target"].notna().sum()


def test_what_cannot_be_counted_is_told() -> None:
    made = customers(*random_lives(1), weeks=6)
    with pytest.raises(DataError, match="cover no whole month"):
        whole_periods(made.take(np.arange(3)), unit="month", time_zone="UTC")
    spans = whole_periods(made, unit="week", time_zone="UTC")
    bare = made.replace(observed_to=None, observed_from=None)
    with pytest.raises(NotObservedError, match="until when"):
        step_cells(bare, spans, within_days=1, rare=Rare(1, 1), seed=0)
