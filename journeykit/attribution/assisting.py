"""Which channel comes before which in journeys that convert: assists and hand-offs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, TypeVar

import numpy as np
from scipy import sparse

from journeykit.attribution.cells import converting, customers_of
from journeykit.attribution.credit import CHANNELS_DRAWN
from journeykit.attribution.resampling import check_bootstrap, percentile_interval, replicated
from journeykit.attribution.touch_paths import touch_paths
from journeykit.checks import check_choice, check_whole
from journeykit.results import Provenance, Result
from journeykit.stats.disclosure import emptied, small, suppressed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.attribution.touch_paths import TouchPaths
    from journeykit.counts import PathCounts
    from journeykit.journeys import Journeys

_Number = TypeVar("_Number", np.int64, np.float64)
KINDS = ("assist", "hand_off")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Assists(Result):
    """Assists and hand-offs: ``channel other kind n n_conversions share conf_low conf_high value``.

    One row a kind and ordered pair that occurs: in `n` of the `n_conversions` conversions that met
    `other`, `channel` came before it, at any distance (``assist``) or directly (``hand_off``);
    those n are worth `value`. Hidden cells are missing.

    Attributes
    ----------
    n_conversions : int
        Conversions with a touch whose first touch was seen.
    n_unseen : int
        Conversions left out since their first touch was not seen.
    n_hidden : int
        Rows hidden because few customers are in them, or all but few.
    """

    n_conversions: int
    n_unseen: int
    n_hidden: int
    rows: ClassVar[str] = "cells"

    def summary(self) -> str:
        """Name the most frequent assist and hand-off between two channels."""
        apart = self.frame[self.frame["channel"] != self.frame["other"]]
        told = []
        for kind, text in zip(KINDS, ("most often before another", "most handed on"), strict=True):
            part = apart[(apart["kind"] == kind) & apart["n"].notna()]
            if len(part):
                row = part.loc[part["n"].astype(float).idxmax()]
                told.append(
                    f"{text}: {row['channel']} before {row['other']} ({row['n']:,}, "
                    f"{row['share']:.1%} of conversions with {row['other']})"
                )
        left = f" {self.n_unseen:,} with an unseen first touch left out." if self.n_unseen else ""
        hidden = f" {self.n_hidden:,} small cells are hidden." if self.n_hidden else ""
        most = "; ".join(told) or "no channel that may be shown comes before another"
        return f"Of {self.n_conversions:,} conversions, {most}.{left}{hidden}"

    def plot(
        self, ax: Axes | None = None, *, kind: Literal["assist", "hand_off"] = "assist"
    ) -> Axes:
        """Draw the shares as a table, row before column; beyond 20 channels the most frequent."""
        from journeykit.draw import axes, heat_map

        check_choice("kind", kind, KINDS)
        part = self.frame[self.frame["kind"] == kind]
        if part.empty:
            ax = axes(ax)
            ax.text(0.5, 0.5, "no channel comes before another", ha="center", va="center")
            ax.set_axis_off()
            return ax
        count = part["n"].fillna(0).astype(float)
        often = (
            count.groupby(part["channel"])
            .sum()
            .add(count.groupby(part["other"]).sum(), fill_value=0)
        )
        order = often.sort_values(ascending=False, kind="stable").index[:CHANNELS_DRAWN].tolist()
        table = part.pivot_table(index="channel", columns="other", values="share", dropna=False)
        table = table.reindex(index=order, columns=order)
        ax = heat_map(table.to_numpy(dtype=float), rows=order, columns=order, ax=ax)
        ax.set_ylabel("channel that comes before")
        ax.set_xlabel("channel met after it")
        return ax


class _Cells(NamedTuple):
    """Ordered pairs that occur, and what one journey of each row adds to their cells.

    `before` and `after`, shape (p,), are channels. `table` has shape (n_rows, 2 p + m + 1):
    assists, hand-offs, conversions that met each channel, and all.
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    table: sparse.csr_array
    m: int

    def split(self, sums: NDArray[_Number]) -> tuple[NDArray[_Number], NDArray[_Number]]:
        """Return counts of both kinds and what they are of, each of shape (b, 2 p)."""
        p = len(self.before)
        return sums[:, : 2 * p], np.tile(sums[:, 2 * p : -1][:, self.after], 2)

    def shares(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Divide counts by the conversions that met the later channel, shape (b, 2 p)."""
        count, total = self.split(sums)
        part: NDArray[np.float64] = np.full(count.shape, np.nan)
        np.divide(count, total, out=part, where=total > 0)
        return part


def assists(
    data: Journeys | PathCounts,
    /,
    *,
    small_cell: int = 10,
    replicates: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> Assists:
    """Count in how many conversions one channel came before another.

    Of conversions with a touch, once each: channel a *assists* b where some touch at a comes
    before some touch at b, at any distance; it *hands on* to b where one comes directly before
    one. A channel that is met twice assists itself. The share is of the conversions that met b.
    Journeys that may have begun before the window (`edge`) are left out: what came before was not
    seen. What often comes before need not help: compare what is often met at all.

    Parameters
    ----------
    data : Journeys or PathCounts
        As in `rules`. With path counts every journey is taken as a customer.
    small_cell : int
        Cells of fewer customers are hidden, and those that all but so few are in: of the
        conversions that met b, or, for hand-offs, of the assists. With 1 nothing is hidden.
    replicates : int
        Bootstrap samples, at least 2.
    seed : int
    confidence : float in (0, 1)

    Returns
    -------
    Assists
        One row a kind and ordered pair that occurs; percentile intervals of `share` over samples
        of customers, each weighing Poisson(1).

    Raises
    ------
    ArgumentError
        When `data` is not made of outcomes.
    DataError
        When no finished journey converts.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.counts import path_counts_from_frame
    >>> table = pd.DataFrame({"path": ["web > app > mail", "web > mail"], "buys": [20, 30]})
    >>> result = assists(path_counts_from_frame(table, conversions="buys"))
    >>> result.frame[["channel", "other", "kind", "n", "n_conversions"]]
      channel other      kind   n  n_conversions
    0     app  mail    assist  20             50
    1     web   app    assist  20             20
    2     web  mail    assist  50             50
    3     app  mail  hand_off  20             50
    4     web   app  hand_off  20             20
    5     web  mail  hand_off  30             50
    """
    check_whole("small_cell", small_cell, least=1)
    check_bootstrap(replicates=replicates, seed=seed, confidence=confidence)
    paths = converting(touch_paths(data))
    cells = _cells(paths)
    draws = replicated(paths, cells.table, cells.shares, replicates=replicates, seed=seed)
    frame = _frame(paths, cells, draws, confidence)
    hidden, few_met = _hidden(paths, cells, small_cell)
    shown = dict.fromkeys(["n", "share", "conf_low", "conf_high", "value"], hidden)
    touched = paths.converted & (paths.length > 0)
    return Assists(
        frame=emptied(frame, {**shown, "n_conversions": few_met}),
        provenance=Provenance(
            fingerprint=f"{paths.fingerprint:032x}",
            parameters={
                "small_cell": small_cell,
                "replicates": replicates,
                "confidence": confidence,
            },
            seed=seed,
        ),
        n_conversions=int(paths.n[touched & ~paths.edge].sum()),
        n_unseen=int(paths.n[touched & paths.edge].sum()),
        n_hidden=int(hidden.sum()),
    )


def _hidden(
    paths: TouchPaths, cells: _Cells, small_cell: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which cells are hidden, and which of the conversions they are parts of."""
    count, total = cells.split(customers_of(paths, cells.table)[None])
    alone, p = np.arange(count.size), len(cells.before)
    # Conversions overlap, so cells do not add up to a sum that is known. But a hand-off is an
    # assist: the few assists that are none would be told as well.
    assist = np.tile(count[0, :p], 2)
    hidden = suppressed(count[0], total=total[0], group=alone, small_cell=small_cell)
    hidden |= suppressed(count[0], total=assist, group=alone, small_cell=small_cell)
    return hidden, small(total[0], small_cell)


def _frame(
    paths: TouchPaths, cells: _Cells, draws: NDArray[np.float64], confidence: float
) -> pd.DataFrame:
    import pandas as pd

    sums = (paths.n @ cells.table)[None]
    count, total = cells.split(sums)
    low, high = percentile_interval(draws, confidence=confidence)
    names = np.array(paths.channels, dtype=object)
    return pd.DataFrame(
        {
            "channel": np.tile(names[cells.before], 2),
            "other": np.tile(names[cells.after], 2),
            "kind": np.repeat(np.array(KINDS, dtype=object), len(cells.before)),
            "n": count[0].astype(np.int64),
            "n_conversions": total[0].astype(np.int64),
            "share": cells.shares(sums)[0],
            "conf_low": low,
            "conf_high": high,
            "value": (paths.value @ cells.table)[: count.shape[1]],
        }
    )


def _cells(paths: TouchPaths) -> _Cells:
    """Find the ordered pairs of every path that counts."""
    m, rows = len(paths.channels), np.arange(len(paths.n))
    counts = paths.converted & ~paths.edge & (paths.length > 0)
    row = np.repeat(rows, paths.length)
    kept = counts[row]
    row, touch, at = row[kept], paths.touch[kept], np.flatnonzero(kept)
    key = row * m + touch
    met, first = np.unique(key, return_index=True)
    last = len(key) - 1 - np.unique(key[::-1], return_index=True)[1]
    # Any distance: the first touch at a is before the last touch at b.
    owner = met // m
    size = np.bincount(owner, minlength=len(rows))
    begin = np.cumsum(size) - size
    left = np.repeat(np.arange(len(met)), size[owner])
    step = np.arange(len(left)) - np.repeat(np.cumsum(size[owner]) - size[owner], size[owner])
    right = begin[owner[left]] + step
    some = first[left] < last[right]
    left, right = left[some], right[some]
    assist = (owner[left], met[left] % m * m + met[right] % m)
    direct = (row[1:] == row[:-1]) & (np.diff(at) == 1)
    hand_off = np.unique(np.stack([row[1:], touch[:-1] * m + touch[1:]])[:, direct], axis=1)
    pair = np.unique(assist[1])
    p = len(pair)
    row = np.concatenate([assist[0], hand_off[0], owner, rows[counts]])
    cell = np.concatenate(
        [
            np.searchsorted(pair, assist[1]),
            p + np.searchsorted(pair, hand_off[1]),
            2 * p + met % m,
            np.full(counts.sum(), 2 * p + m),
        ]
    )
    shape = (len(rows), 2 * p + m + 1)
    table = sparse.csr_array((np.ones(len(row)), (row, cell)), shape=shape)
    return _Cells(pair // m, pair % m, table, m)
