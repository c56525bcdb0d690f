from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from journeykit.errors import ArgumentError, DataError, JourneyKitWarning
from journeykit.journeys import Journeys
from journeykit.journeys.durations import DAY
from journeykit.paths import distances
from journeykit.paths.kinds.measures import (
    DISTANCES,
    SCALES,
    Costs,
    Measure,
    constant_costs,
    make_measure,
    transition_rate_costs,
)
from journeykit.paths.kinds.sequences import Sequences
from tests.paths.kinds.generated import of_prototypes, shuffled
from tests.strategies import journeys as random_journeys

NAMES = ("a", "b", "c")


def sequences(*paths: str) -> Sequences:
    codes = [NAMES.index(letter) for path in paths for letter in path]
    start = np.concatenate([[0], np.cumsum([len(path) for path in paths])]).astype(np.int64)
    return Sequences(NAMES, np.array(codes, dtype=np.uint8), start)


def journeys(*paths: str) -> Journeys:
    made = sequences(*paths)
    return Journeys(names=NAMES, touchpoint=made.touchpoint, start=made.start)


def measured(distance: str, scale: str, *paths: str, **options: object) -> NDArray[np.float64]:
    made = sequences(*paths)
    given_ = {"substitution": "constant", "ngram": 2, "longest": 500, **options}
    return make_measure(made, distance=distance, scale=scale, **given_).within(made)


# ------------------------------------------------------------------ by hand


def test_distances_by_hand() -> None:
    paths = ("abc", "ac", "abcc")
    assert measured("optimal_matching", "none", *paths)[0].tolist() == [0, 1, 1]
    assert measured("common_subsequence", "none", *paths)[1].tolist() == [1, 0, 2]
    # a-c: position 2 differs, position 3 is absent; a-b-c-c against a-c: 1 + 2.
    assert measured("hamming", "none", *paths)[1].tolist() == [2, 0, 3]


def test_cheap_substitutions_are_used() -> None:
    dear = measured("optimal_matching", "none", "aa", "bb")
    cheap = measured("optimal_matching", "none", "aa", "bb", substitution_cost=1.5)
    assert (dear[0, 1], cheap[0, 1]) == (4, 3)


def test_ngrams_by_hand() -> None:
    # (aa ab b) with edges: {|a, ab, b|} and {|a, aa, ab, b|}: 3 shared of sqrt(3) sqrt(4).
    found = measured("ngram_cosine", "none", "ab", "aab")
    assert found[0, 1] == pytest.approx(1 - 3 / np.sqrt(12))
    assert measured("ngram_cosine", "none", "ab", "ba", ngram=1)[0, 1] == 0


def test_scales_by_hand() -> None:
    assert measured("common_subsequence", "longest", "abc", "ac")[0, 1] == pytest.approx(1 / 3)
    found = measured("common_subsequence", "geometric_mean", "abc", "ac")[0, 1]
    assert found == pytest.approx(1 - 2 / np.sqrt(6))
    assert measured("hamming", "geometric_mean", "aab", "aac")[0, 1] == pytest.approx(1 / 3)
    far = measured("optimal_matching", "geometric_mean", "aa", "bb", substitution_cost=1.0)
    assert far[0, 1] == pytest.approx(1)


def test_transition_rate_costs_by_hand() -> None:
    # Steps: a-b twice, b-a once, b-c once. P(b|a) = 1, P(a|b) = P(c|b) = 1/2.
    costs = transition_rate_costs(sequences("aba", "abc"))
    assert costs.substitution.tolist() == [[0, 0.5, 2], [0.5, 0, 1.5], [2, 1.5, 0]]
    assert costs.indel.tolist() == [1, 1, 1]


def test_the_frame_weighs_customers() -> None:
    found = distances(journeys("ab", "ab", "ac"))
    assert found.frame["path"].tolist() == ["a > b", "a > c"]
    assert found.frame["n"].tolist() == [2, 1]
    assert found.frame["mean_distance"].tolist() == pytest.approx([2 / 3, 4 / 3])
    assert found.matrix.tolist() == [[0, 2], [2, 0]]
    assert found.summary() == (
        "2 distinct journeys of 3 customers, on average 0.889 apart; nearest to all others is a > b"
    )
    heights = [bar.get_height() for bar in found.plot().patches]
    assert sum(heights) == pytest.approx(1)
    assert heights[-1] == pytest.approx(4 / 6)


