from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from journeykit import attribution
from journeykit.attribution import coalition
from journeykit.attribution.games import GIVEN_WARNING, RATE_WARNING
from journeykit.counts import PathCounts, path_counts_from_frame
from journeykit.errors import ArgumentError
from tests.attribution.example import CUSTOMERS, OUTCOMES, reordered

FEW = 20
# a converts 4 of 10 alone and 1 of 10 with b: b's rate credit is negative.
TABLE = pd.DataFrame({"path": ["a", "b", "a > b > a"], "buys": [4, 0, 1], "none": [6, 10, 9]})
COUNTS = path_counts_from_frame(TABLE, conversions="buys", nulls="none")


def random_paths(seed: int, m: int, n: int) -> pd.DataFrame:
    """Paths of up to four touches among m channels; many sets occur, and one path is empty."""
    rng = np.random.default_rng(seed)
    names = [f"c{k:02d}" for k in range(m)]
    path = [" > ".join(rng.choice(names, size=rng.integers(1, 5))) for _ in range(n)]
    table = pd.DataFrame({"path": [*path, ""], "buys": rng.integers(0, 4, n + 1)})
    table["none"] = rng.integers(0, 9, n + 1)
    table["value"] = table["buys"] * rng.integers(1, 50, n + 1)
    return table[table["buys"] + table["none"] > 0].assign(buys=lambda t: t["buys"] + 1)


def counted(table: pd.DataFrame) -> PathCounts:
    return path_counts_from_frame(table, conversions="buys", nulls="none", value="value")


def brute_rate(table: pd.DataFrame, channels: list[str], what: str) -> NDArray[np.float64]:
    """Average the gains over all orders of the channels, sets and rates straight from the table."""
    sets = [frozenset(path.split(" > ")) if path else frozenset() for path in table["path"]]
    touched = np.array([bool(found) for found in sets])
    n = (table["buys"] + table["none"]).to_numpy()
    known: dict[frozenset[str], float] = {}

    def worth(have: frozenset[str]) -> float:
        if have not in known:
            inside = touched & np.array([found <= have for found in sets])
            won, of = table[what].to_numpy()[inside].sum(), n[inside].sum()
            known[have] = won / of * n[touched].sum() if of else 0.0
        return known[have]

    total, orders = np.zeros(len(channels)), list(permutations(range(len(channels))))
    for order in orders:
        have: frozenset[str] = frozenset()
        for i in order:
            joined = have | {channels[i]}
            total[i] += worth(joined) - worth(have)
            have = joined
    return total / len(orders)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
@settings(max_examples=15)
def test_rates_equal_all_orders_and_sum_to_what_was_won(seed: int, m: int) -> None:
    table = random_paths(seed, m, 12)
    frame = attribution.shapley(counted(table), game="rate", replicates=2).frame
    channels = [name for name in frame["channel"] if name != "(no touch)"]
    for column, what in (("conversions", "buys"), ("value", "value")):
        found = frame[column].to_numpy()
        assert found[: len(channels)] == pytest.approx(brute_rate(table, channels, what))
        assert found.sum() == pytest.approx(table[what].sum())


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
@settings(max_examples=20)
def test_volume_is_linear_over_unique_channels(seed: int, m: int) -> None:
    counts = counted(random_paths(seed, m, 20))
    ours = attribution.shapley(counts, replicates=2).frame
    rule = attribution.rules(counts, models=["linear_unique"], replicates=2).frame
    columns = ["channel", "n_journeys", "conversions", "value", "share"]
    pd.testing.assert_frame_equal(ours[columns], rule[columns], rtol=1e-12)


def test_volume_of_customers_is_linear_over_unique_channels_with_its_interval() -> None:
    ours = attribution.shapley(OUTCOMES, replicates=FEW).frame
    assert ours["conversions"].tolist() == [1, 2, 1]
    assert ours["value"].tolist() == [65, 115, 7]
    rule = attribution.rules(OUTCOMES, models=["linear_unique"], replicates=FEW).frame
    pd.testing.assert_frame_equal(ours, rule.assign(model="shapley volume"), rtol=1e-12)


