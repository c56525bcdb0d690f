"""What part each channel plays in journeys that convert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from scipy import sparse

from journeykit.attribution.cells import converting, customers_of
from journeykit.attribution.resampling import check_bootstrap, percentile_interval, replicated
from journeykit.attribution.touch_paths import touch_paths
from journeykit.checks import check_whole
from journeykit.results import Provenance, Result
from journeykit.stats.disclosure import emptied, small, suppressed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.attribution.touch_paths import TouchPaths
    from journeykit.counts import PathCounts
    from journeykit.journeys import Journeys

ROLES = ("introducer", "assister", "closer")


class _Parts(NamedTuple):
    """What one journey adds: `table`, shape (n_rows, 3 m + 3), counts and then denominators."""

    table: sparse.csr_array
    m: int

    def shares(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Divide the counts by the conversions of their role; NaN where there is none."""
        counts = sums[:, :-3].reshape(len(sums), 3, self.m)
        total = sums[:, -3:, None]
        out = np.full(counts.shape, np.nan)
        np.divide(counts, total, out=out, where=total > 0)
        return out.reshape(len(sums), 3 * self.m)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Roles(Result):
    """Roles of channels: ``channel role n n_conversions share conf_low conf_high value ...``.

    `n` of `n_conversions` conversions met the channel in the role, worth `value`, which is
    `value_share`, the last column, of what the n_conversions are worth. Introducers sum to 1 and so
    do closers; assisters do not, since a journey has none or several. Hidden cells are missing.

    Attributes
    ----------
    n_hidden : int
        Rows hidden because few customers are in them, or could be told from others.
    """

    n_hidden: int
    rows: ClassVar[str] = "roles"

    def summary(self) -> str:
        """Name the channel most often in each role."""
        known = self.frame[self.frame["share"].notna()]
        best = [
            f"{role} {part.loc[part['share'].idxmax(), 'channel']} ({part['share'].max():.1%})"
            for role, part in known.groupby("role", sort=False)
        ]
        hidden = f" {self.n_hidden:,} small cells are hidden." if self.n_hidden else ""
        return f"Most often: {', '.join(best) or 'not to be told'}.{hidden}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shares as a table of channels by role."""
        from journeykit.draw import heat_map

        table = self.frame.pivot(index="channel", columns="role", values="share")
        table = table[list(ROLES)].sort_values("closer", ascending=False, kind="stable")
        return heat_map(table.to_numpy(), rows=table.index.tolist(), columns=ROLES, ax=ax)


def roles(
    data: Journeys | PathCounts,
    /,
    *,
    small_cell: int = 10,
    replicates: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> Roles:
    """Say how often each channel introduces, assists and closes a conversion.

    Among conversions with a touch: ``introducer``, the first touch is the channel; ``closer``, the
    last is; ``assister``, some touch in between is, counted once a journey. A single touch both
    introduces and closes. Journeys that may have begun before the window (`edge`) count for
    closers alone: their first touch was not seen. Roles describe paths, not what a channel causes.

    Parameters
    ----------
    data : Journeys or PathCounts
        As in `rules`. With path counts every journey is taken as a customer.
    small_cell : int
        Cells of fewer customers are hidden, and others as far as sums would tell them; see
        `journeykit.stats.disclosure.suppressed`. With 1 nothing is hidden.
    replicates : int
        Bootstrap samples, at least 2.
    seed : int
    confidence : float in (0, 1)

    Returns
    -------
    Roles
        One row a role and channel; percentile intervals of `share` over samples of customers, each
        weighing Poisson(1).

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
    >>> table = pd.DataFrame({"path": ["web > mail", "web"], "buys": [2, 1]})
    >>> result = roles(path_counts_from_frame(table, conversions="buys"), small_cell=1)
    >>> result.frame[["channel", "role", "n", "n_conversions"]].tail(2)
      channel    role  n  n_conversions
    4    mail  closer  2              3
    5     web  closer  1              3
    """
    import pandas as pd

    check_whole("small_cell", small_cell, least=1)
    check_bootstrap(replicates=replicates, seed=seed, confidence=confidence)
    paths = converting(touch_paths(data))
    parts = _parts(paths)
    role = np.repeat(ROLES, parts.m)
    sums, value = paths.n @ parts.table, paths.value @ parts.table
    draws = replicated(paths, parts.table, parts.shares, replicates=replicates, seed=seed)
    low, high = percentile_interval(draws, confidence=confidence)
    frame = pd.DataFrame(
        {
            "channel": list(paths.channels) * 3,
            "role": role,
            "n": sums[:-3].astype(np.int64),
            "n_conversions": np.repeat(sums[-3:].astype(np.int64), parts.m),
            "share": parts.shares(sums[None])[0],
            "conf_low": low,
            "conf_high": high,
            "value": value[:-3],
            "value_share": parts.shares(value[None])[0],
        }
    )
    people = customers_of(paths, parts.table)
    of = np.repeat(people[-3:], parts.m)
    hidden = suppressed(people[:-3], total=of, group=role, small_cell=small_cell)
    shown = ["n", "share", "conf_low", "conf_high", "value", "value_share"]
    masks = {**dict.fromkeys(shown, hidden), "n_conversions": small(of, small_cell)}
    return Roles(
        frame=emptied(frame, masks),
        provenance=Provenance(
            fingerprint=f"{paths.fingerprint:032x}",
            parameters={
                "small_cell": small_cell,
                "replicates": replicates,
                "confidence": confidence,
            },
            seed=seed,
        ),
        n_hidden=int(hidden.sum()),
    )


def _parts(paths: TouchPaths) -> _Parts:
    """Write down the roles in one journey of each row."""
    m, rows = len(paths.channels), np.arange(len(paths.n))
    closes = paths.converted & (paths.length > 0)
    begins = closes & ~paths.edge
    row = np.repeat(rows, paths.length)
    at = np.arange(len(row))
    first, last = at == paths.start[row], at == paths.start[row + 1] - 1
    cells = [
        (row[keep], kind * m + paths.touch[keep])
        for kind, keep in enumerate(
            (first & begins[row], ~first & ~last & begins[row], last & closes[row])
        )
    ]
    cells += [(rows[had], np.full(had.sum(), 3 * m + k)) for k, had in enumerate((begins,) * 2)]
    cells.append((rows[closes], np.full(closes.sum(), 3 * m + 2)))
    row, cell = (np.concatenate(part) for part in zip(*cells, strict=True))
    shape = (len(rows), 3 * m + 3)
    table = sparse.csr_array((np.ones(len(row)), (row, cell)), shape=shape)
    table.sum_duplicates()
    table.data[:] = 1
    return _Parts(table, m)
