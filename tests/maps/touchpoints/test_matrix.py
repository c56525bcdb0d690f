"""The touchpoint matrix: by hand, by brute force on random journeys, and what cannot be seen."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeykit import load_study
from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.maps import touchpoint_matrix
from journeykit.maps.touchpoints.grouping import without_few
from journeykit.stats import ClusterSums, clustered_wilson_interval, incidence_at, wilson_interval
from journeykit.study.catalogue import Catalogue, Touchpoint, standard_catalogue
from journeykit.study.models import Ladder

NAMES = ("ad", "buy", "call", "store", "tip", "web")
ROWS = (
    Touchpoint("web", "site", "before", "brand", "virtual", "log", "customer"),
    Touchpoint("ad", "site", "before", "partner", "virtual", "log", "firm"),
    Touchpoint("call", "phone", "during", "brand", "virtual", "crm", "both"),
    Touchpoint("store", "shop", "during", "brand", "physical", "pos", "customer"),
    Touchpoint("light", "shop", "during", "brand", "physical", "site_attribute", "firm"),
    Touchpoint("rumour", "street", "before", "customer", "physical", "survey", "customer"),
    Touchpoint("poster", "street", "after", "brand", "physical", "", "firm"),
    Touchpoint("fax", "phone", "after", "brand", "virtual", "log", "firm"),
    Touchpoint("buy", "site", "during", "brand", "virtual", "log", "customer"),
)
CATALOGUE = Catalogue({row.touchpoint: row for row in ROWS})
LADDER = Ladder(
    rungs={
        "looking": {"touchpoints": ["web"]},
        "talking": {"touchpoints": ["call"]},
        "customer": {"touchpoints": ["buy"], "holds": True},
    }
)


def journeys_of(events: list[tuple[int, float, str]], n: int, until: float = 100) -> Journeys:
    events = sorted(events, key=lambda event: (event[0], event[1]))
    who = np.array([event[0] for event in events], dtype=np.int64)
    return Journeys(
        names=NAMES,
        touchpoint=np.array([NAMES.index(event[2]) for event in events], dtype=np.uint8),
        start=np.searchsorted(who, np.arange(n + 1)),
        time=np.array([round(event[1] * DAY) for event in events], dtype=np.int64),
        customer_id=[f"c{at}" for at in range(n)],
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, round(until * DAY)),
        window=(0, round(until * DAY)),
    )


BY_HAND = journeys_of(
    [
        (0, 1, "web"), (0, 2, "ad"), (0, 5, "ad"), (0, 8, "call"), (0, 9, "store"), (0, 30, "buy"),
        (1, 1, "ad"), (1, 3, "web"), (1, 90, "ad"),
        (2, 10, "web"), (2, 12, "store"), (2, 13, "buy"), (2, 14, "tip"),
    ],
    4,
)  # fmt: skip


def cells(**given: object) -> pd.DataFrame:
    found = touchpoint_matrix(BY_HAND, CATALOGUE, small_cell=1, **given).frame  # type: ignore[arg-type]
    return found.set_index(["phase", "channel"])


def test_worked_by_hand() -> None:
    frame = cells(ladder=LADDER, horizon_days=25)
    site = frame.loc[("before", "site")]
    # Customers 0, 1 and 2 of four, with 3, 3 and 1 events in 100 days each.
    assert (site["n"], site["n_events"], site["share"]) == (3, 7, 0.75)
    assert [site["conf_low"], site["conf_high"]] == pytest.approx(
        [float(b) for b in wilson_interval(3, 4)]
    )
    assert site["frequency"] == pytest.approx(7 / 300 * 30)
    # Looking from day 1, 3 and 10: the web itself is the moment. 0 talks after 7 days, 1 never
    # does, 2 buys after 3.
    assert (site["n_moments"], site["n_at_moments"], site["n_moved"]) == (3, 3, 2)
    assert (site["n_unfinished"], site["next_stage"]) == (0, pytest.approx(2 / 3))
    shop = frame.loc[("during", "shop")]
    # 0 is talking on day 9 and buys 21 days later; 2 is looking on day 12, and buys on day 13.
    assert (shop["n_moments"], shop["n_moved"], shop["next_stage"]) == (2, 2, 1.0)
    # Who has bought can come no higher.
    assert frame.loc[("during", "site"), "n_moments"] == 0


def test_frequency_is_a_ratio_of_sums_with_students_interval() -> None:
    made = replace(BY_HAND, observed_to=np.array([100, 50, 20, 60]) * DAY)
    frame = touchpoint_matrix(made, CATALOGUE, small_cell=1).frame
    site = frame.set_index(["phase", "channel"]).loc[("before", "site")]
    x, months = np.array([3, 3, 1]), np.array([100, 50, 20]) / 30
    ratio = x.sum() / months.sum()
    error = np.sqrt(3 / 2 * ((x - ratio * months) ** 2).sum()) / months.sum()
    half = 4.302652729911275 * error / ratio  # qt(.975, 2)
    assert site["frequency"] == pytest.approx(ratio)
    assert site["frequency_low"] == pytest.approx(ratio * np.exp(-half))
    assert site["frequency_high"] == pytest.approx(ratio * np.exp(half))


def test_what_cannot_leave_events_is_never_zero() -> None:
    matrix = touchpoint_matrix(BY_HAND, CATALOGUE, ladder=LADDER, small_cell=1)
    frame = matrix.frame.set_index(["phase", "channel"])
    assert frame["observed"].to_dict() == {
        ("before", "site"): "observed",
        ("before", "street"): "not observed",
        ("during", "site"): "observed",
        ("during", "phone"): "observed",
        ("during", "shop"): "in part",
        ("after", "phone"): "no events here",
        ("after", "street"): "not said",
    }
    numbers = ["n", "n_events", "share", "conf_low", "frequency", "n_moments", "next_stage"]
    for cell in (("before", "street"), ("after", "street")):
        assert frame.loc[cell, numbers].isna().all()
    # Where events could be, nobody reached is a number: 0 of 4, and at most 49 %.
    fax = frame.loc[("after", "phone")]
    assert (fax["n"], fax["share"], fax["conf_low"]) == (0, 0, 0)
    assert fax["conf_high"] == pytest.approx(float(wilson_interval(0, 4).high))
    said = matrix.touchpoints.set_index("touchpoint")
    assert said.loc["light", "observed"] == "not observed"
    assert said.loc[["light", "rumour", "poster"], numbers].isna().all(axis=None)
    assert (matrix.n_here, matrix.n_unmapped, matrix.n_other_medium) == (12, 1, 0)
    assert matrix.check().status == "passed"
    assert "3 are not observed" not in matrix.summary()
    assert "2 are not observed" in matrix.summary()
    assert "1 have no events here" in matrix.summary()


def test_events_speak_against_a_catalogue_that_denies_them() -> None:
    rows = {**CATALOGUE.touchpoints, "tip": Touchpoint("tip", "street", "before", "", "", "survey")}
    matrix = touchpoint_matrix(BY_HAND, Catalogue(rows), small_cell=1)
    assert matrix.contradicting == ("tip",)
    assert matrix.check().status == "warned"
    assert "tip: the catalogue says that no events can be" in matrix.check().found
    street = matrix.frame.set_index(["phase", "channel"]).loc[("before", "street")]
    assert (street["observed"], street["n"]) == ("in part", 1)
    assert replace(matrix, n_here=3).check().status == "failed"


def test_answers_count_customers_once_each() -> None:
    said = pd.DataFrame(
        {
            "customer_id": ["c0", "c0", "c1", "c2", "c2", "nobody", "c3"],
            "touchpoint": ["web", "ad", "web", "web", "ad", "web", "unheard"],
            "score": [1.0, 0.5, -1.0, 0.5, 0.0, 1.0, 1.0],
        }
    )
    matrix = touchpoint_matrix(BY_HAND, CATALOGUE, sentiment=said, small_cell=1)
    site = matrix.frame.set_index(["phase", "channel"]).loc[("before", "site")]
    assert (site["n_answers"], site["n_answered"]) == (5, 3)
    assert site["score"] == pytest.approx(0.2)
    assert site["positive"] == pytest.approx(3 / 5)
    low, high = clustered_wilson_interval(ClusterSums.of_clusters([2, 0, 1], [2, 1, 2]))
    assert [site["positive_low"], site["positive_high"]] == pytest.approx([float(low), float(high)])
    assert -1 < site["score_low"] < 0.2 < site["score_high"] < 1
    assert matrix.n_answers_left_out == 2
    # Of a touchpoint that leaves no events people can be asked.
    asked = pd.DataFrame({"customer_id": ["c0", "c1"], "touchpoint": "rumour", "score": 1.0})
    street = touchpoint_matrix(BY_HAND, CATALOGUE, sentiment=asked, small_cell=1).frame
    street = street.set_index(["phase", "channel"]).loc[("before", "street")]
    assert street["observed"] == "not observed"
    # All have said the same: Wilson's of as many answers as customers, on the scale of scores.
    assert street["score"] == 1
    assert street["score_low"] == pytest.approx(2 * float(wilson_interval(2, 2).low) - 1)


def random_journeys(seed: int) -> Journeys:
    rng = np.random.default_rng(seed)
    n = 60
    events = [
        (who, float(rng.integers(0, 400)) / 5, str(rng.choice(NAMES)))
        for who in range(n)
        for _ in range(rng.poisson(5))
    ]
    made = journeys_of(events, n, until=80)
    ends = rng.integers(50, 80, size=n) * DAY
    # Nobody is seen after their watching ends.
    owner = np.repeat(np.arange(n), made.length)
    assert made.time is not None
    kept = made.time < ends[owner]
    return made.replace(
        touchpoint=made.touchpoint[kept],
        time=made.time[kept],
        start=np.searchsorted(owner[kept], np.arange(n + 1)),
        observed_to=ends,
    )


def slow_moments(made: Journeys, names: set[str]) -> list[tuple[float, int, int]]:
    """Wait, end and customer of every moment, one event at a time."""
    leads = {"web": 0, "call": 1, "buy": 2}
    assert made.time is not None
    assert made.observed_to is not None
    found = []
    for who in range(len(made)):
        here = range(made.start[who], made.start[who + 1])
        events = [(int(made.time[at]), made.names[made.touchpoint[at]]) for at in here]
        steps = []
        first_buy = min((t for t, other in events if other == "buy"), default=10**18)
        for when, name in sorted(events, key=lambda e: (e[0], leads.get(e[1], -1))):
            if name in leads and (name == "buy" or when < first_buy):
                steps.append((when, leads[name]))
        seen = set()
        for when, name in events:
            before = [rung for time, rung in steps if time <= when]
            if name not in names or not before or before[-1] == 2 or before[-1] in seen:
                continue
            seen.add(before[-1])
            later = [time for time, rung in steps if time > when and rung > before[-1]]
            end = int(made.observed_to[who])
            found.append(((later[0] if later else end) - when, int(bool(later)), who))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_counting_one_by_one(seed: int) -> None:
    made = random_journeys(seed)
    frame = touchpoint_matrix(made, CATALOGUE, ladder=LADDER, horizon_days=20, small_cell=1).frame
    for row in frame[frame["observed"].isin(["observed", "in part"])].itertuples():
        names = {r.touchpoint for r in ROWS if (r.phase, r.channel) == (row.phase, row.channel)}
        touched = [
            sum(made.names[code] in names for code in made.touchpoint[a:b])
            for a, b in zip(made.start[:-1], made.start[1:], strict=True)
        ]
        assert row.n == sum(count > 0 for count in touched)
        assert row.n_events == sum(touched)
        moments = slow_moments(made, names)
        assert row.n_moments == len(moments)
        assert row.n_at_moments == len({who for _, _, who in moments})
        horizon = 20 * DAY
        assert row.n_moved == sum(bool(end) and wait <= horizon for wait, end, _ in moments)
        assert row.n_unfinished == sum(not end and wait < horizon for wait, end, _ in moments)
        if moments:
            wait, end, who = (np.array(part) for part in zip(*moments, strict=True))
            truth = incidence_at(wait, end, of=1, horizon=horizon, cluster=who)
            assert row.next_stage == pytest.approx(truth.estimate)
            assert row.next_stage_low == pytest.approx(truth.low)
            assert row.next_stage_high == pytest.approx(truth.high)


def constant_hazard(seed: int, n: int = 150) -> Journeys:
    """Customers call by chance and move up at the rate 0.04 a day from wherever they are."""
    rng = np.random.default_rng(seed)
    events: list[tuple[int, float, str]] = []
    ends = rng.uniform(5, 60, size=n)
    for who in range(n):
        entered = rng.uniform(0, 5)
        first, second = entered + np.cumsum(rng.exponential(25, size=2))
        stores = rng.uniform(0, 60, size=rng.poisson(6))
        mine = [
            (entered, "web"),
            (first, "call"),
            (second, "buy"),
            *((at, "store") for at in stores),
        ]
        events += [(who, float(at), name) for at, name in mine if at < ends[who]]
    return journeys_of(events, n, until=60).replace(observed_to=np.round(ends * DAY).astype(int))


def test_next_stage_holds_the_truth_where_most_are_censored() -> None:
    truth = 1 - np.exp(-0.04 * 20)
    held, estimates, finished = [], [], []
    for seed in range(100):
        made = constant_hazard(seed)
        found = touchpoint_matrix(made, CATALOGUE, ladder=LADDER, horizon_days=20).touchpoints
        row = found.set_index("touchpoint").loc["store"]
        held.append(row["next_stage_low"] <= truth <= row["next_stage_high"])
        estimates.append(row["next_stage"])
        finished.append(row["n_moved"] / (row["n_moments"] - row["n_unfinished"]))
    # 96.5 % of 1,000 worlds. Leaving out the unfinished keeps those who moved fast: 0.09 too many.
    assert np.mean(held) > 0.89
    assert np.mean(estimates) == pytest.approx(truth, abs=0.015)
    assert np.mean(finished) > truth + 0.05


def test_touchpoints_of_a_cell_add_up_to_it() -> None:
    matrix = touchpoint_matrix(random_journeys(3), CATALOGUE, small_cell=1)
    sums = matrix.touchpoints.groupby(["phase", "channel"])["n_events"].sum()
    for row in matrix.frame.itertuples():
        if row.observed in ("observed", "in part", "no events here"):
            assert row.n_events == sums[(row.phase, row.channel)]
    assert matrix.n_here == matrix.frame["n_events"].sum()


def test_order_of_customers_does_not_matter() -> None:
    made = random_journeys(5)
    assert made.time is not None
    assert made.observed_to is not None
    order = np.random.default_rng(1).permutation(len(made))
    events = np.concatenate([np.arange(made.start[at], made.start[at + 1]) for at in order])
    mixed = made.replace(
        touchpoint=made.touchpoint[events],
        time=made.time[events],
        start=np.concatenate([[0], np.cumsum(made.length[order])]),
        observed_to=made.observed_to[order],
    )
    one, other = (touchpoint_matrix(data, CATALOGUE, ladder=LADDER) for data in (made, mixed))
    pd.testing.assert_frame_equal(one.frame, other.frame)
    pd.testing.assert_frame_equal(one.touchpoints, other.touchpoints)


@given(days=st.integers(-400, 400), seed=st.integers(0, 20))
@settings(max_examples=10)
def test_when_it_was_does_not_matter(days: int, seed: int) -> None:
    made = random_journeys(seed)
    assert made.time is not None
    later = made.replace(
        time=made.time + days * DAY,
        observed_from=np.full(len(made), days * DAY),
        observed_to=made.observed_to + days * DAY,
    )
    one, other = (touchpoint_matrix(data, CATALOGUE, ladder=LADDER) for data in (made, later))
    pd.testing.assert_frame_equal(one.frame, other.frame)


@given(seed=st.integers(0, 1000))
@settings(max_examples=10)
def test_media_add_up_and_customers_of_a_cell_are_at_most_those_of_its_touchpoints(
    seed: int,
) -> None:
    made = random_journeys(seed)
    both = touchpoint_matrix(made, CATALOGUE, small_cell=1)
    virtual = touchpoint_matrix(made, CATALOGUE, medium="virtual", small_cell=1)
    physical = touchpoint_matrix(made, CATALOGUE, medium="physical", small_cell=1)
    assert virtual.n_here + physical.n_here == both.n_here
    assert virtual.n_other_medium == physical.n_here
    for cell in both.frame[both.frame["n"].notna()].itertuples():
        mine = both.touchpoints.query("phase == @cell.phase and channel == @cell.channel")["n"]
        assert mine.max() <= cell.n <= min(mine.sum(), both.n_customers)


def test_few_customers_are_hidden_and_cannot_be_told_from_the_rest() -> None:
    frame = pd.DataFrame(
        {
            "n": pd.array([3, 40, 60, 0, 80], dtype="Int64"),
            "n_events": pd.array([5, 50, 70, 0, 90], dtype="Int64"),
            **dict.fromkeys(("share", "conf_low", "conf_high"), 0.5),
            **dict.fromkeys(("frequency", "frequency_low", "frequency_high"), 0.5),
            "n_answers": 20, "n_answered": [20, 4, 20, 20, 20],
            **dict.fromkeys(("score", "score_low", "score_high"), 0.5),
            **dict.fromkeys(("positive", "positive_low", "positive_high"), 0.5),
            "n_moments": 20, "n_at_moments": [20, 20, 9, 20, 20], "n_moved": 4, "n_unfinished": 0,
            **dict.fromkeys(("next_stage", "next_stage_low", "next_stage_high"), 0.5),
        }
    )  # fmt: skip
    hidden, n = without_few(frame, np.array([0, 0, 0, 0, 1]), 10)
    assert n == 3
    assert hidden["n"].isna().tolist() == [True, False, False, False, False]
    # 5 could be told as the sum less 120: the fewest shown go too.
    assert hidden["n_events"].isna().tolist() == [True, True, False, False, False]
    assert hidden["score"].isna().tolist() == [False, True, False, False, False]
    assert hidden["next_stage"].isna().tolist() == [True, False, True, False, False]


def test_the_standard_catalogue_gives_eleven_cells() -> None:
    empty = journeys_of([(0, 1, "tip")], 1)
    every = touchpoint_matrix(empty, standard_catalogue())
    assert len(every.touchpoints) == 59
    assert len(every.frame) == 11
    assert every.frame.groupby("phase")["n_touchpoints"].sum().to_dict() == {
        "before": 32,
        "during": 15,
        "after": 12,
    }
    virtual = touchpoint_matrix(empty, standard_catalogue(), medium="virtual")
    physical = touchpoint_matrix(empty, standard_catalogue(), medium="physical")
    assert (len(virtual.touchpoints), len(physical.touchpoints)) == (35, 24)
    unseen = every.touchpoints["observability"].isin(
        ["external", "survey", "site_attribute", "derived"]
    )
    assert (every.touchpoints["observed"].eq("not observed") == unseen).all()
    assert every.touchpoints.loc[unseen, "share"].isna().all()
    coverage = every.coverage.set_index(["observability", "observed"])["n_touchpoints"]
    assert coverage.sum() == 59
    assert coverage["survey", "not observed"] == 8
    assert coverage["log", "no events here"] == 27


def test_medium_leaves_the_other_out_and_counts_it() -> None:
    physical = touchpoint_matrix(BY_HAND, CATALOGUE, medium="physical", small_cell=1)
    assert (physical.n_here, physical.n_other_medium, physical.n_unmapped) == (2, 10, 1)
    assert physical.n_customers == 4
    assert physical.check().status == "passed"


@pytest.mark.filterwarnings("ignore:.*devices with an outcome are linked")
def test_the_demo_study_is_seen_as_its_catalogue_says() -> None:
    study = load_study("demo")
    matrix = touchpoint_matrix(study.journeys(), study.catalogue, ladder=study.model.stages)
    assert matrix.n_here == matrix.n_events == 137_740
    assert matrix.touchpoints["observed"].value_counts().to_dict() == {
        "observed": 45,
        "not observed": 17,
    }
    assert "website_email, before the purchase, reaches most: 88%" in matrix.summary()


@pytest.mark.parametrize("shown", ["reach", "frequency", "score", "positive", "next_stage"])
def test_every_cell_is_drawn_with_a_number_or_a_reason(shown: str) -> None:
    said = pd.DataFrame({"customer_id": ["c0", "c1"], "touchpoint": "web", "score": [1.0, -0.5]})
    matrix = touchpoint_matrix(
        BY_HAND, CATALOGUE, ladder=LADDER, sentiment=said, small_cell=1, horizon_days=25
    )
    ax = matrix.plot(shown=shown)  # type: ignore[arg-type]
    texts = [text.get_text() for text in ax.texts]
    assert len(texts) == len(matrix.frame)
    hatched = [patch for patch in ax.patches if patch.get_hatch()]
    assert len(hatched) == (0 if shown in ("score", "positive") else 2)
    if shown == "reach":
        assert texts == [
            "75%", "not\nobserved", "50%", "25%", "\u2265 50%", "no events\nhere", "not said",
        ]  # fmt: skip
    plt.close(ax.figure)  # type: ignore[arg-type]


def test_without_times_reach_is_told_and_frequency_is_not() -> None:
    bare = Journeys(names=NAMES, touchpoint=BY_HAND.touchpoint, start=BY_HAND.start)
    site = touchpoint_matrix(bare, CATALOGUE, small_cell=1).frame.iloc[0]
    assert (site["n"], site["share"]) == (3, 0.75)
    assert np.isnan(site["frequency"])
    with pytest.raises(NotObservedError, match="`next_stage` needs the time of each event"):
        touchpoint_matrix(bare, CATALOGUE, ladder=LADDER)
    unwatched = BY_HAND.replace(observed_from=None, observed_to=None)
    with pytest.raises(NotObservedError, match="until which each customer was watched"):
        touchpoint_matrix(unwatched, CATALOGUE, ladder=LADDER)


def test_what_must_hold() -> None:
    with pytest.raises(ArgumentError, match="`catalogue` must describe touchpoints; it is empty"):
        touchpoint_matrix(BY_HAND, Catalogue())
    with pytest.raises(ArgumentError, match="`medium` must be one of 'virtual', 'physical'"):
        touchpoint_matrix(BY_HAND, CATALOGUE, medium="virtal")  # type: ignore[arg-type]
    bare = Catalogue({"web": Touchpoint("web")})
    with pytest.raises(ArgumentError, match="none of its 1 touchpoints is virtual.*no medium at"):
        touchpoint_matrix(BY_HAND, bare, medium="virtual")
    with pytest.raises(ArgumentError, match="these are already cut"):
        touchpoint_matrix(BY_HAND.outcomes(conversion=["buy"], lookback_days=30), CATALOGUE)
    with pytest.raises(ArgumentError, match="`horizon_days` must be a number greater than 0"):
        touchpoint_matrix(BY_HAND, CATALOGUE, horizon_days=0)
    with pytest.raises(
        MappingError, match="`sentiment` names columns that do not exist: 'touchpoint', 'score'"
    ):
        touchpoint_matrix(BY_HAND, CATALOGUE, sentiment=pd.DataFrame(columns=["customer_id"]))
    loud = pd.DataFrame({"customer_id": ["c0"], "touchpoint": ["web"], "score": [5.0]})
    with pytest.raises(
        DataError, match="from -1 to 1; 1 of 1 rows have none or another, such as 5"
    ):
        touchpoint_matrix(BY_HAND, CATALOGUE, sentiment=loud)
    unknown = Ladder(rungs={"a": {"touchpoints": ["webb"]}, "b": {"touchpoints": ["buy"]}})
    with pytest.raises(MappingError, match="'webb'. Did you mean 'web'"):
        touchpoint_matrix(BY_HAND, CATALOGUE, ladder=unknown)
    plain = touchpoint_matrix(BY_HAND, CATALOGUE)
    with pytest.raises(ArgumentError, match="`shown` must be one of"):
        plain.plot(shown="rech")  # type: ignore[arg-type]
