"""The table of coefficients, and whom each is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.regression.design import Design
    from journeykit.survival.regression.model import Fit
    from journeykit.survival.rows import Encoding


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
    fit: Fit, /, *, infinite: NDArray[np.bool_], confidence: float, small_cell: int
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the frame of a model, and the names of the coefficients that are hidden in it."""
    scale = fit.design.scale
    estimate = np.where(infinite, np.copysign(np.inf, fit.beta), fit.beta / scale)
    std_error, std_error_model = (
        np.where(infinite, np.nan, np.sqrt(np.diag(covariance)) / scale)
        for covariance in (fit.covariance, fit.model_covariance)
    )
    errors = Errors(estimate, std_error, std_error_model)
    return ratio_table(
        fit.design.encoding, who(fit.design), errors, confidence=confidence, small_cell=small_cell
    )


class Errors(NamedTuple):
    """Log ratios by unit of the covariates and their errors, arrays of shape (p,)."""

    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    std_error_model: NDArray[np.float64]


def ratio_table(
    coded: Encoding, about: Who, found: Errors, /, *, confidence: float, small_cell: int
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return one row a log ratio, and the names of those that are hidden: about too few."""
    estimate, std_error, std_error_model = found
    levels = [
        None if name == owner else name[len(owner) + 1 : -1]
        for name, owner in zip(coded.names, coded.owner, strict=True)
    ]
    half = stats.norm.isf((1 - confidence) / 2) * std_error
    z = estimate / std_error
    with np.errstate(over="ignore"):
        ratio, ratio_low, ratio_high = np.exp([estimate, estimate - half, estimate + half])
    shown = {
        "n": pd.array(about.n, dtype="Int64"),
        "n_event": pd.array(about.n_event, dtype="Int64"),
        "estimate": estimate,
        "std_error": std_error,
        "std_error_model": std_error_model,
        "conf_low": estimate - half,
        "conf_high": estimate + half,
        "hazard_ratio": ratio,
        "ratio_low": ratio_low,
        "ratio_high": ratio_high,
        "z": z,
        "p_value": 2 * stats.norm.sf(np.abs(z)),
    }
    few = np.minimum(about.n, about.n_other) < small_cell
    numbers = pd.DataFrame(shown)
    numbers.loc[few] = np.nan
    names = pd.DataFrame({"covariate": coded.owner, "level": levels})
    return names.join(numbers), tuple(np.array(coded.names, dtype=object)[few])
