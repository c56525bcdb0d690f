"""The table of coefficients, and whom each is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.regression.design import Design

#: What is not shown where few customers have a level.
_OF_FEW = (
    "n",
    "n_event",
    "estimate",
    "std_error",
    "std_error_model",
    "conf_low",
    "conf_high",
    "hazard_ratio",
    "hazard_ratio_low",
    "hazard_ratio_high",
    "z",
    "p_value",
)


class Who(NamedTuple):
    """Customers and events that a coefficient is about, arrays of shape (p,).

    A level, or the larger of two values, is told about by those who ever had it; a number by all.

    Attributes
    ----------
    n, n_event : arrays of int64
    n_other : array of int64
        Customers who ever had the smaller of two values; all, for a number.
    """

    n: NDArray[np.int64]
    n_event: NDArray[np.int64]
    n_other: NDArray[np.int64]


def who(design: Design, /) -> Who:
    """Count customers and events behind each coefficient."""
    sets, units, everyone = design.sets, design.units, design.n_customers
    middle = (design.spread.mean(axis=0) - design.center) / design.scale
    found = []
    for x, between in zip(units.x.T, middle, strict=True):
        upper = x > between
        # Two values are two numbers, however they were scaled.
        if np.ptp(x[upper], axis=0) > 0 or np.ptp(x[~upper], axis=0) > 0:
            found.append((everyone, int(sets.event.sum()), everyone))
            continue
        row = upper[units.unit]
        had = np.zeros(everyone, dtype=bool)
        had[design.spans.customer[row]] = True
        other = np.zeros(everyone, dtype=bool)
        other[design.spans.customer[~row]] = True
        found.append((int(had.sum()), int((row & sets.event).sum()), int(other.sum())))
    return Who(*np.array(found, dtype=np.int64).T)


def coefficient_table(
    design: Design,
    estimate: NDArray[np.float64],
    std_error: NDArray[np.float64],
    std_error_model: NDArray[np.float64],
    *,
    infinite: NDArray[np.bool_],
    confidence: float,
    small_cell: int,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the frame of a model, and the names of the coefficients that are hidden in it."""
    coded, about = design.encoding, who(design)
    levels = [
        None if name == owner else name[len(owner) + 1 : -1]
        for name, owner in zip(coded.names, coded.owner, strict=True)
    ]
    estimate = np.where(infinite, np.copysign(np.inf, estimate), estimate)
    std_error, std_error_model = (
        np.where(infinite, np.nan, error) for error in (std_error, std_error_model)
    )
    half = stats.norm.isf((1 - confidence) / 2) * std_error
    z = estimate / std_error
    with np.errstate(over="ignore"):
        ratio, ratio_low, ratio_high = np.exp([estimate, estimate - half, estimate + half])
    frame = pd.DataFrame(
        {
            "covariate": coded.owner,
            "level": levels,
            "n": about.n,
            "n_event": about.n_event,
            "estimate": estimate,
            "std_error": std_error,
            "std_error_model": std_error_model,
            "conf_low": estimate - half,
            "conf_high": estimate + half,
            "hazard_ratio": ratio,
            "hazard_ratio_low": ratio_low,
            "hazard_ratio_high": ratio_high,
            "z": z,
            "p_value": 2 * stats.norm.sf(np.abs(z)),
        }
    )
    few = np.minimum(about.n, about.n_other) < small_cell
    if few.any():
        frame = frame.astype({"n": "Int64", "n_event": "Int64"})
        for column in _OF_FEW:
            frame.loc[few, column] = None if column in ("n", "n_event") else np.nan
    return frame, tuple(np.array(coded.names, dtype=object)[few])
