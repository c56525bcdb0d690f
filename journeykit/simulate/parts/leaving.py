"""When a contract ends and where its customer goes: competing risks that events raise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.simulate.draws import Draws
from journeykit.simulate.past import SECONDS, Touches, looking_back, whole_seconds
from journeykit.stats import mix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from journeykit.simulate.draws import Floats, Indices

_SECOND = 1 / SECONDS
#: Cumulative hazard at which everybody has left: one in 10^17 has not.
_SURELY = 40.0
#: In units of the rate; the lowest layer has a first candidate before 18 / rate in 10^8 rows.
_THICKEST = 32.0


@dataclass(frozen=True, slots=True)
class Felt:
    """Events that change the hazard of leaving for a while, in no order.

    Attributes
    ----------
    who : array of int64, shape (n_events,)
    time : array of float64, shape (n_events,)
        Whole seconds, in days.
    log_ratio : array of float64, shape (n_events, n_destinations)
        What each adds to the logarithm of the hazards at first.
    window_days, half_life_days : array of float64, shape (n_events,)
        How long it is felt at all, and after how long by half; a half-life of 0 is no decay.
    """

    who: Indices
    time: Floats
    log_ratio: Floats
    window_days: Floats
    half_life_days: Floats

    @classmethod
    def together(cls, parts: Sequence[Felt], /, *, destinations: int) -> Felt:
        """Put kinds of events together, leaving out those that nobody feels."""
        none = np.zeros(0)
        nobody = cls(np.zeros(0, np.int64), none, np.zeros((0, destinations)), none, none)
        kinds = [nobody, *parts]
        whole = cls(
            np.concatenate([kind.who for kind in kinds]),
            np.concatenate([kind.time for kind in kinds]),
            np.concatenate([kind.log_ratio for kind in kinds]),
            np.concatenate([kind.window_days for kind in kinds]),
            np.concatenate([kind.half_life_days for kind in kinds]),
        )
        order = np.lexsort((whole.time, whole.who))
        felt = whole.log_ratio[order].any(axis=1) & (whole.window_days[order] > 0)
        return whole.rows(order[felt])

    def rows(self, chosen: Indices) -> Felt:
        """Return some of the events."""
        return Felt(
            self.who[chosen],
            self.time[chosen],
            self.log_ratio[chosen],
            self.window_days[chosen],
            self.half_life_days[chosen],
        )

    @property
    def longest(self) -> float:
        """Days after which nothing is felt any more."""
        return float(self.window_days.max(initial=0.0))


class Leaving(NamedTuple):
    """Time of leaving, infinite for those who do not within the horizon, and index of where to."""

    time: Floats
    destination: Indices


def leave(
    draws: Draws, stream: str, rate: Floats, begin: Floats, felt: Felt, /, *, horizon: float
) -> Leaving:
    """Draw when customers leave, and where to, from `begin` up to `horizon`.

    The hazard of destination d is ``rate[i, d] * exp(sum of log_ratio[e, d] * decay_e(t - t_e))``,
    the sum over the customer's events with ``0 < t - t_e <= window_days``. Candidates at the
    highest rate there can be for the customer are thinned, each destination's with random numbers
    of its own; the first that is kept among all decides. Times are whole seconds, at least one
    after `begin`.

    Parameters
    ----------
    draws : Draws
        Of n customers.
    stream : str
    rate : array of float64, shape (n, n_destinations)
        A day.
    begin : array of float64, shape (n,)
    felt : Felt
        Events, sorted by customer and time.
    horizon : float
    """
    n, destinations = rate.shape
    # One row for each destination and customer, with random numbers of its own.
    keys = np.concatenate([mix(draws.key, seed=to + 1) for to in range(destinations)])
    row_rate, row_begin = rate.T.ravel(), np.tile(begin, destinations)
    highest, lowest = _highest(felt.log_ratio, felt, n), _highest(-felt.log_ratio, felt, n)
    with np.errstate(divide="ignore"):
        patience = _SURELY * lowest.T.ravel() / row_rate
    end = np.minimum(horizon, row_begin + patience)
    rows = _Rows(Draws(keys), row_rate, row_begin, end, highest.T.ravel(), n)
    time = _first(rows, stream, felt).reshape(destinations, n)
    destination = np.where(np.isinf(time.min(axis=0)), -1, time.argmin(axis=0))
    soonest = np.maximum(whole_seconds(time.min(axis=0)), whole_seconds(begin + _SECOND))
    return Leaving(soonest, destination)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Customers by destination: row ``d * n + i`` is customer i leaving for destination d."""

    draws: Draws
    rate: Floats
    begin: Floats
    end: Floats
    bound: Floats
    n: int


def _first(rows: _Rows, stream: str, felt: Felt) -> Floats:
    """Return the first candidate kept of each row, infinite for none.

    Candidates come in layers of rising height, as those of `Draws.candidates`: a smaller effect
    takes away some of the same. All layers but the lowest are drawn up to the first that is kept of
    that one only, and are at most `_THICKEST` high, so that no customer has too many of them.
    """
    first, end = np.full(len(rows.rate), np.inf), rows.end
    touches = Touches("felt", felt.who, felt.time)
    low, high, layer = 0.0, 1.0, 0
    active = np.arange(len(rows.rate))
    while len(active):
        draws, rate = Draws(rows.draws.key[active]), rows.rate[active] * (high - low)
        points = draws.points(f"{stream}.{layer}", rate, rows.begin[active], end[active])
        row = active[points.who]
        ratio = _log_ratio(touches, felt, row % rows.n, points.time, row // rows.n)
        kept = low + points.height * (high - low) < np.exp(ratio)
        np.minimum.at(first, row[kept], points.time[kept])
        if layer == 0:
            end = np.minimum(first, rows.end)
        low, high, layer = high, high + min(high, _THICKEST), layer + 1
        active = np.flatnonzero(rows.bound > low)
    return first


def _log_ratio(touches: Touches, felt: Felt, who: Indices, time: Floats, to: Indices) -> Floats:
    """Return what is felt at times, by those who may leave for `to`."""
    pairs = looking_back(touches, who, time, days=felt.longest)
    age = time[pairs.query] - felt.time[pairs.touch]
    half_life = felt.half_life_days[pairs.touch]
    lives = np.divide(age, half_life, out=np.zeros_like(age), where=half_life > 0)
    weight = np.where(age <= felt.window_days[pairs.touch], 0.5**lives, 0.0)
    added = weight * felt.log_ratio[pairs.touch, to[pairs.query]]
    total = np.bincount(pairs.query, weights=added, minlength=len(who))
    return total.astype(np.float64)


def _highest(log_ratio: Floats, felt: Felt, n: int) -> Floats:
    """Return a bound of the factor by customer and destination.

    Effects fade or end, so the factor is highest just after an event: at most as if all that came
    within the longest window before, and the event itself, were felt in full where they raise it.
    """
    bound = np.zeros((n, log_ratio.shape[1]))
    raised = np.maximum(log_ratio, 0.0)
    if not raised.any():
        return np.exp(bound)
    touches, after = Touches("felt", felt.who, felt.time), felt.time + _SECOND
    pairs = looking_back(touches, felt.who, after, days=felt.longest + _SECOND)
    for to in range(bound.shape[1]):
        added = raised[pairs.touch, to]
        total = np.bincount(pairs.query, weights=added, minlength=len(felt.who))
        np.maximum.at(bound[:, to], felt.who, total)
    return np.exp(bound)
