from __future__ import annotations

import pytest

from journeykit.report.pages.glossary import VERDICTS, used_terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("A 95% interval of 2 to 3", ["95% interval"]),
        ("TOUCHPOINTS and journeys", ["Touchpoint", "Journey"]),
        ("It follows “(unseen)” and is (open).", ["(unseen)", "Still under way"]),
        ("p < 0.001 and q=0.2", ["p", "q"]),
        ("stop = 3; windowed; intervalometer; creditor", []),
        ("Last touch", ["Touchpoint", "First touch, last touch, linear"]),
        ("", []),
    ],
)
def test_words_are_found_whole(text: str, terms: list[str]) -> None:
    assert list(used_terms(text)) == terms


def test_every_term_can_be_found_by_its_own_name() -> None:
    for name in ("Channel", "Window", "(no touch)", "Look-back", "At risk", "Median", "Credit"):
        assert name in used_terms(f"The {name.lower()}.")


def test_every_verdict_is_explained() -> None:
    assert list(VERDICTS) == ["clear", "leaning", "cannot tell", "met", "missed", "counted"]
    assert all(meaning.endswith(".") for meaning in VERDICTS.values())
