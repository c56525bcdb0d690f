from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from journeykit.errors import ArgumentError, DataError, MappingError
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import labyrinth
from journeykit.paths.detours.costs import median_interval
from journeykit.paths.detours.entropy import clustered_entropy
from journeykit.paths.detours.kernels import wanderings, without_loops
from tests.strategies import journeys


def journeys_of(*texts: str, times: list[float] | None = None) -> Journeys:
    """One customer a text; every letter is a touchpoint."""
    names = tuple(sorted(set("".join(texts))))
    size = [len(text) for text in texts]
    days = None if times is None else (np.array(times) * DAY).astype(np.int64)
    return Journeys(
        names=names,
        touchpoint=np.array([names.index(letter) for text in texts for letter in text], np.uint8),
        start=np.concatenate([[0], np.cumsum(size)]).astype(np.int64),
        time=days,
    )


def measures(found: pd.DataFrame) -> pd.Series:
    return found.set_index("measure")["estimate"]


# --- loops and steps back -----------------------------------------------------------------------


def walked(text: str) -> list[int]:
    one = journeys_of(text)
    n = len(one.names)
    return wanderings(one.touchpoint, one.start[:-1], one.start[1:], n)[0].tolist()


@pytest.mark.parametrize(
    ("text", "moves", "returns", "back"),
    [
        ("a", 0, 0, 0),
        ("aaa", 0, 0, 0),  # repeats stay where they are
        ("abc", 2, 0, 0),
        ("aba", 2, 1, 1),
        ("abba", 2, 1, 1),  # a repeat in between changes nothing
        ("abca", 3, 1, 0),  # a loop without a step back
        ("abab", 3, 2, 2),
        ("abcbd", 4, 1, 1),
    ],
)
def test_wanderings_worked_by_hand(text: str, moves: int, returns: int, back: int) -> None:
    assert walked(text) == [moves, returns, back]


@given(journeys(timed=False))
def test_wanderings_as_plainly_counted(drawn: Journeys) -> None:
    found = wanderings(drawn.touchpoint, drawn.start[:-1], drawn.start[1:], len(drawn.names))
    for row, a, b in zip(found.tolist(), drawn.start[:-1], drawn.start[1:], strict=True):
        steps = drawn.touchpoint[a:b].tolist()
        path = [x for i, x in enumerate(steps) if i == 0 or x != steps[i - 1]]
        returns = sum(x in path[:i] for i, x in enumerate(path))
        back = sum(i > 1 and path[i - 2] == x for i, x in enumerate(path))
        assert row == [len(path) - 1, returns, back]


@given(journeys(timed=False))
def test_loops_are_erased_as_they_close(drawn: Journeys) -> None:
    path, offset = without_loops(
        drawn.touchpoint, drawn.start[:-1], drawn.start[1:], len(drawn.names)
    )
    for number in range(len(drawn)):
        plain: list[int] = []
        for step in drawn.touchpoint[drawn.start[number] : drawn.start[number + 1]].tolist():
            if step in plain:
                del plain[plain.index(step) + 1 :]
            else:
                plain.append(step)
        assert path[offset[number] : offset[number + 1]].tolist() == plain


# --- entropy ------------------------------------------------------------------------------------


def test_entropy_of_independent_steps_is_miller_and_madows() -> None:
    """Each customer one step: 40 a > x, 40 a > y, 20 b > x: H = 0.8 bits, k - 1 = 1."""
    cell = np.repeat([0, 1, 2], [40, 40, 20])
    rng = np.random.default_rng(1)
    found = clustered_entropy(
        rng.permutation(cell), np.array([0, 0, 1]), np.arange(100), confidence=0.95
    )
    assert found.plug_in == pytest.approx(0.8)
    bias = 100 / 99 / (2 * 100 * np.log(2))
    assert found.estimate == pytest.approx(0.8 + bias)
    assert np.isnan(found.conf_low)  # 100 customers: cannot tell


def test_customers_who_repeat_themselves_raise_the_bias() -> None:
    cell = np.repeat(np.tile([0, 1], 50), 10)
    one_way = clustered_entropy(
        cell, np.zeros(2, dtype=np.int64), np.repeat(np.arange(100), 10), confidence=0.95
    )
    mixed = clustered_entropy(cell, np.zeros(2, dtype=np.int64), np.arange(1000), confidence=0.95)
    assert one_way.plug_in == mixed.plug_in == pytest.approx(1)
    assert one_way.estimate - 1 == pytest.approx(10 * (mixed.estimate - 1), rel=0.02)


