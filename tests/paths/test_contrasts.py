from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from journeykit.errors import ArgumentError, DataError, MappingError, NotObservedError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.journeys.fingerprint import hash_customers
from journeykit.paths import compare, funnel, patterns, transitions, variants
from journeykit.paths.contrasts.groups import sides_by_attribute
from journeykit.paths.contrasts.views import step_view, transition_view, variant_view
from journeykit.stats import ClusterSums, clustered_wilson_interval, mix
from tests import strategies


def grouped(paths: dict[str, list[str]]) -> Journeys:
    """A path table: paths of one-letter touchpoints, one a customer, by group."""
    listed = [(group, path) for group, ways in paths.items() for path in ways]
    letters = sorted({letter for _, path in listed for letter in path})
    return Journeys(
        names=tuple(letters),
        touchpoint=np.array([letters.index(c) for _, p in listed for c in p], dtype=np.uint8),
        start=np.cumsum([0, *(len(path) for _, path in listed)]),
        attributes=pa.table({"group": [group for group, _ in listed]}),
    )


#: 60 and 40 customers.
PATHS = grouped(
    {
        "old": ["ab"] * 30 + ["ac"] * 20 + ["b"] * 10,
        "new": ["ab"] * 8 + ["ac"] * 20 + ["b"] * 11 + ["cc"],
    }
)


def test_transitions_worked_by_hand() -> None:
    found = compare(PATHS, by="group", groups=("old", "new"), over="transitions", small_cell=5)
    row = found.frame.set_index(["source", "target"]).loc[("a", "b")]
    assert (row["n_event_first"], row["n_first"]) == (30, 50)
    assert (row["n_event_second"], row["n_second"]) == (8, 28)
    assert row["estimate"] == pytest.approx(8 / 28 - 30 / 50)
    tails = [
        fisher_exact([[30, 20], [8, 20]], alternative=side).pvalue for side in ("less", "greater")
    ]
    assert row["p_value"] == pytest.approx(2 * min(tails))
    # (entry) to a; a to b and c; b and c to (exit) only, which nothing can differ in; (entry) to c
    # and c to c, of one customer; and (entry) to b, pooled so that nobody is told of one.
    assert found.n_tried == 3
    assert found.n_small == 5
    assert found.groups == ("old", "new")
    assert found.n_customers == (60, 40)
    assert found.n_both == 0


def test_shares_agree_with_transitions_and_sum_to_one() -> None:
    found = compare(PATHS, by="group", groups=("old", "new"), over="transitions", small_cell=5)
    ours = found.frame.set_index(["source", "target"])
    alone = transitions(PATHS.where({"group": "old"})).frame.set_index(["source", "target"])
    both = ours.index.intersection(alone.index)
    assert len(both) >= 4
    assert ours.loc[both, "share_first"].tolist() == pytest.approx(
        alone.loc[both, "estimate"].tolist()
    )
    # Of c there is only (exit) to pool the one who came again with: that one is left out.
    sums = {"(entry)": 1, "a": 1, "b": 1, "c": 1}
    for side, of_c in (("first", 1), ("second", 21 / 22)):
        found_sums = found.frame.groupby("source")[f"share_{side}"].sum().to_dict()
        assert found_sums == pytest.approx(sums | {"c": of_c})
    others = found.frame[found.frame["target"] == "(other)"]
    assert others["p_value"].isna().all()


def test_variants_agree_with_variants() -> None:
    found = compare(PATHS, by="group", groups=("old", "new"), over="variants", small_cell=5)
    ours = found.frame.set_index("path")
    alone = variants(PATHS.where({"group": "old"})).frame.set_index("path")
    kept = ["a > b", "a > c"]
    assert ours["n_event_first"].drop("(other)").to_dict() == alone["n"][kept].to_dict()
    # b and the one of c > c
    assert ours.loc["(other)", ["n_event_first", "n_event_second"]].tolist() == [10, 12]
    assert ours["n_event_second"].sum() == 40
    assert (found.n_tried, found.n_small) == (2, 2)


