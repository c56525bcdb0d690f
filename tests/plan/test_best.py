from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from journeykit.errors import DataError, NotObservedError
from journeykit.plan import Plan, best_journeys
from tests.plan.worlds import lived, timed

AB = Plan(name="p", steps=["a", "b", "c"], pause_days=1, reaches=["c"])


def _made(seed: int = 0, short: float = 3.0) -> list[list[tuple[str, float]]]:
    draw = np.random.default_rng(seed)
    made = []
    for at in range(240):
        spent = draw.exponential(short if at % 3 == 2 else 6.0) + 1
        way = [["a", "b", "c"], ["a", "x", "b", "c"], ["a", "c"]][at % 3]
        made.append([(name, spent * i / (len(way) - 1)) for i, name in enumerate(way)])
    return made


def test_the_quickest_way_comes_first() -> None:
    customers = _made()
    found = best_journeys(timed(*customers), AB)
    spent = [case[-1][1] for case in customers]
    by_way = dict(zip(found.frame["way"], found.frame["minutes"], strict=True))
    assert by_way == pytest.approx(
        {
            "a -b c": np.mean(spent[2::3]),
            "a b c": np.mean(spent[::3]),
            "a +(other) b c": np.mean(spent[1::3]),
        },
        abs=1e-6,
    )
    assert found.frame["way"].iloc[0] == "a -b c"
    assert found.frame["verdict"].iloc[0] == "quicker"
    assert (found.n_compared, found.n_ways) == (3, 3)
    assert "3 of 3 ways have enough customers; the quickest takes" in found.summary()


def test_the_interval_is_students_for_all_ways_at_once() -> None:
    from scipy.stats import t

    customers = _made()
    row = best_journeys(timed(*customers), AB).frame.set_index("way").loc["a b c"]
    spent = np.array([case[-1][1] for case in customers[::3]])
    half = t.ppf(1 - 0.05 / 3 / 2, 79) * spent.std(ddof=1) / np.sqrt(80)
    assert row["conf_high"] - row["minutes"] == pytest.approx(half, rel=1e-6)
    assert row["verdict"] == "as planned"


def test_ways_of_few_customers_are_not_compared() -> None:
    made = timed(*_made(), [("a", 0), ("b", 0.1), ("c", 0.2), ("x", 0.3)])
    found = best_journeys(made, AB)
    assert (found.n_compared, found.n_ways) == (3, 4)
    with pytest.raises(DataError, match="No way has 100 customers; the most frequent has 80"):
        best_journeys(made, AB, least_customers=100)
    with pytest.raises(NotObservedError, match="`best_journeys` needs times"):
        best_journeys(lived("abc"), AB)


def test_the_picture_has_a_lane_for_each() -> None:
    ax = best_journeys(timed(*_made()), AB).plot()
    plt.close(ax.figure)
    texts = [text.get_text() for text in ax.texts]
    assert sum(text.endswith(" min") for text in texts) == 3
    assert "the quickest of 3 ways compared" in texts


def test_giving_up_is_no_way_to_the_end() -> None:
    """Without what cases reach, ways that lack a step are not compared, however quick they are."""
    plan = Plan(name="p", steps=["a", "b"], pause_days=1)
    made = timed(*[[("a", 0.0)]] * 40, *[[("a", 0.0), ("b", 5.0)]] * 40)
    found = best_journeys(made, plan)
    assert found.frame["way"].tolist() == ["a b"]
    assert found.frame["verdict"].tolist() == ["as planned"]
