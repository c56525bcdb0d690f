"""What is lost without a channel, by what removing it means, with the slope of every effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy import sparse

from journeykit.attribution.chain import Chain, chain_of, flow, matrices, slope, summed
from journeykit.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.attribution.chain import Convention
    from journeykit.attribution.credit import Shared
    from journeykit.attribution.touch_paths import TouchPaths

Removal = Literal["to_null", "participation", "reconnect"]
REMOVALS: tuple[Removal, ...] = ("to_null", "participation", "reconnect")


class Effects(NamedTuple):
    """Effects, shape (m,), and what one more journey of each row adds to them, (n_rows, m)."""

    effect: NDArray[np.float64]
    slope: NDArray[np.float64]


def effects_of(
    paths: TouchPaths,
    *,
    order: int,
    removal: Removal,
    convention: Convention,
    share_of: Shared = "conversions",
) -> Effects:
    """Compute the removal effects of a chain, exactly.

    With N = (I - Q)^-1, conversion chances h and A the states that hold a channel, sending A to
    null loses N[s, A] N[A, A]^-1 h[A] / h[s]. N[s, A] N[A, A]^-1 is where A is first met; it comes
    from the chain without A, which also gives the slopes: one sparse factorisation a channel, each
    smaller than that of the whole. Of value, h is the value to expect from each state. The slopes
    are then right where a row's journeys are worth the same.
    """
    if removal == "participation":
        return participation(paths, share_of)
    chain = chain_of(paths, order=order, convention=convention)
    return chain_effects(paths, chain, removal, share_of)


def chain_effects(
    paths: TouchPaths, chain: Chain, removal: Removal, share_of: Shared = "conversions"
) -> Effects:
    """Compute effects to null, or of channels alone, from the chain of some paths."""
    won = None if share_of == "conversions" else _won(paths, chain)
    p = matrices(chain, won)
    whole = flow(p, np.ones(chain.n_states, dtype=bool))
    if not whole.rate > 0:
        raise no_entry(paths) if won is None else no_worth()
    adds = 1.0 if won is None else 0.0
    of_whole = slope(chain, whole, conversion=adds)
    m = chain.contains.shape[1]
    effect, by_cell = np.zeros(m), np.zeros((len(chain.source), m))
    by_state = np.zeros((chain.n_states, m))
    for channel in range(m):
        holds = chain.contains[:, channel]
        if removal == "to_null":
            part = flow(p, ~holds)
            met = (p.entry + part.visits @ p.q)[holds]
            effect[channel] = met @ whole.wins[holds] / whole.rate
            change = (1 - effect[channel]) * of_whole - slope(chain, part, conversion=adds)
            visits = (1 - effect[channel]) * whole.visits - part.visits
        else:
            part = flow(p, holds & (chain.contains.sum(axis=1) == 1))
            effect[channel] = part.rate / whole.rate
            change = slope(chain, part, conversion=adds) - effect[channel] * of_whole
            visits = part.visits - effect[channel] * whole.visits
        by_cell[:, channel] = change / whole.rate
        by_state[:, channel] = visits / whole.rate
    shape = (chain.n_rows, len(chain.source))
    steps = sparse.csr_array((np.ones(len(chain.row)), (chain.row, chain.cell)), shape=shape)
    by_row = steps @ by_cell
    if won is not None:
        ended = np.flatnonzero(paths.converted & (chain.final >= 0))
        each = each_of(paths, _scaled(paths))[ended]
        leaving = chain.leaving(chain.count)[chain.final[ended]]
        by_row[ended] += by_state[chain.final[ended]] * (each / leaving)[:, None]
    return Effects(effect, by_row)


def each_of(
    paths: TouchPaths, amount: NDArray[np.float64] | NDArray[np.int64]
) -> NDArray[np.float64]:
    """Divide what the journeys of each row add up to by their number, shape (n_rows,)."""
    each: NDArray[np.float64] = np.zeros(len(paths.n))
    np.divide(amount, paths.n, out=each, where=paths.n > 0)
    return each


def _scaled(paths: TouchPaths) -> NDArray[np.float64]:
    """Return the value of each row in means of a conversion: effects do not know the unit."""
    scaled: NDArray[np.float64] = paths.value * (paths.n[paths.converted].sum() / paths.value.sum())
    return scaled


def _won(paths: TouchPaths, chain: Chain) -> NDArray[np.float64]:
    """Add up the value of the conversions from each state, shape (n_states,)."""
    ended = paths.converted & (chain.final >= 0)
    return summed(chain.final[ended], _scaled(paths)[ended], chain.n_states)


def participation(paths: TouchPaths, share_of: Shared = "conversions") -> Effects:
    """Count the conversions that met each channel, of those whose whole journey was seen."""
    row, met = seen_conversions(paths)
    amount = (paths.n if share_of == "conversions" else paths.value)[row]
    if not amount.sum() > 0:
        raise no_entry(paths) if share_of == "conversions" or not len(row) else no_worth()
    effect = (amount @ met) / amount.sum()
    change = np.zeros((len(paths.n), len(effect)))
    each = each_of(paths, paths.value if share_of == "value" else paths.n)[row]
    change[row] = (met.toarray() - effect) * each[:, None] / amount.sum()
    return Effects(effect, change)


def seen_conversions(
    paths: TouchPaths, *, edge: bool = False
) -> tuple[NDArray[np.int64], sparse.csr_array]:
    """Return the rows that convert after a touch, and which channels each met, (k, m).

    Journeys that may have begun before the window are among them only where `edge` says so.
    """
    wanted = paths.converted & (paths.length > 0) & (edge | ~paths.edge)
    number = np.cumsum(wanted) - 1
    row = np.repeat(np.arange(len(paths.n)), paths.length)
    taken, m = wanted[row], len(paths.channels)
    pair = np.unique(number[row[taken]] * m + paths.touch[taken])
    shape = (int(wanted.sum()), m)
    met = sparse.csr_array((np.ones(len(pair)), (pair // m, pair % m)), shape=shape)
    return np.flatnonzero(wanted), met


def nothing_to_share_by() -> DataError:
    """Say that no effect is above 0, so that there is nothing in proportion to which to credit."""
    return DataError(
        "Effects must not all be 0 to credit in proportion to them: no conversion met one channel "
        'alone, so reconnecting loses none. `normalisation="raw"` shows the effects; '
        '`removal="to_null"` has others.'
    )


def no_worth() -> DataError:
    """Say that the conversions of a chain are worth nothing together."""
    return DataError(
        "Effects on value need conversions that are worth more than 0 together; those that an "
        "entry that was seen leads to are not."
    )


def no_entry(paths: TouchPaths) -> DataError:
    """Say that no conversion can be reached from an entry that was seen."""
    start = "No entry that was seen leads through a touch to a conversion: "
    won = paths.n[paths.converted]
    if not won[paths.length[paths.converted] > 0].any():
        return DataError(f"{start}none of {won.sum():,} conversions has a touch before it.")
    return DataError(
        f"{start}"
        f"{paths.n[~paths.edge].sum():,} of {paths.n.sum():,} finished journeys begin inside "
        "the window. A longer window or a shorter lookback would show more entries."
    )
