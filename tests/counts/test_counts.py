from __future__ import annotations

from dataclasses import fields
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.counts import (
    LifeCounts,
    life_counts,
    path_counts,
    path_counts_from_frame,
    run,
    step_counts,
    transition_counts,
)
from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from tests.strategies import journeys

# visit cart buy | visit buy | (no event) | visit cart, of two customers
JOURNEYS = Journeys(
    names=("buy", "cart", "visit"),
    touchpoint=np.array([2, 1, 0, 2, 0, 2, 1], dtype=np.uint16),
    start=np.array([0, 3, 5, 5, 7]),
    customer_index=np.array([0, 0, 0, 1]),
    customer_id=[10, 11],
)
ENTRY = EXIT = 3


def cells(counts: object) -> dict[tuple[int, ...], list[int]]:
    return {
        tuple(gram): row.tolist()
        for gram, row in zip(counts.gram.tolist(), counts.cell, strict=True)  # type: ignore[attr-defined]
    }


def test_transitions_worked_by_hand() -> None:
    counts = transition_counts(JOURNEYS)
    # steps, customers, sum n_ab^2, sum n_ab n_a, customers with no other step from there
    assert cells(counts) == {
        (ENTRY, 2): [3, 2, 5, 5, 2],
        (0, EXIT): [2, 1, 4, 4, 1],
        (1, 0): [1, 1, 1, 1, 1],
        (1, EXIT): [1, 1, 1, 1, 1],
        (2, 0): [1, 1, 1, 2, 0],
        (2, 1): [2, 2, 2, 3, 1],
    }
    assert counts.context.tolist() == [[0], [1], [2], [ENTRY]]
    assert counts.total.tolist() == [[2, 1, 4], [2, 2, 2], [3, 2, 5], [3, 2, 5]]
    assert counts.n.sum() == JOURNEYS.n_events + 3
    matrix = counts.matrix()
    assert matrix.sum(axis=1).tolist() == [2, 2, 3, 3, 0]
    assert matrix[:, :3].sum(axis=0).tolist() == [2, 2, 3]


def test_second_order_worked_by_hand() -> None:
    counts = transition_counts(JOURNEYS, order=2)
    assert {gram: row[0] for gram, row in cells(counts).items()} == {
        (ENTRY, ENTRY, 2): 3,
        (ENTRY, 2, 1): 2,
        (ENTRY, 2, 0): 1,
        (2, 1, 0): 1,
        (2, 1, EXIT): 1,
        (1, 0, EXIT): 1,
        (2, 0, EXIT): 1,
    }
    with pytest.raises(ArgumentError, match="`matrix` needs counts of order 1; these are of 2"):
        counts.matrix()


def test_open_journeys_lead_nowhere_known() -> None:
    watched = JOURNEYS.replace(
        time=np.array([0, 1, 2, 4, 5, 0, 8]) * DAY,
        observed_to=np.full(4, 10 * DAY),
    )
    counts = transition_counts(watched)
    assert counts.matrix()[:, -2:].tolist() == [[0, 2], [0, 1], [0, 0], [0, 0], [0, 0]]
    # only the step of cart to buy is known; buy never has a known successor
    assert counts.context.tolist() == [[1], [2], [ENTRY]]
    assert counts.total[:, 0].tolist() == [1, 3, 3]


def test_what_may_have_begun_earlier_does_not_enter_at_its_first_event() -> None:
    watched = JOURNEYS.replace(
        time=np.array([0, 1, 2, 4, 5, 0, 8]) * DAY,
        observed_from=np.zeros(4, dtype=np.int64),
        observed_to=np.full(4, 10 * DAY),
        window=(0, 10 * DAY),
    )
    assert transition_counts(watched).matrix()[-2:].tolist() == [[0] * 5, [0, 0, 3, 0, 0]]
    late = watched.replace(observed_from=np.array([0, 1, 1, 1]))
    assert transition_counts(late).matrix()[-2:].tolist() == [[0, 0, 2, 0, 0], [0, 0, 1, 0, 0]]
    assert transition_counts(late, order=3).gram[-1].tolist() == [4, 4, 4, 2]
    cases = watched.cases(goal=["buy"])
    # the third journey has no event; the first of each customer begins unseen
    steps = step_counts(cases, steps=1)
    assert (steps.table().tolist(), steps.n_unseen) == ([[0, 0, 1, 0, 0], [1, 0, 0, 0, 0]], 2)


