"""Predictions in whatever form they come: a probability of staying of each customer and day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from journeykit.errors import ArgumentError
from journeykit.results import Result
from journeykit.survival.validation.watched import Watched, aligned

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Probabilities may be off [0, 1] by rounding.
_ROUNDING = 1e-9


class Forecasts(NamedTuple):
    """Days in order, shape (k,), and the predicted probability of staying, shape (n, k).

    A column is empty where the model predicts nothing.
    """

    days: NDArray[np.float64]
    survival: NDArray[np.float64]


def forecasts(
    survival: Result | pd.DataFrame | NDArray[np.float64],
    at_days: float | Sequence[float] | None,
    people: Watched,
    /,
) -> Forecasts:
    """Read predicted probabilities of staying.

    Raises
    ------
    ArgumentError
        When they are no probabilities, are missing of some customers, or days are not given.
    """
    table = _table(survival.frame, people) if isinstance(survival, Result) else survival
    if isinstance(table, pd.DataFrame) and at_days is None:
        at_days = _days_of(table)
    if at_days is None:
        raise ArgumentError("`at_days` must say of which days the columns of `survival` are.")
    days = np.atleast_1d(np.asarray(at_days, dtype=np.float64))
    values = aligned(table, people, "survival")
    values = values[:, None] if values.ndim == 1 else values
    if values.shape[1] != len(days) or not (days > 0).all() or len(np.unique(days)) < len(days):
        raise ArgumentError(
            f"`at_days` must name a day above 0, each once, for each of the {values.shape[1]} "
            f"columns of `survival`; got {days.tolist()}."
        )
    empty = np.isnan(values).all(axis=0)
    with np.errstate(invalid="ignore"):
        right = (values >= -_ROUNDING) & (values <= 1 + _ROUNDING)
    wrong = int((~right[:, ~empty]).sum())
    if wrong:
        raise ArgumentError(
            f"`survival` must be probabilities of staying, from 0 to 1; {wrong:,} of "
            f"{values.size:,} are not or are missing. A model that predicts nothing for a day "
            "must do so for every customer."
        )
    if empty.all():
        raise ArgumentError("`survival` is empty: the model predicts nothing for any of the days.")
    order = np.argsort(days)
    return Forecasts(days[order], np.clip(values[:, order], 0.0, 1.0))


def _table(frame: pd.DataFrame, people: Watched) -> pd.DataFrame:
    """Turn a row a customer and day into a row a customer and a column a day."""
    if not {"time_days", "estimate"} <= set(frame.columns):
        raise ArgumentError(
            "`survival` must be a result whose frame has `time_days` and `estimate`; got "
            f"{list(map(str, frame.columns))}."
        )
    days = frame["time_days"].unique()
    n = len(frame) // len(days)
    time = frame["time_days"].to_numpy()
    if len(time) != n * len(days) or (time.reshape(n, -1) != days).any():
        raise ArgumentError(
            "`survival` must predict the same days, in one order, of each customer."
        )
    values = frame["estimate"].to_numpy().reshape(n, -1)
    if "customer_id" in frame:
        return pd.DataFrame(values, pd.Index(frame["customer_id"].iloc[:: len(days)]), days)
    if n != len(people.exit):
        raise ArgumentError(
            f"`survival` must predict each of the {len(people.exit):,} customers; it has {n:,} and "
            "does not say who they are."
        )
    return pd.DataFrame(values, people.customer_id, days)


def _days_of(table: pd.DataFrame) -> list[float] | None:
    try:
        return [float(name) for name in table.columns]
    except (TypeError, ValueError):
        return None