def test_what_is_pooled_is_of_many_customers_of_each_group_or_left_out() -> None:
    # Rarest first: d 2 + 1, e 6 + 2, c 4 + 9, b 30 + 30, a 60 + 60.
    first = ["a"] * 60 + ["b"] * 30 + ["c"] * 4 + ["e"] * 6 + ["d"] * 2
    second = ["a"] * 60 + ["b"] * 30 + ["c"] * 9 + ["e"] * 2 + ["d"]
    ways = grouped({"x": first, "y": second})
    found = compare(ways, by="group", over="variants")
    ours = found.frame.set_index("path")
    assert sorted(ours.index) == ["(other)", "a", "b"]
    assert ours.loc["(other)", ["n_event_first", "n_event_second"]].tolist() == [12, 12]
    assert (found.n_tried, found.n_small) == (2, 3)
    # One more at a time until 20 of each; b is next.
    wider = compare(ways, by="group", over="variants", small_cell=20)
    ours = wider.frame.set_index("path")
    assert ours.loc["(other)", ["n_event_first", "n_event_second"]].tolist() == [42, 42]
    assert (wider.n_tried, wider.n_small) == (1, 4)
    # With 50 of each, a would have to go in, and nothing would be left: d, e and c are left out.
    none = compare(ways, by="group", over="variants", small_cell=50)
    assert sorted(none.frame["path"]) == ["a", "b"]
    assert (none.n_tried, none.n_small) == (2, 3)
    assert none.frame["n_second"].tolist() == [102, 102]


@settings(max_examples=25)
@given(strategies.journeys(min_customers=8), st.integers(2, 4))
def test_no_pool_is_of_few_customers_of_a_group(journeys: Journeys, small_cell: int) -> None:
    side = np.where(np.arange(len(journeys)) % 2, "x", "y")
    table = journeys.replace(attributes=pa.table({"side": side}))
    for over in ("transitions", "steps"):
        found = compare(table, by="side", over=over, small_cell=small_cell)
        other = found.frame[found.frame.iloc[:, 1] == "(other)"]
        for name in ("first", "second"):
            n_event, n = other[f"n_event_{name}"], other[f"n_{name}"]
            # An event is of one customer: fewer events would be of fewer customers.
            assert (n_event >= small_cell).all()
            assert (n - n_event >= small_cell).all()


def test_steps_have_a_place_for_those_who_have_left() -> None:
    found = compare(PATHS, by="group", groups=("old", "new"), over="steps", steps=3, small_cell=5)
    ours = found.frame.set_index(["step", "touchpoint"])
    assert ours.loc[(2, "(exit)"), ["n_event_first", "n_event_second"]].tolist() == [10, 11]
    assert ours.loc[(2, "b"), "share_second"] == pytest.approx(8 / 40)
    assert (ours["n_first"] == 60).all()


def test_patterns_count_a_customer_once_and_agree_with_patterns() -> None:
    ways = grouped({"x": ["abab"] * 12 + ["ba"] * 8, "y": ["ab"] * 6 + ["bb"] * 14})
    found = compare(ways, by="group", over="patterns", length=2, small_cell=4, support=0.1)
    ours = found.frame.set_index("pattern")
    assert ours.loc["b > a", ["n_event_first", "n_event_second"]].tolist() == [20, 0]
    assert ours.loc["a > b", ["n_event_first", "n_first"]].tolist() == [12, 20]
    for group, side in (("x", "first"), ("y", "second")):
        alone = patterns(ways.where({"group": group}), length=2, support=1).frame
        theirs = alone.set_index("pattern")["n"].reindex(ours.index, fill_value=0)
        assert ours[f"n_event_{side}"].tolist() == theirs.tolist()
    assert found.groups == ("x", "y")


def test_funnels_agree_with_funnel() -> None:
    ways = grouped({"x": ["abc"] * 20 + ["ab"] * 20 + ["b"] * 9, "y": ["abc"] * 12 + ["ac"] * 30})
    steps = ("a", "b", "c")
    found = compare(ways, by="group", over="funnel", funnel=steps, small_cell=5)
    ours = found.frame.set_index("step")
    assert ours.loc[1, ["n_event_first", "n_first"]].tolist() == [40, 49]
    for group, side in (("x", "first"), ("y", "second")):
        theirs = funnel(ways.where({"group": group}), steps=steps).frame
        assert ours.sort_index()[f"n_event_{side}"].tolist() == theirs["n"].tolist()
    assert ours.loc[2, "touchpoint"] == "b"
    assert ours.loc[2, "share_second"] == pytest.approx(12 / 42)
    assert found.n_tried == 3
    assert "of 3 funnel steps differ between" in found.summary()


