"""How many touches back a Markov chain should look: the order that foretells held-out journeys."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from journeykit.attribution.chain import Chain, chain_of, summed
from journeykit.attribution.touch_paths import touch_paths
from journeykit.checks import check_choice, check_fraction, check_whole
from journeykit.errors import DataError, JourneyKitWarning
from journeykit.results import Provenance, Result
from journeykit.stats import mix, salted, uniform

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.attribution.touch_paths import TouchPaths
    from journeykit.counts import PathCounts
    from journeykit.journeys import Journeys

Repeats = Literal["keep", "merge"]
REPEATS: tuple[Repeats, ...] = ("keep", "merge")
HELD_OUT = "held_out"
LARGEST = 6
SHARE = 0.3
#: Below, the touches seen say next to nothing about who converts.
LEAST_AUC = 0.52


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MarkovOrders(Result):
    """How well chains of each order foretell journeys they were not fitted on.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row an order:

        - `order`, and `n_states`, the histories that occur
        - `n_journeys`, `n_conversions`: held out
        - `log_likelihood`: of a held-out journey, in nats, on average
        - `std_error`: over customers, of how far `log_likelihood` is from that of the order chosen,
          the chains taken as fitted; 0 at the order chosen
        - `log_likelihood_fitted`: the same of the journeys fitted on; it always flatters long
          histories
        - `auc`: probability that a held-out conversion had the higher foretold chance to convert
          than a held-out journey without one, by its last `order` touches, ties counting half;
          missing where all or none convert
        - `is_chosen`: the highest `log_likelihood`, the lowest order on a tie
    """

    rows: ClassVar[str] = "orders"

    @property
    def order(self) -> int:
        """The order chosen."""
        return int(self.frame.loc[self.frame["is_chosen"], "order"].iloc[0])

    @property
    def close(self) -> list[int]:
        """The other orders whose held-out likelihood is within 2 standard errors of the best."""
        behind = self.frame["log_likelihood"].max() - self.frame["log_likelihood"]
        near = (behind <= 2 * self.frame["std_error"]) & ~self.frame["is_chosen"]
        return [int(order) for order in self.frame.loc[near, "order"]]

    def summary(self) -> str:
        """Name the order chosen, how well it tells conversions apart, and which are as good."""
        best = self.frame[self.frame["is_chosen"]].iloc[0]
        told = f"held-out AUC {best['auc']:.3f}"
        if np.isnan(best["auc"]):
            told = "held-out AUC not known, as all or none of them convert"
        close = ", ".join(str(order) for order in self.close)
        alike = f"; within 2 standard errors of it: {close}" if close else ""
        return (
            f"order {self.order} foretells {best['n_journeys']:,.0f} held-out journeys best, "
            f"of {len(self.frame)} orders; {told}{alike}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the log-likelihood of a journey by order, held out and fitted on."""
        from journeykit.draw import PALETTE, axes, tidy

        ax = axes(ax)
        frame = self.frame
        ax.plot(frame["order"], frame["log_likelihood"], "o-", color=PALETTE[0], label="held out")
        ax.plot(
            frame["order"],
            frame["log_likelihood_fitted"],
            "o--",
            color=PALETTE[1],
            label="fitted on",
        )
        ax.axvline(self.order, color=PALETTE[0], linewidth=0.8, alpha=0.5)
        ax.set_xticks(frame["order"])
        ax.set_xlabel("touches that the next one depends on")
        ax.set_ylabel("log-likelihood of a journey")
        ax.legend(frameon=False)
        return tidy(ax, grid="y")


