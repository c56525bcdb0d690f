from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from journeykit.counts import path_counts_from_frame
from journeykit.errors import DataError
from journeykit.journeys.durations import DAY
from journeykit.paths import variants
from journeykit.stats import esty_interval, wilson_interval
from tests.journeys.test_shape import EVENTS


def test_worked_by_hand() -> None:
    outcomes = EVENTS.replace(observed_from=np.array([DAY, 1, 2])).outcomes(
        conversion=["buy"], lookback_days=4
    )
    # first complete: ann mail web web (bought), bob web (abandoned), cid web (bought)
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
    assert (found.n_customers, found.n_left_out) == (3, 0)


@pytest.mark.parametrize("lookback_days", [4, 9])
def test_nothing_complete_is_an_error(lookback_days: int) -> None:
    # all three begin at the window's edge; only cid has another journey, and that is open
    with pytest.raises(DataError, match="None of 3 customers has a complete journey"):
        variants(EVENTS.outcomes(conversion=["buy"], lookback_days=lookback_days))


def test_customers_without_a_complete_journey_are_counted() -> None:
    late = EVENTS.replace(observed_from=np.array([1, 0, 0]))
    found = variants(late.outcomes(conversion=["buy"], lookback_days=4))
    assert (found.n_customers, found.n_left_out) == (1, 2)


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
        "14 different journeys among 105 customers; the next journey is of a new kind with "
        "probability 1% (0% to 4%)"
    )
