"""Attribution by coalition: Shapley values of a declared game on sets of channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import sparse

from journeykit.attribution.credit import Credits, frame_of, population, share
from journeykit.attribution.resampling import check_bootstrap, percentile_interval, replicated
from journeykit.attribution.touch_paths import touch_paths
from journeykit.checks import check_choice
from journeykit.errors import ArgumentError
from journeykit.results import Provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.attribution.touch_paths import TouchPaths
    from journeykit.counts import PathCounts
    from journeykit.journeys import Journeys

Game = Literal["volume", "rate"]
GAMES: tuple[Game, ...] = ("volume", "rate")
#: Channels up to which all 2^m sets are listed.
MOST_CHANNELS = 20
RATE_WARNING = (
    "The path of a converting journey stops at its conversion, so channels met late or often look "
    "worse than they are: rate credits can turn signs round."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ShapleyCredits(Credits):
    """Credits by Shapley value; negative credits are kept.

    Attributes
    ----------
    warning : str
        What may mislead in the declared game; empty where nothing is known to.
    """

    warning: str

    def summary(self) -> str:
        """Say what other credits say, and what may mislead in the game."""
        return f"{Credits.summary(self)} {self.warning}".rstrip()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the shares with their intervals, negative ones as well."""
        ax = Credits.plot(self, ax)
        least = float(np.nanmin(self.frame[["share", "conf_low"]].to_numpy(dtype=float)))
        if least < 0:
            ax.set_xlim(left=1.05 * least)
        return ax


