from __future__ import annotations

from dataclasses import FrozenInstanceError

import pandas as pd
import pytest

from journeykit.errors import JourneyKitError, NoPictureError
from journeykit.results import Provenance, Result

RESULT = Result(
    frame=pd.DataFrame({"touchpoint": ["<b>mail</b>"] * 12, "share": [0.123456, 1234567.0] * 6}),
    provenance=Provenance(fingerprint="ab", parameters={"order": 1}),
)


def test_one_line_and_a_card_that_escapes() -> None:
    assert repr(RESULT) == "<Result: 12 rows>"
    card = RESULT._repr_html_()
    assert "<b>mail" not in card
    assert "&lt;b&gt;mail&lt;/b&gt;" in card
    assert "0.1235" in card
    assert "1,234,567" in card
    assert "2 more rows in <code>.frame</code>" in card


def test_nothing_can_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        RESULT.frame = pd.DataFrame()  # type: ignore[misc]
    with pytest.raises(TypeError):
        RESULT.provenance.parameters["order"] = 2  # type: ignore[index]


def test_a_result_without_a_picture_says_so() -> None:
    with pytest.raises(NoPictureError, match="Result has no picture; its numbers are in `.frame`"):
        RESULT.plot()
    assert issubclass(NoPictureError, JourneyKitError)
