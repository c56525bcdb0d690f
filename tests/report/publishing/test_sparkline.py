from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from journeykit.report.publishing.sparkline import sparkline


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=50),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_a_line_stays_in_its_frame(values: list[float], bound: float | None) -> None:
    svg = sparkline(values, low=bound, high=values[-1])
    points = re.findall(r'points="([^"]*)"', svg)[0].split()
    pairs = [tuple(map(float, point.split(","))) for point in points]
    assert len(pairs) == len(values)
    assert pairs[0][0] == 4
    assert pairs[-1][0] == 116
    assert all(4 <= y <= 28 for _, y in pairs)