def test_who_could_still_come_is_left_out_of_a_funnel_whatever_they_did() -> None:
    # Entered with a whole window left: 20 of 40 come; later: 15 of 15, the fast ones.
    early = [[(1.0, "a"), (4.0, "b")]] * 20 + [[(1.0, "a")]] * 20
    late = [[(18.0, "a"), (18.5, "b")]] * 15
    journeys = watched((early + late) * 2)
    side = np.repeat(["x", "y"], 55)
    journeys = journeys.replace(attributes=pa.table({"side": side}))
    found = compare(journeys, by="side", over="funnel", funnel=("a", "b"), within="5d")
    ours = found.frame.set_index("step")
    assert ours.loc[2, ["n_event_first", "n_first"]].tolist() == [20, 40]
    sofar = compare(journeys, by="side", over="funnel", funnel=("a", "b")).frame.set_index("step")
    assert sofar.loc[2, ["n_event_first", "n_first"]].tolist() == [35, 55]


def watched(paths: list[list[tuple[float, str]]], until: float = 20) -> Journeys:
    """Customers watched from day 0 until a day; of each, days and touchpoints."""
    letters = sorted({letter for path in paths for _, letter in path})
    flat = [event for path in paths for event in path]
    return Journeys(
        names=tuple(letters),
        touchpoint=np.array([letters.index(letter) for _, letter in flat], dtype=np.uint8),
        start=np.cumsum([0, *map(len, paths)]),
        time=np.array([round(day * DAY) for day, _ in flat]),
        observed_from=np.zeros(len(paths), dtype=np.int64),
        observed_to=np.full(len(paths), round(until * DAY)),
        window=(0, round(until * DAY)),
    )


HALVES = (("1970-01-01", "1970-01-11"), ("1970-01-11", "1970-01-21"))


def test_periods_share_their_customers() -> None:
    # 30 customers a, b in both halves; 12 of them a, c in the second instead.
    steady = [(1, "a"), (2, "b"), (11, "a"), (12, "b"), (13, "a")]
    moved = [(1, "a"), (2, "b"), (11, "a"), (12, "c"), (13, "a")]
    journeys = watched([steady] * 18 + [moved] * 12)
    found = compare(journeys, periods=HALVES, over="transitions", small_cell=5)
    row = found.frame.set_index(["source", "target"]).loc[("a", "b")]
    assert (found.n_both, found.n_customers) == (30, (30, 30))
    # The last a is still open: in no denominator.
    assert row[["n_event_first", "n_first", "n_event_second", "n_second"]].tolist() == [
        30,
        30,
        18,
        30,
    ]
    assert row["estimate"] == pytest.approx(-0.4)
    assert row["p_value"] < 0.01
    assert row["conf_high"] < -0.2


def test_pieces_belong_to_the_period_in_which_they_begin() -> None:
    one = [(1, "a"), (1.01, "b"), (9.99, "a"), (10.005, "b"), (12, "a"), (12.01, "b")]
    visits = watched([one] * 12).sessions("30min")
    found = compare(visits, periods=HALVES, over="steps", steps=2, small_cell=5)
    row = found.frame.set_index(["step", "touchpoint"]).loc[(2, "b")]
    assert row[["n_event_first", "n_event_second"]].tolist() == [24, 12]


def test_intervals_know_customers_from_steps() -> None:
    """Each customer makes the same step ten times: as good as once."""
    ways = {"x": ["ab" * 10] * 12 + ["ac" * 10] * 12, "y": ["ab" * 10] * 6 + ["ac" * 10] * 18}
    found = compare(grouped(ways), by="group", over="transitions", small_cell=5).frame
    row = found.set_index(["source", "target"]).loc[("a", "b")]
    once = ClusterSums.of_clusters([10] * 12 + [0] * 12, [10] * 24)
    low, _ = clustered_wilson_interval(once)
    assert row["p_value"] == pytest.approx(0.08, abs=0.02)
    assert row["conf_low"] < row["share_second"] - 0.5 < row["conf_high"]
    assert row["estimate"] - row["conf_low"] > 0.5 - float(low)


@settings(max_examples=25)
@given(strategies.journeys(min_customers=4))
def test_order_of_groups_only_turns_signs(journeys: Journeys) -> None:
    side = np.where(np.arange(len(journeys)) % 2, "x", "y")
    table = journeys.replace(attributes=pa.table({"side": side}))
    for over in ("transitions", "steps", "patterns"):
        forth = compare(table, by="side", over=over, small_cell=1)
        back = compare(table, by="side", groups=("y", "x"), over=over, small_cell=1)
        keys = list(forth.frame.columns[: forth.frame.columns.get_loc("n_event_first")])
        one, two = (found.frame.set_index(keys) for found in (forth, back))
        assert forth.n_tried == back.n_tried
        gap = one["estimate"] + two["estimate"].reindex(one.index)
        assert gap.fillna(0).abs().max() == pytest.approx(0, abs=1e-12) or one.empty
        assert (one["n_event_first"] <= one["n_first"]).all()


