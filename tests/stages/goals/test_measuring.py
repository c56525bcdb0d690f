"""A portfolio: by hand, against references, and where the truth is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from lifelines import AalenJohansenFitter

import journeykit as jk
from journeykit.errors import ArgumentError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.stages import JourneyTypes, goal_cases, portfolio, read_portfolio
from journeykit.stages.goals.estimating import Fates, begun_per_time, complete_sums
from journeykit.stages.goals.picture import spoken
from journeykit.stats import cumulative_incidence, wilson_interval
from tests.stages.goals.test_cutting import journeys, types
from tests.truth.set_out import KINDS, kinds, log, measured, open_failed

BUY: dict[str, object] = {
    "start": ["look"], "goal": ["order"], "abandon": ["leave"], "within_days": 10, "cost": "cost",
}  # fmt: skip


def by_hand() -> Journeys:
    """Four customers, late enough for nothing to have begun before; the window ends on day 50."""
    return journeys(
        (0, 20, "look"), (0, 22, "order"), (0, 30, "look"), (0, 34, "leave"),
        (1, 20, "look"), (1, 24, "order"),
        (2, 20, "look"),
        (3, 45, "look"),
        days=50,
        columns={"cost": np.array([1, 2, 4, 8, 16, 32, np.nan, 64.0])},
    )  # fmt: skip


def test_worked_by_hand() -> None:
    found = portfolio(
        by_hand(), types(buy=BUY | {"title": "Buy it", "owner": "shop"}), small_cell=1
    )
    row = found.frame.iloc[0]
    assert row["title"] == "Buy it"
    assert row["owner"] == "shop"
    counts = row[["n", "n_customers", "n_edge", "n_known", "n_open"]].tolist()
    assert counts == [5, 4, 0, 5, 1]
    # At risk: 5 on day 2 (goal), 4 on day 4 (one goal, one given up); then one is cut off on day 5.
    assert row["success"] == pytest.approx(2 / 5)
    assert row["abandoned"] == pytest.approx(1 / 5)
    assert row["timed_out"] == pytest.approx(2 / 5)
    assert row["undecided"] == 0
    # Of those who come to the goal half have by day 2.
    assert row["time_days"] == 2
    assert row["time_q75"] == 4
    # 3 + 12 + 48 + 0 of those known whole, the last of which stands for the one cut off too.
    assert row["cost_per_case"] == pytest.approx((3 + 12 + 48 + 2 * 0) / 5)
    assert row["cost_per_success"] == pytest.approx((3 + 12 + 48 + 2 * 0) / 2)
    assert row["steps"] == pytest.approx((2 + 2 + 2 + 2 * 1) / 5)
    # Starts count from day 10 on: five in 40 days of four customers.
    assert row["rate"] == pytest.approx(5 / 160 * 3000)


def test_ends_sum_to_all_and_agree_with_the_reference() -> None:
    drawn = log(200, 3).journeys
    found = portfolio(drawn, kinds(drawn))
    cases = goal_cases(drawn, kinds(drawn))
    for k, kind in enumerate(KINDS):
        chosen = (cases.kind == k) & ~cases.edge
        took, ended = (cases.end - cases.begin)[chosen], cases.ended[chosen]
        ours = found.endings[found.endings["journey"] == kind]
        engine = cumulative_incidence(took, ended, n_ends=3).estimate[-1]
        np.testing.assert_allclose(ours["estimate"], engine)
        assert ours["estimate"].sum() == pytest.approx(1)
        theirs = AalenJohansenFitter(calculate_variance=False)
        # It breaks ties by chance; there are none but at the timeout, where only one end is left.
        theirs.fit(took / DAY, ended, event_of_interest=1)
        value = theirs.cumulative_density_.iloc[-1, 0]
        assert float(ours["estimate"].iloc[0]) == pytest.approx(value, abs=1e-6)


def test_one_case_a_customer_and_none_cut_off_is_wilson() -> None:
    events = [(who, 20.0, "look") for who in range(40)]
    events = sorted(events + [(who, 21.0 + who / 40, "order") for who in range(12)])
    row = portfolio(
        journeys(*events, late=range(40)), types(buy=BUY | {"abandon": [], "cost": None})
    ).frame.iloc[0]
    low, high = wilson_interval(12, 40)
    assert [row["success"], row["success_low"], row["success_high"]] == pytest.approx(
        [0.3, float(low), float(high)]
    )
    assert row["time_days"] == pytest.approx(1 + 5 / 40)
    assert np.isnan(row["abandoned"])
    assert np.isnan(row["cost_per_case"])


def test_contributions_sum_to_the_estimate() -> None:
    """The weighted goals are Aalen and Johansen's share; the censoring terms sum to 0."""
    rng = np.random.default_rng(0)
    n = 400
    took, ended = rng.integers(1, 30, n), rng.integers(0, 4, n).astype(np.int8)
    fates = Fates(took, ended, np.arange(n), took, 25)
    goal = ((ended == 1) & (took <= 25)).astype(float)
    sums = complete_sums([np.ones(n), goal], fates)
    curve = cumulative_incidence(took, ended, n_ends=3)
    at = np.searchsorted(curve.time, 25, side="right") - 1
    assert sums.sum(axis=1) == pytest.approx([n, n * curve.estimate[at, 0]])
    # Greenwood's variance, from the contributions.
    error = np.sqrt(np.square(sums[1] - curve.estimate[at, 0] * sums[0]).sum()) / n
    assert error == pytest.approx(curve.std_error[at, 0], rel=0.01)


