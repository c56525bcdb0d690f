from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from journeykit.simulate.parts.clock import Clock, Raise
from journeykit.simulate.parts.ladder import LADDER
from journeykit.simulate.parts.spells import Spells
from journeykit.simulate.parts.stages import MOVES
from journeykit.simulate.world import World
from tests.simulate.parts.worlds import customers_of, days_of, made, persons_of

N = 12_000
SEGMENTS = ("household", "landlord", "business", "senior")


@cache
def usual() -> World:
    return made("ladder", N)


def met(world: World, touchpoint: str) -> tuple[np.ndarray, np.ndarray]:
    chosen = np.array(world.events["touchpoint"].to_pylist()) == touchpoint
    return persons_of(world)[chosen], days_of(world.events["event_time"])[chosen]


def test_moves_agree_with_the_hazards() -> None:
    """About 25,000 moves in 20 cells; a hazard 10 % off gives |z| > 9 in the largest."""
    truth = usual().truth["stages"]
    z = [
        (truth.moves[segment][move] - expected) / np.sqrt(expected)
        for segment in SEGMENTS
        for move in MOVES
        if (expected := truth.hazard[segment][move] * truth.weighted_days_at_risk[segment][move])
    ]
    assert len(z) == 20
    assert np.abs(z).max() < 4
    assert 8 < np.square(z).sum() < 45.3  # chi-square with 20 degrees of freedom, 0.1 to 99.9 %


@pytest.mark.parametrize(
    ("mover", "move", "days", "segments", "log_ratio"),
    [
        ("call_sales", "1-2", 10, SEGMENTS, 0.8),
        ("tradeshow_scan", "0-1", 14, ("business",), 1.0),
        ("tradeshow_scan", "0-1", 14, ("household", "landlord", "senior"), 0.0),
        ("networking_contact", "0-1", 14, SEGMENTS, 0.0),
    ],
)
def test_movers_raise_their_hazard_as_seen_from_outside(
    mover: str, move: str, days: float, segments: tuple[str, ...], log_ratio: float
) -> None:
    """Moves by day inside and outside the windows, counted from tables on a grid of half days."""
    world = usual()
    table = world.hidden["stages"]
    who, time = customers_of(table["customer_id"]), days_of(table["entered_time"])
    stage = table["stage"].to_numpy()
    segment = np.array(world.tables["customers"]["segment"].to_pylist())
    spells = Spells.of(who, stage, time, last=731.0)
    source, target = int(move[0]), int(move[2])
    keep = (spells.state == source) & np.isin(segment[spells.who], segments) & (spells.end > 20)
    goes = np.zeros(len(who), dtype=bool)
    goes[:-1] = (who[1:] == who[:-1]) & (stage[1:] == target)
    spells, goes = spells.keep(keep), goes[keep]
    begin = np.maximum(spells.begin, 20.0)
    met_by, met_at = met(world, mover)
    key = met_by * 10_000 + met_at + 1_000
    at = np.searchsorted(key, spells.who * 10_000 + spells.end + 1_000) - 1
    recent = (at >= 0) & (met_by[at] == spells.who) & (spells.end - met_at[at] <= days)
    moved_inside = int((goes & recent).sum())
    grid = np.arange(20.0, 731.0, 0.5)
    inside = outside = 0.0
    for moment in grid:
        there = np.flatnonzero((begin <= moment) & (moment < spells.end))
        last = np.searchsorted(key, spells.who[there] * 10_000 + moment + 1_000) - 1
        near = (last >= 0) & (met_by[last] == spells.who[there]) & (moment - met_at[last] <= days)
        inside += 0.5 * near.sum()
        outside += 0.5 * (~near).sum()
    rates = moved_inside / inside, (goes.sum() - moved_inside) / outside
    z = (np.log(rates[0] / rates[1]) - log_ratio) / np.sqrt(1 / moved_inside)
    assert moved_inside > 30
    assert abs(z) < 4
    if log_ratio:
        assert np.log(rates[0] / rates[1]) > 5 / np.sqrt(moved_inside)


