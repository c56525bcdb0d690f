"""Tables of conversions: rows and customers that count, and cells that are not shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from journeykit.attribution.touch_paths import Customers

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
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


def few(n: NDArray[np.int64], small_cell: int) -> NDArray[np.bool_]:
    """Tell where customers are so few that they could be recognised."""
    return (n > 0) & (n < small_cell)


def masked(frame: pd.DataFrame, masks: Mapping[str, NDArray[np.bool_]]) -> pd.DataFrame:
    """Return a frame in which columns are missing where their masks say so."""
    changed = frame.copy()
    for name, mask in masks.items():
        if mask.any():
            column = changed[name]
            if column.dtype.kind == "i":
                column = column.astype("Int64")
            changed[name] = column.mask(mask)
    return changed
