from __future__ import annotations

import numpy as np
from scipy import sparse

from journeykit.attribution.cells import converting, customers_of
from journeykit.attribution.touch_paths import touch_paths
from tests.attribution.example import OUTCOMES
from tests.attribution.test_coalition import COUNTS


def test_converting_rows_keep_their_paths_and_customers() -> None:
    paths = touch_paths(OUTCOMES)
    won = converting(paths)
    assert won.converted.all()
    assert won.n.sum() == 4
    assert won.value.sum() == 187
    assert sorted(won.length.tolist()) == [0, 1, 2, 3]
    # Ann and Bob; the weights of customers are those they have among all.
    assert won.customers is not None
    assert won.customers.journeys.shape == (4, 2)
    everyone = paths.resample(range(5), seed=3)[paths.converted]
    assert (won.resample(range(5), seed=3) == everyone).all()


def test_customers_are_counted_once_a_cell() -> None:
    won = converting(touch_paths(OUTCOMES))
    met = np.stack([won.length >= 0, won.length > 1, won.length == 0], axis=1)
    table = sparse.csr_array(met * 2.5)
    # Ann has two of the four conversions, Bob the others.
    assert customers_of(won, table).tolist() == [2, 2, 1]
    counted = converting(touch_paths(COUNTS))
    every = sparse.csr_array(np.ones((len(counted.n), 1)))
    assert customers_of(counted, every).tolist() == [5]