def test_waiting_in_familiarity_is_exponential() -> None:
    """Half of the first waits are over at log 2 / hazard: n about 3,000, sd 0.009."""
    world = made("ladder", 5_000, {"population.segments": {"household": 1}})
    table = world.hidden["stages"]
    who, time = customers_of(table["customer_id"]), days_of(table["entered_time"])
    first = np.flatnonzero(np.diff(who, prepend=-1))
    entered = time[first]
    left = np.full(len(first), np.inf)
    goes = np.flatnonzero(np.append(np.diff(first), len(who) - first[-1]) > 1)
    left[goes] = time[first[goes] + 1]
    early = entered < 731 - np.log(2) / 0.005
    over = left[early] - entered[early] < np.log(2) / 0.005
    assert abs(over.mean() - 0.5) < 4 * 0.5 / np.sqrt(early.sum())


def test_everyone_begins_at_zero_and_moves_are_lawful() -> None:
    table = usual().hidden["stages"]
    who, time = customers_of(table["customer_id"]), days_of(table["entered_time"])
    stage = table["stage"].to_numpy()
    first = np.flatnonzero(np.diff(who, prepend=-1))
    entry = days_of(usual().tables["customers"]["entry_time"])
    assert who[first].tolist() == list(range(N))
    assert (stage[first] == 0).all()
    assert time[first] == pytest.approx(entry)
    same = np.diff(who) == 0
    steps = {f"{a}-{b}" for a, b in zip(stage[:-1][same], stage[1:][same], strict=True)}
    assert steps == set(MOVES)
    assert (np.diff(time)[same] > 0.9 / 86_400).all()


def test_a_mover_at_zero_leaves_the_rest_as_it_was() -> None:
    world = made("ladder", 3_000)
    null = world.null("stages.log_hazard_ratio.tradeshow_scan")
    business = np.array(world.tables["customers"]["segment"].to_pylist()) == "business"
    paths = []
    for one in (world, null):
        table = one.hidden["stages"]
        inside = business[customers_of(table["customer_id"])]
        rows = table.to_pylist()
        paths.append(
            [[row for row, chosen in zip(rows, inside, strict=True) if chosen is is_in]
             for is_in in (np.False_, np.True_)]
        )  # fmt: skip
    assert paths[0][0] == paths[1][0]
    assert paths[0][1] != paths[1][1]
    truth = null.truth["stages"]
    business_days = truth.days_at_risk["business"]["0-1"]
    assert truth.weighted_days_at_risk["business"]["0-1"] == pytest.approx(business_days)


def test_without_rates_and_hazards_nothing_happens() -> None:
    world = made("ladder", 500).null("stages.rate", "stages.hazard", "orders.rate")
    assert world.hidden["stages"].num_rows == 500
    names = set(world.events["touchpoint"].to_pylist())
    assert names == {"view_microsite"}


def test_replayed_occupancy_is_the_truth() -> None:
    """A rule on events gives the stages of all who entered inside, to the customer and week."""
    world = made("ladder", 4_000, {"population.dropout_a_year": 0.2})
    entry = days_of(world.tables["customers"]["entry_time"])
    out = np.nan_to_num(days_of(world.tables["customers"]["exit_time"]), nan=731.0)
    who, time = persons_of(world), days_of(world.events["event_time"])
    rule = {"view_microsite": 0, "whitepaper_download": 1, "contact_form": 2, "thank_you_page": 3}
    stage = np.array([rule.get(name, -1) for name in world.events["touchpoint"].to_pylist()])
    replayed = np.zeros((104, 5), dtype=int)
    for week in range(104):
        moment = 7.0 * (week + 1)
        seen = (stage >= 0) & (time < moment)
        last = np.full(world.customers, -1)
        last[who[seen]] = stage[seen]  # events are sorted, so the last one stays
        ordered = np.full(world.customers, np.inf)
        orders = (stage == 3) & (time < moment)
        ordered[who[orders]] = time[orders]
        last[ordered + 30 < moment - 1e-9] = 4
        there = (entry >= 0) & (entry < moment) & (out >= moment)
        assert (last[there] >= 0).all()
        replayed[week] = np.bincount(last[there], minlength=5)
    truth = world.truth["ladder"].occupancy_entered_inside
    assert {name: replayed[:, k].tolist() for k, name in enumerate(LADDER)} == truth
    assert min(replayed[-1]) > 50


