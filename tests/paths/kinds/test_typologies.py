from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from journeykit.errors import ArgumentError, DataError, JourneyKitWarning
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import Typology, typology
from tests.paths.kinds.generated import (
    adjusted_rand,
    of_chains,
    of_prototypes,
    plans_of,
    shuffled,
)


@pytest.fixture(scope="module")
def chains() -> tuple[Typology, Journeys, np.ndarray]:
    journeys, kind = of_chains(1_200, 3, seed=5, mean=20)
    return typology(journeys, seed=1), journeys, kind


@pytest.fixture(scope="module")
def prototypes() -> tuple[Typology, Journeys, np.ndarray]:
    journeys, kind = of_prototypes(600, 4, seed=2)
    return typology(journeys, method="medoids", seed=1), journeys, kind


# ------------------------------------------------------------------ truth: planted kinds, and none


def test_planted_chains_are_found(chains: tuple[Typology, Journeys, np.ndarray]) -> None:
    found, _, kind = chains
    assert len(found.frame) == 3
    assert adjusted_rand(found.membership["group"].to_numpy(), kind) > 0.85
    assert found.frame["stability"].min() > 0.93
    assert len(found.cards) == 3
    assert found.p_value == pytest.approx(1 / 40)
    shares = np.sort(np.bincount(kind) / len(kind))[::-1]
    assert (found.frame["conf_low"] < shares).all()
    assert (found.frame["conf_high"] > shares).all()


def test_planted_prototypes_are_found(prototypes: tuple[Typology, Journeys, np.ndarray]) -> None:
    found, _, kind = prototypes
    assert len(found.frame) == 4
    assert adjusted_rand(found.membership["group"].to_numpy(), kind) > 0.93
    assert found.frame["stability"].min() > 0.93
    assert found.p_value == pytest.approx(1 / 40)


def edits(one: list[str], other: list[str]) -> int:
    """Return Levenshtein's distance: steps to add, leave out or change."""
    row = list(range(len(other) + 1))
    for at, step in enumerate(one, 1):
        before, row[0] = row[0], at
        for place, told in enumerate(other, 1):
            before, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, before + (step != told)),
            )
    return row[-1]


def test_representatives_are_the_planted_plans() -> None:
    """At most one step off for at least 90 % of plans; 90 of 90 in 30 sets of 300 customers."""
    near = []
    for seed in range(100, 106):
        journeys, _ = of_prototypes(300, 3, seed=seed)
        found = typology(journeys, method="medoids", groups=3, seed=1)
        told = [text.split(" > ") for text in found.frame["representative"]]
        near += [min(edits(plan, path) for path in told) for plan in plans_of(3, seed=seed)]
    assert np.mean(np.array(near) <= 1) >= 0.9


def test_lines_pass_the_steps_of_their_representative(
    prototypes: tuple[Typology, Journeys, np.ndarray],
) -> None:
    found = prototypes[0]
    drawn = found.lines()
    names = [tick.get_text() for tick in drawn.get_yticklabels()]
    dots = [line for line in drawn.get_lines() if line.get_marker() == "o"]
    for line, text in zip(dots, found.frame["representative"], strict=True):
        steps = np.rint(np.asarray(line.get_ydata(), dtype=float)).astype(int)
        assert [names[step] for step in steps] == text.split(" > ")


@pytest.mark.parametrize("method", ["markov_mixture", "medoids"])
def test_one_kind_is_no_groups(method: str) -> None:
    journeys, _ = of_chains(400, 1, seed=3)
    found = typology(journeys, method=method)  # type: ignore[arg-type]
    assert found.frame["group"].tolist() == ["all"]
    assert found.frame["share"].tolist() == [1.0]
    assert found.cards.empty
    assert found.summary().startswith("no groups: 400 customers are of one kind")
    assert set(found.membership["group"]) == {"all"}


def test_forced_groups_of_noise_are_not_stable() -> None:
    journeys, _ = of_chains(600, 1, seed=3)
    found = typology(journeys, groups=3)
    assert len(found.frame) == 3
    assert found.frame["stability"].mean() < 0.6
    assert found.p_value > 0.05
    assert "of them not stable" in found.summary()


