from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.survival import lifetimes_from_frame
from journeykit.survival.renewing import renewal_counts
from journeykit.survival.renewing.counting import counted_renewals

TABLE = pd.DataFrame({"period": [0, 1, 2], "basic": [1000, 631, 468], "gold": [50, 50, 40]})


def test_counts_of_a_table_in_any_order() -> None:
    found = renewal_counts(TABLE.iloc[::-1], stayed=["basic", "gold"])
    assert found.groups == ("basic", "gold")
    assert found.customers.tolist() == [1000, 50]
    assert found.n_at_risk.tolist() == [[1000, 631], [50, 50]]
    assert found.n_event.tolist() == [[369, 163], [0, 10]]


def test_lifetimes_are_cut_into_renewals() -> None:
    # Years of 10 days. Ends at 10 and, a day late, 11: first renewal not made; 15: the second.
    # Lost at 25: made two, the third is not known. From 14 on: faces the second first, lost at 30.
    frame = pd.DataFrame(
        {
            "start": [0, 0, 0, 0, 14, 0],
            "time": [10, 11, 15, 25, 30, 3],
            "status": [1, 1, 1, 0, 0, 0],
        }
    )
    found = counted_renewals(lifetimes_from_frame(frame, start="start"), period_days=10, by=None)
    assert found.n_at_risk.tolist() == [[4, 3, 1]]
    assert found.n_event.tolist() == [[2, 1, 0]]
    assert found.customers.tolist() == [6]


def test_cuts_of_a_customer_change_nothing() -> None:
    rng = np.random.default_rng(1)
    n = 200
    frame = pd.DataFrame(
        {
            "who": np.arange(n),
            "start": 0.0,
            "time": rng.uniform(1, 60, n),
            "status": rng.random(n) < 0.6,
        }
    )
    middle = frame["time"] * rng.random(n)
    cut = pd.concat([frame.assign(time=middle, status=False), frame.assign(start=middle)])
    one, two = (
        counted_renewals(
            lifetimes_from_frame(f, customer_id="who", start="start"), period_days=10, by=None
        )
        for f in (frame, cut)
    )
    assert one.n_event.tolist() == two.n_event.tolist()
    assert one.n_at_risk.tolist() == two.n_at_risk.tolist()
    assert two.customers.tolist() == [n]


def test_cuts_just_before_a_renewal_change_nothing() -> None:
    whole = pd.DataFrame({"who": [1, 2], "start": [0, 0], "time": [20, 30], "status": [1, 0]})
    cut = pd.DataFrame(
        {"who": [1, 1, 2], "start": [0, 19.5, 0], "time": [19.5, 20, 30], "status": [0, 1, 0]}
    )
    for frame in (whole, cut):
        lives = lifetimes_from_frame(frame, customer_id="who", start="start")
        found = counted_renewals(lives, period_days=10, by=None)
        assert found.n_at_risk.tolist() == [[2, 2, 1]]
        assert found.n_event.tolist() == [[0, 1, 0]]


def test_late_entries_do_not_bring_ends_of_the_renewal_before() -> None:
    """One in five does not renew, whenever they came into sight."""
    rng = np.random.default_rng(1)
    life = 10.0 * rng.geometric(0.2, 100_000)
    entry = rng.uniform(0, 30, len(life))
    seen = life > entry
    frame = pd.DataFrame({"start": entry, "time": np.minimum(life, 50.5), "status": life <= 50})[
        seen
    ]
    found = counted_renewals(lifetimes_from_frame(frame, start="start"), period_days=10, by=None)
    share = found.n_event / found.n_at_risk
    assert share[0].tolist() == pytest.approx([0.2] * 5, abs=0.006)


def test_what_is_refused() -> None:
    with pytest.raises(MappingError, match="`frame` names columns that do not exist: 'silver'"):
        renewal_counts(TABLE, stayed=["silver"])
    with pytest.raises(ArgumentError, match="`stayed` must name at least one column"):
        renewal_counts(TABLE, stayed=[])
    with pytest.raises(DataError, match="must hold 0, 1, 2, ... with at least one renewal"):
        renewal_counts(TABLE.iloc[1:], stayed=["basic"])
    with pytest.raises(DataError, match="never rise; column 'basic' holds 700 at period 2"):
        renewal_counts(TABLE.assign(basic=[1000, 600, 700]), stayed=["basic"])
    short = lifetimes_from_frame(pd.DataFrame({"time": [3.0], "status": [0]}))
    with pytest.raises(DataError, match="Nobody was followed for a whole period of 10 days"):
        counted_renewals(short, period_days=10, by=None)