def test_order_is_bounded_by_the_number_of_names() -> None:
    many = Journeys(
        names=tuple(f"t{number:04d}" for number in range(3000)),
        touchpoint=np.array([0, 2999], dtype=np.uint16),
        start=np.array([0, 2]),
    )
    edge = 3000
    assert transition_counts(many, order=4).gram.tolist() == [
        [edge, edge, 0, 2999, edge],
        [edge, edge, edge, 0, 2999],
        [edge, edge, edge, edge, 0],
    ]
    with pytest.raises(ArgumentError, match="`order` 5 is too high for 3,000 touchpoints"):
        transition_counts(many, order=5)
    with pytest.raises(ArgumentError, match="`order` must be a whole number at least 1; got 0"):
        transition_counts(many, order=0)


def test_steps_worked_by_hand() -> None:
    counts = step_counts(JOURNEYS, steps=3)
    # the third journey has no first event
    assert counts.table().tolist() == [
        [0, 0, 3, 0, 0],
        [1, 2, 0, 0, 0],
        [1, 0, 0, 2, 0],
        [0, 0, 0, 3, 0],
    ]
    assert counts.total.tolist() == [3, 2, 5]
    assert (counts.n_journeys, counts.n_without, counts.n_unseen) == (4, 1, 0)
    # of two customers with 2 anchors and 1, one is at buy once and both are at cart once
    assert counts.cell[1:3].tolist() == [[1, 1, 1, 2, 0], [2, 2, 2, 3, 1]]
    assert [*zip(counts.link.tolist(), counts.n_link[:, 0].tolist(), strict=True)] == [
        ([0, 2, 0], 1), ([0, 2, 1], 2), ([1, 0, 3], 1), ([1, 1, 0], 1), ([1, 1, 3], 1),
        ([2, 0, 3], 1), ([2, 3, 3], 2),
    ]  # fmt: skip
    assert repr(counts) == "<StepCounts: 3 anchors in 4 journeys, 3 steps forwards>"


def test_steps_from_an_anchor_worked_by_hand() -> None:
    # a b a c | a a | b, watched from before the window to its end; the third enters later
    anchored = Journeys(
        names=("a", "b", "c"),
        touchpoint=np.array([0, 1, 0, 2, 0, 0, 1], dtype=np.uint8),
        start=np.array([0, 4, 6, 7]),
        time=np.arange(7) + 1,
        observed_from=np.array([0, 0, 5]),
        observed_to=np.full(3, 20),
        window=(0, 20),
    )

    def table(**question: object) -> list[list[int]]:
        return step_counts(anchored, steps=2, **question).table().tolist()  # type: ignore[arg-type]

    assert table(anchor="a") == [[2, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0, 0, 1]]
    assert table(anchor="a", occurrence="last") == [[2, 0, 0, 0, 0], [0, 0, 1, 0, 1], [0] * 4 + [2]]
    assert table(anchor="a", occurrence="every")[1] == [1, 1, 1, 0, 1]
    assert table(anchor="a", direction="backwards")[1:] == [[0, 0, 0, 0, 2]] * 2
    assert table(anchor="b", direction="backwards")[1:] == [[1, 0, 0, 1, 0], [0, 0, 0, 1, 1]]
    assert table(direction="backwards") == [[1, 1, 1, 0, 0], [2, 0, 0, 1, 0], [0, 1, 0, 1, 1]]
    # a pattern anchors forwards at its last event, backwards at its first
    assert table(anchor="b > a") == [[1, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 1]]
    assert table(anchor="b > a", direction="backwards")[:2] == [[0, 1, 0, 0, 0], [1, 0, 0, 0, 0]]
    assert step_counts(anchored, anchor="b > a").n_without == 2


def test_steps_of_other_questions_do_not_add_up() -> None:
    with pytest.raises(ArgumentError, match="`steps` is the same; got 4 and 3"):
        step_counts(JOURNEYS, steps=4) + step_counts(JOURNEYS, steps=3)
    with pytest.raises(ArgumentError, match="`occurrence` must be one of first, last, every"):
        step_counts(JOURNEYS, occurrence="second")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`direction` must be one of forwards, backwards"):
        step_counts(JOURNEYS, direction="up")  # type: ignore[arg-type]


def test_paths_worked_by_hand() -> None:
    counts = path_counts(JOURNEYS)
    assert dict(zip(counts.text(), counts.n_journeys.tolist(), strict=True)) == {
        "": 1, "visit > buy": 1, "visit > cart": 1, "visit > cart > buy": 1,
    }  # fmt: skip
    assert repr(counts) == "<PathCounts: 4 paths of 4 journeys, 0 conversions, 0 open>"


