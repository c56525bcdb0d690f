"""Which channels do more together than apart, in a declared game on sets of channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from scipy import sparse

from journeykit.attribution.credit import Population, population
from journeykit.attribution.dividends import pair_interactions
from journeykit.attribution.games import (
    GIVEN_WARNING,
    MOST_CHANNELS,
    RATE_WARNING,
    Game,
    asked,
    by_set,
    check_game,
    every_set,
    name_of,
    presence,
    rates,
)
from journeykit.attribution.resampling import check_bootstrap, percentile_interval, replicated
from journeykit.attribution.touch_paths import touch_paths
from journeykit.errors import ArgumentError, DataError
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.attribution.touch_paths import TouchPaths
    from journeykit.counts import PathCounts
    from journeykit.journeys import Journeys

VOLUME_WARNING = (
    "In the volume game no interaction is below 0: every conversion that met both channels adds to "
    "it, so it says how often they are met together, not that one helps the other."
)


WARNINGS = {"volume": VOLUME_WARNING, "rate": RATE_WARNING}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Interactions(Result):
    """Interactions: ``channel other interaction conf_low conf_high n_journeys value``.

    One row a pair of channels, by name. `interaction` is in conversions, `value` in the unit of the
    data; `n_journeys` finished journeys, converting or not, met both.

    Attributes
    ----------
    population : Population
    warnings : tuple of str
        What may mislead in the declared game.
    """

    population: Population
    warnings: tuple[str, ...]
    rows: ClassVar[str] = "pairs"

    def summary(self) -> str:
        """Name the strongest pairs of either sign, how many there are, and what may mislead."""
        rows = self.frame.sort_values("interaction", kind="stable")
        least, most = rows.iloc[0], rows.iloc[-1]
        shown = []
        if most["interaction"] > 0:
            shown.append(f"the most is added together by {_pair(most)}")
        if least["interaction"] < 0:
            shown.append(f"the most is lost between {_pair(least)}")
        told = "; ".join(shown) or "none adds more or less together than apart"
        many = (
            f" Each interval is for its pair alone; of {len(rows):,} some miss by chance."
            if rows["conf_low"].notna().any() and len(rows) > 1
            else ""
        )
        return f"Of {len(rows):,} pairs of channels, {told}.{many} {' '.join(self.warnings)}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the interactions as a table of channels by channels, one colour a sign."""
        from journeykit.draw import signed_map

        channels = sorted({*self.frame["channel"], *self.frame["other"]})
        number = {name: at for at, name in enumerate(channels)}
        table = np.full((len(channels), len(channels)), np.nan)
        first, second = (self.frame[name].map(number) for name in ("channel", "other"))
        table[first, second] = table[second, first] = self.frame["interaction"]
        texts = {
            at: f"{value:+.3g}" if abs(value) < 1_000 else f"{value:+,.0f}"
            for at, value in np.ndenumerate(table)
            if np.isfinite(value)
        }
        ax = signed_map(table, texts=texts, rows=channels, columns=channels, ax=ax)
        ax.set_title("conversions that two channels add together beyond apart")
        return ax


class _Found(NamedTuple):
    """Interactions of all pairs, (1 or 2, m (m - 1) / 2), and their draws, where there are any."""

    pairs: NDArray[np.float64]
    draws: NDArray[np.float64] | None