def test_a_channel_without_a_conversion_earns_nothing_by_volume() -> None:
    frame = attribution.shapley(COUNTS, replicates=FEW).frame
    lost = pd.DataFrame({"path": ["z > y"], "buys": [0], "none": [10]})
    both = path_counts_from_frame(pd.concat([TABLE, lost]), conversions="buys", nulls="none")
    wider = attribution.shapley(both, replicates=FEW).frame
    assert wider["conversions"].tolist() == [*frame["conversions"], 0, 0]


def test_negative_rates_are_shown_and_warned_of() -> None:
    result = attribution.shapley(COUNTS, game="rate", replicates=FEW)
    # v(a) = .4, v(b) = 0, v(ab) = 5 / 30; a: (.4 + 5 / 30) / 2, b: (0 + 5 / 30 - .4) / 2
    assert result.frame["conversions"].tolist() == pytest.approx([8.5, -3.5])
    assert result.summary().endswith(RATE_WARNING)
    assert result.plot().get_xlim()[0] < -0.7


def test_rates_of_customers_worked_by_hand_in_any_order() -> None:
    ours = attribution.shapley(OUTCOMES, game="rate", replicates=FEW).frame
    # Both channels: 2 of 3 convert, web alone 1 of 1, mail alone 0 of 1; 3 of all 5.
    assert ours["conversions"].tolist() == pytest.approx([-1, 4, 1])
    assert ours["value"].sum() == 187
    other = reordered(CUSTOMERS, [3, 1, 4, 0, 2])
    cut = other.outcomes(conversion=["buy"], lookback_days=10, value="price")
    theirs = attribution.shapley(cut, game="rate", replicates=FEW).frame
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("game", ["volume", "rate"])
def test_names_do_not_matter(game: str) -> None:
    swapped = TABLE.assign(path=TABLE["path"].str.translate(str.maketrans("ab", "zy")))
    other = path_counts_from_frame(swapped, conversions="buys", nulls="none")
    ours = attribution.shapley(COUNTS, game=game, replicates=FEW)  # type: ignore[arg-type]
    theirs = attribution.shapley(other, game=game, replicates=FEW)  # type: ignore[arg-type]
    assert ours.frame["conversions"].tolist() == theirs.frame["conversions"].tolist()[::-1]