def test_doing_more_is_no_kind() -> None:
    # One chain; half of the customers make five times as many steps.
    few, _ = of_chains(400, 1, seed=8, mean=4)
    many, _ = of_chains(400, 1, seed=8, mean=20)
    both = Journeys(
        names=few.names,
        touchpoint=np.concatenate([few.touchpoint, many.touchpoint]),
        start=np.concatenate([few.start, many.start[1:] + few.start[-1]]),
    )
    assert typology(both).frame["group"].tolist() == ["all"]
    assert typology(both, method="medoids").frame["group"].tolist() == ["all"]


def test_a_continuum_is_no_kinds() -> None:
    # Each of 500 customers has a chain of her own around a common one.
    rng = np.random.default_rng(3)
    common, n, steps = rng.dirichlet(np.ones(6), size=6), 500, 20
    own = np.array([[rng.dirichlet(5 * row + 1e-3) for row in common] for _ in range(n)])
    at = rng.integers(0, 6, n)
    table = [at]
    for _ in range(steps - 1):
        chances = own[np.arange(n), table[-1]].cumsum(axis=1)
        table.append(np.minimum((rng.random(n)[:, None] > chances).sum(axis=1), 5))
    found = typology(
        Journeys(
            names=tuple("abcdef"),
            touchpoint=np.array(table, dtype=np.uint8).T.ravel(),
            start=np.arange(n + 1) * steps,
        )
    )
    assert found.frame["group"].tolist() == ["all"]
    assert found.p_value == pytest.approx(1 / 40)
    assert found.summary().startswith("no stable groups: 500 customers are not all alike (p = 0.02")


# ------------------------------------------------------------------ laws


@pytest.mark.parametrize("method", ["markov_mixture", "medoids"])
def test_neither_order_nor_repetition_changes_a_byte(method: str) -> None:
    journeys, _ = of_prototypes(300, 3, seed=4)
    one = typology(journeys, method=method, groups=3, seed=7)  # type: ignore[arg-type]
    other = typology(shuffled(journeys, seed=2), method=method, groups=3, seed=7)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(one.frame, other.frame, check_exact=True)
    pd.testing.assert_frame_equal(one.profile, other.profile, check_exact=True)
    pd.testing.assert_frame_equal(one.choice, other.choice, check_exact=True)
    by_customer = other.membership.sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(one.membership, by_customer, check_exact=True)


def test_shares_and_customers_add_up(chains: tuple[Typology, Journeys, np.ndarray]) -> None:
    found, journeys, _ = chains
    assert found.frame["n"].sum() == found.n_customers == journeys.n_customers
    assert found.frame["share"].sum() == pytest.approx(1)
    assert found.frame["n"].is_monotonic_decreasing
    assert found.membership["customer_id"].tolist() == journeys.customer_id.to_pylist()
    assert found.membership["probability"].between(1 / 3, 1).all()
    n = found.profile.groupby("target", observed=True)["n"].sum()
    assert n["(exit)"] == len(journeys)
    rows = found.profile.groupby(["group", "source"], observed=True)["estimate"].sum()
    assert rows.to_numpy() == pytest.approx(1)


def test_representatives_cover(prototypes: tuple[Typology, Journeys, np.ndarray]) -> None:
    found, _, _ = prototypes
    assert found.radius == 0.5
    near = found.membership["distance"] <= found.radius
    covered = near.groupby(found.membership["group"]).mean()
    assert found.frame["coverage"].tolist() == pytest.approx(covered[found.frame["group"]].tolist())
    assert found.frame["coverage"].min() > 0.8
    assert found.membership["probability"].isna().all()


# ------------------------------------------------------------------ ends


