"""Hand-offs, dead ends, confusion and isolation: by hand, by brute force, and where planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.maps import ChannelIntegration, channel_integration
from journeykit.maps.channels.isolation import beyond_chance
from journeykit.simulate.world import world
from journeykit.study import Catalogue
from journeykit.study.catalogue import Touchpoint

NAMES = ("ad", "call", "chat", "shop")
CATALOGUE = Catalogue(
    {
        "ad": Touchpoint("ad", channel="web"),
        "chat": Touchpoint("chat", channel="web"),
        "call": Touchpoint("call", channel="phone"),
        "shop": Touchpoint("shop", channel="store"),
    }
)
CHANNELS = {
    "social_owned_touch": "social",
    "sms_sent": "messages",
    "app_session": "app",
}


def made(
    events: list[tuple[int, float, str]], *, days: float = 100, customers: int = 0
) -> Journeys:
    """Journeys from (customer, day, touchpoint), watched from day 0."""
    events = sorted(events, key=lambda event: event[:2])
    n = max([customers, *(who + 1 for who, _, _ in events)])
    return Journeys(
        names=NAMES,
        touchpoint=np.array([NAMES.index(name) for _, _, name in events], dtype=np.uint8),
        start=np.searchsorted([who for who, _, _ in events], np.arange(n + 1)),
        time=np.array([round(day * DAY) for _, day, _ in events], dtype=np.int64),
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, round(days * DAY)),
    )


BY_HAND = made(
    [
        (0, 10, "ad"), (0, 12, "call"), (0, 19, "shop"), (0, 40, "shop"),
        (1, 3, "call"), (1, 50, "chat"), (1, 51, "ad"), (1, 95, "call"),
    ]
)  # fmt: skip


def found(journeys: Journeys, **given: object) -> ChannelIntegration:
    defaults: dict[str, object] = {"within_days": 7, "small_cell": 1}
    return channel_integration(journeys, CATALOGUE, **(defaults | given))  # type: ignore[arg-type]


def score(result: ChannelIntegration, channel: str, measure: str) -> pd.Series:
    frame = result.frame
    return frame[(frame["channel"] == channel) & (frame["measure"] == measure)].iloc[0]


def test_flows_and_dead_ends_by_hand() -> None:
    result = found(BY_HAND)
    # After ad: call in 2 days; after chat: ad, in the same channel; after ad on day 51: nothing.
    web = score(result, "web", "out-flow")
    assert (web["n"], web["n_event"]) == (3, 1)
    assert score(result, "web", "dead end")["estimate"] == pytest.approx(1 / 3)
    # The call on day 95 is not watched for 7 days; shop follows one call in exactly 7 days.
    phone = score(result, "phone", "out-flow")
    assert (phone["n"], phone["n_event"], phone["n_customers"]) == (2, 1, 2)
    # The call on day 3 is not watched for 7 days before.
    arrives = score(result, "phone", "in-flow")
    assert (arrives["n"], arrives["n_event"]) == (2, 1)
    counted = result.counted.set_index("channel")
    assert counted.loc["phone", ["n", "n_censored", "n_unseen"]].tolist() == [3, 1, 1]


def test_handoffs_by_hand() -> None:
    frame = found(BY_HAND).handoffs.set_index(["source", "target"])
    assert frame.loc[("web", "phone"), "estimate"] == pytest.approx(1 / 3)
    assert frame.loc[("web", "phone"), "median_days"] == pytest.approx(2)
    assert frame.loc[("phone", "store"), "median_days"] == pytest.approx(7)
    # After the hand-off to the shop on day 19 nothing follows in 7 days; to the call, a shop does.
    assert frame.loc[("phone", "store"), ["n_dropped", "n_watched", "drop"]].tolist() == [1, 1, 1]
    assert frame.loc[("web", "phone"), "drop"] == 0


def test_repeat_contacts_by_hand() -> None:
    needs = {"call": "help", "chat": "help", "shop": "goods"}
    events = [
        (0, 10, "call"), (0, 11, "shop"), (0, 12, "chat"), (0, 13, "chat"), (0, 16, "call"),
        (1, 10, "call"), (1, 12, "call"),
    ]  # fmt: skip
    result = found(made(events), needs=needs)
    # The need of the first call comes again in chat; that of the last three calls does not.
    assert score(result, "phone", "repeat contact")[["n", "n_event"]].tolist() == [4, 1]
    assert score(result, "web", "repeat contact")[["n", "n_event"]].tolist() == [2, 2]
    assert score(result, "store", "repeat contact")["n_event"] == 0
    assert "repeat contact" not in set(found(made(events)).frame["measure"])


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 60), st.sampled_from(NAMES)),
        min_size=1,
        max_size=40,
        unique_by=lambda event: event[:2],
    )
)
def test_brute_force_and_sums(events: list[tuple[int, float, str]]) -> None:
    result = found(made(events, days=70))
    ordered = sorted(events, key=lambda event: event[:2])
    channel = [CATALOGUE.channel_of(name) for _, _, name in ordered]
    pairs: dict[tuple[str, str], int] = {}
    for at, (who, day, _) in enumerate(ordered):
        if 70 - day <= 7:
            continue
        later = ordered[at + 1 : at + 2]
        near = later and later[0][0] == who and later[0][1] - day <= 7
        target = channel[at + 1] if near else "(nothing)"
        pairs[channel[at], target] = pairs.get((channel[at], target), 0) + 1
    frame = result.handoffs
    assert dict(
        zip(zip(frame["source"], frame["target"], strict=True), frame["n"], strict=True)
    ) == (pairs)
    assert frame.groupby("source")["estimate"].sum().to_numpy() == pytest.approx(1)
    assert result.counted["n"].sum() == len(events)
    shares = result.frame[result.frame["measure"] != "confusion"].dropna()
    assert (shares["conf_low"] <= shares["estimate"] + 1e-12).all()
    assert (shares["estimate"] <= shares["conf_high"] + 1e-12).all()


def test_windows_by_brute_force() -> None:
    rng = np.random.default_rng(3)
    events = [
        (int(who), float(day), str(name))
        for who, day, name in zip(
            rng.integers(0, 4, 300), rng.random(300) * 100, rng.choice(NAMES, 300), strict=True
        )
    ]
    frame = found(made(events), within_days=2).isolation.set_index("channel")
    for channel in ("web", "phone", "store"):
        own = [CATALOGUE.channel_of(name) == channel for _, _, name in events]
        for sides, mine in ((("leads", "comes"), True), (("others_lead", "others_come"), False)):
            inside = np.array(
                [
                    [
                        any(
                            one == who and is_own != mine and low <= other - day <= low + 2
                            for (one, other, _), is_own in zip(events, own, strict=True)
                        )
                        for low in (0, -2, 4, -6)
                    ]
                    for (who, day, _), is_own in zip(events, own, strict=True)
                    if is_own == mine and 6 <= day < 94
                ]
            ).mean(axis=0)
            row, r = frame.loc[channel], inside[2:].mean()
            assert row[sides[0]] == pytest.approx((inside[0] - r) / (1 - r))
            assert row[sides[1]] == pytest.approx((inside[1] - r) / (1 - r))
            assert row[f"{sides[0]}_chance"] == pytest.approx(r)


def test_a_large_channel_that_a_small_one_lives_on_is_not_isolated() -> None:
    rng = np.random.default_rng(1)
    events: list[tuple[int, float, str]] = []
    for who in range(400):
        shops = rng.random(60) * 100
        events += [(who, float(day), "shop") for day in shops]
        # One call after each 60 touches of the shop: 2 % of them, and all of the calls.
        events.append((who, float(shops[0]) + 0.01, "call"))
    found_ = found(made(events, days=101), within_days=0.2)
    row = found_.isolation.set_index("channel").loc["store"]
    assert row["leads_high"] < 0.05
    assert row["others_come_low"] > 0.5
    assert found_.isolated() == ()


def test_nothing_beyond_chance_has_the_bound_of_nobody() -> None:
    side = beyond_chance(np.zeros(50, dtype=bool), np.zeros(50), np.arange(50), 0.95)
    assert side.estimate == 0
    assert side.high == pytest.approx(0.0713, abs=1e-3)  # Wilson of 0 in 50


def test_a_channel_alone_is_flagged_and_others_are_not() -> None:
    catalogue: Catalogue | None = None
    for seed in range(3):
        journeys = world(customers=2000, seed=seed, parts=("channels",)).journeys()
        catalogue = Catalogue(
            {n: Touchpoint(n, channel=CHANNELS.get(n, "others")) for n in journeys.names}
        )
        result = channel_integration(journeys, catalogue, within_days=7)
        verdict = result.isolation.set_index("channel")["verdict"]
        assert verdict["messages"] == verdict["app"] == "woven in"
        assert "social" in result.isolated()
        leads = result.isolation.set_index("channel").loc["messages"]
        # Every second message brings about a session in the app.
        assert leads["leads_low"] < 0.5 < leads["leads_high"]
    assert "isolated" in result.summary()
    result.plot().figure.draw_without_rendering()
    result.plot_handoffs().figure.draw_without_rendering()


def test_few_customers_are_emptied_and_said() -> None:
    result = found(BY_HAND, small_cell=10)
    assert result.frame["estimate"].isna().all()
    assert result.handoffs["n"].isna().all()
    assert set(result.isolation["verdict"]) == {"cannot tell"}
    few = found(BY_HAND).confusion
    assert set(few["verdict"]) == {"too few"}
    assert few["conf_low"].isna().all()
    result.plot().figure.draw_without_rendering()
    assert result.summary().startswith("3 channels within 7 days")


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ArgumentError, match="`within_days` must be a number greater than 0; got 0"):
        found(BY_HAND, within_days=0)
    with pytest.raises(ArgumentError, match="`negligible` must lie strictly between 0 and 1"):
        found(BY_HAND, negligible=2.0)
    with pytest.raises(MappingError, match="`needs` names touchpoints that do not exist: 'cal'"):
        found(BY_HAND, needs={"cal": "help"})
    with pytest.raises(MappingError, match="The catalogue has no touchpoint 'ad'"):
        channel_integration(BY_HAND, Catalogue({"shop": Touchpoint("shop")}), within_days=7)
    with pytest.raises(NotObservedError, match="needs the time of each event"):
        found(BY_HAND.replace(time=None, observed_from=None, observed_to=None))
    with pytest.raises(DataError, match="needs events; these journeys have none"):
        found(made([], customers=2))
    with pytest.raises(ArgumentError, match="`channel_integration`"):
        found(BY_HAND.sessions("1d"))