@given(st.permutations(range(5)), st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_relabelling_moves_rates_with_their_names(order: list[int], seed: int) -> None:
    table = random_paths(seed, 5, 12)
    new = {f"c{k:02d}": f"d{order[k]}" for k in range(5)}
    path = [" > ".join(new.get(name, "") for name in text.split(" > ")) for text in table["path"]]
    ours, theirs = (
        attribution.shapley(counted(each), game="rate", replicates=2).frame
        for each in (table, table.assign(path=path))
    )
    moved = ours.assign(channel=ours["channel"].map(lambda name: new.get(name, name)))
    assert moved.set_index("channel")["conversions"].to_dict() == pytest.approx(
        theirs.set_index("channel")["conversions"].to_dict()
    )


def additive(sets: NDArray[np.bool_], channels: tuple[str, ...]) -> NDArray[np.float64]:
    return 2 + sets @ (1.0 + np.arange(len(channels)))


def test_an_additive_hazards_credit_is_its_shapley_value() -> None:
    # Expected conversions: a baseline, and what the touches of each channel add over time at risk.
    rng = np.random.default_rng(1)
    exposure, slope = rng.random((50, 2)), np.array([0.03, -0.01])

    def predicted(sets: NDArray[np.bool_], channels: tuple[str, ...]) -> NDArray[np.float64]:
        assert channels == ("a", "b")
        return np.array([(0.02 + exposure @ (slope * one)).sum() for one in sets])

    result = attribution.shapley(COUNTS, game=predicted)
    credit = [*(exposure.sum(axis=0) * slope), 1.0]
    assert result.frame["channel"].tolist() == ["a", "b", "(baseline)"]
    assert result.frame["conversions"].tolist() == pytest.approx(credit)
    assert result.frame["model"].unique().tolist() == ["shapley predicted"]
    assert result.frame["n_journeys"].tolist() == [20, 20, 30]
    assert result.frame[["value", "conf_low", "conf_high"]].isna().all(axis=None)
    distributes = f"It distributes {sum(credit):,.1f} conversions; 5 were seen."
    assert result.warnings == (GIVEN_WARNING, distributes)
    assert result.summary().endswith(f"{GIVEN_WARNING} {distributes}")
    assert result.provenance.parameters["game"] == "predicted"
    result.plot()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_dummies_symmetric_channels_and_values_of_a_game_of_ones_own(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = random_paths(3, 6, 60)
    worth = rng.normal(size=(4, 4, 2, 2))

    def game(sets: NDArray[np.bool_], channels: tuple[str, ...]) -> NDArray[np.float64]:
        # Channel 0 adds nothing; 1, 2 and 3 are one like another.
        alike = sets[:, 1:4].sum(axis=1)
        return np.stack(
            [table[alike, 0, sets[:, 4] * 1, sets[:, 5] * 1] for table in (worth, worth**2)], axis=1
        )

    frame = attribution.shapley(counted(table), game=game, replicates=2).frame
    for column, power in (("conversions", 1), ("value", 2)):
        found = frame[column].to_numpy()
        assert found[0] == pytest.approx(0, abs=1e-12)
        assert found[1:4] == pytest.approx(np.full(3, found[1]))
        assert found[-1] == pytest.approx(worth[0, 0, 0, 0] ** power)


def test_sampled_orders_agree_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = counted(random_paths(8, 6, 40))
    exact = attribution.shapley(counts, game="rate").frame
    monkeypatch.setattr(coalition, "MOST_CHANNELS", 3)
    result = attribution.shapley(counts, game="rate", permutations=600, seed=4)
    frame = result.frame
    assert frame["conversions"].sum() == pytest.approx(exact["conversions"].sum(), abs=1e-9)
    assert frame["value"].sum() == pytest.approx(exact["value"].sum(), abs=1e-9)
    touched = frame[frame["channel"] != "(no touch)"]
    apart = touched["conversions"] - exact["conversions"].iloc[: len(touched)]
    assert (apart.abs() < 4 * touched["sampling_error"]).all()
    assert (touched["sampling_error"] < 2).all()
    assert (touched["sampling_low"] < touched["conversions"]).all()
    assert frame[["sampling_error", "sampling_low"]].iloc[-1].isna().all()
    # Customers vary as they do where all orders are taken.
    for bound in ("conf_low", "conf_high"):
        assert frame[bound].to_numpy() == pytest.approx(exact[bound].to_numpy(), abs=0.05)
    assert result.provenance.parameters["permutations"] == 600


def test_many_channels_of_a_game_of_ones_own() -> None:
    counts = counted(random_paths(8, 25, 200))
    frame = attribution.shapley(counts, game=additive, permutations=1).frame
    assert frame["conversions"].tolist() == pytest.approx([*range(1, 26), 2])
    assert frame["sampling_error"].iloc[:-1].to_numpy() == pytest.approx(np.zeros(25), abs=1e-9)


def test_errors() -> None:
    with pytest.raises(ArgumentError, match="`game` must be one of 'volume', 'rate'"):
        attribution.shapley(COUNTS, game="rates")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`permutations` must be a whole number at least 1"):
        attribution.shapley(COUNTS, permutations=0)


def test_real_data_equal_linear_over_unique_channels(shared: Path) -> None:
    expected = pd.read_csv(shared / "oracles/attribution/ga4_reference.csv").set_index("channel")
    rows = pd.read_csv(shared / "data/ga4_journeys/ga4_attribution_journeys.csv.gz")
    table = rows.groupby("path")["conversion"].agg(["sum", "count"]).reset_index()
    table["none"] = table["count"] - table["sum"]
    counts = path_counts_from_frame(table, conversions="sum", nulls="none")
    frame = attribution.shapley(counts, replicates=FEW).frame.set_index("channel")
    assert frame["conversions"].loc[expected.index].to_numpy() == pytest.approx(
        expected["linear_unique"].to_numpy(), abs=1e-6
    )
    rate = attribution.shapley(counts, game="rate", replicates=FEW).frame
    assert rate["conversions"].sum() == pytest.approx(frame["conversions"].sum(), abs=1e-6)
    places = attribution.ordered_shapley(counts, replicates=2).frame
    assert places.groupby("channel")["conversions"].sum()[expected.index].to_numpy() == (
        pytest.approx(expected["linear_unique"].to_numpy(), abs=1e-6)
    )
    parts = attribution.roles(counts, small_cell=1, replicates=2).frame
    for role, column in (("introducer", "first"), ("closer", "last")):
        n = parts[parts["role"] == role].set_index("channel")["n"]
        assert n[expected.index].tolist() == expected[column].tolist()