def test_entropy_of_a_known_chain_is_covered() -> None:
    """1,000 worlds of 300 customers with three steps each, from a to four touchpoints."""
    rng = np.random.default_rng(7)
    p = np.array([0.5, 0.25, 0.15, 0.1])
    truth = -(p * np.log2(p)).sum()
    customer = np.repeat(np.arange(300), 3)
    covered, estimates, plugged = 0, [], []
    for _ in range(1000):
        cell = rng.choice(4, size=900, p=p)
        found = clustered_entropy(cell, np.zeros(4, dtype=np.int64), customer, confidence=0.95)
        covered += found.conf_low <= truth <= found.conf_high
        estimates.append(found.estimate)
        plugged.append(found.plug_in)
    assert 0.93 <= covered / 1000 <= 0.97
    assert np.mean(estimates) == pytest.approx(truth, abs=0.0025)
    assert np.mean(plugged) < truth - 0.001


# --- order --------------------------------------------------------------------------------------


def second_order(customers: int, *, seed: int) -> Journeys:
    """Walks of up to 12 events where the last but one decides with 80 %."""
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.ones(4), size=4).cumsum(axis=1)
    walk = rng.integers(0, 4, size=(customers, 12))
    for step in range(2, 12):
        decides = np.where(rng.random(customers) < 0.8, walk[:, step - 2], walk[:, step - 1])
        walk[:, step] = (rng.random(customers)[:, None] > rows[decides]).sum(axis=1)
    kept = np.arange(12) < np.minimum(rng.geometric(0.15, customers), 12)[:, None]
    return Journeys(
        names=("call", "mail", "shop", "web"),
        touchpoint=walk[kept].astype(np.uint8),
        start=np.concatenate([[0], np.cumsum(kept.sum(axis=1))]),
    )


def test_order_two_is_found() -> None:
    """20 chains of 5,000 journeys: BIC and held-out likelihood name order 2 in at least 90 %."""
    found = [labyrinth(second_order(5000, seed=seed), max_order=4) for seed in range(20)]
    assert sum(result.order_by_bic == 2 for result in found) >= 18
    assert sum(result.order_by_held_out == 2 for result in found) >= 18


def test_likelihood_and_parameters_worked_by_hand() -> None:
    # ab | ab | aa, then exit: after (entry) a; after a: a, b, b, exit; after b: exit, exit
    orders = labyrinth(journeys_of("ab", "ab", "aa"), max_order=1).orders
    log_likelihood = 1 * np.log(1 / 4) + 2 * np.log(2 / 4) + 1 * np.log(1 / 4)
    assert orders.loc[1, "log_likelihood"] == pytest.approx(log_likelihood)
    assert orders["n_parameters"].tolist() == [2, 2]
    assert orders["n"].tolist() == [9, 9]
    assert orders.loc[1, "bic"] == pytest.approx(-2 * log_likelihood + 2 * np.log(9))


# --- the road and its detours -------------------------------------------------------------------


def test_a_straight_funnel_is_no_labyrinth() -> None:
    rng = np.random.default_rng(1)
    funnel = journeys_of(*("abcd"[: rng.integers(1, 5)] for _ in range(1000)))
    found = labyrinth(funnel, outcome=["d"])
    value = found.frame.set_index("measure")
    assert value.loc["labyrinth_index", "estimate"] == 0
    assert value.loc["labyrinth_index", "conf_high"] < 0.05
    for name in ("journeys_with_loop", "journeys_with_step_back", "moves_that_return"):
        assert value.loc[name, "estimate"] == 0
    assert found.road == ("a", "b", "c", "d")
    assert found.detours.empty
    assert found.order_by_bic == found.order_by_held_out == 1


