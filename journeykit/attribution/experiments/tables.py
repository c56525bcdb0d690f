"""Frames that the caller hands over, checked: what must hold, what came, and the mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from journeykit.checks import did_you_mean
from journeykit.errors import ArgumentError, DataError, MappingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray


def check_columns(name: str, table: pd.DataFrame, wanted: Sequence[str]) -> None:
    """Require a frame with the `wanted` columns and a row."""
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise ArgumentError(f"`{name}` must be a pandas DataFrame; got {type(table).__name__}.")
    missing = [column for column in wanted if column not in table.columns]
    if missing:
        there = [str(column) for column in table.columns]
        raise MappingError(
            f"`{name}` must have the columns {', '.join(wanted)}; without: {', '.join(missing)}."
            f"{did_you_mean(missing[0], there)}"
        )
    if not len(table):
        raise DataError(f"`{name}` must have at least one row; it is empty.")


def one_row_each(
    name: str, table: pd.DataFrame, *, mend: str = "Add them up first."
) -> tuple[str, ...]:
    """Return the channels of a frame with one row each; `mend` says what to do otherwise."""
    if table["channel"].isna().any():
        raise DataError(f"`{name}` must name a channel in every row; a name is missing.")
    channels = tuple(str(channel) for channel in table["channel"])
    twice = sorted({channel for channel in channels if channels.count(channel) > 1})
    if twice:
        raise DataError(
            f"`{name}` must have one row a channel; {', '.join(map(repr, twice))} "
            f"{'have' if len(twice) > 1 else 'has'} several. {mend}"
        )
    return channels


def numbers(
    name: str,
    table: pd.DataFrame,
    column: str,
    *,
    above: float | None = None,
    least: float | None = None,
    whole: bool = False,
) -> NDArray[np.float64]:
    """Return a column of finite numbers within the bounds."""
    import pandas as pd

    read = pd.to_numeric(table[column], errors="coerce")
    got: NDArray[np.float64] = read.to_numpy(dtype=np.float64)
    right, kind = np.isfinite(got), "whole numbers" if whole else "finite numbers"
    if whole:
        right &= got == np.round(got)
    if above is not None:
        right, kind = right & (got > above), f"{kind} greater than {above:g}"
    if least is not None:
        right, kind = right & (got >= least), f"{kind} of at least {least:g}"
    if not right.all():
        at = int(np.flatnonzero(~right)[0])
        raise DataError(
            f"Column `{column}` of `{name}` must hold {kind}; {table['channel'].iloc[at]!r} has "
            f"{table[column].iloc[at]!s}."
        )
    return got


def experiment_numbers(
    experiments: pd.DataFrame,
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
    """Return channels, increments and standard errors of a frame of experiments, in its order."""
    check_columns("experiments", experiments, ("channel", "increment", "std_error"))
    return (
        one_row_each(
            "experiments",
            experiments,
            mend="Put them together first: their mean, weighted by 1 / std_error^2.",
        ),
        numbers("experiments", experiments, "increment"),
        numbers("experiments", experiments, "std_error", above=0),
    )
