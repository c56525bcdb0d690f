"""When many things are tested at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def benjamini_hochberg(p_value: ArrayLike, /) -> NDArray[np.float64]:
    """Turn p-values into q-values: the least false-discovery rate at which each is a finding.

    NaN (not tested) stays NaN and does not count as tested.

    References
    ----------
    Benjamini, Hochberg (1995), JRSS B 57.
    """
    from scipy import stats

    p = np.asarray(p_value, dtype=np.float64)
    q = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        q[tested] = stats.false_discovery_control(p[tested])
    return q


def holm(p_value: ArrayLike, /) -> NDArray[np.float64]:
    """Adjust p-values so that those below a level hold a single false one with at most that chance.

    NaN (not tested) stays NaN and does not count as tested.

    References
    ----------
    Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6.
    """
    p = np.asarray(p_value, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return adjusted