def test_without_censoring_costs_are_plain_means() -> None:
    drawn = log(150, 5).journeys
    far = drawn.replace(observed_to=np.full(150, 500 * DAY), window=(0, 500 * DAY))
    frame = portfolio(far, kinds(drawn)).frame
    cases = goal_cases(far, kinds(drawn))
    for k in range(len(KINDS)):
        chosen = np.flatnonzero((cases.kind == k) & ~cases.edge)
        spent = [far.columns["cost"][cases.case_of[k] == case].sum() for case in chosen]
        assert frame["cost_per_case"][k] == pytest.approx(np.mean(spent))
        won = (cases.ended[chosen] == 1).sum()
        assert frame["cost_per_success"][k] == pytest.approx(np.sum(spent) / won)


def test_what_does_not_vary_has_no_interval() -> None:
    events = [(who, 20.0, "look") for who in range(20)]
    made = journeys(*events, (19, 21.0, "order"), columns={"cost": np.full(21, 2.0)})
    row = portfolio(made, types(buy=BUY | {"goal": ["order"], "abandon": []})).frame.iloc[0]
    assert row["cost_per_case"] == pytest.approx(42 / 20)
    assert row["cost_per_case_low"] <= row["cost_per_case"] <= row["cost_per_case_high"]
    # A third of the draws hold no success, so that nothing bounds the cost of one.
    assert row["cost_per_success"] == pytest.approx(42)
    assert np.isnan(row["cost_per_success_high"])
    row = portfolio(
        journeys(*sorted([*events, (0, 60.0, "order")]), columns={"cost": np.full(21, 2.0)}),
        types(buy=BUY | {"abandon": []}),
    ).frame.iloc[0]
    assert row["cost_per_case"] == 2
    assert np.isnan([row["cost_per_case_low"], row["cost_per_success"]]).all()


