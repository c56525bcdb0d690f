from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from journeykit import attribution
from journeykit.attribution.lookback import touch_table
from journeykit.attribution.touch_paths import touch_paths
from journeykit.counts import path_counts_from_frame
from journeykit.errors import ArgumentError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.study import Catalogue, Touchpoint
from tests.attribution.example import CUSTOMERS, OUTCOMES
from tests.attribution.test_rule_based import LAW
from tests.strategies import journeys

ASKED = {"conversion": ["buy"], "lookback_days": 10}
DRAWN = {"conversion": ["shop"], "lookback_days": 15}


def paths_of(cut: Journeys) -> list[str]:
    return [
        " ".join(cut.names[code] for code in cut.touchpoint[a:b])
        for a, b in zip(cut.start[:-1], cut.start[1:], strict=True)
    ]


def need_conversion(drawn: Journeys) -> None:
    ends = drawn.outcomes(conversion=["shop"], lookback_days=15).attributes["outcome"]
    assume("converted" in ends.to_pylist())


def test_the_default_is_the_cut_into_outcomes() -> None:
    result = attribution.touches(CUSTOMERS, **ASKED, value="price")
    assert result.journeys.fingerprint == OUTCOMES.fingerprint
    assert result.n_beyond == 0
    expected = pd.DataFrame(
        {
            "channel": ["mail", "web"],
            "n_touches": [4, 5],
            "n_journeys": [4, 4],
            "n_conversions": [2, 3],
            "of_converted": [2 / 4, 3 / 4],
            "of_others": [1.0, 0.5],
        }
    )
    assert_frame_equal(result.frame, expected)
    assert result.summary() == (
        "9 touches at 2 channels. Without a catalogue it is not known what was not observed."
    )


def test_lookback_in_touches_and_in_days_by_hand() -> None:
    two = attribution.touches(CUSTOMERS, **ASKED, lookback_touches=1)
    cut = ["web buy", "web buy", "mail buy", "buy", "mail", "mail", "web"]
    assert paths_of(two.journeys) == cut
    days = attribution.touches(CUSTOMERS, **ASKED, span_days=2)
    assert paths_of(days.journeys)[:3] == ["mail web buy", "web buy", "web mail buy"]
    # Ann's only touch within one touch is known, and so is her first in 2 days, but not in 4.
    assert not any(two.journeys.attributes["edge"].to_pylist())
    assert not any(days.journeys.attributes["edge"].to_pylist())
    four = attribution.touches(CUSTOMERS, **ASKED, span_days=4)
    assert four.journeys.attributes["edge"].to_pylist()[0]
    assert days.n_beyond == 1
    assert "; 1 beyond the lookback." in days.summary()


def test_touches_that_a_conversion_does_not_use_up() -> None:
    cut = attribution.touches(CUSTOMERS, **ASKED, reset=False).journeys
    # Bob's second conversion is 2 days after the first, ann's more than 10 days after hers.
    assert paths_of(cut)[:4] == ["mail web buy", "web buy", "web web mail buy", "web web mail buy"]
    frame = attribution.rules(cut, models=["last"], replicates=2).frame
    assert frame["conversions"].tolist() == [2, 2]
    # More events stand in journeys than there were.
    assert cut.ledger.removed == ()
    one = attribution.touches(CUSTOMERS, **ASKED, reset=False, lookback_touches=1).journeys
    assert paths_of(one)[:4] == ["web buy", "web buy", "mail buy", "mail buy"]


def test_first_conversions_only() -> None:
    cut = attribution.touches(CUSTOMERS, **ASKED, conversions="first").journeys
    assert paths_of(cut) == ["mail web buy", "web web mail buy", "mail", "web mail", "web"]


