from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, MappingError
from journeykit.stats.disclosure import emptied, small, suppress, suppressed


@pytest.mark.parametrize(
    ("n", "wanted"),
    [
        ([50, 30, 20], []),
        ([50, 0, 20], []),
        # 3 alone would be the sum less the others, so the next smallest goes too.
        ([50, 30, 3], [1, 2]),
        ([3, 50, 30], [0, 2]),
        # 4 + 5 = 9 is itself fewer than 10.
        ([4, 5, 40, 30], [0, 1, 3]),
        ([4, 6, 40, 30], [0, 1]),
        # Ten cells above 0 that sum to 10 are 1 each.
        ([1] * 10 + [40, 12], [*range(10), 11]),
        ([1] * 9 + [2, 40], [*range(10)]),
        # The first of equals.
        ([5, 30, 30], [0, 1]),
        # Nothing is left to hide it behind: zeros too.
        ([3, 0, 0], [0, 1, 2]),
        ([3], [0]),
        ([9], [0]),
        ([10], []),
        ([], []),
    ],
)
def test_counts_worked_by_hand(n: list[int], wanted: list[int]) -> None:
    assert np.flatnonzero(suppressed(n)).tolist() == wanted


@pytest.mark.parametrize(
    ("n", "total", "wanted"),
    [
        # 3 of 100 did not: as telling as 3 who did. The next smallest hides both.
        ([97, 50, 60], [100, 100, 100], [0, 1]),
        ([100, 50], [100, 100], []),
        ([0, 50], [100, 100], []),
        # Nobody of 5 says all about the five.
        ([0, 50, 60], [5, 100, 100], [0, 1]),
        # 5 + 4 = 9 did not, so they need company.
        ([95, 96, 50], [100, 100, 100], [0, 1, 2]),
        # All of 5 and all of 7: the sum would say so.
        ([5, 7, 30], [5, 7, 60], [0, 1, 2]),
        # Rows that share one total: 95 and 5 of 100.
        ([95, 5], [100, 100], [0, 1]),
    ],
)
def test_complements_worked_by_hand(n: list[int], total: list[int], wanted: list[int]) -> None:
    assert np.flatnonzero(suppressed(n, total=total)).tolist() == wanted


def test_groups_are_protected_apart() -> None:
    n = [50, 3, 40, 50, 30, 12]
    group = ["a", "a", "a", "b", "b", None]
    assert suppressed(n, group=group).tolist() == [False, True, True, False, False, False]


def test_another_threshold() -> None:
    assert suppressed([4, 5, 9], small_cell=5).tolist() == [True, True, False]
    assert suppressed([1, 2, 3], small_cell=1).tolist() == [False, False, False]


def test_missing_counts_take_no_part() -> None:
    assert suppressed([np.nan, 50, 3, 30]).tolist() == [False, False, True, True]
    assert suppressed([np.nan, 3]).tolist() == [False, True]


@pytest.mark.parametrize(
    ("n", "more", "message"),
    [
        ([-1], {}, "`n` must hold whole numbers of at least 0"),
        ([1.5], {}, "`n` must hold whole numbers of at least 0"),
        ([np.inf], {}, "`n` must hold whole numbers of at least 0"),
        ([5], {"total": [-4]}, "`total` must hold whole numbers of at least 0"),
        ([5], {"total": [4]}, "`n` must not be greater than `total`; it is in some rows."),
        ([5], {"group": [1, 2]}, "`group` must be as long as `n`, 1; got 2."),
        ([5], {"small_cell": 0}, "`small_cell` must be a whole number at least 1; got 0."),
    ],
)
def test_mistakes(n: list[float], more: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        suppressed(n, **more)


rows = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=25
)


@given(rows, st.integers(2, 12), st.booleans())
def test_no_hidden_count_can_be_determined(
    cells: list[tuple[int, int, int]], k: int, with_total: bool
) -> None:
    """Bounds from all that is known: the group's sum, what is shown, totals, and the rule."""
    n, others, group = (np.array(values) for values in zip(*cells, strict=True))
    total = n + others if with_total else None
    hidden = suppressed(n, total=total, group=group, small_cell=k)
    small = (n > 0) & (n < k)
    if with_total:
        small |= (others > 0) & (others < k)
    assert not (small & ~hidden).any()
    for label in set(group.tolist()):
        mine = group == label
        if not small[mine].any():
            assert not hidden[mine].any()
        if not hidden[mine].any() or hidden[mine].all():
            continue
        at = np.flatnonzero(mine & hidden)
        known_sum = n[at].sum()
        assert known_sum >= k
        least = np.ones(len(at)) if total is None else (total[at] >= k).astype(float)
        most = np.full(len(at), np.inf) if total is None else total[at].astype(float)
        for i in range(len(at)):
            others_least, others_most = np.delete(least, i).sum(), np.delete(most, i).sum()
            low = max(least[i], known_sum - others_most)
            high = min(most[i], known_sum - others_least)
            assert low < high


