from __future__ import annotations

import math

import pytest

from journeykit.checks import (
    check_choice,
    check_fraction,
    check_known,
    check_positive,
    check_whole,
    did_you_mean,
)
from journeykit.errors import ArgumentError, MappingError


@pytest.mark.parametrize("bad", [-3, 0, math.inf, math.nan, True, "3"])
def test_positive(bad: float) -> None:
    check_positive("within_days", 0.5)
    with pytest.raises(ArgumentError, match="`within_days` must be a number greater than 0; got"):
        check_positive("within_days", bad)


def test_whole() -> None:
    check_whole("order", 3, least=1, most=3)
    with pytest.raises(ArgumentError, match="`order` must be a whole number at least 1; got 0"):
        check_whole("order", 0, least=1)
    with pytest.raises(ArgumentError, match="must be a whole number from 1 to 3; got 4"):
        check_whole("order", 4, least=1, most=3)
    with pytest.raises(ArgumentError, match="must be a whole number at least 0; got True"):
        check_whole("order", True)


@pytest.mark.parametrize("bad", [0, 1, 1.5, False, "half"])
def test_fraction(bad: float) -> None:
    check_fraction("confidence", 0.95)
    with pytest.raises(ArgumentError, match="`confidence` must lie strictly between 0 and 1"):
        check_fraction("confidence", bad)


def test_choice_suggests_the_nearest() -> None:
    check_choice("duplicates", "keep", ("keep", "drop"))
    wanted = "`duplicates` must be one of 'keep', 'drop'; got 'kep'. Did you mean 'keep'?"
    with pytest.raises(ArgumentError) as caught:
        check_choice("duplicates", "kep", ("keep", "drop"))
    assert str(caught.value) == wanted


def test_known_lists_what_there_is() -> None:
    names = [f"n{number}" for number in range(15)]
    check_known("names", ["n3"], names, what="touchpoints")
    with pytest.raises(MappingError) as caught:
        check_known("names", ["N33", "x"], names, what="touchpoints")
    said = str(caught.value)
    assert said.startswith("`names` names touchpoints that do not exist: 'N33', 'x'. Did you mean")
    assert said.endswith("'n11' and 3 more.")
    with pytest.raises(KeyError, match="There are: none"):
        check_known("names", ["x"], [], what="touchpoints")


def test_nothing_near_is_no_suggestion() -> None:
    assert did_you_mean("purchase", ["visit"]) == ""
    assert did_you_mean("Visits", ["visit"]) == " Did you mean 'visit'?"
