from __future__ import annotations

import numpy as np
import pyarrow as pa
from scipy import stats

from journeykit.stats import hash_strings, mix, poisson_weights, salted


def test_mix_is_splitmix64() -> None:
    # First outputs of splitmix64 seeded with 1234567 (Vigna's reference implementation), which
    # adds the golden gamma before each: mix(seed + k * gamma).
    gamma = 0x9E3779B97F4A7C15
    states = np.array([(1234567 + k * gamma) % 2**64 for k in range(3)], dtype=np.uint64)
    assert mix(states).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_texts_hash_by_content_alone() -> None:
    whole = pa.array(["", "a", "b", "twelve bytes", "twelve bytez", "ä" * 9, None])
    alone = [hash_strings(pa.array([text], type=pa.string()))[0] for text in whole.to_pylist()]
    assert hash_strings(whole).tolist() == alone
    assert hash_strings(whole.slice(2, 3)).tolist() == alone[2:5]
    assert len(set(alone)) == 6  # a null is the empty text


def test_a_zero_byte_is_not_padding() -> None:
    assert len(set(hash_strings(pa.array(["a", "a\0", "a\0\0"])).tolist())) == 3


def test_poisson_weights_are_poisson_and_belong_to_the_customer() -> None:
    customers = mix(np.arange(200_000))
    weights = poisson_weights(customers, replicate=3, seed=5)
    expected = stats.poisson(1).pmf(np.arange(6)) * len(weights)
    seen = np.bincount(weights, minlength=6)[:6]
    assert stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 0.001
    shuffled = np.random.default_rng(0).permutation(len(customers))
    again = poisson_weights(customers[shuffled], replicate=3, seed=5)
    assert (again == weights[shuffled]).all()
    other = poisson_weights(customers, replicate=4, seed=5)
    assert abs(np.corrcoef(weights, other)[0, 1]) < 0.01


def test_draws_for_different_purposes_are_unrelated() -> None:
    """The lowest tenth by one draw is a tenth of every part of another with the same seed."""
    customer = mix(np.arange(50_000))
    sampled = mix(customer, seed=1) < np.uint64(2**64 // 10)
    for purpose in ("segments", "held out", "precursors", "typology"):
        half = mix(salted(customer, purpose), seed=1) >> np.uint64(63) == 1
        assert abs(half[sampled].mean() - 0.5) < 4 * 0.5 / sampled.sum() ** 0.5
        other = mix(salted(customer, purpose + "!"), seed=1) >> np.uint64(63) == 1
        assert abs((half == other).mean() - 0.5) < 4 * 0.5 / len(customer) ** 0.5
    # without a purpose a sample lies on one side
    assert not (mix(customer, seed=1)[sampled] >> np.uint64(63)).any()
