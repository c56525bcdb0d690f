from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeykit.attribution.redrawing import redrawer, renamed
from journeykit.attribution.touch_paths import touch_paths
from journeykit.counts import path_counts
from journeykit.errors import ArgumentError
from journeykit.journeys import Journeys
from journeykit.journeys.fingerprint import hash_customers
from journeykit.stats import poisson_weights
from tests.attribution.example import CUSTOMERS, OUTCOMES, reordered
from tests.attribution.test_rule_based import LAW
from tests.strategies import journeys


def original(identity: str) -> str:
    return identity.split(" #", maxsplit=1)[0]


def told(drawn: Journeys) -> list[tuple[object, ...]]:
    return drawn.to_frame().astype(str).apply(tuple, axis=1).tolist()


def test_every_copy_is_a_customer_with_all_journeys() -> None:
    for replicate in range(5):
        drawn = redrawer(OUTCOMES, seed=3)(replicate)
        hashed = hash_customers(OUTCOMES.customer_id)
        times = poisson_weights(hashed, replicate=replicate, seed=3)
        ids = drawn.customer_id.to_pylist()
        assert len(set(ids)) == len(ids) == times.sum()
        for name, count in zip(OUTCOMES.customer_id.to_pylist(), times, strict=True):
            copies = [one for one in ids if original(one) == name]
            assert len(copies) == count
            whole = OUTCOMES.customer(name).drop(columns=["customer_id", "journey"])
            for copy in copies:
                here = drawn.customer(copy).drop(columns=["customer_id", "journey"])
                assert here.equals(whole)


def test_the_draw_is_that_of_the_weights() -> None:
    for data in (OUTCOMES, path_counts(OUTCOMES)):
        paths = touch_paths(data)
        weighed = paths.resample(range(20), seed=5)
        draw = redrawer(data, seed=5)
        for replicate in range(20):
            won = weighed[paths.converted, replicate].sum()
            if won:
                drawn = touch_paths(draw(replicate))
                assert drawn.n.sum() == weighed[:, replicate].sum()
                assert drawn.n[drawn.converted].sum() == won


def test_the_value_of_a_path_grows_with_its_conversions() -> None:
    counts = path_counts(OUTCOMES)
    mean = counts.value / np.maximum(counts.conversions, 1)
    each = dict(zip(counts.key[:, 0].tolist(), mean, strict=True))
    drawn = redrawer(counts, seed=1)(4)
    assert len(drawn) > 0
    expected = drawn.conversions * [each[key] for key in drawn.key[:, 0].tolist()]
    np.testing.assert_allclose(drawn.value, expected)


@LAW
@given(journeys(), st.randoms(use_true_random=False))
def test_order_does_not_matter(drawn: Journeys, random: object) -> None:
    order = list(range(len(drawn)))
    random.shuffle(order)  # type: ignore[attr-defined]
    first, second = (redrawer(data, seed=1)(0) for data in (drawn, reordered(drawn, order)))
    assert told(first) == told(second)


@LAW
@given(journeys(min_customers=2))
def test_a_part_of_the_customers_draws_its_part(drawn: Journeys) -> None:
    named = drawn.replace(customer_id=drawn.customer_id.cast(pa.string()))
    part = named.take(np.arange(len(named)) % 2 == 0)
    mine = set(part.customer_id.to_pylist())
    whole = redrawer(named, seed=2)(1).customer_id.to_pylist()
    assert [one for one in whole if original(one) in mine] == redrawer(part, seed=2)(
        1
    ).customer_id.to_pylist()


def test_new_ids_are_new() -> None:
    copy = np.array([0, 1, 2, 1])
    numbers = renamed(pa.array([7, 7, 7, 40]), copy)
    assert numbers.to_pylist() == [7, 107, 207, 140]
    texts = renamed(pa.array(["a", "a", "a", "a #1"]), copy)
    assert texts.to_pylist() == ["a", "a ##1", "a ##2", "a #1 ##1"]
    for ids in ([-7, -7, -7, 4], [2**62, 2**62, 2**62, 4]):
        assert len(set(renamed(pa.array(ids), copy).to_pylist())) == 4


@LAW
@given(
    st.lists(st.text("a #1"), min_size=1, max_size=8, unique=True)
    | st.lists(st.integers(-20, 2**63 - 1), min_size=1, max_size=8, unique=True)
)
def test_new_ids_are_unique(ids: list[object]) -> None:
    copy = np.tile(np.arange(3), len(ids))
    made = renamed(pa.array(np.repeat(np.array(ids, dtype=object), 3).tolist()), copy).to_pylist()
    assert len(set(made)) == 3 * len(ids)
    assert [str(one) for one in made[::3]] == [str(one) for one in ids]


def test_refuses_what_it_cannot_draw_from() -> None:
    with pytest.raises(ArgumentError, match="must be journeys or path counts; got list"):
        redrawer([], seed=0)  # type: ignore[arg-type]


def test_whole_journeys_are_drawn_too() -> None:
    drawn = redrawer(CUSTOMERS, seed=0)(0)
    assert drawn.window == CUSTOMERS.window
    assert drawn.observed_to is not None
    assert len(drawn) == drawn.n_customers