def halves(journeys: Journeys, seed: int) -> Journeys:
    half = mix(hash_customers(journeys.customer_id), seed=seed) >> np.uint64(63)
    label = np.where(half, "x", "y")[journeys.customer_index]
    return journeys.replace(attributes=pa.table({"half": label})).with_fingerprint(0)


def test_the_same_twice_differs_in_nothing_and_other_habits_are_found() -> None:
    """60 splits of 400 customers by chance; and a step made by 30 % rather than 50 %."""
    rng = np.random.default_rng(1)
    own = rng.beta(2, 2, 400)[:, None]
    flagged = 0
    for world in range(60):
        target = np.where(rng.random((400, 4)) < own, 1, 2)
        steps = np.stack([np.zeros_like(target), target], axis=2).reshape(-1).astype(np.uint8)
        journeys = Journeys(names=("a", "b", "c"), touchpoint=steps, start=np.arange(0, 3201, 8))
        flagged += (
            len(compare(halves(journeys, world), by="half", over="transitions").findings()) > 0
        )
    assert flagged <= 6
    fewer = np.where((rng.random((400, 4)) < own - 0.2 * (np.arange(400) < 200)[:, None]), 1, 2)
    steps = np.stack([np.zeros_like(fewer), fewer], axis=2).reshape(-1).astype(np.uint8)
    side = np.where(np.arange(400) < 200, "fewer", "more")
    changed = Journeys(
        names=("a", "b", "c"),
        touchpoint=steps,
        start=np.arange(0, 3201, 8),
        attributes=pa.table({"side": side}),
    )
    found = compare(changed, by="side", over="transitions")
    assert {("a", "b"), ("a", "c")} <= set(
        zip(found.findings()["source"], found.findings()["target"], strict=True)
    )


def test_summary_and_picture() -> None:
    found = compare(PATHS, by="group", groups=("old", "new"), over="transitions", small_cell=5)
    assert found.summary() == (
        "2 of 3 transitions differ between old (60 customers) and new (40) at a false-discovery "
        "rate of 5%; most clearly a > b: 60.0% against 28.6%; 5 of too few customers were not "
        "tested"
    )
    ax = found.plot()
    assert len(ax.get_yticklabels()) == found.n_tried
    assert ax.get_yticklabels()[0].get_text() == "a > b"
    assert ax.get_xlabel() == "share in new\nless share in old"
    money = grouped({"$a": ["xy"] * 12, "$b": ["xz"] * 12})
    assert compare(money, by="group", over="variants").plot().get_xlabel().count(r"\$") == 2


def test_nothing_to_test_is_no_error() -> None:
    few = grouped({"x": ["ab"] * 3, "y": ["ac"] * 3})
    few = few.replace(
        attributes=pa.table({"group": few.attributes["group"].combine_chunks().dictionary_encode()})
    )
    for over in ("transitions", "steps", "variants", "patterns"):
        found = compare(few, by="group", over=over)
        assert found.n_tried == 0
        assert found.n_small > 0
        assert found.plot().get_yticklabels() == []


def test_bad_arguments() -> None:
    with pytest.raises(ArgumentError, match="Either `by` or `periods` must say"):
        compare(PATHS, over="steps")
    with pytest.raises(MappingError, match="`by` names attributes that do not exist: 'grop'"):
        compare(PATHS, by="grop", over="steps")
    with pytest.raises(ArgumentError, match="`groups` must be values of 'group'; got 'older'"):
        compare(PATHS, by="group", groups=("older", "new"), over="steps")
    with pytest.raises(ArgumentError, match="`groups` must be two different values; got"):
        compare(PATHS, by="group", groups=("new", "new"), over="steps")
    three = grouped({"x": ["a"], "y": ["a"], "z": ["a"]})
    with pytest.raises(
        ArgumentError, match="`groups` must name two values of 'group', which has 3"
    ):
        compare(three, by="group", over="steps")
    with pytest.raises(ArgumentError, match="`over` must be one of"):
        compare(PATHS, by="group", over="funnels")  # type: ignore[arg-type]
    with pytest.raises(NotObservedError, match="A comparison of periods needs the time"):
        compare(PATHS, periods=HALVES, over="steps")
    days = watched([[(1, "a"), (2, "b")]])
    with pytest.raises(ArgumentError, match="`periods` must be two spans"):
        compare(days, periods=HALVES[::-1], over="steps")
    with pytest.raises(DataError, match="There is no event in group '1970-01-11 to 1970-01-21'"):
        compare(days, periods=HALVES, over="steps")
    with pytest.raises(ArgumentError, match="`steps` must be a list of at least two steps"):
        compare(PATHS, by="group", over="funnel")
    with pytest.raises(ArgumentError, match="`order` 40 is too high"):
        compare(PATHS, by="group", over="transitions", order=40)


