"""Breaks found where they are planted, and not elsewhere; what is told of them."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.review import Drift, drift
from journeykit.review.breaking import breaks, look
from journeykit.review.stepping import Series, fitted, statistics, step_at
from journeykit.simulate.world import world
from journeykit.stages import Ladder


def series(
    p: np.ndarray, *, n: int = 150, groups: int = 100, seed: int = 0, wave: int = 0
) -> Series:
    """Multinomial counts of one source: p has shape (W, C), what it lacks to 1 is the rest."""
    random = np.random.default_rng(seed)
    w, c = p.shape
    size = random.poisson(n / groups, (groups, w)).astype(np.int64)
    shares = np.column_stack([p, 1 - p.sum(axis=1)])
    x = np.array([random.multinomial(size[g], shares) for g in range(groups)])[..., :c]
    angle = 2 * np.pi * np.arange(w) / 52.18
    columns = np.column_stack([np.cos(angle), np.sin(angle)])[:, :wave]
    total = np.repeat(size[:, :, None], c, axis=2)
    return Series(x.astype(float), total.astype(float), columns, np.zeros(c, dtype=np.int64))


def stepping(w: int, *steps: tuple[int, float]) -> np.ndarray:
    p = np.tile([0.2, 0.2, 0.3], (w, 1))
    for at, by in steps:
        p[at:] += np.array([by, -by, 0])
    return p


GIVEN = {"least": 8, "level": 0.05, "least_wave": 80, "draws": 99, "confidence": 0.95, "seed": 1}


def test_a_statistic_by_hand() -> None:
    x = np.array([[[2.0], [4.0], [6.0], [8.0]]])
    n = np.full((1, 4, 1), 10.0)
    fit = fitted(Series(x, n, np.empty((4, 0)), np.zeros(1, dtype=np.int64)), least=1)
    # p = 1/2; from week 2 on 14 of 20, 4 more than expected; information 20 * 20 / 40.
    assert fit.information[2, 0] == pytest.approx(10)
    found = statistics(fit, fit.residual[0]).cell[2, 0]
    assert found == pytest.approx(4 / np.sqrt(0.25 * 10))
    step = step_at(Series(x, n, np.empty((4, 0)), np.zeros(1, dtype=np.int64)), 2)
    assert step.difference[0] == pytest.approx(14 / 20 - 6 / 20)


def test_a_step_beside_a_wave_agrees_with_weighted_least_squares() -> None:
    made = series(stepping(104, (60, 0.1)), wave=2)
    found = step_at(made, 60)
    x, n = made.x.sum(axis=0), made.n.sum(axis=0)
    design = np.column_stack([np.ones(104), made.wave, np.arange(104) >= 60]).astype(float)
    for cell in range(3):
        root = np.sqrt(n[:, cell])
        scaled = design * root[:, None]
        y = x[:, cell] / root
        fit, residuals, _, _ = np.linalg.lstsq(scaled, y, rcond=None)
        error = np.sqrt(residuals[0] / 100 * np.linalg.inv(scaled.T @ scaled)[-1, -1])
        assert found.difference[cell] == pytest.approx(fit[-1])
        assert found.std_error[cell] == pytest.approx(error, rel=0.35)


def test_two_breaks_are_found_where_they_are() -> None:
    made = series(stepping(104, (40, 0.1), (75, -0.12)), n=300)
    found = breaks(made, **GIVEN)  # type: ignore[arg-type]
    assert [abs(one.at - at) <= 2 for one, at in zip(found, (40, 75), strict=True)] == [True, True]
    for one, at in zip(found, (40, 75), strict=True):
        assert one.tested.low <= at <= one.tested.high
        assert one.tested.cell in (0, 1)
        assert one.tested.cell_p[2] > 0.05 > one.tested.cell_p[:2].max()


def test_nothing_is_found_where_nothing_changes() -> None:
    alarms = [
        len(breaks(series(stepping(104), seed=seed, wave=2 * (seed % 2)), **GIVEN)) > 0  # type: ignore[arg-type]
        for seed in range(24)
    ]
    assert sum(alarms) <= 4


def test_a_season_is_no_break_and_hides_none() -> None:
    wave = 0.1 * np.cos(2 * np.pi * np.arange(104) / 52.18)
    calm, broken = stepping(104), stepping(104, (60, 0.1))
    for p in (calm, broken):
        p[:, 0] += wave
    assert not breaks(series(calm, n=400, seed=2, wave=2), **GIVEN)  # type: ignore[arg-type]
    found = breaks(series(broken, n=400, seed=2, wave=2), **GIVEN)  # type: ignore[arg-type]
    assert [abs(one.at - 60) <= 2 for one in found] == [True]


def test_one_customer_of_many_visits_is_no_break() -> None:
    # A third of all steps from week 60 on are those of one group, which always goes one way.
    alarms = 0
    for seed in range(10):
        made = series(stepping(104), n=120, seed=seed)
        made.x[0, 60:] += np.array([40, 0, 0])
        made.n[0, 60:] += 40
        found = look(made, least=8, draws=99, confidence=0.95, random=np.random.default_rng(seed))
        alarms += found.p_value <= 0.05
    assert alarms <= 2


BREAK = date(2024, 1, 1) + timedelta(weeks=60)


@pytest.fixture(scope="module")
def journeys() -> Journeys:
    return world(customers=6000, seed=3, parts=("browsing",)).journeys()


@pytest.fixture(scope="module")
def found(journeys: Journeys) -> Drift:
    declared = pd.DataFrame(
        {
            "event_time": pd.to_datetime(["2025-03-01", "2031-01-01"], utc=True),
            "kind": ["new site", "far away"],
            "scope": "all",
            "note": "",
        }
    )
    return drift(journeys, declared=declared, draws=99)


def test_the_planted_break_is_found(found: Drift) -> None:
    assert len(found.frame) == 1
    row = found.frame.iloc[0]
    assert abs((row["period_start"] - BREAK).days) <= 14
    assert row["conf_low"] <= BREAK <= row["conf_high"]
    assert row["declared"] == "new site 2025-03-01"
    changed = found.changes[found.changes["changed"]]
    assert set(changed["source"]) == {"view_product"}
    by_target = changed.set_index("target")["difference"]
    assert by_target["site_search"] > 0 > by_target["view_testimonial"]


def test_what_changed_covers_the_truth(found: Drift) -> None:
    made = world(customers=6000, seed=3, parts=("browsing",))
    truth = made.truth["browsing"]
    row = found.changes.query("source == 'view_product' and target == 'site_search'").iloc[0]
    true = (
        truth.transitions_after["view_product"]["site_search"]  # type: ignore[attr-defined]
        - truth.transitions["view_product"]["site_search"]  # type: ignore[attr-defined]
    )
    assert row["difference_low"] <= true <= row["difference_high"]


def test_the_guard_warns_of_what_lies_inside(found: Drift) -> None:
    warned = found.guard()
    assert (warned.name, warned.status) == ("one journey", "warned")
    assert "do not pool across: from 2025-0" in warned.found
    assert "new site was declared for 2025-03-01" in warned.found
    before = found.guard(end="2024-10-01")
    assert (before.status, before.found) == (
        "passed",
        f"no break among {found.n_tried} ways on, and none declared",
    )
    assert found.guard(begin="2025-06-01").status == "passed"


def test_it_is_told_and_drawn(found: Drift) -> None:
    assert "1 break; from 2025-" in found.summary()
    assert "instead of" in found.summary()
    axes = found.plot()
    axes.figure.canvas.draw()
    assert {"found", "new site"} <= {text.get_text() for text in axes.texts}
    weekly = found.series.query("source == 'view_product' and target == 'site_search'")
    assert len(weekly) == len(found.periods) - 1


def test_the_same_seed_gives_the_same(journeys: Journeys) -> None:
    small = journeys.take(np.arange(2000))
    one, two = (drift(small, draws=39, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(one.changes, two.changes)
    assert one.provenance.seed == 5


def test_without_a_break_the_most_frequent_ways_are_drawn(journeys: Journeys) -> None:
    calm = drift(journeys.take(np.arange(300)), draws=19, level=0.01)
    assert calm.frame.empty
    assert calm.changes.empty
    assert calm.summary().endswith("no break")
    axes = calm.plot()
    axes.figure.canvas.draw()
    assert "no break found" in [text.get_text() for text in axes.texts]
    assert axes.lines


def test_stages_are_searched_apart() -> None:
    made = world(customers=1500, seed=4, parts=("channels", "stages", "orders", "ladder"))
    ladder = Ladder.model_validate(
        {
            "rungs": {
                "familiarity": {"touchpoints": ["view_microsite"]},
                "engagement": {"touchpoints": ["whitepaper_download"]},
                "deliberation": {"touchpoints": ["contact_form"]},
            }
        }
    )
    result = drift(made.journeys(), ladder=ladder, draws=39)
    kinds = result.series.groupby("kind")["source"].unique()
    assert set(kinds["stage"]) <= set(ladder.stages)
    assert len(kinds["step"])


def test_arguments_are_checked(journeys: Journeys) -> None:
    few = journeys.take(np.arange(300))
    with pytest.raises(MappingError, match="view_prodct"):
        drift(few, among=["view_prodct"])
    with pytest.raises(ArgumentError, match="`level`"):
        drift(few, level=1.5)
    with pytest.raises(ArgumentError, match="`drift`"):
        drift(few.sessions())
    with pytest.raises(DataError, match="at least 120 whole periods"):
        drift(few, least_periods=60)
    with pytest.raises(DataError, match="lower `least_a_period`"):
        drift(few, least_a_period=5000)
    with pytest.raises(MappingError, match="event_time"):
        drift(few, declared=pd.DataFrame({"when": []}), draws=19)