def test_journeys_cut_off_are_no_kind_of_their_own() -> None:
    journeys, _ = of_chains(800, 1, seed=6)
    seen = np.minimum(journeys.length, np.where(np.arange(800) % 2 == 0, 2, 100))
    start = np.concatenate([[0], np.cumsum(seen)])
    at = np.repeat(journeys.start[:-1] - start[:-1], seen) + np.arange(start[-1])
    time = np.arange(start[-1]) - np.repeat(start[:-1], seen)
    cut = Journeys(
        names=journeys.names,
        touchpoint=journeys.touchpoint[at],
        start=start,
        time=time * DAY,
        observed_from=np.zeros(800, dtype=np.int64),
        observed_to=np.where(seen == 2, 2, 100) * DAY,
    )
    found = typology(cut)
    assert found.frame["group"].tolist() == ["all"]
    assert not (found.profile["target"] == "(exit)").any()
    with pytest.warns(JourneyKitWarning, match="Whole journeys end where the watching does"):
        typology(cut, method="medoids", groups=2)
    spanned = typology(cut, method="medoids", groups=2, within_days=2)
    assert spanned.membership["distance"].notna().all()
    assert spanned.n_left_out == 0


def test_all_sessions_of_a_customer_speak() -> None:
    # Two kinds told apart by sessions together: a-b and b-a are equally frequent in both.
    n, rng = 300, np.random.default_rng(1)
    kind = rng.integers(0, 2, n)
    names = ("a", "b")
    steps = [np.tile([0, 1] if one else [1, 0], 3) for one in kind]
    time = np.tile(np.array([0, 1, 100, 101, 200, 201]), n) * 60_000_000
    journeys = Journeys(
        names=names,
        touchpoint=np.concatenate(steps).astype(np.uint8),
        start=np.arange(n + 1) * 6,
        time=time,
        observed_from=np.full(n, -DAY),
        observed_to=np.full(n, DAY),
        window=(-DAY, DAY),
    ).sessions("30min")
    found = typology(journeys)
    assert adjusted_rand(found.membership["group"].to_numpy(), kind) == 1
    assert found.frame["n_journeys"].sum() == 3 * n


# ------------------------------------------------------------------ outcomes, marks, pictures


MAILED, SHOPPING = "mail > mail > mail > shop", "mail > shop > mail > shop > mail > shop"


def outcome_journeys() -> Journeys:
    """100 customers who are mailed and then buy, 100 who go to and fro and do not."""
    n = 200
    kind = np.arange(n) % 2
    steps = [[0, 0, 0, 1, 2] if one else [0, 1, 0, 1, 0, 1] for one in kind]
    length = np.array([len(one) for one in steps])
    start = np.concatenate([[0], np.cumsum(length)])
    journeys = Journeys(
        names=("mail", "shop", "x buy"),
        touchpoint=np.concatenate(steps).astype(np.uint8),
        start=start,
        time=(np.arange(start[-1]) - np.repeat(start[:-1], length)) * DAY,
        customer_id=pa.array([f"c{number:03d}" for number in range(n)]),
        observed_from=np.full(n, -50 * DAY),
        observed_to=np.full(n, 50 * DAY),
        window=(-50 * DAY, 50 * DAY),
    )
    return journeys.outcomes(conversion=["x buy"], lookback_days=10)


def test_outcomes_by_hand() -> None:
    journeys = outcome_journeys()
    found = typology(journeys, groups=2)
    rates = found.frame.set_index("representative")["outcome_share"]
    assert rates.to_dict() == {MAILED: 1.0, SHOPPING: 0.0}
    assert found.frame["n_known"].tolist() == [100, 100]
    # What is compared ends before the conversion.
    assert "x buy" not in set(found.profile["target"])
    high = found.frame.set_index("representative")["outcome_high"]
    assert high[SHOPPING] == pytest.approx(0.0370, abs=1e-4)


def test_what_happens_after_the_horizon_is_not_known() -> None:
    journeys = outcome_journeys()
    # Within four days of the beginning the paths are seen whole, the buying on day 4 is not.
    found = typology(journeys, groups=2, within_days=4)
    n = found.profile.groupby("target", observed=True)["n"].sum()
    assert n["shop"] == 100 + 200
    assert "(exit)" not in n
    found = typology(journeys, groups=2, within_days=5)
    n = found.profile.groupby("target", observed=True)["n"].sum()
    assert n["(exit)"] == 100


