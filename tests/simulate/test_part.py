"""Parameters: set by path, checked, and put to zero."""

from __future__ import annotations

import pytest

from journeykit.errors import ArgumentError
from journeykit.simulate.part import with_settings, zero
from journeykit.simulate.parts.calendar import Calendar
from journeykit.simulate.parts.population import Population

PARTS = (Population(), Calendar())


def test_settings_reach_any_depth_and_change_nothing_else() -> None:
    changed = with_settings(
        PARTS, {"calendar.season": 0.1, "population.segments.senior": 0.5, "calendar.weekly": 0}
    )
    population, calendar = changed
    assert calendar == Calendar(season=0.1, weekly=0)
    segments = {**Population().segments, "senior": 0.5}
    assert population == Population(segments=segments)
    assert (Population(), Calendar()) == PARTS


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("calender.season", 0, "The world has no parameter 'calender.season'. Did you mean "
         "'calendar.season'?"),
        ("calendar", 0, "The world has no parameter 'calendar'."),
        ("calendar.saison", 0, "The world has no parameter 'calendar.saison'. Did you mean "
         "'season'? In 'calendar' there are: season, peak_day, "),
        ("calendar.season.week", 0, "The world has no parameter 'calendar.season.week'. In "
         "'calendar.season' there are: none."),
        ("population.segments", 0, "The parameter 'population.segments' is a group and cannot "
         "be 0: set one of it, such as population.segments.household, or give all as JSON."),
        ("calendar.season", 1.5, "The parameter 'calendar.season' cannot be 1.5: Input should be "
         "less than 1."),
        ("calendar.season", "much", "The parameter 'calendar.season' cannot be 'much': Input "
         "should be a valid number, unable to parse string as a number."),
        ("population.segments", {"seniors": 1}, "The parameter 'population.segments' cannot be "
         "{'seniors': 1}: Value error, shares must be those of household, landlord, business, "
         "senior, one of them above 0."),
        ("population.personas", {"decided": 0}, "cannot be {'decided': 0}: Value error, shares "
         "must be those of researcher, bargain hunter, decided, one of them above 0."),
    ],
)  # fmt: skip
def test_a_wrong_setting_says_what_is_wrong(path: str, value: object, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        with_settings(PARTS, {path: value})
    assert message in str(caught.value)


def test_zero_is_zero_in_each_of_a_group() -> None:
    assert zero(PARTS, "calendar.season") == 0
    assert zero(PARTS, "population.segments") == dict.fromkeys(Population().segments, 0)
    assert zero(PARTS, "calendar") == dict.fromkeys(Calendar.model_fields, 0)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("calendar.seasons", "The world has no parameter 'calendar.seasons'. Did you mean "
         "'season'?"),
        ("calendar.season.week", "The world has no parameter 'calendar.season.week'."),
        ("channels.touchpoints.email_promo.reaches",
         "The parameter 'channels.touchpoints.email_promo.reaches' is no number, so it cannot be "
         "zero."),
    ],
)  # fmt: skip
def test_what_cannot_be_zero_says_why(path: str, message: str) -> None:
    from journeykit.simulate.parts.channels import Channels

    with pytest.raises(ArgumentError) as caught:
        zero((*PARTS, Channels()), path)
    assert str(caught.value) == message
