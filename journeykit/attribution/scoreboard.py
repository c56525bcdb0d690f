"""How far models are from the truth in simulated worlds: a table that ships with the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

SCOREBOARD = Path(__file__).with_name("scoreboard.csv")


def scoreboard_of(models: Sequence[str]) -> pd.DataFrame:
    """Return the rows of these models, in their order within a law and size of the worlds."""
    import pandas as pd

    board = pd.read_csv(SCOREBOARD)
    rank = {model: at for at, model in enumerate(models)}
    board = board[board["model"].isin(rank)]
    # Laws and sizes keep the order of the file.
    group = board.groupby(["law", "customers"], sort=False).ngroup().to_numpy()
    order = np.lexsort((board["model"].map(rank).to_numpy(), group))
    return board.iloc[order].reset_index(drop=True)


def nearest_size(board: pd.DataFrame, n_conversions: int) -> pd.DataFrame:
    """Return the rows of the worlds whose conversions are nearest in number, by their ratio."""
    if not len(board):
        return board
    mean = board.groupby("customers")["conversions"].mean()
    off = np.abs(np.log(mean) - np.log(max(n_conversions, 1)))
    return board[board["customers"] == off.idxmin()].reset_index(drop=True)