def markov_orders(
    data: Journeys | PathCounts,
    /,
    *,
    largest: int = LARGEST,
    held_out: float = SHARE,
    repeats: Repeats = "keep",
    seed: int = 0,
) -> MarkovOrders:
    """Compare Markov chains of every order on customers they were not fitted on.

    Customers are split by a hash of their id. Chains of order 1 to `largest` are fitted on the
    others; those held out are scored by the mean log-likelihood of a journey with a touch, its
    entry and its end included. To say something of steps never seen, a history of n fitted steps
    has the step probability (n(step) + 1 / k) / (n + 1) with k the possible steps: all m channels
    and the two ends, or m at the entry. Journeys that may have begun before the window are not
    scored: what is their first step would depend on the order. Another `seed` holds out others: an
    order within 2 standard errors of the best may be the best for them.

    Parameters
    ----------
    data : Journeys or PathCounts
        As for `markov`; of path counts every journey is taken as a customer, and split at random.
    largest : int
        Largest order, at least 1.
    held_out : float in (0, 1)
        Share of customers held out.
    repeats : {"keep", "merge"}
        Whether a channel directly after itself is one more touch or the same.
    seed : int

    Returns
    -------
    MarkovOrders
        One row an order.

    Warns
    -----
    JourneyKitWarning
        When the chosen order's held-out `auc` is below .52.

    Raises
    ------
    DataError
        When no journey with a touch is held out, or none is left to fit on.

    References
    ----------
    Chierichetti, Kumar, Raghavan, Sarlos (2012), Are web users really Markovian?, WWW.
    Hanley, McNeil (1982), The meaning and use of the area under a ROC curve, Radiology 143.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.counts import path_counts_from_frame
    >>> table = pd.DataFrame({"path": ["a > c", "b > c"], "buys": [90, 10], "none": [10, 90]})
    >>> orders = markov_orders(
    ...     path_counts_from_frame(table, conversions="buys", nulls="none"), largest=3
    ... )
    >>> orders.frame[["order", "n_states", "auc", "is_chosen"]].round(2)
       order  n_states   auc  is_chosen
    0      1         3  0.50      False
    1      2         4  0.93       True
    2      3         4  0.93      False
    """
    check_whole("largest", largest, least=1)
    check_whole("seed", seed)
    check_fraction("held_out", held_out)
    check_choice("repeats", repeats, REPEATS)
    paths = touch_paths(data)
    if repeats == "merge":
        paths = without_repeats(paths)
    frame = _orders(paths, largest=largest, held_out=held_out, seed=seed)
    parameters = {"largest": largest, "held_out": held_out, "repeats": repeats}
    provenance = Provenance(f"{paths.fingerprint:032x}", parameters, seed)
    return MarkovOrders(frame=frame, provenance=provenance)


def chosen_order(paths: TouchPaths, *, seed: int) -> int:
    """Return the order that `markov_orders` chooses by default."""
    frame = _orders(paths, largest=LARGEST, held_out=SHARE, seed=seed)
    return int(frame.loc[frame["is_chosen"], "order"].iloc[0])


def without_repeats(paths: TouchPaths) -> TouchPaths:
    """Take a channel directly after itself as the same touch."""
    row = np.repeat(np.arange(len(paths.n)), paths.length)
    kept = np.ones(len(row), dtype=bool)
    kept[1:] = (paths.touch[1:] != paths.touch[:-1]) | (row[1:] != row[:-1])
    length = np.bincount(row[kept], minlength=len(paths.n))
    start = np.concatenate([[0], np.cumsum(length)])
    return replace(paths, touch=paths.touch[kept], start=start)


