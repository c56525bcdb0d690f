from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import patterns
from journeykit.paths.sequences.mining import Limits, completions, frequent, least_customers
from journeykit.stats import wilson_interval
from tests.strategies import journeys as random_journeys


def of_sequences(sequences: Sequence[Sequence[int]]) -> Journeys:
    """Make a journey of each sequence of numbers."""
    items = sorted({item for sequence in sequences for item in sequence})
    return Journeys(
        names=tuple(map(str, items)),
        touchpoint=np.array([items.index(x) for part in sequences for x in part], dtype=np.uint8),
        start=np.cumsum([0, *map(len, sequences)]),
    )


def brute_force(journeys: Journeys, limits: Limits) -> Counter[tuple[int, ...]]:
    """Count the customers of every pattern by looking at every choice of events."""
    found = Counter()
    for who in range(journeys.n_customers):
        mine: set[tuple[int, ...]] = set()
        for journey in np.flatnonzero(journeys.customer_index == who):
            events = range(journeys.start[journey], journeys.start[journey + 1])
            for steps in range(1, limits.length + 1):
                for chosen in combinations(events, steps):
                    if fits(journeys, chosen, limits):
                        mine.add(tuple(journeys.touchpoint[list(chosen)].tolist()))
        found.update(mine)
    return found


def fits(journeys: Journeys, chosen: tuple[int, ...], limits: Limits) -> bool:
    near = limits.gap_steps < 0 or (np.diff(chosen) <= limits.gap_steps).all()
    if limits.window < 0:
        return bool(near)
    assert journeys.time is not None
    return bool(near and journeys.time[chosen[-1]] - journeys.time[chosen[0]] <= limits.window)


SOME_LIMITS = st.builds(
    Limits,
    st.integers(1, 4),
    st.sampled_from([-1, 1, 2, 3]),
    st.sampled_from([-1, 0, 5 * DAY, 40 * DAY]),
)


@pytest.mark.parametrize("name", ["spark_prefixspan_singletons", "prefixspan_readme"])
def test_the_examples_of_spark_and_of_prefixspan(shared: Path, name: str) -> None:
    told = json.loads((shared / "oracles" / "paths" / f"{name}.json").read_text())
    for case in told["cases"]:
        made = of_sequences(told["sequences"])
        frame = patterns(made, support=case["min_count"], length=case.get("max_len", 50)).frame
        ours = dict(zip(frame["pattern"], frame["n"], strict=True))
        assert ours == {" > ".join(map(str, items)): n for items, n in case["expected"]}


@given(random_journeys(), SOME_LIMITS, st.integers(1, 3))
def test_all_patterns_are_found_and_no_others(made: Journeys, limits: Limits, least: int) -> None:
    found = frequent(made, limits, least=least)
    expected = {codes: n for codes, n in brute_force(made, limits).items() if n >= least}
    assert dict(zip(found.codes, found.n.tolist(), strict=True)) == expected


@given(random_journeys(), SOME_LIMITS)
def test_pieces_of_a_customer_count_once(made: Journeys, limits: Limits) -> None:
    pieces = made.sessions("20d")
    found = frequent(pieces, limits, least=1)
    assert dict(zip(found.codes, found.n.tolist(), strict=True)) == brute_force(pieces, limits)


@given(random_journeys(), SOME_LIMITS)
def test_the_first_completion_is_the_earliest_of_all(made: Journeys, limits: Limits) -> None:
    for codes in frequent(made, limits, least=1).codes[-5:]:
        first = completions(made, codes, limits)
        for journey in range(len(made)):
            events = range(made.start[journey], made.start[journey + 1])
            ends = [
                chosen[-1]
                for chosen in combinations(events, len(codes))
                if tuple(made.touchpoint[list(chosen)].tolist()) == codes
                and fits(made, chosen, limits)
            ]
            assert first[journey] == min(ends, default=-1)


@given(random_journeys(), SOME_LIMITS)
def test_closed_patterns_tell_the_support_of_all(made: Journeys, limits: Limits) -> None:
    found = frequent(made, limits, least=1)
    closed = found.closed(limits)
    within = part_of if limits.gap_steps < 0 else piece_of
    for codes, n, is_closed in zip(found.codes, found.n, closed, strict=True):
        longer = [
            m
            for other, m in zip(found.codes, found.n, strict=True)
            if len(other) > len(codes) and within(codes, other)
        ]
        assert is_closed == (n not in longer)