# ------------------------------------------------------------------ what R's TraMineR says


@pytest.fixture(scope="module")
def dyads(shared: Path) -> tuple[NDArray[np.int64], Path]:
    folder = shared / "oracles/paths/sequence_distances"
    if not folder.is_dir():
        pytest.skip("the reference values are not there")
    table = pd.read_csv(folder / "dyadic_children.csv").iloc[:10, 2:]
    return table.to_numpy() - 1, folder


def states(table: NDArray[np.int64]) -> Sequences:
    n, width = table.shape
    codes = table.ravel().astype(np.uint8)
    return Sequences(tuple("123456"), codes, np.arange(n + 1) * width)


def reference(folder: Path, name: str) -> NDArray[np.float64]:
    return pd.read_csv(folder / f"{name}.csv", index_col=0).to_numpy()


def test_common_subsequences_equal_traminer(dyads: tuple[NDArray[np.int64], Path]) -> None:
    table, folder = dyads
    costs = constant_costs(6, 2.0, 1.0)
    found = Measure("common_subsequence", costs, "none", 2, 100).within(states(table[:, :10]))
    np.testing.assert_allclose(found, reference(folder, "ref_lcs"), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("scale", "name"), [("none", "ref_om_indels_norm_none"), ("longest", "ref_om_indels")]
)
def test_optimal_matching_equals_traminer(
    dyads: tuple[NDArray[np.int64], Path], scale: str, name: str
) -> None:
    table, folder = dyads
    indel = 1 / (np.bincount(table.ravel(), minlength=6) / table.size)
    substitution = indel[:, None] + indel
    np.fill_diagonal(substitution, 0)
    measure = Measure("optimal_matching", Costs(substitution, indel), scale, 2, 100)  # type: ignore[arg-type]
    found = measure.within(states(table))
    np.testing.assert_allclose(found, reference(folder, name), rtol=0, atol=1e-6)


def test_transition_rates_equal_traminer(dyads: tuple[NDArray[np.int64], Path]) -> None:
    table, folder = dyads
    found = make_measure(
        states(table),
        distance="optimal_matching",
        substitution="transition_rate",
        scale="geometric_mean",
        ngram=2,
        longest=100,
    ).within(states(table))
    np.testing.assert_allclose(found, reference(folder, "ref_om_trate_gmean"), rtol=0, atol=1e-6)


# ------------------------------------------------------------------ laws


def recursive(left: str, right: str, costs: Costs) -> float:
    """Optimal matching as it is defined, without a table."""

    @lru_cache(None)
    def cost(i: int, j: int) -> float:
        if i == 0 or j == 0:
            return float(sum(costs.indel[NAMES.index(letter)] for letter in left[:i] + right[:j]))
        a, b = NAMES.index(left[i - 1]), NAMES.index(right[j - 1])
        return min(
            cost(i - 1, j - 1) + costs.substitution[a, b],
            cost(i - 1, j) + costs.indel[a],
            cost(i, j - 1) + costs.indel[b],
        )

    return cost(len(left), len(right))


words = st.lists(st.text(alphabet="abc", min_size=1, max_size=7), min_size=2, max_size=45)


