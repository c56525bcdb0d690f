from __future__ import annotations

import pandas as pd
import pytest

from journeykit.counts import path_counts_from_frame


@pytest.mark.parametrize(
    ("separator", "paths"),
    [
        (" > ", ["mail>web", "  mail > web\t", "", "   ", "web"]),
        (" ", ["mail web", "mail web", "", "  ", "web"]),
        ("|", ["mail|web", " mail | web", " ", "", "web "]),
    ],
)
def test_blanks_around_touchpoints_are_cut(separator: str, paths: list[str]) -> None:
    frame = pd.DataFrame({"path": paths, "conversions": [1, 2, 4, 8, 16]})
    counts = path_counts_from_frame(frame, conversions="conversions", separator=separator)
    found = dict(zip(counts.text(), counts.conversions.tolist(), strict=True))
    assert found == {"mail > web": 3, "": 12, "web": 16}
