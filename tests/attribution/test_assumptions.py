from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.attribution.assumptions import (
    Setting,
    grouping_of,
    in_common,
    merge_runs,
    prepared,
)
from journeykit.errors import ArgumentError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.study import Catalogue, Touchpoint
from tests.attribution.example import CUSTOMERS, OUTCOMES
from tests.attribution.test_lookback import paths_of
from tests.attribution.test_rule_based import LAW
from tests.strategies import journeys


def test_the_base_is_the_cut_into_outcomes() -> None:
    setting = Setting(("buy",), value="price", lookback_days=10)
    assert prepared(CUSTOMERS, setting).fingerprint == OUTCOMES.fingerprint
    assert prepared(CUSTOMERS, Setting(("buy",))) is CUSTOMERS


def test_runs_are_merged_by_hand() -> None:
    # bob: web web mail buy, a day between: within a day the first two are one touch.
    found = paths_of(merge_runs(OUTCOMES, "1d", conversion=["buy"]))
    assert found == ["mail web buy", "web buy", "web mail buy", "buy", "mail", "web mail", "web"]
    untouched = merge_runs(OUTCOMES, timedelta(hours=23), conversion=["buy"])
    assert untouched is OUTCOMES
    assert merge_runs(CUSTOMERS, "1d", conversion=["buy"]).n_events == CUSTOMERS.n_events - 1


def test_what_is_merged_may_not_be_cut_at_pauses() -> None:
    merged = merge_runs(CUSTOMERS, "1d", conversion=["buy"])
    with pytest.raises(ArgumentError, match="collapse afterwards"):
        merged.outcomes(conversion=["buy"], lookback_days=10)


@LAW
@given(journeys(), st.integers(1, 30))
def test_runs_are_merged_says_brute_force(drawn: Journeys, days: int) -> None:
    assert drawn.time is not None
    cut = drawn.outcomes(conversion=["shop"], lookback_days=15)
    assert cut.time is not None
    expected = []
    for a, b in zip(cut.start[:-1].tolist(), cut.start[1:].tolist(), strict=True):
        path = [cut.names[cut.touchpoint[a]]]
        for at in range(a + 1, b):
            name = cut.names[cut.touchpoint[at]]
            again = name == cut.names[cut.touchpoint[at - 1]] and name != "shop"
            if not (again and cut.time[at] - cut.time[at - 1] <= days * DAY):
                path.append(name)
        expected.append(" ".join(path))
    merged = merge_runs(cut, f"{days}d", conversion=["shop"])
    assert paths_of(merged) == expected
    assert merged.attributes.equals(cut.attributes)
    assert merged.customer_id.equals(cut.customer_id)


def test_channels_by_mapping_and_catalogue() -> None:
    asked = (CUSTOMERS, ["buy"])
    assert grouping_of(None, *asked, argument="grouping") == {"mail": "mail", "web": "web"}
    assert grouping_of({"web": "site"}, *asked, argument="grouping") == {
        "mail": "mail", "web": "site",
    }  # fmt: skip
    catalogue = Catalogue({name: Touchpoint(name, channel="all") for name in ("mail", "web")})
    assert grouping_of(catalogue, *asked, argument="grouping") == {"mail": "all", "web": "all"}


def test_refuses_channels_that_cannot_be() -> None:
    asked = (CUSTOMERS, ["buy"])
    with pytest.raises(MappingError, match="`groupings` names touchpoints that do not exist: 'wb'"):
        grouping_of({"wb": "site"}, *asked, argument="groupings")
    with pytest.raises(MappingError, match="touchpoints that do not exist: 'buy'"):
        grouping_of({"buy": "sale"}, *asked, argument="grouping")
    with pytest.raises(ArgumentError, match="the name of a conversion; 'buy' is both"):
        grouping_of({"web": "buy"}, *asked, argument="grouping")


def test_groupings_in_common() -> None:
    single = {name: name for name in "abcd"}
    pairs = {"a": "x", "b": "x", "c": "y", "d": "y"}
    crossing = {"a": "p", "b": "q", "c": "q", "d": "d"}
    assert in_common(single, pairs) == ({**pairs}, {"x": "x", "y": "y"})
    assert in_common(pairs, single) == ({"x": "x", "y": "y"}, {**pairs})
    assert in_common(single, single) == (single, single)
    # b and c join x with y: only the whole can be compared.
    ours, theirs = in_common(pairs, crossing)
    assert set(ours.values()) == set(theirs.values()) == {"x + y"}
    renamed = {name: name.upper() for name in "abcd"}
    # "w" of the one is "x" of the other: the common channels must not both be "w".
    ours, theirs = in_common({"a": "x", "b": "y", "c": "w"}, {"a": "w", "b": "w", "c": "x"})
    assert ours == {"x": "x + y", "y": "x + y", "w": "w"}
    assert theirs == {"w": "x + y", "x": "w"}
    assert in_common(single, renamed) == (single, {name.upper(): name for name in "abcd"})


@LAW
@given(*[st.lists(st.sampled_from("wxyz"), min_size=6, max_size=6)] * 2)
def test_in_common_no_touchpoint_is_in_two(one: list[str], two: list[str]) -> None:
    base, other = (dict(zip("abcdef", names, strict=True)) for names in (one, two))
    ours, theirs = in_common(base, other)
    for name in base:
        assert ours[base[name]] == theirs[other[name]]
    # The finest: as many as the connected parts that a search finds.
    seen: set[str] = set()
    parts = 0
    for name in base:
        parts += name not in seen
        reached = {name}
        while True:
            more = {
                to for at in reached for to in base
                if base[to] == base[at] or other[to] == other[at]
            }  # fmt: skip
            if more == reached:
                break
            reached = more
        seen |= reached
    assert len(set(zip([ours[n] for n in one], strict=True))) == parts
    assert np.unique(one).tolist() == sorted(ours)
