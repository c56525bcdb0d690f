"""Who was held out, and who converted, as counts by arm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from journeykit.attribution import holdout_arms, holdout_increments
from journeykit.errors import DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.simulate.world import world

#: ann buys twice, bob once, cid never; eve was never assigned.
SHOP = Journeys(
    names=("buy", "web"),
    touchpoint=np.array([1, 0, 0, 0, 1, 0], dtype=np.uint8),
    start=np.array([0, 3, 4, 5, 6]),
    time=np.array([1, 2, 3, 1, 1, 1]) * DAY,
    customer_id=pa.array(["ann", "bob", "cid", "eve"]),
)
WHO = pd.DataFrame(
    {
        "customer_id": ["ann", "bob", "cid", "dan", "ann", "bob"],
        "channel": ["mail"] * 4 + ["sms"] * 2,
        "held_out": [False, True, False, True, True, False],
    }
)


def test_counts_worked_by_hand() -> None:
    found = holdout_arms(SHOP, WHO, conversion=["buy"]).set_index("channel")
    # dan was held out, never did anything, and counts.
    assert found.loc["mail"].tolist() == [2, 2, 2, 1, 4, 1]
    assert found.loc["sms"].tolist() == [1, 1, 1, 2, 1, 4]
    as_numbers = WHO.assign(held_out=WHO["held_out"].astype(int))
    assert holdout_arms(SHOP, as_numbers, conversion=["buy"]).equals(found.reset_index())


def test_the_increment_is_what_the_world_knows() -> None:
    """Difference and error of every channel, as the simulated company counts them."""
    made = world(
        customers=3_000, seed=4, parts=("channels", "orders", "purchases", "spend", "holdouts")
    )
    journeys = made.journeys()
    goals = [name for name in ("thank_you_page", "pos_transaction") if name in journeys.names]
    arms = made.tables["assignments"].to_pandas()
    who = pd.DataFrame(
        {
            "customer_id": arms["customer_id"],
            "channel": arms["experiment"],
            "held_out": arms["arm"] == "holdout",
        }
    )
    counted = holdout_arms(journeys, who, conversion=goals)
    told = holdout_increments(counted).set_index("channel")
    for name, known in made.truth["holdouts"].channels.items():
        assert told.loc[name, "increment"] == pytest.approx(known.difference * known.treated)
        assert told.loc[name, "std_error"] == pytest.approx(known.std_error * known.treated)


@pytest.mark.parametrize(
    ("held_out", "said"),
    [
        ("yes", "must be true or false, or 1 or 0; 6 of 6 rows are not, such as 'yes'"),
        (None, "6 of 6"),
    ],
)
def test_arms_that_are_neither(held_out: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        holdout_arms(SHOP, WHO.assign(held_out=held_out), conversion=["buy"])


def test_assignments_that_do_not_fit() -> None:
    with pytest.raises(DataError, match="once in a channel; 1 rows stand twice"):
        holdout_arms(SHOP, pd.concat([WHO, WHO.head(1)]), conversion=["buy"])
    with pytest.raises(DataError, match="None of the customers .* such as .'x'."):
        holdout_arms(SHOP, WHO.assign(customer_id="x").head(1), conversion=["buy"])
    with pytest.raises(MappingError, match="'buyy'"):
        holdout_arms(SHOP, WHO, conversion=["buyy"])
    with pytest.raises(MappingError, match="without: held_out"):
        holdout_arms(SHOP, WHO.drop(columns="held_out"), conversion=["buy"])


#: Four customers who buy 2, 0, 1 and 0 times; "e" is assigned and never seen.
FOUR = Journeys(
    names=("buy", "web"),
    touchpoint=np.array([0, 1, 0, 1, 0, 1], dtype=np.uint8),
    start=np.array([0, 3, 4, 5, 6]),
    customer_id=pa.array(list("abcd")),
)
ASSIGNED = pd.DataFrame(
    {
        "customer_id": list("abcdeabc"),
        "channel": ["mail"] * 5 + ["ads"] * 3,
        "held_out": [False, True, True, False, False, True, True, False],
    }
)


@pytest.mark.parametrize("kind", ["bool", "object", "boolean"])
def test_arms_are_counted_customer_by_customer(kind: str) -> None:
    shuffled = ASSIGNED.astype({"held_out": kind}).sample(frac=1, random_state=2)
    got = holdout_arms(FOUR, shuffled, conversion=["buy"]).set_index("channel")
    bought = {"a": 2, "b": 0, "c": 1, "d": 0, "e": 0}
    for channel, part in ASSIGNED.groupby("channel"):
        for arm, which in (("treated", False), ("held_out", True)):
            n = [bought[who] for who in part.loc[part["held_out"] == which, "customer_id"]]
            assert got.loc[channel, arm] == len(n)
            assert got.loc[channel, f"{arm}_conversions"] == sum(n)
            assert got.loc[channel, f"{arm}_squares"] == sum(k**2 for k in n)


@pytest.mark.parametrize(
    ("column", "values", "kind", "message"),
    [
        ("held_out", [True, None, *[False] * 6], "boolean", "true or false.*1 of 8 rows.*<NA>"),
        ("held_out", [True, None, *[False] * 6], "object", "true or false.*1 of 8 rows.*None"),
        ("channel", [None, *["mail"] * 4, *["ads"] * 3], "object", "`channel`.*in 1 rows"),
        ("customer_id", [None, *"bcdeabc"], "object", "`customer_id`.*in 1 rows"),
    ],
)
def test_rows_that_would_fall_out_of_every_arm_are_refused(
    column: str, values: list[object], kind: str, message: str
) -> None:
    wrong = ASSIGNED.assign(**{column: pd.Series(values, dtype=kind)})
    with pytest.raises(DataError, match=message):
        holdout_arms(FOUR, wrong, conversion=["buy"])
