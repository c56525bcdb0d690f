"""From a method's rows of all worlds to shares and means; the world is the unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from journeykit.stats import ClusterSums, clustered_wilson_interval

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.stats.intervals import Interval

    Floats = NDArray[np.float64]

#: Level of the intervals on coverages, biases and shares.
_LEVEL = 0.95


def by_name(table: pd.DataFrame, /) -> list[pd.DataFrame]:
    """Return the rows of each name, in the order in which the names first come."""
    return [part for _, part in table.groupby("name", sort=False)]


class _Counted(NamedTuple):
    """Sums over the rows of each world with a row: `sums[w]`, of `n[w]` rows."""

    sums: Floats
    n: Floats


def _per_world(rows: pd.DataFrame, values: Floats) -> _Counted:
    _, at = np.unique(rows["world"], return_inverse=True)
    n = np.bincount(at).astype(np.float64)
    return _Counted(np.bincount(at, weights=values).astype(np.float64), n)


def _share(rows: pd.DataFrame, hits: NDArray[np.bool_]) -> tuple[float, Interval]:
    """Return a share of rows and its interval, the world as the unit."""
    x, m = _per_world(rows, hits.astype(np.float64))
    sums = ClusterSums.of_clusters(x, m)
    return _or_empty(hits), clustered_wilson_interval(sums, confidence=_LEVEL)


def _mean(rows: pd.DataFrame, values: Floats) -> tuple[float, float, float]:
    """Return a mean over rows with its interval, the world as the unit."""
    from scipy.special import stdtrit

    x, m = _per_world(rows, values)
    n = len(m)
    if n < 2:
        return _or_empty(values), float("nan"), float("nan")
    mean = x.sum() / m.sum()
    variance = n / (n - 1) * ((x - mean * m) ** 2).sum() / m.sum() ** 2
    half = float(stdtrit(n - 1, (1 + _LEVEL) / 2)) * variance**0.5
    return float(mean), float(mean - half), float(mean + half)


def _counts(part: pd.DataFrame, rows: pd.DataFrame, worlds: int) -> dict[str, Any]:
    seen = rows["world"].nunique()
    return {
        "name": part["name"].iloc[0],
        "n_worlds": seen,
        "n_missing": worlds - seen,
        "n": len(rows),
        "n_empty": len(part) - len(rows),
    }


def covered(part: pd.DataFrame, /, *, worlds: int) -> dict[str, Any]:
    """Score the rows of one name: ``world name estimate conf_low conf_high truth null``."""
    rows = part.dropna(subset=["estimate", "conf_low", "conf_high", "truth"])
    low, high, truth, null = (
        rows[name].to_numpy() for name in ("conf_low", "conf_high", "truth", "null")
    )
    share, interval = _share(rows, (low <= truth) & (truth <= high))
    bias, bias_low, bias_high = _mean(rows, rows["estimate"].to_numpy() - truth)
    # A row without a null value cannot be flagged, and is not asked.
    asked = ~np.isnan(null)
    return {
        **_counts(part, rows, worlds),
        "truth": rows["truth"].mean(),
        "estimate": rows["estimate"].mean(),
        "bias": bias,
        "bias_conf_low": bias_low,
        "bias_conf_high": bias_high,
        "coverage": share,
        "conf_low": float(interval.low),
        "conf_high": float(interval.high),
        "share_flagged": _or_empty(((null < low) | (null > high))[asked]),
        "mean_width": _or_empty(high - low),
    }


def flagged(part: pd.DataFrame, /, *, worlds: int) -> dict[str, Any]:
    """Count the rows of one name that are flagged: ``world name flagged``."""
    rows = part.dropna(subset=["flagged"])
    hits = rows["flagged"].to_numpy() > 0
    share, interval = _share(rows, hits)
    return {
        **_counts(part, rows, worlds),
        "n_flagged": int(hits.sum()),
        "share": share,
        "conf_low": float(interval.low),
        "conf_high": float(interval.high),
    }


def _or_empty(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")
