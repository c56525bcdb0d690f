"""The matcher against one that tries everything, on random journeys and random patterns."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.journeys.pattern import parse
from tests.journeys.pattern import brute_force

NAMES = ("a", "b", "c")
HOUR = DAY // 24


@st.composite
def pieces(draw: st.DrawFn) -> Journeys:
    """Draw cut or whole journeys with pauses on the bounds of the patterns, to the microsecond."""
    sizes = draw(st.lists(st.integers(0, 9), min_size=1, max_size=4))
    n = sum(sizes)
    pauses = st.sampled_from([0, 1, HOUR - 1, HOUR, HOUR + 1, 2 * HOUR, 24 * HOUR, 24 * HOUR + 1])
    time = np.cumsum(draw(st.lists(pauses, min_size=n, max_size=n)), dtype=np.int64)
    codes = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    made = Journeys(
        names=NAMES,
        touchpoint=np.array(codes, dtype=np.uint8),
        start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        time=time,
        observed_to=np.full(len(sizes), (int(time[-1]) if n else 0) + 1),
    )
    if draw(st.booleans()):
        return made
    marks = st.lists(st.booleans(), min_size=len(sizes), max_size=len(sizes))
    ended = ["open" if mark else "timeout" for mark in draw(marks)]
    return made.replace(attributes=pa.table({"ended": ended, "edge": pa.array(draw(marks))}))


def classes() -> st.SearchStrategy[str]:
    return st.sampled_from(["a", "b", "c", "!a", "!b", "(a | b)", "!(a | b)", "*", "(b | c)"])


@st.composite
def patterns(draw: st.DrawFn, *, timed: bool = True) -> str:
    times = ["", "", " [1h]", " [1h..2h]", " [1d]", " [2h..]", " [1h..1d]"] if timed else [""]
    steps = [" [2 steps]", " [2..3 steps]", " [2.. steps]"]
    both = [" [1d, 2 steps]"] if timed else []
    suffix = st.sampled_from(["", "", "", "+", "{2}", "{1,2}", "{2,}", "{2,3}"])
    text = draw(classes()) + draw(suffix)
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from([">", ">>", "run"]))
        if kind == ">":
            text += " >" + draw(st.sampled_from(times))
        elif kind == ">>":
            text += " >>" + draw(st.sampled_from(times + steps + both))
        else:
            text += f" > {draw(classes())}* >" + draw(st.sampled_from(times + steps + both))
        text += " " + draw(classes()) + draw(suffix)
    begin = draw(st.sampled_from(["", "", "", "^ ", "run"]))
    end = draw(st.sampled_from(["", "", "", " $", "run"]))
    begin = f"^ {draw(classes())}* > " if begin == "run" else begin
    end = f" > {draw(classes())}* $" if end == "run" else end
    return begin + text + end


@settings(max_examples=400)
@given(pieces(), patterns())
def test_finds_what_trying_everything_finds(journeys: Journeys, text: str) -> None:
    pattern = parse(text)
    found = pattern.find(journeys)
    rows = zip(found.journey.tolist(), found.last.tolist(), found.step.tolist(), strict=True)
    assert [(at, last, tuple(step)) for at, last, step in rows] == brute_force.matches(
        pattern, journeys
    )
    assert found.first.tolist() == found.step[:, 0].tolist()
    assert pattern.earliest_ends(journeys).tolist() == brute_force.earliest_ends(pattern, journeys)


@settings(max_examples=40)
@given(st.data())
def test_what_may_still_come_is_what_some_future_brings(data: st.DataObject) -> None:
    """Element i is undecided exactly where some future completes it for a match that has begun."""
    n = data.draw(st.integers(1, 4))
    pauses = st.sampled_from([0, 1, HOUR, HOUR + 1, 24 * HOUR])
    time = np.cumsum(data.draw(st.lists(pauses, min_size=n, max_size=n)), dtype=np.int64)
    codes = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    watched_to = int(time[-1]) + data.draw(st.sampled_from([1, HOUR - 1, HOUR, HOUR + 1]))
    past = Journeys(
        names=NAMES,
        touchpoint=np.array(codes, dtype=np.uint8),
        start=np.array([0, n]),
        time=time,
        observed_to=np.array([watched_to]),
    )
    pattern = parse(data.draw(patterns().filter(lambda text: text.count(">") < 4)))
    progress = pattern.progress(past)
    completed, pending = int(progress.completed[0]), int(progress.pending[0])
    futures = [
        (more, later)
        for length in (0, 1, 2, 3)
        for more in itertools.product(range(3), repeat=length)
        for later in itertools.product((0, HOUR - 1, 2 * HOUR), repeat=length)
    ]
    for i in range(len(pattern.elements)):
        last = i == len(pattern.elements) - 1
        prefix = replace(
            pattern,
            elements=pattern.elements[: i + 1],
            gaps=pattern.gaps[:i],
            end=pattern.end if last else None,
        )
        assert (i < completed) == any(brute_force.every_way(prefix, past, 0))
        if i < completed:
            continue
        undecided = any(
            way[0] < n
            for more, later in futures
            for way in brute_force.every_way(prefix, _continued(past, more, later), 0)
        )
        # three more events may be too few for long repetitions, never too many
        assert undecided <= (pending <= i)
        if max(element.least for element in pattern.elements) == 1 and i - completed < 2:
            assert undecided == (pending <= i)


def _continued(past: Journeys, more: tuple[int, ...], later: tuple[int, ...]) -> Journeys:
    times = int(past.observed_to[0]) + np.cumsum(later, dtype=np.int64)
    return past.replace(
        touchpoint=np.concatenate([past.touchpoint, np.array(more, dtype=np.uint8)]),
        start=np.array([0, past.n_events + len(more)]),
        time=np.concatenate([past.time, times]),
        attributes=pa.table({"ended": ["timeout"]}),
    )
