"""Attribution by coalition: Shapley values of a declared game on sets of channels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from journeykit.attribution.cells import converting
from journeykit.attribution.credit import BASELINE, Credits, frame_of, population, share
from journeykit.attribution.dividends import shapley_values
from journeykit.attribution.games import (
    GIVEN_WARNING,
    MOST_CHANNELS,
    RATE_WARNING,
    Game,
    Rates,
    Worths,
    asked,
    by_set,
    check_game,
    every_set,
    name_of,
    presence,
    rates,
)
from journeykit.attribution.permuting import Sampled, sampled_values
from journeykit.attribution.resampling import check_bootstrap, percentile_interval, replicated
from journeykit.attribution.touch_paths import touch_paths
from journeykit.checks import check_whole
from journeykit.results import Provenance

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.attribution.touch_paths import TouchPaths
    from journeykit.counts import PathCounts
    from journeykit.journeys import Journeys


def shapley(
    data: Journeys | PathCounts,
    /,
    *,
    game: Game = "volume",
    permutations: int = 1_000,
    replicates: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> Credits:
    """Credit conversions by the Shapley value of a game on sets of channels.

    With v(S) the worth of a set S of the m channels, a channel is credited the mean of what it
    adds, v(S with it) - v(S), over all orders in which channels can join. With T(j) the set of
    channels of finished journey j, at least one, the worth is

    - ``volume``: the conversions of journeys with T(j) within S. The Shapley value is exactly the
      linear rule over unique channels, whatever the number of channels.
    - ``rate``: those conversions divided by the journeys, converting or not, with T(j) within S,
      0 where there is none; times all journeys with a touch, so that credits are in conversions
      and sum to those with a touch. For values likewise.
    - a function of one's own, such as the conversions that a fitted hazard predicts where only the
      channels in S are met. It is called with sets, an array of bool of shape (n_sets, m), and the
      m names of the channels in the order of its columns, and returns n_sets worths in conversions,
      or an array (n_sets, 2) with values beside them. Credits sum to v(all); what the empty set is
      worth is the row ``(baseline)``. An additive hazard's own credits are its Shapley values.

    The path of a converting journey stops at its conversion while others go on, so the more a
    journey touches, the less it seems to convert: ``rate`` can turn signs round, and the result
    says so in `warnings`. Negative credits are shown, never cut. Open journeys are left out, and
    counted; those that may have begun before the window count with the channels that were seen.

    Exact up to 20 channels, by zeta transform over the 2^m sets: O(m 2^m) time a replicate. Above,
    but for ``volume``, orders are sampled in independent blocks of 2 m, each the rotations of one
    random order and their reverses, so that every channel takes every place equally often. The
    gains along every order sum to what there is to distribute.

    Parameters
    ----------
    data : Journeys or PathCounts
        As in `rules`. With path counts every journey is taken as a customer.
    game : {'volume', 'rate'} or callable
    permutations : int
        Orders to sample at least, rounded up to whole blocks, at least 10 of them; above 20
        channels.
    replicates : int
        Bootstrap samples, at least 2.
    seed : int
        Of the bootstrap and of the orders.
    confidence : float in (0, 1)

    Returns
    -------
    Credits
        One row a channel; intervals are percentiles over samples of customers, each weighing
        Poisson(1), and missing for a game of one's own, which is taken as given. An interval on a
        share is not an interval on an effect. Where orders were sampled, there are three more
        columns: `sampling_error`, the standard error of `conversions` that comes from the orders
        alone, and `sampling_low`, `sampling_high`, the interval of what all orders would give;
        customers are drawn along the same orders, so that the two errors are apart.

    Raises
    ------
    ArgumentError
        When `game` is unknown or returns no worths, or `data` is not made of outcomes.
    DataError
        When no finished journey converts.

    References
    ----------
    Shapley (1953), A value for n-person games. Zhao, Mahboobi, Bagheri (2018), Shapley value
    methods for attribution modeling in online advertising.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.counts import path_counts_from_frame
    >>> table = pd.DataFrame({"path": ["web > mail", "web"], "buys": [2, 1], "none": [3, 9]})
    >>> counts = path_counts_from_frame(table, conversions="buys", nulls="none")
    >>> shapley(counts).frame[["channel", "conversions"]]
      channel  conversions
    0    mail          1.0
    1     web          2.0

    What a hazard of .1 a day, multiplied by 2 for mail and by 3 for web, brings within a day:

    >>> def hazard(sets, channels):
    ...     factor = sets @ [{"mail": np.log(2), "web": np.log(3)}[name] for name in channels]
    ...     return 15 * -np.expm1(-0.1 * np.exp(factor))
    >>> shapley(counts, game=hazard).frame[["channel", "conversions"]].round(2)
          channel  conversions
    0        mail         2.09
    1         web         3.25
    2  (baseline)         1.43
    """
    check_game(game)
    check_whole("permutations", permutations, least=1)
    check_bootstrap(replicates=replicates, seed=seed, confidence=confidence)
    paths = touch_paths(data)
    draw = _Draw(permutations, replicates, seed, confidence)
    if callable(game):
        frame, warnings = _given(paths, game, draw)
    elif game == "volume":
        frame, warnings = _volume(paths, draw), ()
    else:
        frame, warnings = _rate(paths, draw), (RATE_WARNING,)
    parameters = {"game": name_of(game), "replicates": replicates, "confidence": confidence}
    if "sampling_error" in frame:
        parameters["permutations"] = permutations
    return Credits(
        frame=frame,
        provenance=Provenance(
            fingerprint=f"{paths.fingerprint:032x}", parameters=parameters, seed=seed
        ),
        population=population(paths),
        warnings=warnings,
    )


@dataclass(frozen=True, slots=True)
class _Draw:
    """What is drawn at random, and how sure intervals are."""

    permutations: int
    replicates: int
    seed: int
    confidence: float


def _volume_table(paths: TouchPaths) -> sparse.csr_array:
    """Write the volume game's values as sums over rows, shape (n_rows, m + 1): equal parts."""
    met = presence(paths)
    size = met.sum(axis=1)
    part = paths.converted / np.maximum(size, 1)
    untouched = sparse.csr_array((paths.converted & (size == 0)).astype(float)[:, None])
    return sparse.hstack([sparse.diags_array(part) @ met, untouched], format="csr")


