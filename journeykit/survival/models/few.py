"""Tables of coefficients: what is hidden because it is about few, and what is clearest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def of_few(
    columns: NDArray[np.float64],
    group: NDArray[np.int64],
    customer: NDArray[np.int64],
    small_cell: int,
    /,
) -> NDArray[np.bool_]:
    """Return which columns tell few customers from the others, shape (p,).

    A column of two values does where fewer than `small_cell` ever had one of them; a number never.

    Parameters
    ----------
    columns : array, shape (n_groups, p)
    group, customer : arrays of int64, shape (n_rows,)
    """
    few = np.zeros(columns.shape[1], dtype=bool)
    for place, column in enumerate(columns.T):
        upper = column == column.max()
        if not (upper | (column == column.min())).all():
            continue
        row = upper[group]
        sides = [len(np.unique(customer[side])) for side in (row, ~row)]
        few[place] = min(sides) < small_cell
    return few


def hidden(frame: pd.DataFrame, names: Sequence[str], few: NDArray[np.bool_], /) -> pd.DataFrame:
    """Empty the numbers of the terms that are about few."""
    mine = frame["term"].isin([name for name, hide in zip(names, few, strict=True) if hide])
    numbers = [name for name in frame.columns if name != "term"]
    return frame.assign(**{name: frame[name].mask(mine) for name in numbers})


def clearest_ratio(frame: pd.DataFrame, ratio: str, label: str, confidence: float, /) -> str:
    """Say which ratio is the most standard errors away from 1."""
    told = frame[frame[ratio].notna()]
    if told.empty:
        return "no coefficient is about enough customers to be shown"
    best = told.loc[(told["estimate"] / told["std_error"]).abs().idxmax()]
    return (
        f"clearest is {best['term']}, {label} {best[ratio]:.3g} ({confidence:.0%} "
        f"{best['ratio_low']:.3g} to {best['ratio_high']:.3g})"
    )