@given(words, st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_alignment_is_what_the_recursion_says(paths: list[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    substitution = rng.uniform(0.1, 3, (3, 3))
    substitution = substitution + substitution.T
    np.fill_diagonal(substitution, 0)
    costs = Costs(substitution, rng.uniform(0.2, 2, 3))
    measure = Measure("optimal_matching", costs, "none", 2, 100)
    within = measure.within(sequences(*paths))
    across = measure.between(sequences(*paths[:2]), sequences(*paths))
    for i, j in rng.integers(0, len(paths), (12, 2)):
        assert within[i, j] == pytest.approx(recursive(paths[i], paths[j], costs))
    np.testing.assert_allclose(across, within[:2], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("scale", SCALES)
@given(words)
@settings(max_examples=15)
def test_distances_are_symmetric_and_zero_on_equals(
    distance: str, scale: str, paths: list[str]
) -> None:
    found = measured(distance, scale, *paths)
    assert (found == found.T).all()
    assert (np.diag(found) == 0).all()
    assert found.min() >= -1e-12
    if scale != "none":
        measure = make_measure(
            sequences(*paths),
            distance=distance,  # type: ignore[arg-type]
            substitution="constant",
            scale=scale,  # type: ignore[arg-type]
            ngram=2,
            longest=500,
        )
        assert found.max() <= measure.largest + 1e-12


@given(words, st.floats(0.5, 2.0))
@settings(max_examples=25)
def test_the_triangle_inequality_holds_for_metric_costs(paths: list[str], cost: float) -> None:
    for distance in ("optimal_matching", "hamming"):
        d = measured(distance, "none", *paths[:12], substitution_cost=cost)
        assert (d[:, None, :] <= d[:, :, None] + d[None, :, :] + 1e-9).all()


@given(random_journeys(timed=False))
@settings(max_examples=25)
def test_the_order_of_customers_does_not_matter(given_: Journeys) -> None:
    one, other = (
        distances(data, substitution="transition_rate")
        for data in (given_, shuffled(given_, seed=1))
    )
    pd.testing.assert_frame_equal(one.frame, other.frame, check_exact=True)
    assert (one.matrix == other.matrix).all()


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_number_of_threads_does_not_matter(
    distance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_, _ = of_prototypes(200, 3, seed=1)
    matrices = []
    for processors in (1, 5):
        monkeypatch.setattr("os.cpu_count", lambda number=processors: number)
        matrices.append(distances(given_, distance=distance).matrix)  # type: ignore[arg-type]
    assert (matrices[0] == matrices[1]).all()


def test_two_indels_are_a_substitution() -> None:
    given_, _ = of_prototypes(60, 3, seed=1)
    one = distances(given_, distance="optimal_matching")
    assert (one.matrix == distances(given_, distance="common_subsequence").matrix).all()


# ------------------------------------------------------------------ which journeys


def timed(*, observed_to: list[int]) -> Journeys:
    """a at day 0, b at day 1, c at day 9 of each customer, all watched from day 0."""
    n = len(observed_to)
    return Journeys(
        names=NAMES,
        touchpoint=np.tile(np.array([0, 1, 2], dtype=np.uint8), n),
        start=np.arange(n + 1) * 3,
        time=np.tile(np.array([0, 1, 9]), n) * DAY,
        observed_from=np.zeros(n, dtype=np.int64),
        observed_to=np.array(observed_to) * DAY,
    )


def test_within_days_compares_what_was_watched_so_long() -> None:
    found = distances(timed(observed_to=[10, 20, 30]), within_days=20)
    assert (found.n_customers, found.n_left_out) == (2, 1)
    assert found.frame["path"].tolist() == ["a > b > c"]
    found = distances(timed(observed_to=[10, 20, 30]), within_days=9)
    assert found.frame["path"].tolist() == ["a > b"]
    assert found.n_customers == 3
    with pytest.warns(JourneyKitWarning, match="watched for less look like a kind of their own"):
        distances(timed(observed_to=[10, 20, 30]))
    assert distances(timed(observed_to=[30, 30])).n_customers == 2


def test_open_cases_are_left_out_unless_compared_over_a_span() -> None:
    cases = timed(observed_to=[10, 30]).cases(goal=["c"], timeout="10d")
    assert distances(cases).n_customers == 2
    sessions = timed(observed_to=[10, 30]).sessions("5d")
    # The first session of each customer is over; the one of c is still open for one of them.
    assert distances(sessions).frame["path"].tolist() == ["a > b"]
    still_open = timed(observed_to=[10, 10]).sessions("20d")
    with pytest.raises(DataError, match="None of 2 journeys was seen from its beginning"):
        distances(still_open)
    assert distances(still_open, within_days=5).frame["path"].tolist() == ["a > b"]


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(DataError, match="1 journeys have more than `longest`=3 steps, the long"):
        distances(journeys("abca", "abc"), longest=3)
    with pytest.raises(DataError, match="2 distinct journeys, more than `most_distinct`=1"):
        distances(journeys("ab", "ac"), most_distinct=1)
    with pytest.raises(DataError, match="No journey can be compared: of 1, 0 have no step and 1"):
        distances(timed(observed_to=[10]), within_days=11)
    with pytest.raises(DataError, match="`ngram` 40 is too long for 3 touchpoints"):
        distances(journeys("ab", "ac"), distance="ngram_cosine", ngram=40)
    with pytest.raises(ArgumentError, match="`distance` must be one of 'optimal_matching'"):
        distances(journeys("ab"), distance="hammin")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="`substitution_cost` must be a number greater than 0"):
        distances(journeys("ab"), substitution_cost=0)
