"""What a set of channels is worth: the games that Shapley values and interactions are taken of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from scipy import sparse

from journeykit.attribution.dividends import over_subsets
from journeykit.attribution.touch_paths import Customers
from journeykit.checks import check_choice
from journeykit.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.attribution.touch_paths import TouchPaths

#: A game of one's own: sets of channels, shape (n_sets, m), and the m channels' names, to worths.
Worths: TypeAlias = Callable[["NDArray[np.bool_]", tuple[str, ...]], "NDArray[np.float64]"]
Game: TypeAlias = Literal["volume", "rate"] | Worths
GAMES = ("volume", "rate")
#: Channels up to which all 2^m sets are listed.
MOST_CHANNELS = 20
#: Numbers of a table over all sets that are worked on together: 8 MB stay near the processor.
_TOGETHER = 1 << 20
#: Sets that a game of one's own is asked at a time.
_ASKED = 1 << 16
RATE_WARNING = (
    "The path of a converting journey stops at its conversion, so channels met late or often look "
    "worse than they are: rate credits can turn signs round. A set of channels that few journeys "
    "met weighs as much as a frequent one."
)
GIVEN_WARNING = (
    "The game is taken as given, so nothing is said of other customers; `bootstrap` of a model "
    "that fits the game anew does."
)


def check_game(game: Game) -> None:
    """Require the name of a game, or a callable."""
    if not callable(game):
        check_choice("game", game, GAMES)


def name_of(game: Game) -> str:
    """Name a game: its own name, or that of the function where it has a usual one."""
    if isinstance(game, str):
        return game
    name = str(getattr(game, "__name__", ""))
    return name if name.isidentifier() else "given"


def presence(paths: TouchPaths) -> sparse.csr_array:
    """Mark the channels each row meets, shape (n_rows, m), ones in the order of channels."""
    row = np.repeat(np.arange(len(paths.n)), paths.length)
    shape = (len(paths.n), len(paths.channels))
    met = sparse.csr_array((np.ones(len(row)), (row, paths.touch)), shape=shape)
    met.sum_duplicates()
    met.data[:] = 1
    return met


def by_set(paths: TouchPaths) -> TouchPaths:
    """Merge the rows of one set of channels and one outcome; a path then lists its set.

    What may have begun before the window is no longer told apart.
    """
    met = presence(paths)
    width = len(paths.channels) + 1
    bits = np.zeros((len(paths.n), (width + 7) // 8), dtype=np.uint8)
    at_once = max(1, _TOGETHER // width)
    for a in range(0, len(bits), at_once):
        converted = paths.converted[a : a + at_once, None]
        table = met[a : a + at_once].toarray() > 0
        bits[a : a + at_once] = np.packbits(np.concatenate([table, converted], axis=1), axis=1)
    _, first, group = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    group = group.ravel()
    chosen = met[first]
    rows = np.arange(len(group))
    merge = sparse.csr_array((np.ones(len(rows)), (group, rows)), shape=(len(first), len(rows)))
    customers = paths.customers
    return replace(
        paths,
        touch=chosen.indices.astype(np.int64),
        start=chosen.indptr.astype(np.int64),
        converted=paths.converted[first],
        edge=np.zeros(len(first), dtype=bool),
        n=np.bincount(group, weights=paths.n, minlength=len(first)).astype(np.int64),
        value=np.bincount(group, weights=paths.value, minlength=len(first)).astype(np.float64),
        customers=customers and Customers((merge @ customers.journeys).tocsr(), customers.hashed),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """Conversions and journeys by exact set of channels; rates are formed of their sums.

    Attributes
    ----------
    sets : sparse array, shape (k, m)
        Distinct sets, none of them empty.
    table : sparse array, shape (n_rows, 2 k + 1)
        What one journey of each row adds to the sums: conversions by set, journeys by set, and
        conversions without a touch.
    """

    sets: sparse.csr_array
    table: sparse.csr_array

    def sums(self, n: NDArray[np.int64], won: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up journeys `n` and what they won, both by row, shape (2 k + 1,)."""
        k = self.sets.shape[0]
        summed: NDArray[np.float64] = won @ self.table
        summed[k : 2 * k] = (n @ self.table)[k : 2 * k]
        return summed

    def split(self, sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return conversions and journeys by set, each of shape (b, k)."""
        k = self.sets.shape[0]
        return sums[:, :k], sums[:, k : 2 * k]

    def over_all_sets(
        self,
        sums: NDArray[np.float64],
        index: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        """Apply an index of games, (b, 2^m) to (b, ...), to the worth of every set, by blocks.

        The worth is conversions / journeys within the set, times all journeys with a touch.
        """
        m = self.sets.shape[1]
        mask = (self.sets @ (1 << np.arange(m))).astype(np.int64)
        at_once = max(1, _TOGETHER >> m)
        found = []
        for a in range(0, len(sums), at_once):
            tables = [np.zeros((len(sums[a : a + at_once]), 1 << m)) for _ in range(2)]
            for table, part in zip(tables, self.split(sums[a : a + at_once]), strict=True):
                table[:, mask] = part
            won, n = (over_subsets(table) for table in tables)
            found.append(index(_rate(won, n) * n[:, -1:]))
        return np.concatenate(found)

    def along(
        self, sums: NDArray[np.float64]
    ) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
        """Return a function from orders, (p, m), to worths as channels join, (p, b, m + 1)."""
        m, k = self.sets.shape[1], self.sets.shape[0]
        parts = np.concatenate(self.split(sums)).T.copy()
        column = np.arange(k + 1)

        def worths(orders: NDArray[np.int64]) -> NDArray[np.float64]:
            joins = np.argsort(orders, axis=1)
            out = np.zeros((len(orders), len(sums), m + 1))
            for order, join in enumerate(joins):
                # A set is complete when the last of its channels has joined.
                last = np.maximum.reduceat(join[self.sets.indices], self.sets.indptr[:-1])
                step = sparse.csc_array((np.ones(k), last, column), shape=(m, k))
                won, n = np.split(np.cumsum(step @ parts, axis=0), 2, axis=1)
                out[order, :, 1:] = (_rate(won, n) * n[-1]).T
            return out

        return worths


def rates(paths: TouchPaths) -> Rates:
    """Write down sets and sums of paths that `by_set` has merged."""
    rows = np.arange(len(paths.n))
    touched = paths.length > 0
    met = presence(paths)[touched]
    text = [row.tobytes() for row in np.split(met.indices, met.indptr[1:-1])]
    seen: dict[bytes, int] = {}
    number = np.array([seen.setdefault(row, len(seen)) for row in text], dtype=np.int64)
    k = len(seen)
    first = np.unique(number, return_index=True)[1]
    won = touched & paths.converted
    untouched = ~touched & paths.converted
    cells = np.concatenate(
        [number[paths.converted[touched]], k + number, np.full(untouched.sum(), 2 * k)]
    )
    row = np.concatenate([rows[won], rows[touched], rows[untouched]])
    table = sparse.csr_array((np.ones(len(row)), (row, cells)), shape=(len(rows), 2 * k + 1))
    return Rates(met[first], table)


def asked(game: Worths, sets: NDArray[np.bool_], channels: tuple[str, ...]) -> NDArray[np.float64]:
    """Ask a game of one's own what sets are worth, shape (1 or 2, n_sets): conversions, value."""
    found = []
    for a in range(0, len(sets), _ASKED):
        part = sets[a : a + _ASKED]
        worth = np.asarray(game(part, channels), dtype=np.float64)
        fits = worth.shape in {(len(part),), (len(part), 2)}
        wrong = int((~np.isfinite(worth)).sum())
        if not fits or wrong:
            raise ArgumentError(
                "`game` must return finite worths of shape (n_sets,), or (n_sets, 2) with values; "
                f"for {len(part):,} sets it returned shape {worth.shape}"
                f"{f', {wrong:,} of them not finite' if wrong else ''}."
            )
        found.append(worth.reshape(len(part), -1).T)
    return np.concatenate(found, axis=1)


def every_set(m: int) -> NDArray[np.bool_]:
    """List all sets of m players, shape (2^m, m): bit i of the row number is player i."""
    sets: NDArray[np.bool_] = (np.arange(1 << m)[:, None] >> np.arange(m) & 1) == 1
    return sets


def _rate(won: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(won, n, out=np.zeros(won.shape), where=n > 0)