def test_detours_worked_by_hand() -> None:
    found = labyrinth(
        journeys_of("abd", "abd", "axabd", "axyabd", "abxd", "abx", "xabd", "ab"),
        outcome=["d"],
        max_order=1,
    )
    assert found.road == ("a", "b", "d")
    assert found.road_share == pytest.approx(1 - 1 / 6 - 1 / 6)
    rows = found.detours.set_index(["source", "touchpoint", "target"])
    assert rows.loc[("a", "x", "a"), ["n", "n_customers", "extra_steps"]].tolist() == [2, 2, 2.5]
    assert rows.loc[("b", "x", "d"), ["n", "extra_steps"]].tolist() == [1, 1]
    assert rows.loc[("b", "x", "(exit)"), "n"] == 1
    assert rows.loc[("(entry)", "x", "a"), ["n", "extra_steps"]].tolist() == [1, 1]
    assert rows["n"].sum() == 5
    extra = found.frame.set_index("measure").loc["extra_steps"]
    assert (extra["estimate"], extra["n"]) == (1, 6)  # of 0 0 2 3 1 1


def test_time_lost_is_beyond_the_roads_own() -> None:
    found = labyrinth(
        # the road takes a day from a to b; the detour from a by x to b four
        journeys_of("ab", "ab", "ab", "axb", times=[0, 1, 0, 1, 0, 1, 0, 3, 4]),
        outcome=["b"],
        max_order=1,
    )
    assert found.detours["extra_time_days"].tolist() == [3]
    assert measures(found.frame)["extra_time_days"] == 0  # the median of 0 0 0 3


def test_success_at_once_is_no_road() -> None:
    assert labyrinth(journeys_of("d", "d", "ad"), outcome=["d"], max_order=1).road == ("a", "d")
    assert labyrinth(journeys_of("d", "d", "ab"), outcome=["d"], max_order=1).road == ("d",)


def test_short_cuts_are_no_detours() -> None:
    found = labyrinth(journeys_of("abcd", "abcd", "abcd", "ad", "axd"), outcome=["d"], max_order=1)
    assert found.road == ("a", "b", "c", "d")
    assert found.detours.empty  # two moves by x instead of three along the road


def detouring(customers: int, *, seed: int, effect: float) -> Journeys:
    """From b, half go to x and back, the others to y; then c, and d with 0.4 + effect."""
    rng = np.random.default_rng(seed)
    texts = []
    for away, draw in zip(rng.random(customers) < 0.5, rng.random(customers), strict=True):
        way = "abxb" if away else "abyb"
        texts.append(way + ("cd" if draw < 0.4 + effect * away else "c"))
    return journeys_of(*texts)


def test_outcomes_are_compared_after_as_many_events() -> None:
    found = labyrinth(detouring(4000, seed=1, effect=-0.2), outcome=["d"], max_order=1)
    row = found.detours.set_index(["source", "touchpoint", "target"]).loc[("b", "x", "b")]
    assert row["difference_low"] < -0.2 < row["difference_high"]
    assert row["outcome_share"] == pytest.approx(0.2, abs=0.03)
    assert row["q_value"] < 0.001
    assert "grade C" in found._repr_html_()


def test_harmless_detours_are_seldom_blamed() -> None:
    """100 worlds of 300 customers where detours change nothing: q < 0.05 in about 5 %."""
    blamed = 0
    for seed in range(100):
        found = labyrinth(detouring(300, seed=seed, effect=0.0), outcome=["d"], max_order=1)
        blamed += bool((found.detours["q_value"] < 0.05).any())
    assert blamed <= 12


def test_median_interval_is_of_order_statistics() -> None:
    # n = 10: P(Bin(10, 1/2) <= 1) = 0.0107, so the second and the ninth bound 97.9 %.
    assert tuple(median_interval(np.arange(1.0, 11), confidence=0.95)) == (5.5, 2, 9)
    assert np.isnan(median_interval(np.arange(4.0), confidence=0.95).low)


# --- ends that are not known --------------------------------------------------------------------


def test_open_journeys_neither_fail_nor_end() -> None:
    texts = ["abd"] * 30 + ["axabd"] * 30 + ["ab"] * 15 + ["axab"] * 15
    known = journeys_of(*texts)
    time = np.arange(known.n_events) * 1000
    n = len(known)
    watched = known.replace(
        time=time,
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.full(n, 10 * DAY),
        window=(-DAY, 10 * DAY),
    )
    found = labyrinth(watched, outcome=["d"], max_order=1)
    assert found.n_open == 30
    assert found.orders["n"].tolist() == [330, 330]  # the last steps of all 90 are not known
    assert found.detours["p_value"].isna().all()  # nobody is known to have failed


