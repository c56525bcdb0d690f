from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.attribution.identities import Split, split_identities
from journeykit.errors import ArgumentError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from tests.attribution.example import CUSTOMERS, OUTCOMES, reordered
from tests.attribution.test_redrawing import original
from tests.attribution.test_rule_based import LAW
from tests.strategies import journeys

SPLITS = st.builds(
    Split,
    part=st.sampled_from([0.3, 0.7, 1.0]),
    who=st.sampled_from(["all", "without_conversion", "with_conversion"]),
    kind=st.sampled_from(["device", "instant"]),
    seed=st.integers(0, 5),
)


def named(drawn: Journeys) -> Journeys:
    return drawn.replace(customer_id=drawn.customer_id.cast(pa.string()))


def split(drawn: Journeys, how: Split) -> Journeys:
    return split_identities(drawn, how, conversion=["shop"])


def by_person(drawn: Journeys) -> dict[str, list[tuple[object, ...]]]:
    """List the events of every person, whichever identity has them."""
    frame = drawn.to_frame()
    frame["customer_id"] = frame["customer_id"].map(original)
    listed = frame[["event_time", "touchpoint", "value"]].apply(tuple, axis=1)
    return listed.groupby(frame["customer_id"]).apply(sorted).to_dict()


@LAW
@given(journeys(), SPLITS)
def test_no_event_is_lost(drawn: Journeys, how: Split) -> None:
    whole = named(drawn)
    parts = split(whole, how)
    assert by_person(parts) == by_person(whole)
    ids = parts.customer_id.to_pylist()
    assert len(set(ids)) == len(ids) == len(parts)
    assert (parts.length > 0).all()
    shop = parts.names.index("shop")
    assert (parts.touchpoint == shop).sum() == (whole.touchpoint == shop).sum()
    assert parts.time is not None
    for a, b in zip(parts.start[:-1], parts.start[1:], strict=True):
        assert (np.diff(parts.time[a:b]) >= 0).all()
        # Events at one time keep their order: `value` numbers them.
        assert (np.diff(parts.columns["value"][a:b]) > 0).all()
    assert parts.observed_to is not None
    assert (parts.observed_to == 100 * DAY).all()
    assert parts.window == whole.window


@LAW
@given(journeys(), SPLITS)
def test_only_those_meant_are_split(drawn: Journeys, how: Split) -> None:
    whole = named(drawn)
    parts = split(whole, how)
    twice = {original(one) for one in parts.customer_id.to_pylist() if original(one) != one}
    for customer in twice:
        events = whole.customer(customer)
        assert len(events) > 1
        if how.who != "all":
            converts = (events["touchpoint"] == "shop").any()
            assert converts == (how.who == "with_conversion")
        if how.kind == "instant":
            second = parts.customer(f"{customer} #1")["event_time"]
            assert parts.customer(customer)["event_time"].max() < second.min()


@LAW
@given(journeys(), SPLITS)
def test_nobody_is_split_in_no_part(drawn: Journeys, how: Split) -> None:
    assert split(drawn, how._replace(part=0)) is drawn


@LAW
@given(journeys(), SPLITS, st.randoms(use_true_random=False))
def test_a_smaller_part_and_another_order_change_nothing_else(
    drawn: Journeys, how: Split, random: object
) -> None:
    whole = named(drawn)
    order = list(range(len(whole)))
    random.shuffle(order)  # type: ignore[attr-defined]

    def events(made: Journeys) -> dict[object, list[int]]:
        return made.to_frame().groupby("customer_id")["value"].apply(list).to_dict()

    every, some = events(split(whole, how)), events(split(whole, how._replace(part=how.part / 2)))
    assert events(split(reordered(whole, order), how)) == every
    for customer, values in some.items():
        if f"{customer} #1" in some:
            assert values == every[customer]


def many(customers: int, events: int) -> Journeys:
    n = customers * events
    return Journeys(
        names=("shop", "web"),
        touchpoint=np.ones(n, dtype=np.uint8),
        start=np.arange(0, n + 1, events),
        time=np.tile(np.arange(events) * DAY, customers),
        columns={"value": np.arange(n)},
    )


def test_how_many_are_split_and_how() -> None:
    whole = many(20_000, 3)
    device = split(whole, Split(0.5, seed=1))
    # With three coins 1/4 fall to one side; the second identity has 1 or 2 events: HHT HTH | HTT.
    n_split = device.n_customers - 20_000
    assert n_split == pytest.approx(0.5 * 0.75 * 20_000, abs=4 * np.sqrt(20_000 * 0.25))
    second = device.length[device.customer_id.to_numpy() >= 100_000]
    assert (second == 2).mean() == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / n_split))
    instant = split(whole, Split(1.0, kind="instant", seed=1))
    assert instant.n_customers == 40_000
    second = instant.length[1::2]
    # The instant is as likely in either gap of a day.
    assert (second == 2).mean() == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / 20_000))


def test_customers_without_events_stay() -> None:
    some = many(3, 2)
    idle = some.replace(
        start=np.array([0, 2, 2, 4, 6]),
        customer_index=np.array([0, 1, 2, 4]),
        customer_id=pa.array(["a", "idle", "b", "unseen", "c"]),
    )
    parts = split(idle, Split(1.0, kind="instant"))
    assert parts.length.tolist() == [1, 1, 0, 1, 1, 1, 1]
    assert parts.customer_index.tolist() == [0, 1, 2, 3, 4, 6, 7]
    assert parts.customer_id.to_pylist() == [
        "a",
        "a #1",
        "idle",
        "b",
        "b #1",
        "unseen",
        "c",
        "c #1",
    ]


def test_refuses_what_it_cannot_split() -> None:
    with pytest.raises(ArgumentError, match="Splitting identities changes where journeys end"):
        split_identities(OUTCOMES, Split(1.0), conversion=["buy"])
    pairs = CUSTOMERS.replace(customer_index=np.array([0, 0, 1, 2, 3]))
    with pytest.raises(ArgumentError, match="needs one journey a customer; some have several"):
        split_identities(pairs, Split(1.0), conversion=["buy"])
    untimed = CUSTOMERS.replace(time=None, observed_from=None, observed_to=None, window=None)
    with pytest.raises(NotObservedError, match="at an instant needs the time of each event"):
        split_identities(untimed, Split(1.0, kind="instant"), conversion=["buy"])
    assert split_identities(untimed, Split(1.0), conversion=["buy"]).n_customers > 5