def test_overlap_by_brute_force() -> None:
    drawn = log(25, 7).journeys
    overlap = portfolio(drawn, kinds(drawn), small_cell=1).overlap
    cases = goal_cases(drawn, kinds(drawn))
    hour = DAY // 24

    def hours(k: int, who: int) -> set[int]:
        at = np.flatnonzero((cases.kind == k) & (cases.journey == who))
        return {step for i in at for step in range(cases.begin[i] // hour, cases.end[i] // hour)}

    for row in overlap.itertuples():
        a, b = KINDS.index(row.source), KINDS.index(row.target)
        both = [who for who in range(25) if hours(a, who) and hours(b, who)]
        assert row.n_event == len(both)
        assert row.n == sum(bool(hours(a, who)) for who in range(25))
        shared = sum(len(hours(a, who) & hours(b, who)) for who in range(25))
        mine = sum(len(hours(a, who)) for who in range(25))
        assert row.time_share == pytest.approx(shared / mine, abs=0.01)
        assert row.time_low < row.time_share < row.time_high


def test_what_one_direction_hides_the_other_does_not_tell() -> None:
    events = [(who, 20.0, "look") for who in range(60)] + [(who, 21.0, "help") for who in range(15)]
    ask = {"start": ["help"], "goal": ["order"], "within_days": 9}
    events.append((14, 22.0, "order"))
    late = range(60)
    some = portfolio(
        journeys(*sorted(events), late=late), types(buy=ask | {"start": ["look"]}, ask=ask)
    )
    # All who ask look too: nobody is left out on that side, many on the other.
    assert some.overlap["n_event"].tolist() == [15, 15]
    events += [(60 + who, 20.0, "help") for who in range(5)]
    made = journeys(*sorted(events), late=range(65))
    few = portfolio(made, types(buy=ask | {"start": ["look"]}, ask=ask))
    assert few.overlap["n"].tolist() == [60, 20]
    assert few.overlap[["n_event", "share", "time_share"]].isna().all().all()


def test_the_order_of_customers_and_kinds_does_not_matter() -> None:
    drawn = log(120, 11).journeys
    all_kinds = kinds(drawn)
    turned = JourneyTypes(journeys=dict(reversed(all_kinds.journeys.items())))
    ours = portfolio(drawn, all_kinds).frame.set_index("journey")
    pd.testing.assert_frame_equal(
        portfolio(drawn, turned).frame.set_index("journey").loc[ours.index], ours
    )
    later = drawn.replace(
        time=drawn.time + 9 * DAY,
        observed_from=drawn.observed_from + 9 * DAY,
        observed_to=drawn.observed_to + 9 * DAY,
        window=(9 * DAY, drawn.window[1] + 9 * DAY),
    )
    pd.testing.assert_frame_equal(portfolio(later, all_kinds).frame.set_index("journey"), ours)


def test_few_customers_are_not_shown() -> None:
    found = portfolio(by_hand(), types(buy=BUY))
    row = found.frame.iloc[0]
    assert row["journey"] == "buy"
    assert row.drop(["journey", "title", "owner"]).isna().all()
    assert found.endings[["n_event", "estimate"]].isna().all().all()
    assert found.summary() == "1 kind of journeys: buy too few to show"
    assert len(found.plot().texts) == 5


def test_cut_off_before_the_horizon_is_undecided_and_costs_are_not_known() -> None:
    made = journeys((0, 48, "look"), (0, 49, "order"), (1, 48, "look"), days=50, late=[0, 1],
                    columns={"cost": np.ones(3)})  # fmt: skip
    kind = BUY | {"abandon": []}
    row = portfolio(made, types(buy=kind), small_cell=1).frame.iloc[0]
    assert row["success"] == 0.5
    assert row["undecided"] == 0.5
    assert row["success_high"] > 0.95
    assert np.isnan(row["cost_per_case"])
    # Without a declared limit the horizon is one that half are watched to.
    kind = {"start": ["look"], "goal": ["order"], "timeout_days": 5}
    row = portfolio(made, types(buy=kind), small_cell=1).frame.iloc[0]
    assert row["horizon_days"] == 1


def test_a_kind_that_nobody_makes_and_no_spans_of_watching() -> None:
    made = journeys((0, 20, "order"), (0, 60, "look"), (0, 61, "order"), (0, 70, "stay"))
    never = {"start": ["stay"], "goal": ["look"], "timeout_days": 3}
    found = portfolio(
        made.replace(observed_from=None, observed_to=None, window=None),
        types(buy={"start": ["look"], "goal": ["order"], "timeout_days": 3}, never=never),
        small_cell=1,
    )
    # Nobody says until when they are watched: the last event is the last that is known.
    assert found.frame["n"].tolist() == [1, 1]
    assert found.frame["n_open"].tolist() == [0, 1]
    assert found.frame["success"].iloc[0] == 1
    assert "never 1 case, success not observed" in found.summary()
    late = made.replace(observed_to=np.array([65 * DAY]))
    row = portfolio(late, types(never=never)).frame.iloc[0]
    assert row["n"] == 0
    assert row["rate"] == 0
    assert np.isnan(row["success"])
    assert "not observed" in [text.get_text() for text in found.plot().texts]


def test_a_rate_of_nothing_is_bounded_as_a_poisson_count() -> None:
    watched = np.full(50, 30 * DAY)
    found = begun_per_time(np.zeros(50, dtype=int), watched, np.arange(50), confidence=0.95)
    assert found == pytest.approx((0, 0, -np.log(0.025) / 1500 * 3000))
    nobody = begun_per_time(np.zeros(1), np.zeros(1), np.arange(1), confidence=0.95)
    assert np.isnan(nobody.estimate)


def test_open_ones_are_censored_not_failed() -> None:
    """The intervals find the truth; counting what is open as failed does not."""
    worlds = [SimpleNamespace(customers=300, seed=seed) for seed in range(16)]
    frames = pd.concat([measured(world) for world in worlds])
    covered = (frames["conf_low"] <= frames["truth"]) & (frames["truth"] <= frames["conf_high"])
    assert covered.groupby(frames["name"]).mean().min() >= 0.75
    trap = pd.concat([open_failed(world) for world in worlds[:6]])
    assert (trap["conf_low"] > trap["truth"]).mean() >= 0.8


def test_the_demo_study_says_what_it_finds() -> None:
    study = jk.load_study("demo")
    made = study.journeys()
    registry = read_portfolio(study.path.parent / "journeys.yaml")
    found = portfolio(made, registry)
    frame = found.frame.set_index("journey")
    assert (frame["n"] > 400).all()
    assert frame["success"].between(0.01, 0.6).all()
    assert "buy 9,923 cases, 28.6% come to the goal within 60 days" in found.summary()
    texts = [text.get_text() for text in found.plot().texts]
    assert "half in 4.8 min" in texts
    assert "29% in 60 days" in texts
    assert len(found.plot_overlap().texts) == 12
    # Each own event is in one case, or is named.
    cases = goal_cases(made, registry)
    for k, (name, kind) in enumerate(registry.journeys.items()):
        own = np.isin(made.names, sorted(kind.named))[made.touchpoint].sum()
        named = found.outside.loc[found.outside["journey"] == name, "n"].sum()
        assert cases.steps[cases.kind == k].sum() + named == own


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (20 / 86400, "20 s"), (5 / 1440, "5 min"), (0.5, "12 h"), (3, "3 days"), (250, "250 days"),
        (np.nan, "not reached"),
    ],
)  # fmt: skip
def test_spans_are_spoken(days: float, text: str) -> None:
    assert spoken(days) == text


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"`confidence` must lie strictly between 0 and 1"):
        portfolio(by_hand(), types(buy=BUY), confidence=95)
    with pytest.raises(ArgumentError, match=r"`small_cell` must be a whole number at least 1"):
        portfolio(by_hand(), types(buy=BUY), small_cell=0)