def _volume(paths: TouchPaths, draw: _Draw) -> pd.DataFrame:
    won = converting(paths)
    table = _volume_table(won)
    draws = replicated(won, table, share, replicates=draw.replicates, seed=draw.seed)
    return frame_of(
        by_set(paths),
        "shapley volume",
        conversions=won.n @ table,
        value=won.value @ table,
        interval=percentile_interval(draws, confidence=draw.confidence),
    )


def _rate(paths: TouchPaths, draw: _Draw) -> pd.DataFrame:
    """Form the rates within each sample; exactly, or along the same orders in all of them."""
    merged = by_set(paths)
    game = rates(merged)
    sums = np.stack([game.sums(merged.n, part) for part in (merged.n.astype(float), merged.value)])
    found = None
    if len(paths.channels) <= MOST_CHANNELS:
        credited = partial(_exactly, game)
        won, moved = credited(sums), 0.0
    else:
        credited = partial(_along_few, game, seed=draw.seed)
        found = sampled_values(
            game.along(sums), len(paths.channels), permutations=draw.permutations, seed=draw.seed
        )
        won = _beside(found.value, sums)
        # Samples of customers go along few orders, and are moved by what all orders change.
        moved = (share(won) - share(credited(sums)))[0]
    draws = moved + replicated(
        merged,
        game.table,
        lambda drawn: share(credited(drawn)),
        replicates=draw.replicates,
        seed=draw.seed,
    )
    frame = frame_of(
        merged,
        "shapley rate",
        conversions=won[0],
        value=won[1],
        interval=percentile_interval(draws, confidence=draw.confidence),
    )
    return frame if found is None else _with_sampling(frame, found, draw.confidence)


def _exactly(game: Rates, sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return _beside(game.over_all_sets(sums, shapley_values), sums)


def _along_few(game: Rates, sums: NDArray[np.float64], *, seed: int) -> NDArray[np.float64]:
    values = sampled_values(game.along(sums), game.sets.shape[1], permutations=1, seed=seed)
    return _beside(values.value, sums)


def _beside(credit: NDArray[np.float64], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put what was won without a touch beside the channels' credits, shape (b, m + 1)."""
    return np.concatenate([credit, sums[:, -1:]], axis=1)


def _given(paths: TouchPaths, game: Worths, draw: _Draw) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Take the value of a game of one's own; what no channel is needed for is the baseline."""
    import pandas as pd

    m, channels = len(paths.channels), paths.channels
    found = None
    if m <= MOST_CHANNELS:
        worth = asked(game, every_set(m), channels)
        base, everything, credit = worth[:, 0], worth[:, -1], shapley_values(worth)
    else:

        def worths(orders: NDArray[np.int64]) -> NDArray[np.float64]:
            joins = np.argsort(orders, axis=1)
            sets = joins[:, None, :] < np.arange(m + 1)[:, None]
            worth = asked(game, sets.reshape(-1, m), channels)
            return worth.reshape(len(worth), len(orders), m + 1).transpose(1, 0, 2)

        found = sampled_values(worths, m, permutations=draw.permutations, seed=draw.seed)
        credit = found.value
        base, everything = asked(game, np.repeat([[False], [True]], m, axis=1), channels).T
    frame = pd.DataFrame(
        {
            "model": f"shapley {name_of(game)}",
            "channel": [*channels, BASELINE],
            "n_journeys": np.append(paths.reach()[:-1], paths.n.sum()),
            "conversions": np.append(credit[0], base[0]),
            "value": np.append(credit[1], base[1]) if len(base) == 2 else np.nan,
        }
    )
    frame["share"] = share(frame["conversions"].to_numpy())
    frame[["conf_low", "conf_high"]] = np.nan
    conversions = int(paths.n[paths.converted].sum())
    warnings: tuple[str, ...] = (GIVEN_WARNING,)
    if not np.isclose(everything[0], conversions):
        said = f"It distributes {everything[0]:,.1f} conversions; {conversions:,} were seen."
        warnings = (*warnings, said)
    return frame if found is None else _with_sampling(frame, found, draw.confidence), warnings


def _with_sampling(frame: pd.DataFrame, found: Sampled, confidence: float) -> pd.DataFrame:
    """Add the error and the interval of conversions that come from sampled orders."""
    low, high = found.interval(confidence)
    columns = {"sampling_error": found.error, "sampling_low": low, "sampling_high": high}
    known = {name: np.append(part[0], np.nan)[: len(frame)] for name, part in columns.items()}
    return frame.assign(**known)
