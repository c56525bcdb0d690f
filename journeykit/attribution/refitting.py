"""A model refitted on changed data: what the bootstrap and the sensitivity table share."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.attribution.credit import Credits
from journeykit.errors import ArgumentError, DataError, JourneyKitWarning, MappingError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.counts import PathCounts
    from journeykit.journeys import Journeys

#: What credits data: journeys or path counts in, credits out.
Model = Callable[..., Credits]
#: What names a row of credits.
ROW = ["model", "channel"]


def fitted(model: Model, data: Journeys | PathCounts) -> Credits:
    """Fit a model and check what it returns."""
    if not callable(model):
        raise ArgumentError(
            "`model` must be a callable from data to credits, such as "
            f"`functools.partial(markov, order=2)`; got {type(model).__name__}."
        )
    made = model(data)
    if not isinstance(made, Credits):
        raise ArgumentError(
            f"`model` must return Credits, one row a model and channel; got {type(made).__name__}."
        )
    if made.frame.duplicated(ROW).any():
        raise ArgumentError("`model` must return one row a model and channel; some stand twice.")
    return made


class Refit(NamedTuple):
    """Credits of changed data, or None and the reason why there are none."""

    frame: pd.DataFrame | None
    reason: str


def refitted(model: Model, data: Journeys | PathCounts) -> Refit:
    """Fit a model on changed data, which may hold no conversion, or not a channel it asks for.

    What a model warns of, it has said when it was fitted on the data as they are.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JourneyKitWarning)
        try:
            return Refit(fitted(model, data).frame, "")
        except (DataError, MappingError) as error:
            return Refit(None, str(error))


def quick(model: Model) -> Model:
    """Ask a model of this package for the fewest replicates: its own interval is not read."""
    inner: object = model
    while isinstance(inner, functools.partial):
        inner = inner.func
    home = getattr(inner, "__module__", None) or ""
    if (
        home.startswith(__package__)
        and callable(inner)
        and "replicates" in inspect.signature(inner).parameters
    ):
        return functools.partial(model, replicates=2)
    return model


def numbers(
    frame: pd.DataFrame | None, rows: pd.MultiIndex, columns: list[str]
) -> NDArray[np.float64]:
    """Read columns of credits in the order of `rows`, shape (len(rows), len(columns)).

    A channel that does not occur in the changed data has 0, for it is credited nothing. Everything
    is missing where the model gave no shares.
    """
    if frame is None:
        return np.full((len(rows), len(columns)), np.nan)
    found = frame.set_index(ROW)
    shares = found["share"].groupby("model").count()
    answered = rows.get_level_values("model").isin(shares.index[shares > 0])
    table = found[columns].to_numpy(dtype=np.float64)
    at = found.index.get_indexer(rows)
    told = np.where((at >= 0)[:, None], table[at], 0.0)
    return np.where(answered[:, None], told, np.nan)