def slow_detours(seed: int, *, effect: float = 0.0) -> Journeys:
    """From b, half are away at x for a month, half at y for days; then half go on to d.

    Customers begin at any time of 120 days; those without a step for 30 days are known to be gone.
    """
    rng = np.random.default_rng(seed)
    customers, days = 2000, 120
    away = rng.random(customers) < 0.5
    won = rng.random(customers) < 0.5 + effect * away
    size = 5 + won
    whose = np.repeat(np.arange(customers), size)
    first = np.cumsum(size) - size
    step = np.arange(len(whose)) - first[whose]
    pause = rng.uniform(0, 6, len(whose))
    slow = away[whose] & ((step == 2) | (step == 3))
    pause[slow] = rng.uniform(15, 29, slow.sum())
    pause[first] = rng.uniform(0, days, customers)
    passed = np.cumsum(pause)
    at = passed - (passed - pause)[first][whose]
    ways = np.array([[0, 1, 5, 1, 2, 3], [0, 1, 4, 1, 2, 3]])
    seen = at < days
    return Journeys(
        names=tuple("abcdxy"),
        touchpoint=ways[away.astype(int)[whose], step][seen].astype(np.uint8),
        start=np.concatenate([[0], np.cumsum(np.bincount(whose[seen], minlength=customers))]),
        time=(at[seen] * DAY).astype(np.int64),
        observed_from=(pause[first] * DAY).astype(np.int64),
        observed_to=np.full(customers, days * DAY),
        window=(-DAY, days * DAY),
    ).outcomes(conversion=["d"], lookback_days=30)


def test_slow_detours_are_not_blamed_for_those_who_still_run() -> None:
    """40 worlds where half go on either way: about 5 % flagged; 10 where fewer do: found."""
    kind = ("b", "x", "b")
    found = []
    for seed in range(50):
        slow = slow_detours(seed, effect=-0.2 if seed >= 40 else 0.0)
        detours = labyrinth(slow, outcome=["d"], max_order=1).detours
        found.append(detours.set_index(["source", "touchpoint", "target"]).loc[kind])
    null, harmful = found[:40], found[40:]
    assert sum(row["p_value"] < 0.05 for row in null) <= 5
    assert np.mean([row["difference"] for row in null]) == pytest.approx(0, abs=0.02)
    assert all(row["n_compared"] < row["n_customers"] for row in null)
    assert all(10 < row["outcome_days"] < 60 for row in null)
    assert sum(row["p_value"] < 0.05 for row in harmful) >= 9
    covered = sum(row["difference_low"] <= -0.2 <= row["difference_high"] for row in harmful)
    assert covered >= 8


def test_without_an_end_of_watching_open_journeys_are_not_compared() -> None:
    slow = slow_detours(1).replace(observed_from=None, observed_to=None)
    detours = labyrinth(slow, outcome=["d"], max_order=1).detours
    assert len(detours) > 1
    assert detours["difference"].isna().all()
    assert (detours["n_compared"] == 0).all()


def test_few_customers_cannot_tell() -> None:
    found = labyrinth(second_order(150, seed=1))
    assert found.frame["conf_low"].isna().sum() == 5
    assert found.summary().startswith("Cannot tell")


# --- the rest -----------------------------------------------------------------------------------


@settings(max_examples=20)
@given(journeys(timed=False))
def test_names_do_not_matter(drawn: Journeys) -> None:
    renamed = drawn.relabel({"call": "z", "mail": "y", "shop": "x", "web": "w"})
    pd.testing.assert_frame_equal(labyrinth(drawn).frame, labyrinth(renamed).frame)


def test_pictures() -> None:
    found = labyrinth(second_order(1000, seed=2), outcome=["shop"])
    assert found.plot().get_xlabel() == "share of customers who make the detour"
    assert found._repr_html_().count("grade C") == found.detours["p_value"].notna().any()
    assert found.plot(small_cell=10_000).get_xlabel() == "touchpoints remembered"
    assert found.provenance.parameters["outcome"] == ("shop",)


def test_bad_arguments() -> None:
    few = journeys_of("ab", "ba")
    with pytest.raises(MappingError, match="`outcome`"):
        labyrinth(few, outcome=["c"])
    with pytest.raises(ArgumentError, match="`max_order`"):
        labyrinth(few, max_order=9)
    empty = Journeys(names=(), touchpoint=np.array([], dtype=np.uint8), start=np.array([0, 0]))
    with pytest.raises(DataError, match="No step of 1 journeys"):
        labyrinth(empty)
