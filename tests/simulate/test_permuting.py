"""Permuted worlds: what is kept is kept exactly, and what was a signal is gone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.simulate.permuting import attribute_null, exposure_null, n_at_risk, resampled

DAY = 86_400_000_000
NAMES = ("ad", "buy", "mail", "visit")
FIRM = {"exposures": ["ad", "mail"], "conversions": ["buy"]}


def made(
    *customers: list[tuple[int, str]], late: dict[int, int] | None = None, days: int = 60
) -> Journeys:
    """Journeys of lists of (day, touchpoint); `late` customers are watched from a day on."""
    begin = 4 * DAY
    events = [(who, day, what) for who, mine in enumerate(customers) for day, what in mine]
    n = len(customers)
    observed_from = np.full(n, begin)
    for who, day in (late or {}).items():
        observed_from[who] = begin + day * DAY
    return Journeys(
        names=NAMES,
        touchpoint=np.array([NAMES.index(what) for _, _, what in events], dtype=np.uint8),
        time=begin + DAY * np.array([day for _, day, _ in events], dtype=np.int64),
        start=np.searchsorted([who for who, _, _ in events], np.arange(n + 1)),
        customer_id=pa.array([f"c{who:04}" for who in range(n)]),
        observed_from=observed_from,
        observed_to=np.full(n, begin + days * DAY),
        window=(begin, begin + days * DAY),
        columns={"cost": np.arange(len(events))},
        attributes=pa.table({"group": [who % 3 for who in range(n)], "n": list(range(n))}),
    )


def rows(journeys: Journeys) -> list[tuple[int, int, str, int]]:
    owner = np.repeat(np.arange(len(journeys)), journeys.length).tolist()
    names = [journeys.names[code] for code in journeys.touchpoint]
    assert journeys.time is not None
    return list(
        zip(owner, journeys.time.tolist(), names, journeys.columns["cost"].tolist(), strict=True)
    )


def entries(journeys: Journeys) -> list[int]:
    assert journeys.time is not None
    assert journeys.observed_from is not None
    assert journeys.window is not None
    first = [int(journeys.time[at]) if n else 0
             for at, n in zip(journeys.start[:-1].tolist(), journeys.length.tolist(), strict=True)
             ]  # fmt: skip
    late = journeys.observed_from > journeys.window[0]
    return np.where(late, journeys.observed_from, first).tolist()


def assert_conserved(before: Journeys, after: Journeys) -> None:
    entry = entries(before)
    elapsed = [
        Counter(
            (what, time - entry[who], cost)
            for who, time, what, cost in rows(journeys)
            if what in ("ad", "mail")
        )
        for journeys in (before, after)
    ]
    assert elapsed[0] == elapsed[1]
    others = [
        [row for row in rows(journeys) if row[2] in ("buy", "visit")]
        for journeys in (before, after)
    ]
    assert others[0] == others[1]
    assert after.time is not None
    owner = np.repeat(np.arange(len(after)), after.length)
    assert (np.diff(after.time)[np.diff(owner) == 0] >= 0).all()
    assert after.customer_id.equals(before.customer_id)
    assert after.attributes.equals(before.attributes)


histories = st.lists(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(NAMES)), max_size=8).map(sorted),
    min_size=1,
    max_size=12,
).filter(any)


@given(histories, st.dictionaries(st.integers(0, 11), st.integers(1, 9)), st.integers(0, 99))
def test_everything_but_who_met_what_is_conserved(
    customers: list[list[tuple[int, str]]], late: dict[int, int], seed: int
) -> None:
    late = {who: day for who, day in late.items() if who < len(customers)}
    before = made(*customers, late=late)
    after = exposure_null(before, **FIRM, seed=seed)
    assert_conserved(before, after)
    kept = [who for who in range(len(customers)) if who not in late]
    assert [entries(after)[who] for who in kept] == [entries(before)[who] for who in kept]
    assert (after.length[kept] > 0).tolist() == (before.length[kept] > 0).tolist()
    assert after.fingerprint == exposure_null(before, **FIRM, seed=seed).fingerprint


def test_what_is_exchanged_worked_by_hand() -> None:
    # Both enter in one week. At day 5 after entry c0 converts; c1 is at risk until the end.
    before = made(
        [(0, "visit"), (2, "ad"), (5, "mail"), (5, "buy"), (9, "ad"), (12, "buy")],
        [(1, "visit"), (4, "mail"), (8, "ad")],
    )
    worlds = {exposure_null(before, **FIRM, seed=seed).fingerprint for seed in range(20)}
    assert len(worlds) == 2
    after = next(
        world
        for world in (exposure_null(before, **FIRM, seed=seed) for seed in range(20))
        if world.fingerprint != before.fingerprint
    )
    assert [(who, time // DAY - 4, what) for who, time, what, _ in rows(after)] == [
        (0, 0, "visit"), (0, 3, "mail"), (0, 5, "buy"), (0, 9, "ad"), (0, 12, "buy"),
        (1, 1, "visit"), (1, 3, "ad"), (1, 6, "mail"), (1, 8, "ad"),
    ]  # fmt: skip
    assert_conserved(before, after)


def test_nothing_is_exchanged_between_weeks_or_kinds_of_entry_or_with_the_lost() -> None:
    apart = [
        ([(0, "visit"), (2, "ad"), (5, "buy")], [(7, "visit"), (8, "ad")]),
        ([(0, "visit"), (2, "ad"), (5, "buy")], [(0, "ad"), (3, "mail")]),
        ([(0, "visit"), (2, "ad"), (5, "buy")], [(0, "visit"), (1, "mail"), (3, "buy")]),
        ([(0, "visit"), (2, "ad")], [(0, "visit"), (1, "mail")]),
    ]
    for pair in apart[:2] + apart[3:]:
        before = made(*pair)
        for seed in range(10):
            assert exposure_null(before, **FIRM, seed=seed).fingerprint == before.fingerprint
    # c1 converts on day 3 and may exchange with c0 then; on day 5 c0 is alone.
    before = made(*apart[2])
    for seed in range(10):
        owners = {(who, what) for who, _, what, _ in rows(exposure_null(before, **FIRM, seed=seed))}
        assert owners - {(0, "visit"), (0, "buy"), (1, "visit"), (1, "buy")} in (
            {(0, "ad"), (1, "mail")},
            {(0, "mail"), (1, "ad")},
        )


def test_the_number_at_risk_worked_by_hand() -> None:
    before = made(
        [(0, "visit"), (2, "ad"), (5, "buy"), (9, "buy")],  # days since entry at risk: 5
        [(1, "visit"), (4, "buy")],  # 3, so three are at risk with it
        [(0, "visit"), (1, "mail")],  # to the end
        [(0, "ad"), (4, "buy")],  # enters with an ad: alone of its kind
        [(7, "visit"), (8, "buy")],  # alone in its week
        [(0, "buy"), (3, "ad")],  # at once: all four who entered with no ad are at risk
    )
    assert sorted(n_at_risk(before, **FIRM)) == [1, 1, 2, 3, 4]
    assert n_at_risk(made([(0, "visit"), (1, "ad")]), **FIRM).tolist() == []
    with pytest.raises(MappingError, match="`exposures` names touchpoints that do not exist"):
        n_at_risk(before, exposures=["adds"], conversions=["buy"])


def planted(n: int, *, ratio: float, seed: int) -> Journeys:
    """Days on which an ad, met at 5 % a day, multiplies the hazard of 1 % a day from then on."""
    generator = np.random.default_rng(seed)
    customers = []
    for _ in range(n):
        entry, met = int(generator.integers(0, 7)), False
        mine = [(entry, "visit")]
        for day in range(entry + 1, 60):
            if generator.random() < 0.01 * (ratio if met else 1):
                mine.append((day, "buy"))
                break
            if generator.random() < 0.05:
                met = True
                mine.append((day, "ad"))
        customers.append(mine)
    return made(*customers)


def association(journeys: Journeys) -> float:
    """The score of exposure as a covariate in time: at each buy against those at risk then."""
    assert journeys.time is not None
    day = journeys.time // DAY - 4
    first: dict[str, list[int]] = {"ad": [], "buy": []}
    for a, b in zip(journeys.start[:-1].tolist(), journeys.start[1:].tolist(), strict=True):
        for what, found in first.items():
            mine = day[a:b][journeys.touchpoint[a:b] == NAMES.index(what)] - day[a]
            found.append(int(mine.min()) if len(mine) else 999)
    ad, buy = np.array(first["ad"]), np.array(first["buy"])
    end = np.minimum(buy, 59 - day[journeys.start[:-1]])
    score = variance = 0.0
    for at in buy[buy < 999]:
        share = (ad[end >= at] < at).mean()
        score -= share
        variance += share * (1 - share)
    score += int(((ad < buy) & (buy < 999)).sum())
    return float(score / np.sqrt(variance))


def test_a_planted_association_is_destroyed_and_none_is_made() -> None:
    journeys = planted(800, ratio=4, seed=1)
    assert association(journeys) > 10
    worlds = [exposure_null(journeys, **FIRM, seed=seed) for seed in range(40)]
    assert len({world.fingerprint for world in worlds}) == 40
    scores = np.array([association(world) for world in worlds])
    # Standard normal if nothing is left: mean of 40 within 3 standard errors, spread near 1.
    assert abs(scores.mean()) < 3 / np.sqrt(40)
    assert 0.6 < scores.std() < 1.4


def test_mistakes_are_said() -> None:
    journeys = made([(0, "visit"), (1, "buy")])
    with pytest.raises(MappingError, match="`exposures` names touchpoints that do not exist"):
        exposure_null(journeys, exposures=["adds"], conversions=["buy"], seed=0)
    with pytest.raises(ArgumentError, match="`exposures` and `conversions` both name 'buy'"):
        exposure_null(journeys, exposures=["buy"], conversions=["buy"], seed=0)
    pieces = journeys.replace(
        start=np.array([0, 1, 2]), customer_index=np.array([0, 0]),
        observed_from=None, observed_to=None, attributes=None,
    )  # fmt: skip
    for permute in (attribute_null, resampled):
        with pytest.raises(DataError, match=r"needs one journey a customer; got 2 of 1 cust"):
            permute(pieces, seed=0)


def test_attributes_are_permuted_in_whole_rows() -> None:
    before = made(*[[(day % 30, "visit")] for day in range(50)])
    after = attribute_null(before, seed=3, keep=["n"])
    assert after.attributes["n"].equals(before.attributes["n"])
    groups = [journeys.attributes["group"].to_pylist() for journeys in (before, after)]
    assert groups[0] != groups[1]
    assert sorted(groups[0]) == sorted(groups[1])
    assert after.touchpoint.tolist() == before.touchpoint.tolist()
    whole = attribute_null(before, seed=3).attributes.to_pylist()
    assert all(row["group"] == row["n"] % 3 for row in whole)
    assert attribute_null(before, seed=3).fingerprint == attribute_null(before, seed=3).fingerprint
    assert attribute_null(before, seed=4).fingerprint != attribute_null(before, seed=3).fingerprint


def test_customers_are_drawn_whole_with_ids_of_their_own() -> None:
    before = made(*[[(day % 30, "visit"), (40, "buy")][: 1 + day % 2] for day in range(60)],
                  late={3: 2})  # fmt: skip
    after = resampled(before, seed=5)
    assert (len(after), after.n_customers) == (60, 60)
    assert after.customer_id.to_pylist() == list(range(60))
    originals = {
        n: before.touchpoint[a:b].tolist()
        for n, a, b in zip(
            before.attributes["n"].to_pylist(), before.start[:-1], before.start[1:], strict=True
        )
    }
    drawn = after.attributes["n"].to_pylist()
    for n, a, b in zip(drawn, after.start[:-1], after.start[1:], strict=True):
        assert after.touchpoint[a:b].tolist() == originals[n]
    # Of n drawn from n, 1 - 1/e are different: 37.9 of 60, standard deviation 2.4.
    assert 30 <= len({*drawn}) <= 46
    assert resampled(before, seed=5).fingerprint == after.fingerprint
    assert resampled(before, seed=6).fingerprint != after.fingerprint
