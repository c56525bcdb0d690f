from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.stats.risk_sets import geometric_bins, joint_strata, strata


def test_bins_worked_by_hand() -> None:
    values = [0, 0.9, 1, 1.9, 2, 3.9, 4, 100]
    assert geometric_bins(values, first=1, ratio=2).tolist() == [0, 0, 1, 1, 2, 2, 3, 7]
    assert geometric_bins([], first=1, ratio=2).tolist() == []


@pytest.mark.parametrize("longest_table", [0, 1 << 22])
@pytest.mark.parametrize("most", [4, 1 << 60])
@given(st.lists(st.tuples(*[st.integers(-5, 5)] * 3), max_size=30))
def test_rows_share_a_stratum_where_all_codes_are_equal(
    longest_table: int, most: int, rows: list[tuple[int, ...]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strata, "_LONGEST_TABLE", longest_table)
        patch.setattr(strata, "_MOST_COMBINATIONS", most)
        parts = np.array(rows, dtype=np.int64).reshape(-1, 3).T
        code, n = joint_strata(*parts)
    distinct = sorted(set(rows))
    assert n == len(distinct)
    assert code.tolist() == [distinct.index(row) for row in rows]