def shapley(
    data: Journeys | PathCounts,
    /,
    *,
    game: Game = "volume",
    replicates: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> ShapleyCredits:
    """Credit conversions by the Shapley value of a game on sets of channels.

    With T(j) the set of channels of finished journey j, at least one, the worth of a set S is

    - ``volume``: the conversions of journeys with T(j) within S. Its Shapley value is exactly the
      linear rule over unique channels, whatever the number of channels.
    - ``rate``: those conversions divided by the journeys, converting or not, with T(j) within S;
      0 where there is none. The Shapley value, multiplied by all journeys with a touch, is in
      conversions and sums to those with a touch.

    The path of a converting journey stops at its conversion while others go on, so the more a
    journey touches, the less it seems to convert: ``rate`` can turn signs round, and the result
    says so in `warning`. Negative credits are shown, never cut.

    Exact by Moebius transform, O(m 2^m) time and memory a replicate for ``rate``.

    Parameters
    ----------
    data : Journeys or PathCounts
        As in `rules`. With path counts every journey is taken as a customer.
    game : {'volume', 'rate'}
    replicates : int
        Bootstrap samples, at least 2.
    seed : int
    confidence : float in (0, 1)

    Returns
    -------
    ShapleyCredits
        One row a channel; intervals are percentiles over samples of customers, each weighing
        Poisson(1). An interval on a share is not an interval on an effect.

    Raises
    ------
    ArgumentError
        When `game` is unknown, `data` is not made of outcomes, or ``rate`` has over 20 channels.
    DataError
        When no finished journey converts.

    References
    ----------
    Shapley (1953), A value for n-person games. Harsanyi (1963), A simplified bargaining model.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.counts import path_counts_from_frame
    >>> table = pd.DataFrame({"path": ["web > mail", "web"], "buys": [2, 1], "none": [3, 9]})
    >>> credits = shapley(path_counts_from_frame(table, conversions="buys", nulls="none"))
    >>> credits.frame[["channel", "conversions"]]
      channel  conversions
    0    mail          1.0
    1     web          2.0
    """
    check_choice("game", game, GAMES)
    check_bootstrap(replicates=replicates, seed=seed, confidence=confidence)
    paths = touch_paths(data)
    sums, credited = _volume(paths) if game == "volume" else _rate(paths)
    worth = np.divide(paths.value, paths.n, out=np.zeros(len(paths.n)), where=paths.n > 0)
    draws = replicated(
        paths,
        sums(np.ones(len(worth))),
        lambda s: share(credited(s)),
        replicates=replicates,
        seed=seed,
    )
    frame = frame_of(
        paths,
        f"shapley {game}",
        conversions=credited((paths.n @ sums(np.ones(len(worth))))[None])[0],
        value=credited((paths.n @ sums(worth))[None])[0],
        interval=percentile_interval(draws, confidence=confidence),
    )
    return ShapleyCredits(
        frame=frame,
        provenance=Provenance(
            fingerprint=f"{paths.fingerprint:032x}",
            parameters={"game": game, "replicates": replicates, "confidence": confidence},
            seed=seed,
        ),
        population=population(paths),
        warning=RATE_WARNING if game == "rate" else "",
    )


Sums = Callable[["NDArray[np.float64]"], sparse.csr_array]
Credited = Callable[["NDArray[np.float64]"], "NDArray[np.float64]"]


def shapley_values(worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Shapley values of games given by the worth of every set.

    Parameters
    ----------
    worth : array, shape (b, 2^m)
        Bit i of the column number says whether player i is in the set.

    Returns
    -------
    array of float64, shape (b, m)
        Sum over sets S with i of dividend(S) / |S|; rows sum to v(all) - v(none).
    """
    m = worth.shape[1].bit_length() - 1
    part = _over_subsets(worth, sign=-1)
    sets = np.arange(1 << m)
    part[:, 1:] /= np.bitwise_count(sets[1:])
    return np.stack([part[:, sets >> i & 1 == 1].sum(axis=1) for i in range(m)], axis=1)


def _over_subsets(table: NDArray[np.float64], *, sign: int) -> NDArray[np.float64]:
    """Sum each row over the subsets of every set (zeta, 1), or undo it (Moebius, -1)."""
    out = table.astype(np.float64)
    for i in range(table.shape[1].bit_length() - 1):
        halves = out.reshape(len(out), -1, 2, 1 << i)
        halves[:, :, 1] += sign * halves[:, :, 0]
    return out


def _presence(paths: TouchPaths) -> sparse.csr_array:
    """Mark the channels each row meets, shape (n_rows, m), ones."""
    row = np.repeat(np.arange(len(paths.n)), paths.length)
    shape = (len(paths.n), len(paths.channels))
    met = sparse.csr_array((np.ones(len(row)), (row, paths.touch)), shape=shape)
    met.sum_duplicates()
    met.data[:] = 1
    return met


def _volume(paths: TouchPaths) -> tuple[Sums, Credited]:
    """Write the volume game's values as sums over rows: equal parts to unique channels."""
    met = _presence(paths)
    size = met.sum(axis=1)
    part = paths.converted / np.maximum(size, 1)
    untouched = sparse.csr_array((paths.converted & (size == 0)).astype(float)[:, None])
    table = sparse.hstack([sparse.diags_array(part) @ met, untouched], format="csr")
    return lambda weight: (sparse.diags_array(weight) @ table).tocsr(), lambda sums: sums


def _rate(paths: TouchPaths) -> tuple[Sums, Credited]:
    """Sum conversions and journeys by exact set; their rates are formed within each sample."""
    m = len(paths.channels)
    if m > MOST_CHANNELS:
        raise ArgumentError(
            f"`game='rate'` must have at most {MOST_CHANNELS} channels; got {m}. "
            "Group channels with `relabel`, or take `game='volume'`, exact for any number."
        )
    n_sets, rows = 1 << m, np.arange(len(paths.n))
    mask = (_presence(paths) @ (1 << np.arange(m))).astype(np.int64)
    shape = (len(rows), n_sets)
    journeys = sparse.csr_array((np.ones(len(rows)), (rows, mask)), shape=shape)
    converted = sparse.csr_array((paths.converted.astype(float), (rows, mask)), shape=shape)

    def sums(weight: NDArray[np.float64]) -> sparse.csr_array:
        return sparse.hstack([sparse.diags_array(weight) @ converted, journeys], format="csr")

    def credited(table: NDArray[np.float64]) -> NDArray[np.float64]:
        won, n = table[:, :n_sets].copy(), table[:, n_sets:].copy()
        untouched = won[:, :1].copy()
        won[:, 0] = n[:, 0] = 0
        won, n = _over_subsets(won, sign=1), _over_subsets(n, sign=1)
        rate = np.divide(won, n, out=np.zeros(won.shape), where=n > 0)
        return np.concatenate([shapley_values(rate) * n[:, -1:], untouched], axis=1)

    return sums, credited
