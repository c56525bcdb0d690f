"""Tables of conversions: the rows and the customers that count in a cell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from journeykit.attribution.touch_paths import Customers

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from journeykit.attribution.touch_paths import TouchPaths


def converting(paths: TouchPaths) -> TouchPaths:
    """Keep the rows that convert, and the customers who have one: samples of them are cheaper."""
    rows = np.flatnonzero(paths.converted)
    length = paths.length[rows]
    start = np.concatenate([[0], np.cumsum(length)])
    at = np.repeat(paths.start[rows] - start[:-1], length) + np.arange(start[-1])
    customers = paths.customers
    if customers is not None:
        journeys = customers.journeys[rows].tocsc()
        had = np.flatnonzero(np.diff(journeys.indptr))
        customers = Customers(journeys[:, had].tocsr(), customers.hashed[had])
    return replace(
        paths,
        touch=paths.touch[at],
        start=start,
        converted=paths.converted[rows],
        edge=paths.edge[rows],
        n=paths.n[rows],
        value=paths.value[rows],
        customers=customers,
    )


def customers_of(paths: TouchPaths, table: sparse.csr_array) -> NDArray[np.int64]:
    """Count the customers who have a journey in each cell, shape (n_cells,).

    `table`, shape (n_rows, n_cells), is not 0 where journeys of a row are in a cell. With path
    counts every journey is taken as a customer.
    """
    inside = (table != 0).astype(np.float64)
    if paths.customers is None:
        return np.asarray(paths.n @ inside, dtype=np.int64)
    met = (inside.T.tocsr() @ paths.customers.journeys).tocsr()
    return np.asarray(np.diff(met.indptr), dtype=np.int64)