def test_groups_become_an_attribute() -> None:
    journeys = outcome_journeys()
    found = typology(journeys, groups=2)
    marked = found.mark(journeys)
    types = marked.attributes["type"].to_pylist()
    members = found.membership.set_index("customer_id")["group"]
    assert types == [members[name] for name in journeys.customer_id.to_pylist()]
    assert marked.where({"type": "type 1"}).n_customers == 100
    with pytest.raises(ArgumentError, match="`name` must not be an attribute already; 'type' is"):
        found.mark(marked)
    others = journeys.replace(customer_id=pa.array([f"d{number:03d}" for number in range(200)]))
    assert set(found.mark(others).attributes["type"].to_pylist()) == {"(none)"}


def test_the_picture_shows_every_group(prototypes: tuple[Typology, Journeys, np.ndarray]) -> None:
    found, _, _ = prototypes
    ax = found.plot()
    steps = sum(len(text.split(" > ")) for text in found.frame["representative"])
    assert len(ax.patches) == steps
    labels = [label.get_text() for label in ax.get_yticklabels()]
    first = found.frame.iloc[0]
    assert labels[0].startswith(f"type 1: {first['share']:.0%} (")
    assert f"stability {first['stability']:.2f}" in labels[0]
    assert len(typology(of_chains(60, 1, seed=1)[0]).plot().get_yticks()) == 1


def test_what_distinguishes_is_told(chains: tuple[Typology, Journeys, np.ndarray]) -> None:
    found, _, _ = chains
    first = found.frame.iloc[0]
    step, numbers = first["distinguishing"].split("; ")[0].split(": ")
    source, target = step.split(" > ")
    steps = found.profile[found.profile["group"] == "type 1"]
    row = steps[(steps["source"] == source) & (steps["target"] == target)]
    own, rest = float(row["estimate"].iloc[0]), float(row["rest"].iloc[0])
    assert numbers == f"{own:.0%}, others {rest:.0%}"
    assert own > rest


def test_arguments() -> None:
    journeys, _ = of_chains(20, 1, seed=1)
    with pytest.raises(ArgumentError, match="`method` must be one of 'markov_mixture', 'medoids'"):
        typology(journeys, method="kmeans")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`groups` must be a whole number from 1 to 20; got 0"):
        typology(journeys, groups=0)
    with pytest.raises(ArgumentError, match="`most` must be a whole number from 2 to 20; got 1"):
        typology(journeys, most=1)
    with pytest.raises(DataError, match="more than `longest`=3 steps"):
        typology(journeys, method="medoids", longest=3)
    still_open = outcome_journeys().replace(
        attributes=pa.table({"outcome": ["open"] * 200, "edge": [False] * 200})
    )
    with pytest.raises(DataError, match="None of 200 journeys was seen from its beginning"):
        typology(still_open, method="medoids")


@pytest.mark.parametrize("method", ["markov_mixture", "medoids"])
@pytest.mark.parametrize("groups", [None, 2])
def test_few_customers_do_not_break_it(method: str, groups: int | None) -> None:
    one = Journeys(names=("a",), touchpoint=np.zeros(1, np.uint8), start=np.array([0, 1]))
    same = Journeys(names=("a",), touchpoint=np.zeros(4, np.uint8), start=np.arange(5))
    two = Journeys(
        names=("a", "b"), touchpoint=np.array([0, 1, 1], np.uint8), start=np.array([0, 1, 3])
    )
    for journeys in (one, same, two):
        found = typology(journeys, method=method, groups=groups)  # type: ignore[arg-type]
        assert found.frame["n"].sum() == len(journeys)


def test_single_touchpoints_without_known_ends_are_refused() -> None:
    journeys = Journeys(
        names=("a",),
        touchpoint=np.zeros(50, dtype=np.uint8),
        start=np.arange(51),
        time=np.full(50, DAY),
        observed_from=np.zeros(50, dtype=np.int64),
        observed_to=np.full(50, 9 * DAY),
        window=(0, 9 * DAY),
    )
    with pytest.raises(DataError, match="No step of 50 customers was seen"):
        typology(journeys)
