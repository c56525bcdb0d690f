"""What is lost without a channel, by what removing it means, with the slope of every effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy import sparse

from journeykit.attribution.chain import Chain, chain_of, flow, matrices, slope
from journeykit.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.attribution.chain import Convention
    from journeykit.attribution.touch_paths import TouchPaths

Removal = Literal["to_null", "participation", "reconnect"]
REMOVALS: tuple[Removal, ...] = ("to_null", "participation", "reconnect")


class Effects(NamedTuple):
    """Effects, shape (m,), and what one more journey of each row adds to them, (n_rows, m)."""

    effect: NDArray[np.float64]
    slope: NDArray[np.float64]


def effects_of(
    paths: TouchPaths, *, order: int, removal: Removal, convention: Convention
) -> Effects:
    """Compute the removal effects of a chain, exactly.

    With N = (I - Q)^-1, conversion chances h and A the states that hold a channel, sending A to
    null loses N[s, A] N[A, A]^-1 h[A] / h[s]. N[s, A] N[A, A]^-1 is where A is first met; it comes
    from the chain without A, which also gives the slopes: one sparse factorisation a channel, each
    smaller than that of the whole.
    """
    if removal == "participation":
        return participation(paths)
    return chain_effects(paths, chain_of(paths, order=order, convention=convention), removal)


def chain_effects(paths: TouchPaths, chain: Chain, removal: Removal) -> Effects:
    """Compute effects to null, or of channels alone, from the chain of some paths."""
    p = matrices(chain)
    whole = flow(p, np.ones(chain.n_states, dtype=bool))
    if not whole.rate > 0:
        raise no_entry(paths)
    of_whole = slope(chain, whole)
    m = chain.contains.shape[1]
    effect, by_cell = np.zeros(m), np.zeros((len(chain.source), m))
    for channel in range(m):
        holds = chain.contains[:, channel]
        if removal == "to_null":
            part = flow(p, ~holds)
            met = (p.entry + part.visits @ p.q)[holds]
            effect[channel] = met @ whole.wins[holds] / whole.rate
            change = (1 - effect[channel]) * of_whole - slope(chain, part)
        else:
            part = flow(p, holds & (chain.contains.sum(axis=1) == 1))
            effect[channel] = part.rate / whole.rate
            change = slope(chain, part) - effect[channel] * of_whole
        by_cell[:, channel] = change / whole.rate
    shape = (chain.n_rows, len(chain.source))
    steps = sparse.csr_array((np.ones(len(chain.row)), (chain.row, chain.cell)), shape=shape)
    return Effects(effect, steps @ by_cell)


def participation(paths: TouchPaths) -> Effects:
    """Count the conversions that met each channel, of those whose whole journey was seen."""
    row, met = seen_conversions(paths)
    n = paths.n[row]
    if not n.sum():
        raise no_entry(paths)
    effect = (n @ met) / n.sum()
    change = np.zeros((len(paths.n), len(effect)))
    change[row] = (met.toarray() - effect) / n.sum()
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
