"""Small cells of a published table: which counts must be hidden so that nobody is singled out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.checks import check_known, check_whole
from journeykit.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

#: What a column of numbers without room for "missing" becomes when some of them are hidden.
_WITH_MISSING = {"i": "Int64", "u": "UInt64", "b": "boolean"}


class Published(NamedTuple):
    """A frame that may be shown, and in how many of its rows something is hidden."""

    frame: pd.DataFrame
    n_hidden: int


def suppressed(
    n: ArrayLike,
    /,
    *,
    total: ArrayLike | None = None,
    group: ArrayLike | None = None,
    small_cell: int = 10,
) -> NDArray[np.bool_]:
    """Tell which rows of a published table must be hidden.

    A count of customers, n out of `total`, is *small* when n or its complement `total` - n is
    between 1 and k - 1, with k = `small_cell`: the few could be recognised, or all others told to
    be different from them. Nobody of many (n = 0 with `total` at least k, or without `total`) and
    all of many are safe. Small cells are hidden.

    The sum of n over each group is taken to be known, so what is hidden in a group can be added
    up. The hidden cells of a group must therefore

    1. be at least two,
    2. sum to at least k, and to more than the least they can be: 1 each, or 0 where `total` is
       below k (a sum of 12 in 12 cells that are not 0 says that each is 1), and
    3. where `total` is given, have complements that sum to at least k.

    While they do not, the smallest count above 0 that is still shown is hidden too, the first of
    equals. When there is none left, the whole group is hidden, its zeros included. Then readers who
    know all that is shown, all totals, the sums of the groups and this rule can determine no hidden
    count by adding and subtracting; a group of one row is its own sum, which the caller must not
    publish. Sums along a second dimension (rows and columns of one table) and differences between
    two tables of the same customers are not looked at.

    Parameters
    ----------
    n : array of m whole numbers, at least 0
        Customers counted in each row. A missing one (NaN) has nothing to hide and takes no part.
    total : number, or array of m, optional
        Customers that could have been counted, at least n; missing where unknown.
    group : array of m labels, optional
        Rows whose n sum to a published total; by default all rows are one group.
    small_cell : int
        k, at least 1; with 1 nothing is small.

    Returns
    -------
    array of bool, shape (m,)

    Raises
    ------
    ArgumentError
        Counts that are negative, no whole numbers or above their total; lengths that differ.

    References
    ----------
    Hundepool, Domingo-Ferrer, Franconi, Giessing, Schulte Nordholt, Spicer, de Wolf (2012),
    Statistical Disclosure Control, Wiley, chapters 4 and 5: threshold rule, secondary suppression.

    Examples
    --------
    >>> suppressed([40, 25, 3]).tolist()
    [False, True, True]
    """
    check_whole("small_cell", small_cell, least=1)
    counts = _counts("n", n)
    totals = None if total is None else np.broadcast_to(_counts("total", total), counts.shape)
    if totals is not None and (counts > totals).any():
        raise ArgumentError("`n` must not be greater than `total`; it is in some rows.")
    codes = _codes(group, len(counts))
    hidden = small(counts, small_cell)
    least = np.ones(len(counts))
    rest = np.full(len(counts), np.inf)
    if totals is not None:
        rest = np.where(np.isnan(totals), np.inf, totals - counts)
        hidden |= small(rest, small_cell)
        least[totals < small_cell] = 0
    return _complemented(hidden & ~np.isnan(counts), counts, rest, least, codes, small_cell)


def _counts(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    known = array[~np.isnan(array)]
    if (known < 0).any() or (known != np.floor(known)).any() or np.isinf(known).any():
        raise ArgumentError(f"`{name}` must hold whole numbers of at least 0.")
    return array


def _codes(group: ArrayLike | None, n_rows: int) -> NDArray[np.int64]:
    if group is None:
        return np.zeros(n_rows, dtype=np.int64)
    import pandas as pd

    labels = pd.Series(group)
    if len(labels) != n_rows:
        raise ArgumentError(f"`group` must be as long as `n`, {n_rows}; got {len(labels)}.")
    return np.asarray(pd.factorize(labels, use_na_sentinel=False)[0], dtype=np.int64)


def small(counts: NDArray[np.number], small_cell: int, /) -> NDArray[np.bool_]:
    """Tell where customers are so few that they could be recognised."""
    return (counts >= 1) & (counts < small_cell)


def _complemented(
    hidden: NDArray[np.bool_],
    counts: NDArray[np.float64],
    rest: NDArray[np.float64],
    least: NDArray[np.float64],
    codes: NDArray[np.int64],
    small_cell: int,
) -> NDArray[np.bool_]:
    """Hide more rows until those hidden in each group protect one another."""
    n_groups = int(codes.max(initial=-1)) + 1
    # By group, smallest first; lexsort keeps the order of equals.
    order = np.lexsort((counts, codes))
    order = order[counts[order] > 0]
    while True:
        number, total, others, floor = (
            np.bincount(codes[hidden], weights=values[hidden], minlength=n_groups)
            for values in (np.ones(len(counts)), counts, rest, least)
        )
        safe = (number > 1) & (total >= small_cell) & (total > floor) & (others >= small_cell)
        weak = (number > 0) & ~safe
        shown = order[~hidden[order] & weak[codes[order]]]
        if not len(shown):
            return hidden | (weak[codes] & ~np.isnan(counts))
        hidden[shown[np.unique(codes[shown], return_index=True)[1]]] = True


def suppress(
    frame: pd.DataFrame,
    /,
    *,
    n: str,
    hide: Sequence[str],
    total: str | None = None,
    by: Sequence[str] = (),
    small_cell: int = 10,
) -> Published:
    """Return a frame for publishing: values of small cells are missing, their labels stay.

    Parameters
    ----------
    frame : DataFrame, one row a cell
    n : str
        Column of the customers counted; always hidden with its row.
    hide : sequence of str
        Every other column from which the count could be told: shares, estimates, bounds, values,
        running sums.
    total : str, optional
        Column of those who could have been counted; hidden itself where it is small.
    by : sequence of str
        Columns that name the groups whose sums readers know; by default the whole column is one.
    small_cell : int

    Returns
    -------
    Published
        ``(frame, n_hidden)``; `frame` is a new one. Columns of whole numbers and of true and false
        get pandas' type with room for missing, unless nothing is hidden in them.

    Raises
    ------
    MappingError
        Columns that do not exist.
    ArgumentError
        As `suppressed`.

    Examples
    --------
    >>> import pandas as pd
    >>> channels = pd.DataFrame({"channel": ["mail", "web", "call"], "n": [40, 25, 3]})
    >>> suppress(channels, n="n", hide=[])[0]["n"].tolist()
    [40, <NA>, <NA>]
    """
    named = [n, *hide, *by, *([] if total is None else [total])]
    check_known("suppress", named, [str(name) for name in frame.columns], what="columns")
    totals = None if total is None else _floats(frame[total])
    hidden = suppressed(
        _floats(frame[n]),
        total=totals,
        group=frame.groupby(list(by), dropna=False, sort=False).ngroup() if by else None,
        small_cell=small_cell,
    )
    masks = dict.fromkeys([n, *hide], hidden)
    if total is not None and totals is not None and total not in masks:
        masks[total] = small(totals, small_cell)
    return Published(emptied(frame, masks), int(hidden.sum()))


def emptied(frame: pd.DataFrame, masks: Mapping[str, NDArray[np.bool_]], /) -> pd.DataFrame:
    """Return a frame in which columns are missing where their masks say so."""
    changed = frame.copy()
    for name, mask in masks.items():
        if mask.any():
            changed[name] = _without(frame[name], mask)
    return changed


def rounded(n: ArrayLike, /, *, small_cell: int = 10) -> NDArray[np.int64]:
    """Round counts to multiples of `small_cell` where any of them is small; else return them.

    For counts that are parts of one another in several ways, such as who was followed, who left and
    who was left out: hiding one of them lets it be told from the others, while the differences of
    rounded counts tell nothing.

    Parameters
    ----------
    n : array of whole numbers, at least 0
    small_cell : int

    Returns
    -------
    array of int64, same shape
    """
    check_whole("small_cell", small_cell, least=1)
    counts = np.asarray(n, dtype=np.int64)
    if not ((counts > 0) & (counts < small_cell)).any():
        return counts
    return (counts + small_cell // 2) // small_cell * small_cell


def _floats(column: pd.Series) -> NDArray[np.float64]:
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))


def _without(column: pd.Series, mask: NDArray[np.bool_]) -> pd.Series:
    kind = column.dtype.kind
    if isinstance(column.dtype, np.dtype) and kind in _WITH_MISSING:
        column = column.astype(_WITH_MISSING[kind])
    return column.mask(mask)
