"""Matches worked by hand, and loops whose truth is known."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from journeykit.errors import ArgumentError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.journeys.pattern import PatternError, parse
from journeykit.simulate import world
from tests.journeys.pattern.brute_force import matches
from tests.journeys.test_shape import EVENTS, paths

HOUR = DAY // 24


def journey(path: str, hours: list[float] | None = None, **more: object) -> Journeys:
    """One journey of one-letter touchpoints."""
    names = tuple(sorted({*path, *"abcx"}))
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(letter) for letter in path], dtype=np.uint8),
        start=np.array([0, len(path)]),
        time=None if hours is None else np.rint(np.array(hours) * HOUR).astype(np.int64),
        **more,
    )


@pytest.mark.parametrize(
    ("text", "path", "steps", "last"),
    [
        ("a > b", "aab", [[1, 2]], [2]),
        ("a >> b", "axxb", [[0, 3]], [3]),
        # leftmost: from the first a that can, then shortest
        ("a >> b", "aabbab", [[0, 2], [4, 5]], [2, 5]),
        # not overlapping: the shared b is taken by the first
        ("b > a > b", "babab", [[0, 1, 2]], [2]),
        ("a > !x* > b", "axbab", [[3, 4]], [4]),
        ("a > !x* > b", "ab", [[0, 1]], [1]),
        ("a > c* > b", "accb", [[0, 3]], [3]),
        ("a > !x* > [2 steps] b", "accbacb", [[4, 6]], [6]),
        ("a >> [2..3 steps] b", "abcbb", [[0, 3]], [3]),
        ("a+ > b", "aab", [[0, 2]], [2]),
        ("a+", "aab", [[0], [1]], [0, 1]),
        ("a{2} > b", "aaab", [[1, 3]], [3]),
        ("a{2,3}", "aaaaa", [[0], [2]], [1, 3]),
        ("a{2,} > b", "aaaab", [[0, 4]], [4]),
        ("!a > !a", "abcx", [[1, 2]], [2]),
        ("(a | b) > c", "acbc", [[0, 1], [2, 3]], [1, 3]),
        ("* > *", "abc", [[0, 1]], [1]),
        # equal ends: each element in turn as early as it can be
        ("a >> b >> c", "abbc", [[0, 1, 3]], [3]),
        ("a > x* > b >> c", "abbbc", [[0, 1, 4]], [4]),
        ("^ a > b", "abab", [[0, 1]], [1]),
        ("^ b", "ab", [], []),
        ("^ !x* > b", "acb", [[2]], [2]),
        ("^ !x* > b", "axb", [], []),
        ("a > b $", "abab", [[2, 3]], [3]),
        ("a > !x* $", "axa", [[2]], [2]),
        ("a > !x* $", "aca", [[0]], [0]),
        ("^ !x+ $", "acb", [[0]], [2]),
        ("^ !x+ $", "axb", [], []),
    ],
)
def test_worked_by_hand(text: str, path: str, steps: list[list[int]], last: list[int]) -> None:
    found = parse(text).find(journey(path))
    assert found.step.tolist() == steps
    assert found.last.tolist() == last
    assert found.first.tolist() == [step[0] for step in steps]
    assert len(found) == len(last)


@pytest.mark.parametrize(
    ("text", "path", "hours", "steps"),
    [
        # greedy from the left takes the first a, which is too early
        ("a >> [1h] b", "aab", [0, 1.5, 2], [[1, 2]]),
        # the first b in reach leaves no c in reach
        ("a >> [3h] b >> [1h] c", "abbc", [0, 1, 2.5, 3], [[0, 2, 3]]),
        ("a >> [2h..3h] b >> c", "abbc", [0, 1, 2, 4], [[0, 2, 3]]),
        # a bound behind a run is measured from the event before the run
        ("a > !x* > [2h] b", "accb", [0, 1, 2, 3], []),
        ("a > !x* > [3h] b", "accb", [0, 1, 2, 3], [[0, 3]]),
        # behind a repetition from its last event, before it to its first
        ("a+ >> [1h] b", "aab", [0, 2, 3], [[0, 2]]),
        ("b >> [1h] a{2} > c", "baac", [0, 1, 9, 9], [[0, 1, 3]]),
        ("a > [1h] b", "ab", [0, 1], [[0, 1]]),
        ("a > [1h..] b", "ab", [0, 0.5], []),
        ("a >> [1h] b", "ab", [1, 1], [[0, 1]]),
    ],
)
def test_time_worked_by_hand(
    text: str, path: str, hours: list[float], steps: list[list[int]]
) -> None:
    assert parse(text).find(journey(path, hours)).step.tolist() == steps


def test_every_start_has_its_earliest_end() -> None:
    assert parse("a >> b").earliest_ends(journey("aabba")).tolist() == [2, 2, -1, -1, -1]
    assert parse("a > b $").earliest_ends(journey("abab")).tolist() == [-1, -1, 3, -1]


def test_an_unseen_beginning_is_none_and_an_open_end_is_none() -> None:
    watched = journey(
        "ab",
        [1, 2],
        observed_from=np.array([0]),
        observed_to=np.array([DAY]),
        window=(0, DAY),
    )
    assert [len(parse(text).find(watched)) for text in ("^ a", "b $", "a > b")] == [0, 0, 1]
    entered = watched.replace(observed_from=np.array([1]))
    assert len(parse("^ a").find(entered)) == 1
    ended = watched.replace(attributes=pa.table({"ended": ["timeout"], "edge": [True]}))
    assert [len(parse(text).find(ended)) for text in ("^ a", "b $")] == [0, 1]


def test_progress_says_what_may_still_come() -> None:
    open_ended = journey("axab", [0, 1, 2, 3], observed_to=np.array([4 * HOUR]))

    def progress(text: str) -> tuple[int, int]:
        found = parse(text).progress(open_ended)
        return int(found.completed[0]), int(found.pending[0])

    assert progress("a >> b") == (2, 1)
    assert progress("a >> c") == (1, 1)
    assert progress("b > c") == (1, 1)
    assert progress("a > c") == (1, 2)
    # two hours after the last a the next c would come at the earliest
    assert progress("a >> [2h] c") == (1, 1)
    assert progress("a >> [119min] c") == (1, 2)
    assert progress("a > !b* > c") == (1, 2)
    assert progress("c >> a") == (0, 2)
    assert progress("b{2}") == (0, 0)
    assert progress("x >> b $") == (1, 1)
    assert parse("a >> c").progress(journey("ab")).pending.tolist() == [2]


def test_what_cannot_be_asked() -> None:
    with pytest.raises(NotObservedError, match="bound of the pattern 'a >> .1h. b' needs the time"):
        parse("a >> [1h] b").find(journey("ab"))
    assert len(parse("a >> [1 step] b").find(journey("ab"))) == 1
    with pytest.raises(ArgumentError, match="has forgotten when runs"):
        parse("a >> [1h] b").find(journey("aab", [0, 1, 2]).collapse_repeats())
    with pytest.raises(PatternError, match="There is no touchpoint 'd'"):
        parse("a > d").earliest_ends(journey("ab"))


def test_no_events_and_no_journeys() -> None:
    empty = Journeys(names=("a",), touchpoint=np.array([], dtype=np.uint8), start=np.array([0, 0]))
    for text in ("a", "^ a", "a $", "a > a"):
        assert len(parse(text).find(empty)) == 0
        assert parse(text).progress(empty).completed.tolist() == [0]
    assert parse("a").find(empty).step.shape == (0, 1)
    assert len(parse("a").find(empty.take(np.array([False])))) == 0


def test_where_path_keeps_journeys_whole_and_the_ledger() -> None:
    kept = EVENTS.where_path("web > buy")
    assert paths(kept) == ["mail web web buy", "web buy web"]
    assert kept.ledger.removed[-1] == ("where", "no match of web > buy", 1, 1)
    told = EVENTS.where_path(parse("web >> [3d] buy"), reason="slow")
    assert paths(told) == ["mail web web buy"]
    assert told.ledger.removed[-1][:2] == ("where", "slow")
    assert len(EVENTS.where_path("buy > mail")) == 0


def planted(n: int = 1000) -> tuple[Journeys, np.ndarray, np.ndarray]:
    """Loops of `n` customers among noise: (journeys, microseconds from exit to return, bought)."""
    rng = np.random.default_rng(8)
    names = ("email", "exit", "noise", "offer", "product_page", "purchase", "return")
    week = 7 * DAY
    special = np.array([week, week + 1, week - 1, 1, 0, 30 * DAY])
    delay = np.where(
        rng.random(n) < 0.5, rng.choice(special, n), rng.integers(0, 12 * DAY, n)
    ).astype(np.int64)
    bought = rng.random(n) < 0.2
    events = []
    for customer in range(n):
        before, between = rng.integers(0, 4, 2)
        inside = ["purchase"] if bought[customer] else []
        inside += ["noise"] * int(rng.integers(0, 3))
        path = ["noise"] * before + ["email", "product_page", *inside, "exit"]
        pauses = rng.integers(0, DAY, len(path))
        times = np.cumsum(pauses)
        waiting = np.sort(rng.integers(0, delay[customer] + 1, between)) + times[-1]
        back = times[-1] + delay[customer]
        path += ["noise"] * between + ["return", "offer", "noise"]
        times = [*times, *waiting, back, back + 60_000_000, back + DAY]
        events.append((path, times))
    codes = {name: code for code, name in enumerate(names)}
    sizes = [len(path) for path, _ in events]
    made = Journeys(
        names=names,
        touchpoint=np.array([codes[x] for path, _ in events for x in path], dtype=np.uint8),
        start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        time=np.array([t for _, times in events for t in times], dtype=np.int64),
    )
    return made, delay, bought


@pytest.mark.parametrize("days", [1, 7, 10])
def test_planted_loops_are_found_exactly(days: int) -> None:
    journeys, delay, bought = planted()
    assert {0, 1, 7 * DAY - 1, 7 * DAY, 7 * DAY + 1} <= set(delay.tolist())
    found = parse(f"email > product_page > !purchase* > exit >> [{days}d] return > offer").find(
        journeys
    )
    expected = np.flatnonzero((delay <= days * DAY) & ~bought)
    assert found.journey.tolist() == expected.tolist()
    waited = journeys.time[found.step[:, 3]] - journeys.time[found.step[:, 2]]
    assert waited.tolist() == delay[expected].tolist()
    at_least = parse(f"exit >> [{days}d..] return").find(journeys)
    assert at_least.journey.tolist() == np.flatnonzero(delay >= days * DAY).tolist()


def test_loops_of_the_simulated_world_are_found_exactly() -> None:
    """Where pages come from loops alone, every return is one match, to the microsecond.

    Where customers also browse (all parts), a visit of their own looks like a loop's: then most
    loops are found, among others, and no pattern can tell them apart.
    """
    made = world(customers=6000, seed=3, parts=["channels", "remarketing"], processes=1)
    journeys, loops = made.journeys(), made.hidden["loops"]
    closed = loops.filter(pc.is_valid(loops["return_time"]))
    ids = np.array(journeys.customer_id.to_pylist())
    who = closed["customer_id"].to_pylist()
    start, left, back = (
        closed[f"{name}_time"].cast(pa.int64()).to_numpy() for name in ("start", "left", "return")
    )
    for text, element, begin in (
        ("view_product > !(view_product | view_home)* > [14d] view_home", 0, left),
        # from the mail on; a second page comes up to 200 s after the first
        (
            "email_promo > !(email_promo | view_home | view_product)* > [1min..30min] view_product"
            " > !view_home* > [1209800s] view_home",
            1,
            start,
        ),
    ):
        found = parse(text).find(journeys)
        assert len(found) == len(who) > 400
        begins, ends = journeys.time[found.step[:, element]], journeys.time[found.last]
        whose = ids[journeys.customer_index[found.journey]]
        assert {*zip(whose, begins, ends, strict=True)} == {*zip(who, begin, back, strict=True)}
    three = parse("view_product > !(view_product | view_home)* > [3d] view_home").find(journeys)
    assert len(three) == (back - left <= 3 * DAY).sum() > 80


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("noise >> email > product_page", "n.*?ep"),
        ("email > product_page > !purchase* > exit >> return > offer", "ep[^b]*?x.*?ro"),
        ("noise{2} > !exit > *", "nn[^x]."),
        ("^ noise > noise* > email", "^nn*?e"),
    ],
)
def test_regular_expressions_agree(text: str, expression: str) -> None:
    """Python's re on one letter an event; it knows no time, and lazily finds the same matches."""
    journeys, _, _ = planted()
    letters = np.array(list("exnopbr"))[journeys.touchpoint]
    expected = [
        (journey, match.start(), match.end() - 1)
        for journey, (a, b) in enumerate(pairwise(journeys.start))
        for match in re.finditer(expression, "".join(letters[a:b]))
    ]
    found = parse(text).find(journeys)
    begins = journeys.start[found.journey]
    assert [*zip(found.journey, found.first - begins, found.last - begins, strict=True)] == expected
    assert len(expected) > 100


def test_patterns_over_real_lengths_agree_with_trying_everything() -> None:
    journeys, _, _ = planted(60)
    for text in ("noise >> [1d] exit >> [6h..8d] return", "* > noise{1,2} >> [2 steps] !noise"):
        found = parse(text).find(journeys)
        rows = zip(found.journey, found.last, map(tuple, found.step.tolist()), strict=True)
        assert [*rows] == matches(parse(text), journeys)