def test_the_path_of_a_conversion_ends_before_it() -> None:
    watched = JOURNEYS.replace(
        time=np.array([0, 1, 2, 4, 5, 0, 8]) * DAY,
        columns={"value": np.array([0, 0, 30, 0, 12, 0, 0])},
        observed_to=np.full(4, 10 * DAY),
    )
    counts = path_counts(watched.outcomes(conversion=["buy"], lookback_days=3, value="value"))
    # visit cart | buy 30; visit | buy 12; visit (8 days of silence); cart (open)
    rows = zip(counts.text(), counts.n.tolist(), counts.value, counts.nulls, strict=True)
    assert sorted(rows) == [
        ("cart", [1, 0, 1], 0.0, 0),
        ("visit", [2, 1, 0], 12.0, 1),
        ("visit > cart", [1, 1, 0], 30.0, 0),
    ]


def test_paths_from_a_table() -> None:
    frame = pd.DataFrame(
        {
            "path": ["mail > web", "web", "mail>web", ""],
            "conversions": [2, 0, 1, 1],
            "nulls": [3, 5, 0, 0],
            "value": [20.0, 0, 5, 1],
        }
    )
    counts = path_counts_from_frame(frame, conversions="conversions", nulls="nulls", value="value")
    rows = zip(counts.text(), counts.n.tolist(), counts.value, strict=True)
    assert sorted(rows) == [
        ("", [1, 1, 0], 1.0), ("mail > web", [6, 3, 0], 25.0), ("web", [5, 0, 0], 0.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("path", ["a", None], "Column 'path' is empty in 1 of 2 rows"),
        (
            "path",
            ["a > > b", "a"],
            "'path' has an empty touchpoint in 1 of 2 rows, such as 'a > > b'",
        ),
        (
            "conversions",
            [1, -1],
            "'conversions' must hold whole numbers of at least 0; 1 of 2 rows",
        ),
        ("conversions", [1, 0.5], "1 of 2 rows do not, such as 0.5"),
        ("conversions", ["x", "y"], "2 of 2 rows do not, such as 'x'"),
        ("conversions", ["20", "x"], "1 of 2 rows do not, such as 'x'"),
        ("value", [1.0, None], "Column 'value' is empty in 1 rows"),
        ("value", ["x", "1"], "'value' must hold finite numbers; 2 of 2 rows do not, such as 'x'"),
        ("value", [1.0, np.inf], "'value' must hold finite numbers; 1 of 2 rows do not, such as i"),
        ("conversions", [0, 1], "1 of 2 rows have one and no conversion, such as 1"),
        (
            "path",
            ["Search>Brand > mail", "a>b"],
            "'>' with and without the blanks of the separator ' > ' in one path, in 1 of 2 rows",
        ),
    ],
)
def test_a_broken_path_table_is_refused(column: str, values: list[object], message: str) -> None:
    frame = pd.DataFrame({"path": ["a", "b"], "conversions": [1, 2], "value": [1.0, 2.0]})
    frame[column] = values
    with pytest.raises(DataError, match=message):
        path_counts_from_frame(frame, conversions="conversions", value="value")


def test_a_name_may_hold_a_separator_that_is_not_the_one() -> None:
    frame = pd.DataFrame({"path": ["Search>Brand | mail", "a|b"], "n": [1, 1]})
    names = path_counts_from_frame(frame, conversions="n", separator="|").names
    assert names == ("Search>Brand", "a", "b", "mail")


def test_rows_of_a_path_table_may_be_split() -> None:
    one = pd.DataFrame({"path": ["a > b", "a"], "yes": [3, 1], "no": [2, 0], "value": [5.0, 1.0]})
    apart = pd.DataFrame({"path": ["a", "a > b", "a>b"], "yes": [1, 1, 2], "no": [0, 2, 0]})
    apart["value"] = [1.0, 2.0, 3.0]
    columns = {"conversions": "yes", "nulls": "no", "value": "value"}
    whole, parts = (path_counts_from_frame(frame, **columns) for frame in (one, apart))
    assert whole.fingerprint == parts.fingerprint
    assert whole.n.tolist() == parts.n.tolist()
    assert whole.value.tolist() == parts.value.tolist()
    cents = pd.DataFrame({"path": ["a"] * 4, "n": [1] * 4, "value": [0.1, 0.2, 0.3, 1e9]})
    there, back = (
        path_counts_from_frame(frame, conversions="n", value="value").fingerprint
        for frame in (cents, cents[::-1])
    )
    assert there == back