def part_of(codes: tuple[int, ...], longer: tuple[int, ...]) -> bool:
    rest = iter(longer)
    return all(code in rest for code in codes)


def piece_of(codes: tuple[int, ...], longer: tuple[int, ...]) -> bool:
    n = len(codes)
    return any(longer[at : at + n] == codes for at in range(len(longer) - n + 1))


def test_worked_by_hand() -> None:
    made = of_sequences([[0, 1, 2], [0, 2, 1], [2, 0, 1], [1]])
    found = patterns(made, support=0.5, length=2)
    assert found.frame[["pattern", "n"]].to_numpy().tolist() == [
        ["1", 4], ["0 > 1", 3], ["0", 3], ["2", 3], ["0 > 2", 2], ["2 > 1", 2],
    ]  # fmt: skip
    assert found.frame["closed"].tolist() == [True, True, False, True, True, True]
    row = found.frame.iloc[1]
    low, high = wilson_interval(3, 4)
    assert (row["share"], row["conf_low"], row["conf_high"]) == (0.75, float(low), float(high))
    assert found.summary() == (
        "6 patterns are met by at least 2 of 4 customers; the most frequent of several steps is "
        "0 > 1: 75% (30% to 95%)"
    )
    contiguous = patterns(made, support=2, gap_steps=1).frame
    assert contiguous["pattern"].tolist() == ["1", "0", "2", "0 > 1"]


def test_a_window_includes_its_last_moment() -> None:
    made = of_sequences([[0, 1]]).replace(time=np.array([0, 7 * DAY]))
    assert "0 > 1" in patterns(made, support=1, window="7d").frame["pattern"].tolist()
    later = made.replace(time=np.array([0, 7 * DAY + 1]))
    assert "0 > 1" not in patterns(later, support=1, window="7d").frame["pattern"].tolist()


def test_support_is_a_share_or_a_number() -> None:
    assert least_customers(0.07, 100) == 7
    assert least_customers(0.0701, 100) == 8
    assert least_customers(1e-9, 100) == 1
    assert least_customers(1, 100) == 1
    for wrong in (0, 1.0, 2.5, True):
        with pytest.raises(ArgumentError, match="`support`"):
            least_customers(wrong, 100)


def test_bad_arguments() -> None:
    made = of_sequences([[0, 1]])
    with pytest.raises(ArgumentError, match="`length` must be a whole number at least 1; got 0"):
        patterns(made, length=0)
    with pytest.raises(ArgumentError, match="`gap_steps`"):
        patterns(made, gap_steps=0)
    with pytest.raises(NotObservedError, match="A window in time needs the time of each event"):
        patterns(made, window="7d")
    merged = made.replace(time=np.array([0, 1])).collapse_repeats()
    with pytest.raises(ArgumentError, match="`collapse_repeats` has forgotten"):
        patterns(merged, window="7d")
    with pytest.raises(DataError, match=r"No touchpoint is met by 3 of 1 customers"):
        patterns(made, support=3)
    with pytest.raises(DataError, match="There is no event in 1 journeys"):
        patterns(Journeys(names=(), touchpoint=np.array([], np.uint8), start=np.array([0, 0])))


def test_too_many_patterns_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("journeykit.paths.sequences.mining._MOST_CELLS", 8)
    made = of_sequences([[0, 1, 2]])
    with pytest.raises(ArgumentError, match=r"3 patterns of 1 steps are frequent, too many"):
        patterns(made, support=1)


def test_picture_shows_closed_patterns_of_several_steps() -> None:
    made = of_sequences([[0, 1, 2], [0, 2, 1], [2, 0, 1], [1]])
    labels = [text.get_text() for text in patterns(made, support=2).plot().get_yticklabels()]
    assert labels == ["0 > 1", "0 > 2", "2 > 1"]
    single = patterns(made, support=2, length=1).plot().get_yticklabels()
    assert [text.get_text() for text in single] == ["1", "0", "2"]


def test_provenance() -> None:
    made = of_sequences([[0, 1]])
    found = patterns(made, support=1, gap_steps=2)
    assert found.provenance.fingerprint == made.fingerprint
    assert found.provenance.parameters["gap_steps"] == 2
    assert repr(found).startswith("<Patterns: 3 patterns are met by at least 1 of 1 customers")
