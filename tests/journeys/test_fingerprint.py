from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest

from journeykit.journeys.fingerprint import _hash_texts
from journeykit.stats import hash_strings

NAN = float("nan")
DAY = datetime.date(2025, 1, 1)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([0.0, -0.0, NAN, None, float("inf"), 0.1, 0.1]),
        pa.array([0.0, 2.0, None, 2.0]).slice(1),
        pa.array([3, None, 3, 1], pa.int8()),
        pa.array([True, None, False, True]),
        pa.array(["a", None, "", "é", "a"]),
        pa.array(["a", "b", "a"]).dictionary_encode().slice(1),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), pa.array(["a", None])),
        pa.array([DAY, None, DAY]),
        pa.array([None, None]),
        pa.array([], pa.float64()),
        pa.array(np.arange(300).astype(str)),
    ],
    ids=lambda column: f"{column.type}",
)
def test_values_hash_as_their_texts(column: pa.Array) -> None:
    expected = hash_strings(column.cast(pa.string()))
    assert _hash_texts(column).tolist() == expected.tolist()