def _orders(paths: TouchPaths, *, largest: int, held_out: float, seed: int) -> pd.DataFrame:
    """Score every order and choose, with a warning where touches do not tell who converts."""
    import pandas as pd

    test = _held_out(paths, share=held_out, seed=seed)
    fitted = paths.n - test
    scored = (paths.length > 0) & ~paths.edge
    if not paths.n[scored].any():
        raise DataError(
            "There is no finished journey with a touch that began inside the window: orders cannot "
            "be compared."
        )
    if not test[scored].any() or not fitted[scored].any():
        raise DataError(
            "Some customers must be held out and some fitted on; of "
            f"{paths.n[scored].sum():,} journeys with a touch, {test[scored].sum():,.0f} are held "
            "out. Try another share `held_out`, or `seed`."
        )
    rows, scores = [], []
    for order in range(1, largest + 1):
        chain = chain_of(paths, order=order)
        step = _log_probability(chain, fitted, len(paths.channels))
        held, known = (np.where(scored, n, 0.0) for n in (test, fitted))
        scores.append(summed(chain.row, step[chain.cell], chain.n_rows))
        rows.append(
            {
                "order": order,
                "n_states": chain.n_states,
                "n_journeys": int(held.sum()),
                "n_conversions": int(held[paths.converted].sum()),
                "log_likelihood": chain.counts(held) @ step / held.sum(),
                "std_error": np.nan,
                "log_likelihood_fitted": chain.counts(known) @ step / known.sum(),
                "auc": _auc(chain, fitted, held, paths),
            }
        )
    frame = pd.DataFrame(rows)
    best = int(frame["log_likelihood"].to_numpy().argmax())
    frame["std_error"] = [
        _error(paths, held, score - scores[best], share=held_out, seed=seed) for score in scores
    ]
    frame["is_chosen"] = np.arange(len(frame)) == best
    if frame["auc"][best] < LEAST_AUC:
        warnings.warn(
            f"At order {best + 1} the last touches hardly tell who converts: held-out AUC "
            f"{frame['auc'][best]:.3f}, where .5 is a coin. Credits by a Markov chain then follow "
            "how often channels are met, not what they do.",
            JourneyKitWarning,
            stacklevel=3,
        )
    return frame


def _held_out(paths: TouchPaths, *, share: float, seed: int) -> NDArray[np.float64]:
    """Count the journeys of each row whose customers are held out, shape (n_rows,)."""
    if paths.customers is None:
        drawn = np.random.default_rng([seed]).binomial(paths.n, share)
        return drawn.astype(np.float64)
    taken = _taken(paths.customers.hashed, share=share, seed=seed)
    held: NDArray[np.float64] = paths.customers.journeys @ taken
    return held


def _taken(hashed: NDArray[np.uint64], *, share: float, seed: int) -> NDArray[np.float64]:
    """Mark the customers held out, shape (n_customers,)."""
    chance = uniform(salted(mix(hashed, seed=seed), "markov order"))
    taken: NDArray[np.float64] = (chance < share).astype(np.float64)
    return taken


def _error(
    paths: TouchPaths,
    held: NDArray[np.float64],
    score: NDArray[np.float64],
    *,
    share: float,
    seed: int,
) -> float:
    """Return the standard error over customers of the mean score of a held-out journey."""
    off = np.where(held > 0, score - held @ score / held.sum(), 0.0)
    if paths.customers is None:
        return float(np.sqrt(held @ off**2) / held.sum())
    added = paths.customers.journeys.T @ off
    added *= _taken(paths.customers.hashed, share=share, seed=seed)
    return float(np.sqrt(added @ added) / held.sum())


def _log_probability(chain: Chain, n: NDArray[np.float64], m: int) -> NDArray[np.float64]:
    """Fit `n` journeys of each row; the log of every step's probability, shape (n_cells,)."""
    count = chain.counts(n)
    ways = np.where(chain.source == chain.n_states, m, m + 2)
    leaving = chain.leaving(count)[chain.source]
    logs: NDArray[np.float64] = np.log((count + 1 / ways) / (leaving + 1))
    return logs


def _auc(
    chain: Chain, fitted: NDArray[np.float64], held: NDArray[np.float64], paths: TouchPaths
) -> float:
    """Rank held-out journeys by the chance that their last history ends in a conversion."""
    ended = chain.final >= 0
    state, won = chain.final[ended], paths.converted[ended]
    ends, known = (
        np.stack(
            [
                np.bincount(state[won == kind], weights=n[ended][won == kind], minlength=length)
                for kind in (True, False)
            ]
        )
        for n, length in ((held, chain.n_states), (fitted, chain.n_states))
    )
    even = 1 / (len(paths.channels) + 2)
    chance = (known[0] + even) / (known.sum(axis=0) + 2 * even)
    _, tie = np.unique(chance, return_inverse=True)
    wins, losses = (np.bincount(tie, weights=end) for end in ends)
    if not wins.sum() or not losses.sum():
        return float("nan")
    below = np.cumsum(losses) - losses / 2
    return float(wins @ below / (wins.sum() * losses.sum()))