def watched_unequally(seed: int, *, customers: int = 300) -> Journeys:
    """Everybody orders soon or visits again late, by one law; half are watched for 40 days only."""
    rng = np.random.default_rng(seed)
    codes, times, starts = list[int](), list[int](), [0]
    ends = np.where(np.arange(customers) % 2, 40, 300) * DAY
    for end in ends.tolist():
        now = 0.0
        while now < end:
            codes.append(1)
            times.append(int(now))
            soon = rng.random() < 0.4
            now += rng.exponential(5 if soon else 30) * DAY
            if soon and now < end:
                codes.append(0)
                times.append(int(now))
                now += rng.exponential(20) * DAY
        starts.append(len(codes))
    return Journeys(
        names=("order", "visit"),
        touchpoint=np.array(codes, dtype=np.uint8),
        start=np.array(starts),
        time=np.array(times, dtype=np.int64),
        customer_id=pa.array(range(customers)),
        observed_from=np.zeros(customers, dtype=np.int64),
        observed_to=ends,
        attributes=pa.table({"watched": ["long", "short"] * (customers // 2)}),
    )


@pytest.mark.parametrize(("over", "trapped"), [("transitions", 15), ("steps", 0), ("variants", 15)])
def test_groups_watched_unequally_do_not_differ_within_a_time_that_both_were(
    over: str, trapped: int
) -> None:
    blind, fair = 0, 0
    for seed in range(20):
        made = watched_unequally(seed)
        given = {"by": "watched", "over": over, "steps": 3}
        blind += len(compare(made, **given).findings()) > 0
        fair += len(compare(made, within="20d", **given).findings()) > 0
    # Looking only at what is known by the end flags nothing but the watching.
    assert blind >= trapped
    # At q = 5 % more than 4 of 20 come by chance in 1 of 400.
    assert fair <= 4


def test_within_a_time_worked_by_hand() -> None:
    # a visit, b on day 2, c on day 9; watched to day 10. And a on day 0 and 8, watched to day 9.
    made = Journeys(
        names=("a", "b", "c"),
        touchpoint=np.array([0, 1, 2, 0, 0], dtype=np.uint8),
        start=np.array([0, 3, 5]),
        time=np.array([0, 2, 9, 0, 8]) * DAY,
        observed_from=np.zeros(2, dtype=np.int64),
        observed_to=np.array([10, 9]) * DAY,
        attributes=pa.table({"kind": ["x", "y"]}),
    )
    sides = sides_by_attribute(made, "kind", None)
    steps = transition_view(sides, order=1, within=3 * DAY)
    told = list(zip(steps.labels["source"], steps.labels["target"], strict=True))
    seen = sorted(
        (int(steps.group[o]), *told[c]) for o, c in zip(steps.observation, steps.cell, strict=True)
    )
    # c on day 9 and a on day 8 were not watched for three more days.
    assert seen == [
        (0, "(entry)", "a"), (0, "a", "b"), (0, "b", "(later)"),
        (1, "(entry)", "a"), (1, "a", "(later)"),
    ]  # fmt: skip
    paths = variant_view(sides, within=3 * DAY)
    assert sorted(paths.labels["path"]) == ["a", "a > b"]
    places = step_view(sides, steps=2, within=3 * DAY)
    where = list(zip(places.labels["step"], places.labels["touchpoint"], strict=True))
    assert sorted(where) == [(1, "a"), (2, "(later)"), (2, "b")]
    untimed = made.replace(time=None, observed_from=None, observed_to=None)
    with pytest.raises(NotObservedError, match="`within` needs the time of each event"):
        compare(untimed, by="kind", over="steps", within="3d")