def test_a_missing_column_is_named() -> None:
    with pytest.raises(MappingError, match="columns that do not exist: 'conversion'. Did you mean"):
        path_counts_from_frame(
            pd.DataFrame({"path": [], "conversions": []}), conversions="conversion"
        )
    with pytest.raises(MappingError, match="`value` names columns that do not exist: 'worth'"):
        path_counts_from_frame(
            pd.DataFrame({"path": [], "n": [], "w": []}), conversions="n", value="worth"
        )


def test_life_counts_worked_by_hand() -> None:
    counts = life_counts(
        np.array([0, 0, 2, 0]),
        np.array([3, 3, 5, 4]),
        np.array([True, False, True, False]),
        group=np.array([0, 0, 0, 1]),
        groups=("b", "a"),
    )
    assert counts.groups == ("a", "b")
    assert counts.at.tolist() == [[0, 0], [0, 4], [1, 0], [1, 2], [1, 3], [1, 5]]
    assert counts.n.tolist() == [[1, 0, 0], [0, 0, 1], [2, 0, 0], [1, 0, 0], [0, 1, 1], [0, 1, 0]]
    # at a time, those are at risk who entered before it and left at it or later
    assert counts.at_risk().tolist() == [0, 1, 0, 2, 3, 1]
    with pytest.raises(DataError, match="1 of 1 intervals end before they begin"):
        life_counts(
            np.array([3]), np.array([3]), np.array([True]), group=np.array([0]), groups=("a",)
        )


# ------------------------------------------------------------------ laws

COUNTING = [
    transition_counts,
    partial(transition_counts, order=2),
    partial(step_counts, steps=5),
    path_counts,
    partial(step_counts, anchor="shop", occurrence="every", direction="backwards", steps=3),
]


def assert_equal(left: object, right: object) -> None:
    for field in fields(left):  # type: ignore[arg-type]
        a, b = getattr(left, field.name), getattr(right, field.name)
        if field.name == "question":
            assert a == b
        else:
            np.testing.assert_array_equal(a, b, err_msg=field.name)


@given(whole=journeys(min_customers=2), seed=st.integers(0, 99))
@pytest.mark.parametrize("count", COUNTING)
@pytest.mark.parametrize("cut", [False, True])
def test_any_split_of_the_customers_adds_up(
    count: object, cut: bool, whole: Journeys, seed: int
) -> None:
    if cut:
        whole = whole.outcomes(conversion=["shop"], lookback_days=20, value="value")
    part_of = np.random.default_rng(seed).integers(0, 3, whole.n_customers)[whole.customer_index]
    parts = [whole.take(part_of == part) for part in np.unique(part_of)]
    total = count(parts[0])  # type: ignore[operator]
    for part in parts[1:]:
        total = count(part) + total  # type: ignore[operator]
    assert_equal(total, count(whole))  # type: ignore[operator]


@given(whole=journeys(min_customers=2))
@pytest.mark.parametrize("count", COUNTING)
def test_the_runner_changes_nothing(count: object, whole: Journeys) -> None:
    whole = whole.sessions("10d")
    assert_equal(run(count, whole, block=2, threads=2), count(whole))  # type: ignore[operator,arg-type]


def test_the_progress_bar_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    counted = run(transition_counts, JOURNEYS, block=1, progress=True)
    assert_equal(counted, transition_counts(JOURNEYS))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Counting" in shown.err


def test_the_runner_checks_its_arguments() -> None:
    with pytest.raises(ArgumentError, match="`block` must be a whole number at least 1; got 0"):
        run(transition_counts, JOURNEYS, block=0)
    with pytest.raises(ArgumentError, match="`threads` must be a whole number at least 1; got 0"):
        run(transition_counts, JOURNEYS, threads=0)


@given(whole=journeys())
@pytest.mark.parametrize("count", COUNTING[:-1])
def test_renaming_commutes(count: object, whole: Journeys) -> None:
    # the new names sort the other way round
    new = {"call": "z", "mail": "y", "shop": "x", "web": "w"}
    back = {to: name for name, to in new.items()}
    assert_equal(count(whole.relabel(new).relabel(back)), count(whole))  # type: ignore[operator]
    renamed = count(whole.relabel(new))  # type: ignore[operator]
    if hasattr(renamed, "text"):
        plain = count(whole)  # type: ignore[operator]
        translated = [" > ".join(new[s] for s in path.split(" > ")) for path in plain.text()]
        ours = dict(zip(renamed.text(), renamed.n.tolist(), strict=True))
        assert ours == dict(zip(translated, plain.n.tolist(), strict=True))


