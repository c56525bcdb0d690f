"""The ratio of two rates from the shares exposed at each event: Cox's model with one exposure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS = 60


class Fit(NamedTuple):
    """One exposure.

    Attributes
    ----------
    estimate, low, high : float
        Ratio of the rates with and without the exposure; 0 where no event is exposed, infinite
        where all are that could be.
    log_ratio, std_error : float
        Its logarithm, half an event taken from the edge where there is one.
    bits : float
        Gain of the partial log-likelihood an event, less the half that chance gives; at least 0.
    p_value : float
        That it tells nothing; NaN where nobody is exposed, or everybody.
    """

    estimate: float
    low: float
    high: float
    log_ratio: float
    std_error: float
    bits: float
    p_value: float


def fitted(n_event: int, share: NDArray[np.float64], *, confidence: float) -> Fit:
    """Fit the ratio to `n_event` exposed events, given the share exposed at each event."""
    from scipy.special import ndtri

    chance = share[(share > 0) & (share < 1)]
    free = n_event - int((share == 1).sum())
    if not len(chance):
        return Fit(np.nan, np.nan, np.nan, np.nan, np.nan, 0.0, np.nan)
    inner = min(max(free, 0.5), len(chance) - 0.5)
    odds = np.log(chance / (1 - chance))
    log_ratio = _root(odds, inner)
    drawn = 1 / (1 + np.exp(-(odds + log_ratio)))
    std_error = float((drawn * (1 - drawn)).sum() ** -0.5)
    half = float(ndtri((1 + confidence) / 2)) * std_error
    none, every = free <= 0, free >= len(chance)
    gain = log_ratio * free - np.log1p(chance * np.expm1(log_ratio)).sum()
    with np.errstate(over="ignore"):
        estimate, low, high = np.exp([log_ratio, log_ratio - half, log_ratio + half])
    return Fit(
        estimate=0.0 if none else np.inf if every else float(estimate),
        low=0.0 if none else float(low),
        high=np.inf if every else float(high),
        log_ratio=log_ratio,
        std_error=std_error,
        bits=max(0.0, float(gain - 0.5) / len(share) / np.log(2)),
        p_value=_p_value(free, chance),
    )


def _root(odds: NDArray[np.float64], wanted: float) -> float:
    """Solve sum of 1 / (1 + exp(-(odds + x))) = wanted by bisection."""
    low, high = -40.0, 40.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if (1 / (1 + np.exp(-(odds + middle)))).sum() < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _p_value(n_event: int, chance: NDArray[np.float64]) -> float:
    """Return twice the smaller tail of a sum of draws, by the binomial of its mean and variance."""
    from scipy.special import betainc

    mean = chance.sum()
    one = (chance**2).sum() / mean
    n = mean / one
    upper = betainc(n_event, max(n - n_event + 1, 1e-9), one) if n_event > 0 else 1.0
    lower = betainc(n - n_event, n_event + 1, 1 - one) if n_event < n else 1.0
    return float(min(1.0, 2 * min(upper, lower)))
