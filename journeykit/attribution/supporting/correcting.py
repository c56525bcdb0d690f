"""The bias that levels estimated from few periods bring into an autoregression, and its removal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.attribution.supporting.autoregression import Autoregression
    from journeykit.attribution.supporting.series import Series

    Floats = NDArray[np.float64]

_WARM_UP = 20
_STEPS = 101


def corrected(
    model: Autoregression, data: Series, /, *, replicates: int, rng: np.random.Generator
) -> Autoregression:
    """Take from the coefficients what they are off by, on average, where they are the truth.

    Series of the same length are drawn from the fitted model, with normal shocks of the residuals'
    covariance, and fitted with the same terms of season; the mean error is subtracted. With a level
    for each week, the effect of a name on itself a day later is pulled down by about a seventh
    (Nickell's bias), and what follows a touch in all with it; without levels the bias is of order
    1 / periods. A model that does not die away is left as it is; where the corrected one would not,
    as much is corrected as leaves it dying away.

    References
    ----------
    Nickell (1981), Econometrica 49; Kilian (1998), Small-sample confidence intervals for impulse
    response functions, Review of Economics and Statistics 80.
    """
    if model.largest_root >= 1:
        return model
    drawn = _drawn(model, data, replicates=replicates, rng=rng)
    error = _refitted(drawn, data, model.lags).mean(axis=0) - model.coefficient
    for part in np.linspace(1, 0, _STEPS):
        made = replace(model, coefficient=model.coefficient - part * error)
        if made.largest_root < 1:
            break
    return made


def _drawn(
    model: Autoregression, data: Series, *, replicates: int, rng: np.random.Generator
) -> Floats:
    """Draw series without season, shape (replicates, t, k)."""
    (t, k), p = data.rate.shape, model.lags
    size = model.residual.T @ model.residual / (len(model.residual) - model.n_terms)
    values, vectors = np.linalg.eigh(size)
    root = vectors * np.sqrt(np.maximum(values, 0))
    made = np.zeros((replicates, p + _WARM_UP + t, k))
    weight = np.concatenate([np.ones(p + _WARM_UP), np.sqrt(data.weight)])
    shock = rng.standard_normal(made.shape) @ root.T / weight[:, None]
    for now in range(p, made.shape[1]):
        made[:, now] = shock[:, now]
        for lag in range(p):
            made[:, now] += made[:, now - 1 - lag] @ model.coefficient[lag].T
    return made[:, -t:]


def _refitted(drawn: Floats, data: Series, lags: int) -> Floats:
    """Fit each drawn series, shape (replicates, p, k, k)."""
    replicates, t, k = drawn.shape
    root = np.sqrt(data.weight[lags:])[:, None]
    basis, _ = np.linalg.qr(data.season[lags:] * root)
    past = np.concatenate([drawn[:, lags - lag : t - lag] for lag in range(1, lags + 1)], axis=2)
    x, y = past * root, drawn[:, lags:] * root
    x = x - basis @ (basis.T @ x)
    beta = np.linalg.solve(x.transpose(0, 2, 1) @ x, x.transpose(0, 2, 1) @ y)
    return beta.reshape(replicates, lags, k, k).transpose(0, 1, 3, 2)
