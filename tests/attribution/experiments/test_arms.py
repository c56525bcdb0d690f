from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from journeykit.attribution.experiments.arms import holdout_arms
from journeykit.errors import DataError
from journeykit.journeys import Journeys

#: Four customers who buy 2, 0, 1 and 0 times; "e" is assigned and never seen.
FOUR = Journeys(
    names=("buy", "web"),
    touchpoint=np.array([0, 1, 0, 1, 0, 1], dtype=np.uint8),
    start=np.array([0, 3, 4, 5, 6]),
    customer_id=pa.array(list("abcd")),
)
WHO = pd.DataFrame(
    {
        "customer_id": list("abcdeabc"),
        "channel": ["mail"] * 5 + ["ads"] * 3,
        "held_out": [False, True, True, False, False, True, True, False],
    }
)


@pytest.mark.parametrize("kind", ["bool", "object", "boolean"])
def test_arms_are_counted_customer_by_customer(kind: str) -> None:
    shuffled = WHO.astype({"held_out": kind}).sample(frac=1, random_state=2)
    got = holdout_arms(FOUR, shuffled, conversion=["buy"]).set_index("channel")
    bought = {"a": 2, "b": 0, "c": 1, "d": 0, "e": 0}
    for channel, part in WHO.groupby("channel"):
        for arm, which in (("treated", False), ("held_out", True)):
            n = [bought[who] for who in part.loc[part["held_out"] == which, "customer_id"]]
            assert got.loc[channel, arm] == len(n)
            assert got.loc[channel, f"{arm}_conversions"] == sum(n)
            assert got.loc[channel, f"{arm}_squares"] == sum(k**2 for k in n)


@pytest.mark.parametrize(
    ("column", "values", "kind", "message"),
    [
        ("held_out", [True, None, *[False] * 6], "boolean", "True or False.*1 rows.*<NA>"),
        ("held_out", [True, None, *[False] * 6], "object", "True or False.*1 rows.*None"),
        ("held_out", [1, 0] * 4, "int64", "True or False in every row; 8 rows"),
        ("channel", [None, *["mail"] * 4, *["ads"] * 3], "object", "`channel`.*in 1 rows"),
        ("customer_id", [None, *"bcdeabc"], "object", "`customer_id`.*in 1 rows"),
    ],
)
def test_rows_that_would_fall_out_of_every_arm_are_refused(
    column: str, values: list[object], kind: str, message: str
) -> None:
    wrong = WHO.assign(**{column: pd.Series(values, dtype=kind)})
    with pytest.raises(DataError, match=message):
        holdout_arms(FOUR, wrong, conversion=["buy"])
