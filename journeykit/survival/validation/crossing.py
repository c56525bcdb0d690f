"""Predictions for customers whom the model did not know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_whole
from journeykit.errors import ArgumentError
from journeykit.results import Provenance, Result
from journeykit.stats.hashing import hash_strings, mix, salted, uniform
from journeykit.survival.lives import Lifetimes
from journeykit.survival.validation.forecasts import forecasts
from journeykit.survival.validation.watched import watched

if TYPE_CHECKING:
    from numpy.typing import NDArray

Predict = Callable[[Lifetimes, Lifetimes], "Result | pd.DataFrame | NDArray[np.float64]"]


class Split(NamedTuple):
    """Customers to fit a model on, and others to judge it by."""

    train: Lifetimes
    test: Lifetimes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CrossPredictions(Result):
    """``customer_id fold time_days estimate``: survival, by a model fitted on the other folds."""

    rows: ClassVar[str] = "predictions"


def split_customers(lifetimes: Lifetimes, /, *, test_share: float = 0.3, seed: int = 0) -> Split:
    """Part customers by a hash of their identifier: a customer is always on the same side.

    Parameters
    ----------
    lifetimes : Lifetimes
    test_share : float in (0, 1)
        Share to judge by, about.
    seed : int

    Returns
    -------
    Split

    Raises
    ------
    ArgumentError
        When a side would be empty.
    """
    check_fraction("test_share", test_share)
    test = _numbers(lifetimes, seed) < test_share
    if test.all() or not test.any():
        raise ArgumentError(
            f"`test_share` must leave customers on both sides; of {len(test):,} rows "
            f"{int(test.sum()):,} fell to the test. Give more customers or another share."
        )
    return Split(_part(lifetimes, ~test), _part(lifetimes, test))


def cross_predict(
    lifetimes: Lifetimes,
    predict: Predict,
    /,
    *,
    at_days: float | list[float],
    folds: int = 5,
    seed: int = 0,
) -> CrossPredictions:
    """Predict every customer by a model that was fitted without them.

    Customers fall into folds by a hash of their identifier; each fold is predicted by the model
    fitted on the others. Judged by `validate`, all customers count and none was known to the model
    that predicted them. Folds have models of their own, so the score is of the way of modelling,
    not of one model.

    Parameters
    ----------
    lifetimes : Lifetimes
    predict : function of (train, test)
        Fits on the lifetimes `train` and returns survival of the customers of `test` at `at_days`,
        in any form that `validate` takes.
    at_days : float or list of float
    folds : int
        At least 2.
    seed : int

    Returns
    -------
    CrossPredictions

    Raises
    ------
    ArgumentError
        When a fold has no customers, or the predictions are not of the customers or days.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.survival import lifetimes_from_frame
    >>> from journeykit.survival import accelerated_failure_time
    >>> from journeykit.survival import cross_predict, validate
    >>> table = pd.DataFrame({"time": range(1, 41), "status": 1, "x": [1, 2, 0, 3] * 10})
    >>> lives = lifetimes_from_frame(table, covariates=["x"])
    >>> def predict(train, test):
    ...     model = accelerated_failure_time(train, covariates=["x"])
    ...     return model.survival_at(test, at_days=20)
    >>> predicted = cross_predict(lives, predict, at_days=20, folds=4)
    >>> validate(lives, survival=predicted).of("brier")["n"].tolist()
    [40]
    """
    check_whole("folds", folds, least=2)
    fold = np.minimum((_numbers(lifetimes, seed) * folds).astype(np.int64), folds - 1)
    empty = int((np.bincount(fold, minlength=folds) == 0).sum())
    if empty:
        raise ArgumentError(
            f"`folds` must leave customers in every fold; of {folds}, {empty} have none of the "
            f"{len(fold):,} rows. Ask for fewer."
        )
    parts = []
    for number in range(folds):
        mine = fold == number
        test = _part(lifetimes, mine)
        people = watched(test)
        said = forecasts(predict(_part(lifetimes, ~mine), test), at_days, people)
        k = len(said.days)
        parts.append(
            pd.DataFrame(
                {
                    "customer_id": np.repeat(people.customer_id.to_numpy(), k),
                    "fold": number + 1,
                    "time_days": np.tile(said.days, len(people.exit)),
                    "estimate": said.survival.ravel(),
                }
            )
        )
    days = tuple(np.atleast_1d(np.asarray(at_days, dtype=np.float64)).tolist())
    frame = pd.concat(parts, ignore_index=True)
    # As an array, predictions are read in the order of the customers.
    place = pd.Index(lifetimes.frame["customer_id"].unique()).get_indexer(frame["customer_id"])
    return CrossPredictions(
        frame=frame.iloc[np.argsort(place, kind="stable")].reset_index(drop=True),
        provenance=Provenance(
            lifetimes.provenance.fingerprint, {"at_days": days, "folds": folds}, seed=seed
        ),
    )


def _numbers(lifetimes: Lifetimes, seed: int) -> NDArray[np.float64]:
    """Draw a number in [0, 1) for each row: a function of customer and seed alone."""
    names = lifetimes.frame["customer_id"]
    if pd.api.types.is_integer_dtype(names.dtype):
        hashed = mix(names.to_numpy())
    else:
        import pyarrow as pa

        hashed = hash_strings(pa.array(names.astype(str).to_numpy(), pa.string()))
    return uniform(mix(salted(hashed, "validation"), seed=seed))


def _part(lifetimes: Lifetimes, mask: NDArray[np.bool_]) -> Lifetimes:
    frame = lifetimes.frame[mask].reset_index(drop=True)
    return replace(lifetimes, frame=frame, left_out={}, returned=None, undecided=None)
