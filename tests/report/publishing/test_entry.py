from __future__ import annotations

import pytest

from journeykit.report.publishing.entry import in_words, text


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.061, "share", "6.1%"), (0.45, "share", "45%"), (None, "share", "cannot tell"),
        (12345.6, "number", "12,346"), (99.97, "number", "100"), (5.0, "number", "5"),
        (1.5, "days", "1.50 days"), (-0.0, "number", "0"), (0.00012, "", "0.000120"),
        (1e17, "", "1.00e+17"),
    ],
)  # fmt: skip
def test_numbers_in_words(value: float | None, unit: str, words: str) -> None:
    assert in_words(value, unit) == words


def test_what_is_text() -> None:
    values = ["a  b\n", 3, 2.5, True, None, ["x"], {"x": 1}]
    assert [text(value) for value in values] == ["a b", "3", "2.5", "", "", "", ""]
