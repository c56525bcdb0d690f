"""Lifetimes as arrays, and their covariates as numbers: what every regression takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from journeykit.checks import check_known
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes


class Spans(NamedTuple):
    """Intervals (entry, exit] under risk, arrays of shape (n_rows,).

    Attributes
    ----------
    entry, exit : arrays of int64
        Microseconds. Who is under risk from the very beginning enters at -1, so that an event at
        time 0 counts.
    event : array of bool
        Whether the exit is the event (of whatever cause).
    customer : array of int64
        0, 1, ... in order of first appearance: rows of one customer share a number.
    """

    entry: NDArray[np.int64]
    exit: NDArray[np.int64]
    event: NDArray[np.bool_]
    customer: NDArray[np.int64]


def spans(lifetimes: Lifetimes, /) -> Spans:
    """Read the intervals of lifetimes."""
    frame = lifetimes.frame
    entry = np.rint(frame["entry_days"].to_numpy() * DAY).astype(np.int64)
    return Spans(
        entry - ~frame["late"].to_numpy(),
        np.rint(frame["exit_days"].to_numpy() * DAY).astype(np.int64),
        frame["event"].to_numpy().copy(),
        pd.factorize(frame["customer_id"])[0].astype(np.int64),
    )


def causes(lifetimes: Lifetimes, /) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the names of the competing ends in order, and each row's: 0 censored, k the k-th.

    Raises
    ------
    ArgumentError
        When the lifetimes know of no causes.
    """
    if "cause" not in lifetimes.frame:
        raise ArgumentError(
            "The lifetimes do not say which end each event was; give `cause` to "
            "`lifetimes_from_frame`, or follow journeys with a churn rule of several ends."
        )
    known = lifetimes.frame["cause"].astype("category").cat
    return tuple(map(str, known.categories)), known.codes.to_numpy().astype(np.int64) + 1


#: Levels of a covariate: more take minutes and tell nothing.
MOST_LEVELS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """How covariates become numbers, the same for those a model is fitted on and any others.

    A number or a boolean is one column. A text or category of m levels is m - 1 columns, each 1
    where the row has that level; the first level, in order of the categories or of the alphabet,
    is the reference, as in R.

    Attributes
    ----------
    levels : mapping of covariate to tuple of levels, or None for a number
    """

    levels: Mapping[str, tuple[object, ...] | None]

    @property
    def covariates(self) -> tuple[str, ...]:
        """Covariates in order."""
        return tuple(self.levels)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, length p: ``age``, ``contract[One year]``."""
        return tuple(
            name if level is None else f"{name}[{level}]" for name, level in self._columns()
        )

    @property
    def owner(self) -> tuple[str, ...]:
        """Covariate that each column belongs to, length p."""
        return tuple(name for name, _ in self._columns())

    def _columns(self) -> list[tuple[str, object]]:
        return [
            (name, level)
            for name, levels in self.levels.items()
            for level in ([None] if levels is None else levels[1:])
        ]

    def matrix(self, frame: pd.DataFrame, /) -> NDArray[np.float64]:
        """Return the covariates of `frame` as numbers, shape (n_rows, p), column-contiguous.

        Raises
        ------
        MappingError
            When a covariate is no column.
        DataError
            When values are missing or infinite, or a level was not there when the model was made.
        """
        check_known("covariates", self.levels, list(map(str, frame.columns)), what="columns")
        matrix = np.empty((len(frame), len(self.names)), order="F")
        at = 0
        for name, levels in self.levels.items():
            if levels is None:
                matrix[:, at] = _numbers(frame, name)
                at += 1
                continue
            code = pd.Index(levels).get_indexer(pd.Index(frame[name]))
            _refuse(frame, name, code < 0, f"one of {', '.join(map(repr, levels))}")
            for place in range(1, len(levels)):
                matrix[:, at] = code == place
                at += 1
        return matrix


def encoding(frame: pd.DataFrame, covariates: Sequence[str], /) -> Encoding:
    """Learn the levels of covariates.

    Raises
    ------
    ArgumentError
        When none is named, one is named twice, or one has a single value, which tells nothing.
    MappingError, DataError
        When a covariate is no column, or is a time, or has missing values.
    """
    if not covariates or len(set(covariates)) < len(covariates):
        raise ArgumentError(f"`covariates` must name columns, each once; got {list(covariates)!r}.")
    check_known("covariates", covariates, list(map(str, frame.columns)), what="columns")
    levels: dict[str, tuple[object, ...] | None] = {}
    for name in covariates:
        column = frame[name]
        _refuse(frame, name, column.isna().to_numpy(), "a value in every row")
        if pd.api.types.is_numeric_dtype(column.dtype):
            levels[name] = None
        elif pd.api.types.is_datetime64_any_dtype(column.dtype):
            raise DataError(
                f"Covariate {name!r} holds times; turn it into a number, such as days, or a group."
            )
        elif isinstance(column.dtype, pd.CategoricalDtype):
            used = column.cat.remove_unused_categories().cat.categories
            levels[name] = tuple(used.tolist())
        else:
            _check_levels(column)
            levels[name] = tuple(sorted(column.unique().tolist(), key=str))
        known = levels[name]
        if not (column != column.iloc[0]).any() if known is None else len(known) < 2:
            only = column.iloc[:1].tolist()[0]
            raise ArgumentError(
                f"Covariate {name!r} has the one value {only!r} in all {len(frame):,} rows, so "
                "nothing can be learned about it. Leave it out."
            )
    return Encoding(levels)


def _check_levels(column: pd.Series) -> None:
    """Refuse texts of which there are too many for levels, such as numbers that are texts."""
    n = column.nunique()
    if n <= MOST_LEVELS:
        return
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = int(numbers.isna().sum())
    if wrong <= len(column) // 10:
        odd = f"; {wrong:,} of {len(column):,} rows are none" if wrong else ""
        raise DataError(
            f"Covariate {column.name!r} holds numbers as text{odd}. Turn it into numbers by "
            "pandas.to_numeric."
        )
    raise DataError(
        f"Covariate {column.name!r} has {n:,} levels in {len(column):,} rows, and at most "
        f"{MOST_LEVELS} can be told apart. Group them more coarsely."
    )


def _numbers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    try:
        values: NDArray[np.float64] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"Covariate {name!r} must hold numbers; got {frame[name].dtype}.") from None
    _refuse(frame, name, ~np.isfinite(values), "a finite number in every row")
    return values


def _refuse(frame: pd.DataFrame, name: str, wrong: NDArray[np.bool_], must: str) -> None:
    if wrong.any():
        odd = frame[name].tolist()[int(np.flatnonzero(wrong)[0])]
        raise DataError(
            f"Covariate {name!r} must hold {must}; {int(wrong.sum()):,} of {len(frame):,} rows do "
            f"not, such as {odd!r}. Mend them, leave them out or make the missing a level."
        )