def interactions(
    data: Journeys | PathCounts,
    /,
    *,
    game: Game,
    replicates: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interactions:
    """Say which pairs of channels add more, or less, together than apart in a declared game.

    The Shapley interaction index of channels i and j is the mean of

        v(S with i and j) - v(S with i) - v(S with j) + v(S)

    over the sets S of other channels, those of s weighing s! (m - s - 2)! / (m - 1)!, with v(S)
    the worth of a set as in `shapley`. Above 0 two channels add more together than apart, below 0
    they stand in for each other; where worths add up over channels it is 0.

    - ``volume``: conversions that met both, each divided by its distinct channels less 1. This is
      never below 0.
    - ``rate``: what the path stops at (see `shapley`) weighs on pairs as on channels, and the
      result says so.
    - a function, as in `shapley`.

    Parameters
    ----------
    data : Journeys or PathCounts
        As in `rules`. With path counts every journey is taken as a customer.
    game : {'volume', 'rate'} or callable
    replicates : int
        Bootstrap samples, at least 2.
    seed : int
    confidence : float in (0, 1)

    Returns
    -------
    Interactions
        One row a pair; percentile intervals of `interaction` over samples of customers, each
        weighing Poisson(1); missing for a game of one's own, which is taken as given. They are not
        corrected for the number of pairs. The index describes a game, not what channels cause.

    Raises
    ------
    ArgumentError
        When `game` is unknown or returns no worths, `data` is not made of outcomes, or there are
        over 20 channels in another game than ``volume``.
    DataError
        When no finished journey converts, or only one channel occurs.

    References
    ----------
    Grabisch, Roubens (1999), An axiomatic approach to the concept of interaction among players in
    cooperative games, International Journal of Game Theory 28.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.counts import path_counts_from_frame
    >>> table = pd.DataFrame(
    ...     {"path": ["web > mail", "web", "mail"], "buys": [5, 1, 1], "none": [5, 9, 9]}
    ... )
    >>> counts = path_counts_from_frame(table, conversions="buys", nulls="none")
    >>> interactions(counts, game="rate").frame[["channel", "other", "interaction"]].round(2)
      channel other  interaction
    0    mail   web          1.0

    v(both) - v(mail) - v(web) is 7/30 - 1/10 - 1/10 of 30 journeys.
    """
    check_game(game)
    check_bootstrap(replicates=replicates, seed=seed, confidence=confidence)
    paths = touch_paths(data)
    m = len(paths.channels)
    if m < 2:
        raise DataError(f"Interactions need at least 2 channels; there is {m} in the paths.")
    if game != "volume" and m > MOST_CHANNELS:
        raise ArgumentError(
            f"`game={name_of(game)!r}` must have at most {MOST_CHANNELS} channels; got {m}. "
            "Group channels with `relabel`, or take `game='volume'`, exact for any number."
        )
    found = _found(paths, game, replicates=replicates, seed=seed)
    return Interactions(
        frame=_frame(paths, found, confidence),
        provenance=Provenance(
            fingerprint=f"{paths.fingerprint:032x}",
            parameters={"game": name_of(game), "replicates": replicates, "confidence": confidence},
            seed=seed,
        ),
        population=population(paths),
        warnings=(WARNINGS[game] if isinstance(game, str) else GIVEN_WARNING,),
    )


def _frame(paths: TouchPaths, found: _Found, confidence: float) -> pd.DataFrame:
    import pandas as pd

    first, second = np.triu_indices(len(paths.channels), k=1)
    low = high = np.full(len(first), np.nan)
    if found.draws is not None:
        low, high = percentile_interval(found.draws, confidence=confidence)
    met = presence(paths)
    together = (met.T @ (sparse.diags_array(paths.n.astype(float)) @ met)).toarray()
    names = np.array(paths.channels, dtype=object)
    return pd.DataFrame(
        {
            "channel": names[first],
            "other": names[second],
            "interaction": found.pairs[0],
            "conf_low": low,
            "conf_high": high,
            "n_journeys": together[first, second].astype(np.int64),
            "value": found.pairs[1] if len(found.pairs) == 2 else np.nan,
        }
    )


def _found(paths: TouchPaths, game: Game, *, replicates: int, seed: int) -> _Found:
    """Take the index of a game on paths, and of its bootstrap samples."""
    merged = by_set(paths)
    if callable(game):
        worth = asked(game, every_set(len(paths.channels)), paths.channels)
        return _Found(_pairs(worth), None)
    if game == "volume":
        table = _pair_table(merged)
        won = np.stack([merged.n.astype(float), merged.value])
        draws = replicated(merged, table, lambda sums: sums, replicates=replicates, seed=seed)
        return _Found(won @ table, draws)
    form = rates(merged)
    won = np.stack([form.sums(merged.n, part) for part in (merged.n.astype(float), merged.value)])
    draws = replicated(
        merged,
        form.table,
        lambda sums: form.over_all_sets(sums, _pairs),
        replicates=replicates,
        seed=seed,
    )
    return _Found(form.over_all_sets(won, _pairs), draws)


def _pairs(worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the index of every pair, shape (b, m (m - 1) / 2)."""
    index = pair_interactions(worth)
    first, second = np.triu_indices(index.shape[1], k=1)
    pairs: NDArray[np.float64] = index[:, first, second]
    return pairs


def _pair_table(merged: TouchPaths) -> sparse.csr_array:
    """Write the volume game's index as sums over rows: 1 / (channels - 1) to each pair met."""
    m = len(merged.channels)
    size = merged.length
    row = np.repeat(np.arange(len(size)), size)
    # Every touch of a set is paired with those that follow it in the set.
    after = merged.start[row + 1] - np.arange(len(row)) - 1
    left = np.repeat(np.arange(len(row)), after)
    right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(after) - after, after)
    i, j = merged.touch[left], merged.touch[right]
    pair = i * (2 * m - i - 1) // 2 + j - i - 1
    part = merged.converted[row[left]] / (size[row[left]] - 1.0)
    shape = (len(size), m * (m - 1) // 2)
    return sparse.csr_array((part, (row[left], pair)), shape=shape)


def _pair(row: pd.Series) -> str:
    """Write a pair with its interval: ``mail and web (+12.3 conversions, +4.1 to +20.2)``."""
    text = f"{row['channel']} and {row['other']} ({row['interaction']:+,.1f} conversions"
    low, high = row["conf_low"], row["conf_high"]
    return f"{text}, {low:+,.1f} to {high:+,.1f})" if np.isfinite(low) else f"{text})"
