"""Shapley values by the place of the touch: at which stage of the journey a channel earns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy import sparse

from journeykit.attribution.cells import converting
from journeykit.attribution.credit import (
    CHANNELS_DRAWN,
    NO_TOUCH,
    SHARE_WARNING,
    Population,
    population,
    share,
)
from journeykit.attribution.resampling import check_bootstrap, percentile_interval, replicated
from journeykit.attribution.touch_paths import touch_paths
from journeykit.checks import check_whole
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.attribution.touch_paths import TouchPaths
    from journeykit.counts import PathCounts
    from journeykit.journeys import Journeys


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class OrderedCredits(Result):
    """Credits by place: ``model channel position n_journeys conversions value share conf_low ...``.

    One row a channel and place, `position` 1 the first touch and `last_position` that touch and
    all later ones; ``(no touch)`` at position 0, where there is such a conversion. Rows sum to the
    conversions whose first touch was seen. `n_journeys` finished journeys, converting or not, met
    the channel in the place; `conf_low` and `conf_high` bound `share`.

    Attributes
    ----------
    last_position : int
    population : Population
    """

    last_position: int
    population: Population
    rows: ClassVar[str] = "credits"

    def summary(self) -> str:
        """Name the channel that earns most in each place, and what shares are not."""
        touched = self.frame[self.frame["position"] > 0]
        best = touched.loc[touched.groupby("position")["conversions"].idxmax()]
        shown = [
            f"{self._place(row.position)} {row.channel} ({row.conversions:,.1f})"
            for row in best.itertuples()
            if row.conversions > 0
        ]
        most = ", ".join(shown) or "none (all first touches are unseen)"
        left = self.population.n_edge_conversions
        unseen = f"; left out with an unseen first touch: {left:,}" if left else ""
        return f"Conversions by place, most to: {most}{unseen}. {SHARE_WARNING}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shares as a table of channels by place; beyond 20 channels the largest."""
        from journeykit.draw import heat_map

        touched = self.frame[self.frame["position"] > 0]
        table = touched.pivot_table(index="channel", columns="position", values="share")
        order = table.sum(axis=1).sort_values(ascending=False, kind="stable").index
        table = table.loc[order[:CHANNELS_DRAWN]]
        columns = [self._place(place) for place in table.columns]
        ax = heat_map(table.to_numpy(), rows=table.index.tolist(), columns=columns, ax=ax)
        ax.set_xlabel("touch")
        return ax

    def _place(self, position: int) -> str:
        return f"{position}{'+' if position == self.last_position else ''}"


def ordered_shapley(
    data: Journeys | PathCounts,
    /,
    *,
    last_position: int = 10,
    replicates: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> OrderedCredits:
    """Credit conversions by the Shapley value of the volume game, split by place in the path.

    In the volume game a converting journey with d distinct channels gives each 1/d. The ordered
    value of channel c in place i adds this up over the journeys whose touch number i is c; where a
    journey meets c several times, its 1/d is divided equally among these touches. So the places
    of a channel sum to its Shapley value, over journeys whose first touch was seen: those that may
    have begun before the window (`edge`) are left out, since their places are not known.

    Places describe paths: an early touch is not thereby the cause of the later ones.

    Parameters
    ----------
    data : Journeys or PathCounts
        As in `rules`. With path counts every journey is taken as a customer.
    last_position : int
        Touches from this one on, at least 1, are taken together.
    replicates : int
        Bootstrap samples, at least 2.
    seed : int
    confidence : float in (0, 1)

    Returns
    -------
    OrderedCredits
        One row a channel and place, up to the longest path; percentile intervals over samples of
        customers, each weighing Poisson(1).

    Raises
    ------
    ArgumentError
        When `data` is not made of outcomes.
    DataError
        When no finished journey converts.

    References
    ----------
    Zhao, Mahboobi, Bagheri (2018), Shapley value methods for attribution modeling in online
    advertising: the ordered Shapley value. There a channel stands once in a path; dividing its
    part among several touches keeps the sum.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.counts import path_counts_from_frame
    >>> table = pd.DataFrame({"path": ["web > mail > web", "web"], "buys": [2, 1]})
    >>> result = ordered_shapley(path_counts_from_frame(table, conversions="buys"))
    >>> rows = result.frame[["channel", "position", "conversions"]]
    >>> rows[rows["conversions"] > 0]
      channel  position  conversions
    1    mail         2          1.0
    3     web         1          1.5
    5     web         3          0.5
    """
    import pandas as pd

    check_whole("last_position", last_position, least=1)
    check_bootstrap(replicates=replicates, seed=seed, confidence=confidence)
    paths = touch_paths(data)
    places = max(1, min(last_position, int(paths.length.max())))
    won = converting(paths)
    table, met = _credit_table(won, places), _met_table(paths, places)
    draws = replicated(won, table, share, replicates=replicates, seed=seed)
    low, high = percentile_interval(draws, confidence=confidence)
    conversions = won.n @ table
    frame = pd.DataFrame(
        {
            "model": "shapley ordered",
            "channel": [*np.repeat(np.array(paths.channels, dtype=object), places), NO_TOUCH],
            "position": [*list(range(1, places + 1)) * len(paths.channels), 0],
            "n_journeys": (paths.n @ met).astype(np.int64),
            "conversions": conversions,
            "value": won.value @ table,
            "share": share(conversions),
            "conf_low": low,
            "conf_high": high,
        }
    )
    return OrderedCredits(
        frame=frame if conversions[-1] else frame.iloc[:-1].copy(),
        provenance=Provenance(
            fingerprint=f"{paths.fingerprint:032x}",
            parameters={
                "last_position": last_position,
                "replicates": replicates,
                "confidence": confidence,
            },
            seed=seed,
        ),
        last_position=last_position,
        population=population(paths),
    )


def _credit_table(paths: TouchPaths, places: int) -> sparse.csr_array:
    """Write what one journey of each row credits, shape (n_rows, m places + 1)."""
    m = len(paths.channels)
    row = np.repeat(np.arange(len(paths.n)), paths.length)
    _, group, times = np.unique(row * m + paths.touch, return_inverse=True, return_counts=True)
    first = np.unique(group, return_index=True)[1]
    distinct = np.bincount(row[first], minlength=len(paths.n))
    part = 1.0 / (distinct[row] * times[group])
    untouched = np.ones((paths.length == 0).sum())
    return _by_place(paths, places, np.append(part, untouched))


def _met_table(paths: TouchPaths, places: int) -> sparse.csr_array:
    """Mark the channels and places that each row meets, shape (n_rows, m places + 1)."""
    n_cells = len(paths.touch) + (paths.length == 0).sum()
    table = _by_place(paths, places, np.ones(n_cells))
    table.data[:] = 1
    return table


def _by_place(paths: TouchPaths, places: int, part: NDArray[np.float64]) -> sparse.csr_array:
    """Sum the parts of touches, and of rows without one, by row, channel and place.

    Without a touch is the last column; rows whose first touch was not seen have nothing.
    """
    m, rows = len(paths.channels), np.arange(len(paths.n))
    row = np.repeat(rows, paths.length)
    place = np.minimum(np.arange(len(row)) - paths.start[row], places - 1)
    none = rows[paths.length == 0]
    at = np.append(row, none)
    cell = np.append(paths.touch * places + place, np.full(len(none), m * places))
    seen = ~paths.edge[at]
    cells = (part[seen], (at[seen], cell[seen]))
    table = sparse.csr_array(cells, shape=(len(rows), m * places + 1))
    table.sum_duplicates()
    return table