@given(whole=journeys())
@pytest.mark.parametrize("count", COUNTING)
def test_a_time_shift_changes_only_the_fingerprint(count: object, whole: Journeys) -> None:
    shift = 17 * DAY + 5
    shifted = whole.replace(
        time=whole.time + shift,  # type: ignore[operator]
        observed_from=whole.observed_from + shift,  # type: ignore[operator]
        observed_to=whole.observed_to + shift,  # type: ignore[operator]
        window=(shift, 100 * DAY + shift),
    )
    cut = [each.outcomes(conversion=["shop"], lookback_days=9) for each in (whole, shifted)]
    left, right = (count(each) for each in cut)  # type: ignore[operator]
    for field in fields(left):
        if field.name not in ("fingerprint", "question"):
            a, b = getattr(left, field.name), getattr(right, field.name)
            np.testing.assert_array_equal(a, b)


@given(whole=journeys(), order=st.integers(1, 3))
def test_no_step_is_lost(whole: Journeys, order: int) -> None:
    counts = transition_counts(whole, order=order)
    assert counts.n.sum() == whole.n_events + len(whole)
    steps = step_counts(whole, steps=5)
    assert steps.table().sum(axis=1).tolist() == [len(whole)] * 6
    before = np.zeros_like(steps.table()[1:])
    np.add.at(before, (steps.link[:, 0], steps.link[:, 2]), steps.n_link[:, 0])
    np.testing.assert_array_equal(before, steps.table()[1:])
    assert path_counts(whole).n_journeys.sum() == len(whole)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 5), st.booleans(), st.integers(0, 2)),
        min_size=2,
    )
)
def test_life_counts_add_up(rows: list[tuple[int, int, bool, int]]) -> None:
    entry, span, event, group = (np.array(column) for column in zip(*rows, strict=True))

    def count(part: slice) -> LifeCounts:
        return life_counts(
            entry[part],
            (entry + span)[part],
            event[part],
            group=group[part],
            groups=("a", "b", "c"),
        )

    half = len(rows) // 2
    assert_equal(count(slice(half)) + count(slice(half, None)), count(slice(None)))


@given(
    st.lists(
        st.tuples(st.integers(-1, 5), st.integers(1, 4), st.booleans(), st.integers(0, 2)),
        min_size=1,
    ),
    st.sampled_from([1, 1 << 40, 1 << 59]),
)
def test_life_counts_are_those_of_rows_counted_one_by_one(
    rows: list[tuple[int, int, bool, int]], unit: int
) -> None:
    # In the longest unit, group and time fit into no whole number together.
    entry = np.array([unit * begin for begin, _, _, _ in rows])
    leave = np.array([unit * (begin + length) for begin, length, _, _ in rows])
    event = np.array([happened for _, _, happened, _ in rows])
    group = np.array([at for _, _, _, at in rows])
    counts = life_counts(entry, leave, event, group=group, groups=("a", "b", "c"))
    wanted: dict[tuple[int, int], list[int]] = {}
    for at, begin, end, happened in zip(
        group.tolist(), entry.tolist(), leave.tolist(), event.tolist(), strict=True
    ):
        wanted.setdefault((at, begin), [0, 0, 0])[0] += 1
        wanted.setdefault((at, end), [0, 0, 0])[1 if happened else 2] += 1
    assert list(map(tuple, counts.at.tolist())) == sorted(wanted)
    assert counts.n.tolist() == [wanted[key] for key in sorted(wanted)]


@pytest.mark.parametrize("different", [700, 1_000_000])
def test_many_life_counts_are_the_same_by_table_and_by_sorting(different: int) -> None:
    random = np.random.default_rng(1)
    leave = random.integers(1, different, 30_000)
    event = random.random(30_000) < 0.5
    nobody = np.zeros(30_000, dtype=np.int64)
    counts = life_counts(nobody - 1, leave, event, group=nobody, groups=("all",))
    times = np.unique(np.append(leave, -1))
    assert counts.at.T[1].tolist() == times.tolist()
    for kind, column in ((event, 1), (~event, 2)):
        at = np.searchsorted(times, leave[kind])
        assert counts.n[:, column].tolist() == np.bincount(at, minlength=len(times)).tolist()
    assert counts.n[:, 0].sum() == counts.n[0, 0] == 30_000
