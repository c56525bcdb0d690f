"""A vector autoregression with season, on arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.attribution.supporting.series import Series

    Floats = NDArray[np.float64]

#: Fewest periods for each number estimated in an equation.
LEAST_PERIODS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Autoregression:
    """Each name's rate on the season and on all rates of the periods before.

    Attributes
    ----------
    lags : int
    coefficient : array of float64, shape (p, k, k)
        ``coefficient[l, b, a]``: further b for one a, l + 1 periods later.
    residual : array of float64, shape (t, k)
        Weighted, t being the periods with all lags.
    regressor : array of float64, shape (p k, t)
        Rows of the (weighted) pseudo-inverse that belong to the lags: coefficients are these times
        the weighted rates.
    leverage : array of float64, shape (t,)
    n_terms : int
        Numbers estimated in each equation.
    """

    lags: int
    coefficient: Floats
    residual: Floats
    regressor: Floats
    leverage: Floats
    n_terms: int

    @property
    def robust(self) -> Floats:
        """Residuals by 1 - leverage: those of each period had it been left out (HC3)."""
        left_out: Floats = self.residual / (1 - self.leverage)[:, None]
        return left_out

    @property
    def largest_root(self) -> float:
        """Modulus of the slowest mode: below 1 a push dies away."""
        p, k, _ = self.coefficient.shape
        companion = np.zeros((p * k, p * k))
        companion[:k] = np.hstack(list(self.coefficient))
        companion[k:, :-k] = np.eye((p - 1) * k)
        return float(np.abs(np.linalg.eigvals(companion)).max())


class Estimated(NamedTuple):
    """Arrays of shape (k, k): row what may bring about, column what may be brought about.

    Attributes
    ----------
    p_value : array
        That no lag of a has a part in b (Wald test, errors robust to unequal variances).
    later, later_error : arrays
        Further b in the periods after one a.
    all, all_error : arrays
        The same with what moves with a in its own period.
    free : int
        Degrees of freedom left to the Wald tests.
    """

    p_value: Floats
    later: Floats
    later_error: Floats
    all: Floats
    all_error: Floats
    free: int


def autoregression(data: Series, /, *, lags: int, skip: int | None = None) -> Autoregression:
    """Fit by least squares, weighted by the customers watched.

    Parameters
    ----------
    data : Series
    lags : int
    skip : int, optional
        Periods at the beginning that serve as lags only, by default `lags`.
    """
    skip = lags if skip is None else skip
    t, k = data.rate.shape
    n_terms = data.season.shape[1] + lags * k
    if t - skip < LEAST_PERIODS * n_terms:
        raise DataError(
            f"An autoregression of {k} series with {lags} lag{'s' if lags != 1 else ''} and "
            f"{data.season.shape[1]} terms of season needs at least "
            f"{LEAST_PERIODS * n_terms + skip:,} whole periods; got {t:,}. Leave out rare channels "
            "or terms of season, take fewer lags, or shorter periods."
        )
    past = [data.rate[skip - lag : t - lag] for lag in range(1, lags + 1)]
    root = np.sqrt(data.weight[skip:])[:, None]
    x = np.hstack([data.season[skip:], *past]) * root
    y = data.rate[skip:] * root
    q, r = np.linalg.qr(x)
    inverse = np.linalg.solve(r, q.T)
    beta = inverse @ y
    c = data.season.shape[1]
    return Autoregression(
        lags=lags,
        coefficient=beta[c:].reshape(lags, k, k).transpose(0, 2, 1),
        residual=y - x @ beta,
        regressor=inverse[c:],
        leverage=(q**2).sum(axis=1),
        n_terms=n_terms,
    )


def chosen_lags(data: Series, most: int, /) -> int:
    """Choose the number of lags, at least one, with the least Bayesian information criterion.

    All orders are fitted to the periods that the longest leaves.
    """
    k = data.rate.shape[1]
    criterion = []
    for lags in range(1, most + 1):
        residual = autoregression(data, lags=lags, skip=most).residual
        t = len(residual)
        _, size = np.linalg.slogdet(residual.T @ residual / t)
        criterion.append(size + np.log(t) / t * lags * k**2)
    return int(np.argmin(criterion)) + 1


def estimated(
    model: Autoregression, /, *, horizon: int, replicates: int, rng: np.random.Generator
) -> Estimated:
    """Test every pair and add up the responses over `horizon` periods after a touch.

    Standard errors are those over `replicates` draws in which every period's part in the estimates
    is multiplied by an own standard normal number (a multiplier bootstrap of the scores).
    """
    p, k = model.lags, len(model.coefficient[0])
    same, same_draws = _same_period(model)
    later, all_ = responses(model.coefficient, same, horizon)
    draws = rng.standard_normal((replicates, len(model.residual)))
    robust = model.robust
    changes = np.empty((replicates, p, k, k))
    for name in range(k):
        moved = (draws * robust[:, name]) @ model.regressor.T
        changes[:, :, name, :] = moved.reshape(replicates, p, k)
    same_moved = same + (draws @ same_draws).reshape(replicates, k, k)
    later_moved, all_moved = responses(model.coefficient + changes, same_moved, horizon)
    return Estimated(
        p_value=_wald(model),
        later=later,
        later_error=np.sqrt(((later_moved - later) ** 2).mean(axis=0)),
        all=all_,
        all_error=np.sqrt(((all_moved - all_) ** 2).mean(axis=0)),
        free=len(model.residual) - model.n_terms,
    )


def _same_period(model: Autoregression) -> tuple[Floats, Floats]:
    """Regress the residuals on each other; also each period's part, shape (t, k k)."""
    u, robust = model.residual, model.robust
    size = (u**2).sum(axis=0)
    slope = (u.T @ u) / size[:, None]
    rest = robust[:, None, :] - slope * robust[:, :, None]
    part = robust[:, :, None] * rest / size[:, None]
    return slope, part.reshape(len(u), -1)


def responses(coefficient: Floats, same: Floats, horizon: int, /) -> tuple[Floats, Floats]:
    """Add up impulse responses, without and with what moves in the period of the touch.

    Parameters
    ----------
    coefficient : array, shape (..., p, k, k)
        ``[l, b, a]``.
    same : array, shape (..., k, k)
        ``[a, b]``: b that moves with one a in its period, 1 on the diagonal.

    Returns
    -------
    (array, array), each of shape (..., k, k)
        ``[a, b]``: over 1 to `horizon` periods after one a alone; over 0 to `horizon` periods after
        one a and what moves with it.
    """
    p, k = coefficient.shape[-3], coefficient.shape[-1]
    step = [np.broadcast_to(np.eye(k), (*coefficient.shape[:-3], k, k))]
    for period in range(1, horizon + 1):
        parts = (
            coefficient[..., lag, :, :] @ step[period - 1 - lag] for lag in range(min(p, period))
        )
        step.append(sum(parts))  # type: ignore[arg-type]
    later = np.swapaxes(sum(step[1:]), -1, -2)
    return later, same + same @ later


def _wald(model: Autoregression) -> Floats:
    from scipy import stats

    p, k = model.lags, len(model.coefficient[0])
    t = len(model.residual)
    value = np.empty((k, k))
    rows = model.regressor.reshape(p, k, t)
    for b in range(k):
        score = rows * model.robust[:, b]
        for a in range(k):
            effect = model.coefficient[:, b, a]
            covariance = score[:, a] @ score[:, a].T
            value[a, b] = effect @ np.linalg.solve(covariance, effect) / p
    found: Floats = stats.f.sf(value, p, t - model.n_terms)
    return found
