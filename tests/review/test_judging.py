"""Beliefs worked by hand, judged as planted, and what is said where nothing can be told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from journeykit.errors import ArgumentError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.review import Belief, Beliefs, judge
from journeykit.review.judging import n_needed, verdict_of
from journeykit.review.measuring import Measured
from journeykit.study.catalogue import Catalogue, Touchpoint
from journeykit.study.models import Churn, Ladder

NAMES = ("buy", "call", "web")


def customers(*lives: str, watched_days: float = 100, **attributes: list[str]) -> Journeys:
    """One customer a text such as ``web 1, buy 4``: touchpoints and days."""
    events = [[part.split() for part in life.split(",") if part.strip()] for life in lives]
    flat = [(NAMES.index(name), float(day) * DAY) for life in events for name, day in life]
    return Journeys(
        names=NAMES,
        touchpoint=np.array([code for code, _ in flat], dtype=np.uint8),
        start=np.cumsum([0, *map(len, events)]),
        time=np.array([round(at) for _, at in flat]),
        observed_from=np.zeros(len(lives), dtype=np.int64),
        observed_to=np.full(len(lives), round(watched_days * DAY)),
        attributes=pa.table(attributes or {"n": ["x"] * len(lives)}),
    )


def judged(journeys: Journeys, metric: dict[str, Any], **more: Any) -> pd.Series:
    given = {"at_least": 0.5} if not {"at_most", "between"} & set(more) else {}
    keys = ("at_least", "at_most", "between", "segment", "believed")
    belief = Belief.model_validate(
        {"claim": "c", "metric": metric, **given} | {k: more.pop(k) for k in keys if k in more}
    )
    row: pd.Series = judge(journeys, {"it": belief}, small_cell=1, **more).frame.iloc[0]
    return row


def test_a_share_followed_in_time_by_hand() -> None:
    made = customers(
        "call 1, call 8, call 15.1",  # the first in time, exactly 7 days; the second not; third no
        "call 2, web 3",
        "call 93.5, call 94",  # not watched for 7 days
    )
    metric = {"share": {"of": "call", "followed_by": "call", "within_days": 7}}
    row = judged(made, metric)
    assert (row["estimate"], row["n"], row["n_customers"]) == (1 / 4, 4, 2)
    first = judged(made, {"share": {**metric["share"], "count": "first"}})
    assert (first["estimate"], first["n"], first["unit"]) == (1 / 2, 2, "customers")


def test_a_share_agrees_with_a_search_one_by_one() -> None:
    random = np.random.default_rng(3)
    lives = [
        ", ".join(
            f"{NAMES[random.integers(3)]} {day}"
            for day in np.sort(random.choice(120, random.integers(0, 25), replace=False))
        )
        for _ in range(60)
    ]
    made = customers(*lives, watched_days=120)
    row = judged(made, {"share": {"of": "web", "followed_by": "buy | call", "within_days": 5}})
    n = done = 0
    for life in lives:
        events = [(part.split()[0], int(part.split()[1])) for part in life.split(",") if part]
        for name, day in events:
            if name == "web" and day + 5 < 120:
                n += 1
                done += any(
                    other in ("buy", "call") and day < later <= day + 5 for other, later in events
                )
    assert (row["estimate"], row["n"]) == (pytest.approx(done / n), n)


def test_reach_counts_all_customers_even_silent_ones() -> None:
    row = judged(customers("web 1", "call 2, web 3", "call 1", ""), {"reach": {"of": "web"}})
    assert (row["estimate"], row["n"]) == (0.5, 4)


def test_the_median_is_censored_and_may_not_be_reached() -> None:
    metric = {"median_days": {"from": "web", "to": "buy"}}
    half = judged(customers("web 1, buy 4", "web 1, buy 6", "web 1", "web 0, web 9"), metric)
    assert (half["estimate"], half["n"]) == (pytest.approx(5), 4)
    rare = judged(customers("web 1, buy 4", "web 1", "web 2", "buy 1, web 2"), metric, at_most=3)
    assert np.isnan(rare["estimate"])
    assert rare["conf_high"] == np.inf
    assert rare["verdict"] == "cannot tell"


def test_stages_and_retention_and_sentiment() -> None:
    made = customers(*["web 1"] * 30, *["web 1, buy 2"] * 10)
    ladder = Ladder.model_validate(
        {"rungs": {"looking": {"touchpoints": ["web"]}, "owner": {"touchpoints": ["buy"]}}}
    )
    stage = judged(made, {"stage": {"stage": "owner"}}, ladder=ladder)
    assert (stage["estimate"], stage["n"], stage["verdict"]) == (0.25, 40, "false")
    churn = Churn.model_validate({"rule": "touchpoint", "touchpoint": "buy"})
    kept = judged(made, {"retention": {"days": 50}}, churn=churn)
    assert kept["estimate"] == pytest.approx(0.75)
    answers = pd.DataFrame(
        {
            "customer_id": ["0", "0", "1", "2"],
            "event_time": pd.Timestamp("1970-01-03", tz="UTC"),
            "touchpoint": ["web", "web", "web", "call"],
            "score": [1.0, 0.5, -0.5, -1.0],
        }
    )
    rows = {"web": Touchpoint("web", channel="net"), "call": Touchpoint("call", channel="phone")}
    given = {"sentiment": answers, "catalogue": Catalogue(rows)}
    mean = judged(made, {"sentiment": {"touchpoint": "web"}}, **given)
    assert mean["estimate"] == pytest.approx(1 / 3)
    # Customers 0 and 1 are 2 * 5/12 above and 5/6 below: the error is sqrt(2 * 2 * (5/6)^2) / 3.
    assert mean["conf_high"] - mean["estimate"] == pytest.approx(12.7062 * 2 * 5 / 6 / 3, rel=1e-4)
    share = judged(made, {"sentiment": {"channel": "net", "measure": "positive"}}, **given)
    assert (share["estimate"], share["n"], share["metric"]) == (pytest.approx(2 / 3), 3, "positive")


def test_what_is_not_held_is_not_observed() -> None:
    made = customers("web 1", "call 2")
    for metric, said in (
        ({"stage": {"stage": "x"}}, "declares no `stages`"),
        ({"retention": {"days": 9}}, "declares no `churn`"),
        ({"sentiment": {"touchpoint": "web"}}, "has no `sentiment`"),
        ({"share": {"of": "buy", "followed_by": "web", "within_days": 3}}, "no occurrences"),
    ):
        row = judged(made, metric)
        assert row["verdict"] == "cannot tell"
        assert row["reason"].startswith("not observed:")
        assert said in row["reason"]


def test_names_that_do_not_exist_are_told() -> None:
    with pytest.raises(MappingError, match="Belief 'it': .*wb"):
        judged(customers("web 1"), {"reach": {"of": "wb"}})


def test_segments_narrow_and_few_are_not_shown() -> None:
    made = customers(*["web 1"] * 40, *["call 1"] * 45, kind=["a"] * 42 + ["b"] * 43)
    belief = Belief.model_validate(
        {
            "claim": "c",
            "metric": {"reach": {"of": "web"}},
            "at_least": 0.5,
            "segment": {"kind": "a"},
        }
    )
    row = judge(made, {"it": belief}).frame.iloc[0]
    assert np.isnan(row["estimate"])  # two of 42 could be told from the others
    assert (row["verdict"], row["segment"]) == ("true", "a")
    few = judge(customers("web 1"), {"it": belief.model_copy(update={"segment": {}})})
    assert few.frame.iloc[0]["verdict"] == "cannot tell"
    assert few.frame.iloc[0]["reason"] == "fewer than 10 customers"


@pytest.mark.parametrize(
    ("low", "high", "between", "verdict"),
    [
        (0.2, 0.4, (0.2, 0.4), "true"),
        (0.1, 0.19, (0.2, 0.4), "false"),
        (0.41, 0.5, (0.2, 0.4), "false"),
        (0.1, 0.2, (0.2, 0.4), "cannot tell"),
        (0.1, 0.9, (0.2, 0.4), "cannot tell"),
        (0.6, 0.7, (0.5, np.inf), "true"),
        (0.6, np.inf, (-np.inf, 0.7), "cannot tell"),
        (np.nan, np.nan, (0.5, np.inf), "cannot tell"),
    ],
)
def test_verdicts(low: float, high: float, between: tuple[float, float], verdict: str) -> None:
    assert verdict_of(low, high, *between) == verdict


def test_how_many_are_needed() -> None:
    found = Measured(0.5, 0.4, 0.6, 100, 100, "customers")
    # The threshold is half as far as the bound: four times as many halve the interval.
    assert n_needed(found, 0.45, np.inf) == 400
    assert np.isnan(n_needed(found, 0.5, np.inf))
    assert np.isnan(n_needed(found, 0.3, np.inf))


def share_of(p: float, n: int, random: np.random.Generator) -> Journeys:
    return customers(*np.where(random.random(n) < p, "web 1", "call 1").tolist())


def test_verdicts_are_as_planted_and_seldom_wrong_at_the_threshold() -> None:
    random = np.random.default_rng(8)
    thresholds = {**{f"t{i}": (0.5 - 0.09 - i / 50, "true") for i in range(4)},
                  **{f"f{i}": (0.5 + 0.09 + i / 50, "false") for i in range(4)},
                  "u0": (0.51, "cannot tell"), "u1": (0.49, "cannot tell"),
                  "at": (0.5, "")}  # fmt: skip
    beliefs = {
        name: Belief.model_validate(
            {"claim": name, "metric": {"reach": {"of": "web"}}, "at_least": threshold}
        )
        for name, (threshold, _) in thresholds.items()
    }
    found = [judge(share_of(0.5, 800, random), beliefs) for _ in range(40)]
    verdicts = pd.DataFrame([one.frame.set_index("belief")["verdict"] for one in found])
    planted = [name for name in thresholds if name[0] in "tf"]
    for name in planted:
        assert (verdicts[name] == thresholds[name][1]).mean() >= 0.95
    assert (verdicts["at"] == "false").mean() <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 40)


def test_together_is_wider_and_says_so() -> None:
    made = share_of(0.5, 800, np.random.default_rng(1))
    beliefs = {
        name: Belief.model_validate(
            {"claim": "It is $5", "metric": {"reach": {"of": "web"}}, "at_least": 0.6}
        )
        for name in "abcde"
    }
    each, together = judge(made, beliefs), judge(made, beliefs, level="together")
    assert together.confidence == pytest.approx(0.99)
    assert (together.frame["conf_low"] < each.frame["conf_low"]).all()
    assert each.summary().startswith("5 beliefs judged: 0 true, 5 false")
    assert '"It is $5" is false: observed' in each.summary()
    assert isinstance(each, Beliefs)
    axes = each.plot()
    axes.figure.canvas.draw()
    assert len(axes.get_yticklabels()) == 5
    assert [text.get_text() for text in axes.texts].count("false") == 5


def test_arguments_are_checked() -> None:
    with pytest.raises(ArgumentError, match="at least one belief"):
        judge(customers("web 1"), {})
    with pytest.raises(ArgumentError, match="`judge`"):
        judge(customers("web 1").sessions(), {})


def test_answers_that_are_all_the_same_tell_nothing_of_others() -> None:
    told = pd.DataFrame(
        {
            "customer_id": [str(number) for number in range(12)],
            "event_time": pd.Timestamp("2025-01-01", tz="UTC"),
            "touchpoint": "look",
            "score": 1.0,
        }
    )
    belief = Belief(
        claim="They love it", metric={"sentiment": {"touchpoint": "look"}}, at_least=0.9
    )
    made = Journeys(
        names=("look",),
        touchpoint=np.zeros(12, dtype=np.uint8),
        start=np.arange(13),
        time=np.arange(12) * DAY,
        observed_to=np.full(12, 20 * DAY),
        customer_id=pa.array([str(number) for number in range(12)]),
    )
    row = judge(made, {"loved": belief}, sentiment=told).frame.iloc[0]
    assert row["verdict"] == "cannot tell"
    assert "all have said the same" in row["reason"]