def test_the_catalogue_groups_and_says_what_was_not_seen() -> None:
    listed = [
        Touchpoint("mail", channel="owned", observability="log"),
        Touchpoint("web", channel="owned", observability="log"),
        Touchpoint("shop visit", observability="pos"),
        Touchpoint("poster", observability="external"),
        Touchpoint("friends"),
        Touchpoint("buy", observability="pos"),
    ]
    catalogue = Catalogue(MappingProxyType({one.touchpoint: one for one in listed}))
    result = attribution.touches(CUSTOMERS, **ASKED, catalogue=catalogue)
    assert result.frame["channel"].tolist() == ["owned"]
    assert result.coverage["status"].tolist() == [
        "seen",
        "seen",
        "no events here",
        "leaves no events",
        "not said",
    ]
    assert result.coverage["n_events"].tolist() == [4, 6, 0, 0, 0]
    assert result.summary().endswith(
        "Of 5 touchpoints in the catalogue 2 have events, 1 could and have none, 1 leave none, "
        "of 1 it is not said: no model credits what was not seen."
    )
    only_mail = attribution.touches(CUSTOMERS, **ASKED, touchpoints=["mail"], catalogue=catalogue)
    assert only_mail.frame["n_touches"].tolist() == [4]
    assert only_mail.coverage["status"].tolist()[:2] == ["seen", "left out"]
    assert only_mail.coverage["n_events"].tolist()[:2] == [4, 6]
    assert "1 have events, 1 are left out, 1 could and have none" in only_mail.summary()
    named = Catalogue(MappingProxyType({n: Touchpoint(n, channel="buy") for n in ("mail", "web")}))
    with pytest.raises(ArgumentError, match="must not bear the name of a conversion; 'buy' is"):
        attribution.touches(CUSTOMERS, **ASKED, catalogue=named)
    one = Catalogue(MappingProxyType({"mail": Touchpoint("mail")}))
    with pytest.raises(MappingError, match="The catalogue has no touchpoint 'web'"):
        attribution.touches(CUSTOMERS, **ASKED, catalogue=one)


@LAW
@given(journeys(), st.integers(1, 20), st.integers(1, 4), st.booleans())
def test_the_lookback_is_the_same_for_both(
    drawn: Journeys, days: int, most: int, reset: bool
) -> None:
    need_conversion(drawn)
    asked = {**DRAWN, "reset": reset}
    whole = attribution.touches(drawn, **asked).journeys
    kept = attribution.touches(drawn, **asked, span_days=days, lookback_touches=most).journeys
    assert whole.attributes["outcome"].equals(kept.attributes["outcome"])
    assert whole.time is not None
    assert kept.time is not None
    for at, ended in enumerate(whole.attributes["outcome"].to_pylist()):
        time = whole.time[whole.start[at] : whole.start[at + 1]].tolist()
        count = most + (ended == "converted")
        expected = [t for t in time[-count:] if time[-1] - t <= days * DAY]
        assert kept.time[kept.start[at] : kept.start[at + 1]].tolist() == expected


@LAW
@given(journeys())
def test_nothing_is_used_up_says_brute_force(drawn: Journeys) -> None:
    need_conversion(drawn)
    assert drawn.time is not None
    found = []
    for a, b in zip(drawn.start[:-1], drawn.start[1:], strict=True):
        path: list[str] = []
        for at in range(a, b):
            if at > a and drawn.time[at] - drawn.time[at - 1] > 15 * DAY:
                path = []
            name = drawn.names[drawn.touchpoint[at]]
            if name == "shop":
                found.append(" ".join([*path, name]))
            else:
                path.append(name)
    cut = attribution.touches(drawn, **DRAWN, reset=False).journeys
    assert [path for path in paths_of(cut) if path.endswith("shop")] == found


def test_participation_agrees_with_the_reference(shared: Path) -> None:
    reference = pd.read_csv(shared / "oracles" / "attribution" / "ga4_reference.csv")
    table = pd.read_csv(
        shared / "data" / "ga4_journeys" / "ga4_attribution_journeys.csv.gz",
        usecols=["path", "conversion"],
    )
    counts = path_counts_from_frame(table, conversions="conversion")
    frame = touch_table(touch_paths(counts)).set_index("channel").loc[reference["channel"]]
    np.testing.assert_allclose(frame["n_conversions"], reference["participation"], atol=1e-6)


def test_picture_shows_both_kinds() -> None:
    ax = attribution.touches(CUSTOMERS, **ASKED).plot()
    assert [line.get_xdata().tolist() for line in ax.lines] == [[0.5, 0.75], [1.0, 0.5]]


def test_refuses_what_is_no_lookback() -> None:
    for options, message in (
        ({"span_days": 0}, "`span_days` must be a number greater than 0"),
        ({"lookback_touches": 0}, "`lookback_touches` must be a whole number at least 1"),
        ({"conversions": "all"}, "`conversions` must be one of 'every', 'first'"),
    ):
        with pytest.raises(ArgumentError, match=message):
            attribution.touches(CUSTOMERS, **ASKED, **options)
    for name in ("touchpoints", "conversion"):
        with pytest.raises(ArgumentError, match=f"`{name}` must be a list of names; got the text"):
            attribution.touches(CUSTOMERS, **{**ASKED, "touchpoints": ["mail"], name: "mail"})
    with pytest.raises(ArgumentError, match="already cut"):
        attribution.touches(OUTCOMES, **ASKED)
    untimed = CUSTOMERS.replace(time=None, observed_from=None, observed_to=None, window=None)
    with pytest.raises(NotObservedError, match="needs the time of each event"):
        attribution.touches(untimed, **ASKED)
