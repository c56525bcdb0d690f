"""How many ways lead on from a touch: the entropy of the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.maps.rates import without_small
from journeykit.paths.detours.entropy import LEAST_CUSTOMERS, clustered_entropy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def confusion(
    context: NDArray[np.integer],
    follower: NDArray[np.integer],
    customer: NDArray[np.int64],
    /,
    *,
    names: Sequence[str],
    label: str,
    small_cell: int,
    confidence: float,
) -> pd.DataFrame:
    """Estimate, in each context, the entropy in bits of what follows; see `clustered_entropy`.

    0 bits: always the same follows; b bits: as hard to foresee as 2^b ways equally likely. The
    plug-in estimate, too low, is corrected for what customers' variation implies. Below 200
    customers there is no interval, and `verdict` says "too few".

    Returns
    -------
    pandas.DataFrame
        The context, named `label`, then ``n n_customers estimate conf_low conf_high verdict``.
    """
    order = np.argsort(context, kind="stable")
    edges = np.searchsorted(context[order], np.arange(len(names) + 1))
    rows = []
    for at, name in enumerate(names):
        steps = order[edges[at] : edges[at + 1]]
        if not len(steps):
            continue
        cell = follower[steps].astype(np.int64)
        met = np.flatnonzero(np.bincount(cell))
        found = clustered_entropy(
            np.searchsorted(met, cell),
            np.zeros(len(met), dtype=np.int64),
            customer[steps],
            confidence=confidence,
        )
        few = "too few" if found.n_customers < LEAST_CUSTOMERS else ""
        numbers = (found.n, found.n_customers, found.estimate, found.conf_low, found.conf_high)
        rows.append((name, *numbers, few))
    columns = ["n", "n_customers", "estimate", "conf_low", "conf_high"]
    frame = pd.DataFrame(rows, columns=[label, *columns, "verdict"])
    return without_small(frame, hide=columns, small_cell=small_cell)
