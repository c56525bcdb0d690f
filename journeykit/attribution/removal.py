"""Attribution by removal: what a Markov chain of touches loses without a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from journeykit.attribution.credit import Credits, frame_of, population, share
from journeykit.attribution.resampling import check_bootstrap, percentile_interval, replicated
from journeykit.attribution.touch_paths import touch_paths
from journeykit.checks import check_whole
from journeykit.errors import DataError
from journeykit.results import Provenance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.attribution.touch_paths import TouchPaths
    from journeykit.counts import PathCounts
    from journeykit.journeys import Journeys


def markov(
    data: Journeys | PathCounts,
    /,
    *,
    order: int = 1,
    replicates: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> Credits:
    """Credit conversions by what an order-1 Markov chain of touches loses without a channel.

    The chain runs from entry through touches to conversion or to null, journeys without a
    conversion included, with transition probabilities estimated by maximum likelihood. Removing
    channel a sends every journey that reaches it to null. With transient matrix Q, conversion
    vector h = (I - Q)^-1 c and N = (I - Q)^-1, the removal effect is exactly

        N[s, a] h[a] / (N[a, a] h[s])

    with s the entry: the model's probability that a converting journey meets a. Effects overlap,
    so they sum to more than 1; each channel is credited its part of their sum, of the conversions
    with a touch and of their value alike. Repeats (a to a) change nothing at order 1.

    Conversions before which no touch was seen make up the row ``(no touch)`` and are not in the
    chain. Open journeys are left out, and counted. Journeys that may have begun before the window
    (`edge`) count in every transition but the entry, which was not seen; their conversions are
    among those distributed.

    O(m^3) time a replicate for m channels.

    Parameters
    ----------
    data : Journeys or PathCounts
        From `Journeys.outcomes`, touchpoints grouped into channels beforehand with `relabel`, and
        activity that is no marketing touch taken out with `only` (it would keep journeys open); or
        path counts, where edges are not known and every journey is taken as a customer.
    order : int
        Touches that the next one depends on; only 1 so far.
    replicates : int
        Bootstrap samples, at least 2.
    seed : int
    confidence : float in (0, 1)

    Returns
    -------
    Credits
        One row a channel, with `removal_effect`. Intervals are percentiles over samples of
        customers, each weighing Poisson(1); samples in which no entry leads to a conversion tell
        nothing and are left out. An interval on a share is not an interval on an effect.

    Raises
    ------
    ArgumentError
        When `data` is not made of outcomes.
    DataError
        When no finished journey converts, or no entry that was seen leads to a conversion.

    References
    ----------
    Anderl, Becker, von Wangenheim, Schumann (2016), Mapping the customer journey, IJRM 33.
    Kemeny, Snell (1976), Finite Markov Chains, chapter 3.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.counts import path_counts_from_frame
    >>> table = pd.DataFrame({"path": ["web > mail", "web"], "buys": [2, 1], "none": [3, 9]})
    >>> credits = markov(path_counts_from_frame(table, conversions="buys", nulls="none"))
    >>> credits.frame[["channel", "removal_effect", "conversions"]].round(3)
      channel  removal_effect  conversions
    0    mail           0.667          1.2
    1     web           1.000          1.8
    """
    check_whole("order", order, least=1, most=1)
    check_bootstrap(replicates=replicates, seed=seed, confidence=confidence)
    paths = touch_paths(data)
    m = len(paths.channels)
    steps = _steps(paths)
    table = (paths.n @ steps).reshape(m + 1, m + 2)
    effect = removal_effects(table)
    if not np.isfinite(effect).any():
        raise DataError(
            "No entry that was seen leads through a touch to a conversion: "
            f"{paths.n[~paths.edge].sum():,} of {paths.n.sum():,} finished journeys begin inside "
            "the window. A longer window or a shorter lookback would show more entries."
        )

    def shares(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return share(_credited(sums.reshape(len(sums), m + 1, m + 2)))

    draws = replicated(paths, steps, shares, replicates=replicates, seed=seed)
    touched = paths.length > 0
    value = np.append(share(effect) * paths.value[touched].sum(), paths.value[~touched].sum())
    return Credits(
        frame=frame_of(
            paths,
            "markov",
            conversions=_credited(table),
            value=value,
            interval=percentile_interval(draws, confidence=confidence),
            removal_effect=np.append(effect, np.nan),
        ),
        provenance=Provenance(
            fingerprint=f"{paths.fingerprint:032x}",
            parameters={
                "order": order,
                "replicates": replicates,
                "confidence": confidence,
            },
            seed=seed,
        ),
        population=population(paths),
    )


def removal_effects(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of conversions a chain loses when each channel leads to null.

    Parameters
    ----------
    table : array, shape (..., m + 1, m + 2)
        Steps between m channels; the last row leaves the entry, the last two columns reach the
        conversion and null. Conversions straight from the entry are not looked at.

    Returns
    -------
    array of float64, shape (..., m)
        NaN where no conversion can be reached from the entry.
    """
    m = table.shape[-1] - 2
    total = table.sum(axis=-1, keepdims=True)
    p = np.divide(table, total, out=np.zeros(table.shape), where=total > 0)
    entry, converts = p[..., m, :m], p[..., :m, m]
    visits = np.linalg.inv(np.eye(m) - p[..., :m, :m])
    wins = np.einsum("...ab,...b->...a", visits, converts)
    reached = np.einsum("...a,...ab->...b", entry, visits)
    reached /= np.diagonal(visits, axis1=-2, axis2=-1)
    rate = (entry * wins).sum(axis=-1, keepdims=True)
    effects: NDArray[np.float64] = np.full(wins.shape, np.nan)
    np.divide(reached * wins, rate, out=effects, where=rate > 0)
    return effects


def _credited(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distribute the conversions in a table of steps, shape (..., m + 1), without a touch last."""
    conversions = table[..., -2]
    touched = conversions[..., :-1].sum(axis=-1, keepdims=True)
    return np.concatenate([share(removal_effects(table)) * touched, conversions[..., -1:]], axis=-1)


def _steps(paths: TouchPaths) -> sparse.csr_array:
    """Count what one journey of each row adds to every step, shape (n_rows, (m + 1) (m + 2)).

    A step from the entry to the conversion stands for a conversion without a touch; journeys with
    neither add nothing. The entry of journeys at the edge was not seen and is not counted.
    """
    m, rows = len(paths.channels), np.arange(len(paths.n))
    touched = paths.length > 0
    entered, untouched = touched & ~paths.edge, paths.converted & ~touched
    target = np.append(paths.touch[1:], 0)
    target[paths.start[1:][touched] - 1] = np.where(paths.converted[touched], m, m + 1)
    entry = m * (m + 2)
    cell = np.concatenate(
        [
            paths.touch * (m + 2) + target,
            entry + paths.touch[paths.start[:-1][entered]],
            np.full(untouched.sum(), entry + m),
        ]
    )
    row = np.concatenate([np.repeat(rows, paths.length), rows[entered], rows[untouched]])
    return sparse.csr_array((np.ones(len(row)), (row, cell)), shape=(len(rows), (m + 1) * (m + 2)))
