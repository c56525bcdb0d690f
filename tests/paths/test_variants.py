from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from journeykit.counts import path_counts, path_counts_from_frame
from journeykit.errors import DataError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import variants
from journeykit.stats import esty_interval, wilson_interval
from tests.journeys.test_shape import EVENTS


def test_worked_by_hand() -> None:
    outcomes = EVENTS.replace(observed_from=np.array([DAY, 1, 2])).outcomes(
        conversion=["buy"], lookback_days=4
    )
    # the first of each: ann mail web web (bought), bob web (abandoned), cid web (bought)
    found = variants(outcomes)
    assert found.frame[["path", "n_steps", "n", "n_event"]].to_numpy().tolist() == [
        ["web", 1, 2, 1],
        ["mail > web > web", 3, 1, 1],
    ]
    assert found.frame["cumulative_share"].tolist() == pytest.approx([2 / 3, 1])
    low, high = wilson_interval(2, 3)
    assert found.frame.loc[0, ["conf_low", "conf_high"]].tolist() == pytest.approx(
        [float(low), float(high)]
    )
    assert found.new_kind == esty_interval(3, 1, 1)
    assert (found.n_customers, found.n_open, found.n_left_out) == (3, 0, 0)


def test_open_journeys_are_a_row_of_their_own() -> None:
    late = EVENTS.replace(observed_from=np.array([1, 1, 0]))
    found = variants(late.outcomes(conversion=["buy"], lookback_days=8))
    # ann bought; bob is silent for 7 of 10 days; cid's first begins unseen, the next is open
    assert found.frame[["path", "n", "n_event", "share"]].to_numpy().tolist() == [
        ["mail > web > web", 1, 1, 1 / 3],
        ["(open)", 2, 0, 2 / 3],
    ]
    assert (found.n_customers, found.n_open, found.n_left_out) == (3, 2, 0)
    assert found.frame["n_steps"].isna().tolist() == [False, True]
    labels = [text.get_text() for text in found.plot().get_yticklabels()]
    assert labels == ["1. mail > web > web", "still under way"]


def test_published_paths_are_pooled_until_nobody_stands_alone() -> None:
    table = pd.DataFrame({"path": list("abcdef"), "conversions": [40, 15, 12, 4, 3, 1]})
    found = variants(path_counts_from_frame(table, conversions="conversions"))
    assert found.pooled(5)[["path", "n"]].to_numpy().tolist() == [
        ["a", 40], ["b", 15], ["c", 12], ["(other)", 8],
    ]  # fmt: skip
    # 8 are fewer than 10 themselves, so the rarest path shown joins them
    pooled = found.pooled(10)
    assert pooled[["path", "n"]].to_numpy().tolist() == [["a", 40], ["b", 15], ["(other)", 20]]
    assert pooled["cumulative_share"].tolist() == pytest.approx([40 / 75, 55 / 75, 1])
    assert found.pooled(1).equals(found.frame)


def test_counts_say_the_same_as_journeys() -> None:
    late = EVENTS.replace(observed_from=np.array([1, 1, 1]))
    outcomes = late.outcomes(conversion=["buy"], lookback_days=8)
    first = outcomes.take(np.array([True, True, True, False]))
    assert variants(path_counts(first)).frame.equals(variants(outcomes).frame)


@pytest.mark.parametrize(("lookback_days", "n_open", "none"), [(4, 1, 2), (9, 1, 2)])
def test_nothing_finished_is_an_error(lookback_days: int, n_open: int, none: int) -> None:
    # all three begin at the window's edge; only cid has another journey, and that is open
    with pytest.raises(
        DataError, match=f"has ended: {n_open} are still open, and {none} customers"
    ):
        variants(EVENTS.outcomes(conversion=["buy"], lookback_days=lookback_days))


def test_slow_journeys_are_not_crowded_out_by_fast_ones() -> None:
    """Two ways, equally frequent: one ends after a day, the other after 75; entry over 180 days."""
    rng = np.random.default_rng(4)
    n = 4000
    slow, entry = rng.random(n) < 0.5, rng.integers(0, 180, n)
    goal = entry + np.where(slow, 75, 1)
    world = Journeys(
        names=("buy", "fast", "slow"),
        touchpoint=np.stack([1 + slow, np.zeros(n)], axis=1).astype(np.uint8).reshape(-1),
        start=np.arange(0, 2 * n + 1, 2),
        time=np.stack([entry, goal], axis=1).reshape(-1).astype(np.int64) * DAY,
        observed_from=entry * DAY,
        observed_to=np.full(n, 260 * DAY),
        window=(-DAY, 260 * DAY),
    ).between("1969-12-31", 180 * DAY)
    found = variants(world.outcomes(conversion=["buy"], lookback_days=80)).frame.set_index("path")
    still = found.loc["(open)", "share"]
    for path in ("slow", "fast"):
        assert found.loc[path, "conf_low"] <= 0.5 <= found.loc[path, "conf_high"] + still


def test_uncut_journeys_count_as_they_are() -> None:
    assert variants(EVENTS).frame["path"].tolist() == [
        "mail > web > web > buy", "web", "web > buy > web",
    ]  # fmt: skip


def test_paths_of_a_table_and_the_picture() -> None:
    table = pd.DataFrame(
        {"path": [f"a > b{k}" for k in range(14)], "conversions": range(14, 0, -1)}
    )
    found = variants(path_counts_from_frame(table, conversions="conversions"))
    assert found.n_customers == 105
    assert found.frame["n"].tolist() == list(range(14, 0, -1))
    ax = found.plot()
    assert sum(bar.get_width() for bar in ax.patches) == pytest.approx(1)
    assert ax.get_yticklabels()[-1].get_text() == "4 other journeys"
    assert found.summary() == (
        "14 different journeys among 105 customers; the next journey is of a new kind "
        "with probability 1% (0% to 4%)"
    )
