"""Spells of a table that never was an event log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from journeykit.checks import check_known
from journeykit.errors import DataError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance
from journeykit.survival.lives import _times, _written
from journeykit.survival.states.spells import OWN, Multistate, check_ladder

if TYPE_CHECKING:
    from numpy.typing import NDArray


def multistate_from_frame(
    frame: pd.DataFrame,
    /,
    *,
    customer_id: str = "customer_id",
    start: str = "start",
    stop: str = "stop",
    source: str = "source",
    target: str = "target",
    ladder: Sequence[str] = (),
    groups: Sequence[str] = (),
    covariates: Sequence[str] = (),
) -> Multistate:
    """Take spells in states from a table that never was an event log.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a stretch of time in which a customer stays in one state and nothing about them
        changes.
    customer_id, start, stop : str
        Columns: whose it is, and elapsed time, at least 0, on the customer's clock. The unit is
        called days here and can be any.
    source, target : str
        Columns: the state, and the state entered at `stop`, empty where none was: sight of the
        customer was lost, or the next row goes on in the same state.
    ladder : sequence of str
        States in the order in which customers are meant to climb them, for `moves`. They are shown
        first, the other states after them by name.
    groups, covariates : sequence of str
        Columns to keep.

    Raises
    ------
    MappingError
        When a column or a state of the ladder does not exist.
    DataError
        When times are no times of at least 0, a stretch has no length, a state is empty, a move
        leads to the state itself, stretches of a customer overlap, or the next one is not in the
        state entered.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.survival import multistate_from_frame
    >>> stays = pd.DataFrame(
    ...     {
    ...         "customer_id": [1, 1, 2],
    ...         "start": [0, 3, 0],
    ...         "stop": [3, 5, 4],
    ...         "source": ["trial", "paying", "trial"],
    ...         "target": ["paying", None, "gone"],
    ...     }
    ... )
    >>> shares = multistate_from_frame(stays).occupancy(times_days=[4], small_cell=1).frame
    >>> shares[["state", "estimate"]].values.tolist()
    [['gone', 0.5], ['paying', 0.5], ['trial', 0.0]]
    """
    kept = list(dict.fromkeys([*groups, *covariates]))
    named = [customer_id, start, stop, source, target]
    _check_frame(frame, named, [customer_id, source], kept)
    frame = frame.reset_index(drop=True)
    source_code, target_code, states = _coded(frame[source], frame[target], ladder)
    table = pd.DataFrame(
        {
            "customer_id": frame[customer_id],
            "start_days": _times(frame, start),
            "stop_days": _times(frame, stop),
            "source": pd.Categorical.from_codes(source_code, categories=list(states)),
            "target": pd.Categorical.from_codes(target_code, categories=list(states)),
        }
    ).join(frame[kept])
    table = table.sort_values(["customer_id", "start_days"], kind="stable", ignore_index=True)
    table.insert(5, "entered_days", _entered(table, start, stop))
    hashed = pd.util.hash_pandas_object(table, index=False)
    number = sum(hashed.to_numpy().astype(object).tolist()) % (1 << 128)
    given = dict(zip(("customer_id", "start", "stop", "source", "target"), named, strict=True))
    return Multistate(
        frame=table,
        provenance=Provenance(f"{number:032x}", {**given, "ladder": tuple(ladder)}),
        states=states,
        ladder=tuple(ladder),
    )


def _check_frame(
    frame: pd.DataFrame, named: Sequence[str], filled: Sequence[str], kept: Sequence[str]
) -> None:
    """Require the columns, values in those that must be `filled`, and names that are free."""
    check_known("frame", [*named, *kept], list(map(str, frame.columns)), what="columns")
    if frame.empty:
        raise DataError("The frame has no rows: there is nobody to follow.")
    if taken := sorted(set(kept) & set(OWN)):
        raise DataError(
            f"{', '.join(map(repr, taken))} cannot be the name of a group or covariate here: "
            "spells have a column of that name. Rename it."
        )
    for name in filled:
        if empty := int(frame[name].isna().sum()):
            raise DataError(
                f"Column {name!r} must have a value in every row; {empty:,} of {len(frame):,} are "
                "empty. Leave these rows out or mend them."
            )


def _coded(
    source: pd.Series, target: pd.Series, ladder: Sequence[str]
) -> tuple[NDArray[np.integer], NDArray[np.integer], tuple[str, ...]]:
    """Give the states numbers: first the ladder, then the others by name; -1 is no target."""
    parts = [pd.factorize(column) for column in (source, target)]
    written = [[_written(value) for value in values] for _, values in parts]
    known = sorted({name for names in written for name in names})
    steps = check_ladder(ladder, known)
    states = (*steps, *(name for name in known if name not in set(steps)))
    place = {name: code for code, name in enumerate(states)}
    codes = [
        np.append(np.array([place[name] for name in names], dtype=np.int64), -1)[code]
        for (code, _), names in zip(parts, written, strict=True)
    ]
    return codes[0], codes[1], states


def _entered(table: pd.DataFrame, start: str, stop: str) -> NDArray[np.float64]:
    """Check that the stretches of every customer fit together; tell when each state was entered."""
    begin, end = (
        np.rint(table[name].to_numpy() * DAY).astype(np.int64)
        for name in ("start_days", "stop_days")
    )
    source, target = (table[name].cat.codes.to_numpy() for name in ("source", "target"))
    _refuse(begin >= end, f"`start` must be before `stop` ({start!r}, {stop!r})", table)
    _refuse(source == target, "A move must lead to another state", table)
    same = table["customer_id"].eq(table["customer_id"].shift()).to_numpy()
    before = np.roll(end, 1), np.roll(source, 1), np.roll(target, 1)
    _refuse(same & (begin < before[0]), "Stretches of one customer must not overlap", table)
    joins = same & (begin == before[0])
    goes_on = joins & (before[2] < 0)
    odd = joins & (source != np.where(goes_on, before[1], before[2]))
    _refuse(odd, "The next stretch must be in the state that was entered", table)
    ended = same & (begin > before[0]) & (before[2] >= 0) & (source != before[2])
    _refuse(ended, "The next stretch must be in the state that was entered", table)
    known = np.where(joins | (begin == 0), begin / DAY, np.nan)
    head = np.maximum.accumulate(np.where(goes_on, 0, np.arange(len(table))))
    return np.asarray(known[head])


def _refuse(wrong: NDArray[np.bool_], must: str, table: pd.DataFrame) -> None:
    if wrong.any():
        who = table["customer_id"].iloc[int(np.flatnonzero(wrong)[0])]
        raise DataError(
            f"{must}; {int(wrong.sum()):,} of {len(table):,} rows break this, such as one of "
            f"customer {who!r}. Leave them out or mend them."
        )