def test_ladder_counts_what_stages_say_up_to_the_first_order() -> None:
    """Moves, days and conversions of those who entered inside, from the hidden path by hand."""
    world = made("ladder", 1_500)
    truth = world.truth["ladder"]
    rows = world.hidden["stage_path"].to_pylist()
    customers = {row["customer_id"]: row for row in world.tables["customers"].to_pylist()}
    begin = customers["C0000000"]["entry_time"].replace(year=2024, month=1, day=1)
    begin = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    moves = {segment: dict.fromkeys(MOVES, 0) for segment in SEGMENTS}
    sold = {segment: dict.fromkeys(LADDER[:3], 0) for segment in SEGMENTS}
    days = {segment: dict.fromkeys(LADDER, 0.0) for segment in SEGMENTS}
    for row, after in zip(rows, [*rows[1:], {"customer_id": None}], strict=True):
        customer = customers[row["customer_id"]]
        if customer["entry_time"] < begin:
            continue
        segment, stage, end = customer["segment"], row["stage"], 731.0
        if after["customer_id"] == row["customer_id"]:
            end = (after["entered_time"] - begin).total_seconds() / 86_400
            if after["stage"] == "conversion":
                sold[segment][stage] += 1
            elif after["stage"] != "retention":
                moves[segment][f"{LADDER.index(stage)}-{LADDER.index(after['stage'])}"] += 1
        days[segment][stage] += end - (row["entered_time"] - begin).total_seconds() / 86_400
    assert moves == truth.moves
    assert sold == truth.conversions
    assert all(days[name] == pytest.approx(truth.days[name]) for name in SEGMENTS)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = made("ladder", 700)
    monkeypatch.setattr("journeykit.simulate.world.BLOCK", 111)
    parts = made("ladder", 700)
    for name in ("stages", "stage_path"):
        assert whole.hidden[name].to_pylist() == parts.hidden[name].to_pylist()
    assert whole.events.to_pylist() == parts.events.to_pylist()
    assert whole.truth["ladder"].occupancy == parts.truth["ladder"].occupancy


def test_clock_worked_by_hand() -> None:
    """Two touches of factor 2, ten days each, five days apart: 2 from 10, 4 from 15, 2 from 20."""
    felt = Raise(np.array([0, 0]), np.array([10.0, 15.0]), np.log([2.0, 2.0]), 10.0)
    clock = Clock.of(np.array([0.0, 5.0]), [felt])
    nobody = np.zeros(6, dtype=np.int64)
    times = np.array([0.0, 10.0, 15.0, 20.0, 25.0, 30.0])
    passed = [0.0, 10.0, 20.0, 40.0, 50.0, 55.0]
    assert clock.at(nobody, times) == pytest.approx(passed)
    assert clock.after(nobody, np.zeros(6), np.array(passed)) == pytest.approx(times)
    assert clock.after(np.array([1]), np.array([7.0]), np.array([3.0])) == pytest.approx([10.0])
    assert np.isinf(clock.after(np.array([0]), np.array([1.0]), np.array([np.inf])))


def test_weekly_worked_by_hand() -> None:
    """One enters at 7.0 and moves at 14.0: at the end of a week counts what held just before."""
    spells = Spells.of(np.array([0, 0]), np.array([0, 1]), np.array([7.0, 14.0]), last=30.0)
    assert spells.weekly(states=2, days=30).tolist() == [[0, 0], [1, 0], [0, 1], [0, 1]]
    cut = spells.within(np.array([0.0]), np.array([20.0]))
    assert cut.weekly(states=2, days=30).tolist() == [[0, 0], [1, 0], [0, 0], [0, 0]]
    assert cut.days(np.array([0]), groups=1, states=2).tolist() == [[7.0, 6.0]]