@given(rows)
def test_the_order_of_rows_changes_only_which_of_equals(cells: list[tuple[int, int, int]]) -> None:
    n, _, group = (np.array(values) for values in zip(*cells, strict=True))
    forward = suppressed(n, group=group)
    backward = suppressed(n[::-1], group=group[::-1])[::-1]
    assert sorted(zip(group[forward], n[forward], strict=True)) == sorted(
        zip(group[backward], n[backward], strict=True)
    )


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "source": ["web", "web", "mail", "mail"],
            "target": ["buy", "(exit)", "buy", "(exit)"],
            "n": [4, 46, 60, 40],
            "n_source": [50, 50, 100, 100],
            "share": [0.08, 0.92, 0.6, 0.4],
            "known": [True, False, True, False],
            "word": ["a", "b", "c", "d"],
        },
        index=[7, 7, 8, 9],
    )


def test_a_frame_keeps_its_labels() -> None:
    given_frame = frame()
    shown, n_hidden = suppress(
        given_frame, n="n", total="n_source", by=["source"], hide=["share", "known", "word"]
    )
    assert n_hidden == 2
    assert shown["source"].tolist() == ["web", "web", "mail", "mail"]
    assert shown["n"].tolist() == [pd.NA, pd.NA, 60, 40]
    assert shown["n"].dtype == "Int64"
    assert shown["known"].tolist() == [pd.NA, pd.NA, True, False]
    assert shown["share"].dtype == "float64"
    assert shown["share"].isna().tolist() == [True, True, False, False]
    assert shown["share"].tolist()[2:] == [0.6, 0.4]
    assert shown["word"].isna().tolist() == [True, True, False, False]
    assert shown["word"].tolist()[2:] == ["c", "d"]
    assert shown["n_source"].tolist() == [50, 50, 100, 100]
    assert shown.index.tolist() == [7, 7, 8, 9]
    pd.testing.assert_frame_equal(given_frame, frame())


def test_what_is_hidden_once_stays_hidden_and_no_more() -> None:
    once, _ = suppress(frame(), n="n", total="n_source", by=["source"], hide=["share"])
    twice, n_hidden = suppress(once, n="n", total="n_source", by=["source"], hide=["share"])
    assert n_hidden == 0
    pd.testing.assert_frame_equal(once, twice)


def test_nothing_small_nothing_changed() -> None:
    big = frame().iloc[2:]
    shown, n_hidden = suppress(big, n="n", total="n_source", hide=["share"])
    assert n_hidden == 0
    pd.testing.assert_frame_equal(shown, big)


def test_a_total_that_is_small_is_hidden_itself() -> None:
    few = pd.DataFrame({"n": [0, 20, 30], "n_at_risk": [6, 50, 70], "rate": [0, 0.4, 0.43]})
    shown, n_hidden = suppress(few, n="n", total="n_at_risk", hide=["rate"])
    assert n_hidden == 2
    assert shown["n"].tolist() == [pd.NA, pd.NA, 30]
    assert shown["n_at_risk"].tolist() == [pd.NA, 50, 70]


def test_kinds_of_columns() -> None:
    table = pd.DataFrame(
        {
            "n": pd.array([3, 40, 20], dtype="Int32"),
            "small": np.array([1, 2, 3], dtype="uint8"),
            "when": pd.to_datetime(["2017-01-01", "2017-01-02", "2017-01-03"]),
            "level": pd.Categorical(["x", "y", "x"]),
        }
    )
    shown, _ = suppress(table, n="n", hide=["small", "when", "level"])
    assert shown.dtypes.astype(str).tolist() == [
        "Int32",
        "UInt64",
        str(table["when"].dtype),
        "category",
    ]
    assert shown.isna().all(axis=1).tolist() == [True, False, True]


def test_columns_must_exist() -> None:
    with pytest.raises(MappingError, match="columns that do not exist: 'shar'.*Did you mean"):
        suppress(frame(), n="n", hide=["shar"])


def test_rounded_counts_tell_nothing_by_their_differences() -> None:
    from journeykit.stats.disclosure import rounded

    # Of 504 customers 4 were left out: 504 - 500 would tell.
    assert rounded([504, 4, 500, 250, 250]).tolist() == [500, 0, 500, 250, 250]
    assert rounded([500, 0, 500]).tolist() == [500, 0, 500]
    assert rounded([5, 14, 15, 26], small_cell=10).tolist() == [10, 10, 20, 30]


def test_few_are_neither_none_nor_many() -> None:
    assert small(np.array([0, 1, 9, 10]), 10).tolist() == [False, True, True, False]


def test_masked_columns_make_room_for_what_is_missing() -> None:
    frame = pd.DataFrame({"n": [1, 20], "share": [0.1, 0.9], "name": ["a", "b"]})
    shown = emptied(frame, dict.fromkeys(["n", "share"], np.array([True, False])))
    assert shown["n"].tolist() == [pd.NA, 20]
    assert shown["share"].isna().tolist() == [True, False]
    assert frame["n"].tolist() == [1, 20]
    same = emptied(frame, {"n": np.array([False, False])})
    assert same["n"].dtype == np.int64
