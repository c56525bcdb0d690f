"""Removal effects on value: every journey followed, slopes, and values that are alike."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from journeykit import attribution
from journeykit.attribution.effects import REMOVALS, Removal, effects_of
from journeykit.attribution.spreading import (
    NORMALISATIONS,
    Normalisation,
    jackknife_error,
    share_slope,
    spread,
)
from journeykit.attribution.touch_ages import with_single_values
from journeykit.attribution.touch_paths import TouchPaths, touch_paths
from journeykit.counts import path_counts
from journeykit.errors import DataError, NotObservedError
from journeykit.journeys import Journeys
from tests.attribution.example import CUSTOMERS, OUTCOMES, reordered
from tests.attribution.small_chains import END, journeys_of, steps, table
from tests.attribution.test_resampling import one_channel_pair
from tests.attribution.test_rule_based import FEW, credited

FULL = 5


def value_by_met(paths: TouchPaths, counts: object, order: int) -> dict[frozenset[int], float]:
    """Follow every journey of a chain: the part of the value to expect by the channels met."""
    after = steps(counts, order)  # type: ignore[arg-type]
    worth: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for (path, end, n), value in zip(journeys_of(paths), paths.value, strict=True):
        if end == END[0]:
            worth[path[-order:]][0] += value
            worth[path[-order:]][1] += n
    walking: dict[tuple[tuple[int, ...], frozenset[int]], float] = {((), frozenset()): 1.0}
    won: dict[frozenset[int], float] = defaultdict(float)
    while sum(walking.values()) > 1e-15:
        on: dict[tuple[tuple[int, ...], frozenset[int]], float] = defaultdict(float)
        for (history, met), chance in walking.items():
            total = sum(after[history].values())
            for following, n in after[history].items():
                if following == END[0]:
                    value, times = worth[history]
                    won[met] += chance * n / total * value / times if n else 0.0
                elif following != END[1]:
                    assert isinstance(following, int)
                    on[(*history, following)[-order:], met | {following}] += chance * n / total
        walking = on
    whole = sum(won.values())
    return {met: value / whole for met, value in won.items()}


@pytest.mark.parametrize("order", [1, 2, 3, FULL])
def test_effects_on_value_are_those_of_every_journey_followed(order: int) -> None:
    for seed in range(8):
        counts = table(seed)
        paths = touch_paths(counts)
        won = value_by_met(paths, counts, order)
        for convention in ("padded", "k_gram"):
            lost, alone = (
                effects_of(
                    paths, order=order, removal=way, convention=convention, share_of="value"
                ).effect
                for way in ("to_null", "reconnect")
            )
            met = [sum(v for held, v in won.items() if c in held) for c in range(3)]
            assert lost == pytest.approx(met, abs=1e-12)
            assert alone == pytest.approx([won.get(frozenset({c}), 0) for c in range(3)], abs=1e-12)


def test_at_full_order_effects_are_the_value_that_met_the_channel() -> None:
    for seed in range(8):
        paths = touch_paths(table(seed))
        full, seen = (
            effects_of(paths, order=FULL, removal=way, convention="padded", share_of="value")
            for way in ("to_null", "participation")
        )
        assert full.effect == pytest.approx(seen.effect, abs=1e-12)
        assert np.abs(full.slope - seen.slope).max() < 1e-12
        row = np.repeat(np.arange(len(paths.n)), paths.length)
        met = [paths.value[np.unique(row[paths.touch == c])].sum() for c in range(3)]
        assert seen.effect == pytest.approx(np.array(met) / paths.value.sum())


def shares(
    paths: TouchPaths, removal: Removal, normalisation: Normalisation, order: int
) -> np.ndarray:
    effects = effects_of(paths, order=order, removal=removal, convention="padded", share_of="value")
    return spread(paths, effects.effect, normalisation, "value").share


@pytest.mark.parametrize("removal", REMOVALS)
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_slopes_are_those_of_a_little_more_of_each_path(
    removal: Removal, normalisation: Normalisation
) -> None:
    single = with_single_values(OUTCOMES, touch_paths(OUTCOMES))
    for paths in (*(touch_paths(table(seed)) for seed in range(2)), single):
        each = paths.value / paths.n
        for order in (1, 3):
            effects = effects_of(
                paths, order=order, removal=removal, convention="padded", share_of="value"
            )
            slope = share_slope(paths, effects, normalisation, "value")
            for row in range(len(paths.n)):
                by = np.eye(len(paths.n))[row] * 1e-6
                more, less = (
                    shares(replace(paths, n=n, value=each * n), removal, normalisation, order)
                    for n in (paths.n + by, paths.n - by)
                )
                assert np.abs((more - less) / 2e-6 - slope[row]).max() < 1e-7


def valued(data: Journeys, value: np.ndarray) -> Journeys:
    """Give outcome journeys other values."""
    at = data.attributes.column_names.index("outcome_value")
    return data.replace(
        attributes=data.attributes.set_column(at, "outcome_value", [value.astype(np.float64)])
    )


@pytest.mark.parametrize("removal", REMOVALS)
@pytest.mark.parametrize("order", [1, 2])
def test_where_all_conversions_are_worth_the_same_shares_are_of_conversions(
    order: int, removal: Removal
) -> None:
    won = np.array([end == "converted" for end in OUTCOMES.attributes["outcome"].to_pylist()])
    alike = valued(OUTCOMES, 7.0 * won)
    for normalisation in NORMALISATIONS:
        options = {"order": order, "removal": removal, "normalisation": normalisation}
        of_value = attribution.markov(alike, share_of="value", **options).frame
        plain = attribution.markov(alike, **options).frame
        columns = ["conf_low", "conf_high"] if order == 1 and removal == "to_null" else []
        assert_frame_equal(of_value.drop(columns=columns), plain.drop(columns=columns))


def test_effects_on_value_worked_by_hand() -> None:
    # As for conversions, but a conversion from web is worth (100 + 50) / 2, from mail 30:
    # h(mail) = (h(web) + 30) / 4 and h(web) = (150 + h(web) + 2 h(mail)) / 5.
    mail = (30 + 150 / 4) / (4 - 0.5)
    web = (150 + 2 * mail) / 4
    entry = 3 / 4 * web + mail / 4
    without_mail, without_web = 3 / 4 * 150 / 4, 1 / 4 * 30 / 4
    effect = {"mail": 1 - without_mail / entry, "web": 1 - without_web / entry}
    result = attribution.markov(OUTCOMES, share_of="value")
    found = credited(result, "markov", "removal_effect")
    assert np.isnan(found.pop("(no touch)"))
    assert found == pytest.approx(effect)
    both = sum(effect.values())
    value = {name: 180 * part / both for name, part in effect.items()} | {"(no touch)": 7}
    assert credited(result, "markov", "value") == pytest.approx(value)
    assert credited(result, "markov", "share") == pytest.approx(
        {name: part / 187 for name, part in value.items()}
    )
    # Conversions stay where their own effects put them.
    plain = attribution.markov(OUTCOMES, replicates=FEW)
    assert credited(result, "markov", "conversions") == pytest.approx(
        credited(plain, "markov", "conversions")
    )
    assert "most of their value to: markov web" in result.summary()


def test_neither_the_unit_nor_the_order_of_customers_matters() -> None:
    plain = attribution.markov(OUTCOMES, share_of="value", order=2).frame
    cut = reordered(CUSTOMERS, [4, 2, 0, 1, 3]).outcomes(
        conversion=["buy"], lookback_days=10, value="price"
    )
    assert_frame_equal(attribution.markov(cut, share_of="value", order=2).frame, plain)
    cents = valued(OUTCOMES, 1e9 * np.asarray(OUTCOMES.attributes["outcome_value"]))
    scaled = attribution.markov(cents, share_of="value", order=2).frame
    assert_frame_equal(scaled, plain.assign(value=1e9 * plain["value"]))


def test_errors_are_those_of_100_bootstrap_replicates() -> None:
    data = one_channel_pair(customers=400)
    random = np.random.default_rng(5)
    data = valued(data, np.exp(random.normal(0, 0.5, len(data))))
    paths = with_single_values(data, touch_paths(data))
    weights = paths.resample(range(100), seed=3)
    draws = [
        shares(replace(paths, n=w, value=w * paths.value), "to_null", "global", 1)
        for w in weights.T
    ]
    effects = effects_of(paths, order=1, removal="to_null", convention="padded", share_of="value")
    error = jackknife_error(paths, share_slope(paths, effects, "global", "value"))
    assert error[0] == pytest.approx(np.std(draws, axis=0, ddof=1)[0], rel=0.22)


def test_values_below_zero_are_shown_and_not_split() -> None:
    # ann (mail web at the edge: 3; web: 100), bob (web web mail: -30; untouched: 7), two abandoned.
    value = np.zeros(len(OUTCOMES))
    value[:4] = 3, 100, -30, 7
    back = valued(OUTCOMES, value)
    options = {"share_of": "value", "order": 3}
    raw = attribution.markov(back, normalisation="raw", **options)
    effect = credited(raw, "markov order 3 raw", "removal_effect")
    assert (effect["mail"], effect["web"]) == pytest.approx((-3 / 7, 1))
    whole = attribution.markov(back, **options)
    assert credited(whole, "markov order 3", "value") == pytest.approx(
        {"mail": -0.75 * 73, "web": 1.75 * 73, "(no touch)": 7}
    )
    with pytest.raises(DataError, match="Effects must not be negative to split paths"):
        attribution.markov(back, normalisation="path", **options)
    with pytest.raises(DataError, match="those that an entry that was seen leads to are not"):
        attribution.markov(valued(back, 100.0 * (value == 3)), **options)


def test_refuses_what_has_no_value() -> None:
    with pytest.raises(NotObservedError, match="path counts hold no single values"):
        attribution.markov(path_counts(OUTCOMES), share_of="value")
    worthless = CUSTOMERS.outcomes(conversion=["buy"], lookback_days=10)
    with pytest.raises(DataError, match="worth more than 0 together; they are worth 0"):
        attribution.markov(worthless, share_of="value")


def test_a_rule_that_distributes_no_value_says_so() -> None:
    edge_only = valued(OUTCOMES, 100.0 * (np.arange(len(OUTCOMES)) == 0))
    result = attribution.rules(
        edge_only, models=["first", "last"], share_of="value", replicates=FEW
    )
    assert "first none (worth nothing together), last web (100.0%)" in result.summary()
    of_value = {"share_of": "value"}
    both = attribution.rules(OUTCOMES, **of_value).beside(attribution.markov(OUTCOMES, **of_value))
    assert both.share_of == "value"
