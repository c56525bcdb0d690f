"""Maximise the partial likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.survival.regression.likelihood import Moments, Ties, information, moments, score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.regression.riskset import RiskSets, Units

_MOST_STEPS = 60
_MOST_HALVINGS = 30
#: Half the squared distance to the maximum, in standard errors, that is none.
_THERE = 1e-16
#: The same, from which on a step that is as long as the one before leads nowhere.
_FLAT = 1e-8
#: Share of the previous step, and change in the logarithm of a hazard ratio, that are "as long".
_AS_LONG, _FAR = 0.9, 0.05
#: Share of the largest eigenvalue of the scaled information below which one is 0; and of the
#: information without any effect below which there is none left.
_SINGULAR = 1e-10


class Maximum(NamedTuple):
    """Where the likelihood is largest.

    Attributes
    ----------
    beta : array, shape (p,)
    at : Moments
        The likelihood there.
    information : array, shape (p, p)
    null_score : array, shape (p,)
        At no effect.
    infinite : array of bool, shape (p,)
        Coefficients along which the likelihood grows for ever.
    converged : bool
    """

    beta: NDArray[np.float64]
    at: Moments
    information: NDArray[np.float64]
    null_score: NDArray[np.float64]
    infinite: NDArray[np.bool_]
    converged: bool


def unidentified(matrix: NDArray[np.float64], n_event: int) -> tuple[list[int], list[int]]:
    """Return the columns without any information, and those that others determine.

    `matrix` is the information at no effect of covariates of standard deviation 1.
    """
    diagonal = np.diag(matrix)
    alone = np.flatnonzero(diagonal <= _SINGULAR * n_event)
    if len(alone):
        return alone.tolist(), []
    scale = 1 / np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(matrix * scale[:, None] * scale)
    loading = np.abs(vectors[:, values < _SINGULAR * values[-1]])
    return [], np.flatnonzero((loading > 1e-3).any(axis=1)).tolist()


def maximise(
    sets: RiskSets, units: Units, ties: Ties, null: Moments, null_information: NDArray[np.float64]
) -> Maximum:
    """Climb from no effect by Newton's steps, each halved until the likelihood does not fall.

    Ends when the gain of another step is next to nothing, or when steps no longer shrink although
    the likelihood no longer grows: then it has no maximum (it is monotone in those directions).
    """
    n_columns = units.x.shape[1]
    width = np.ptp(units.x, axis=0)
    beta, at = np.zeros(n_columns), null
    slope, curvature = score(units, at), null_information
    null_score = slope
    infinite = np.zeros(n_columns, dtype=bool)
    before = np.zeros(n_columns)
    converged = False
    for _ in range(_MOST_STEPS):
        flat = np.diag(curvature) <= _SINGULAR * np.diag(null_information)
        if flat.any():
            infinite, converged = infinite | flat, True
            break
        step = _solved(curvature, slope)
        gain = float(slope @ step) / 2
        if gain <= _THERE or not np.isfinite(gain):
            converged = bool(np.isfinite(gain))
            break
        as_long = np.abs(step) > _AS_LONG * np.abs(before)
        infinite = as_long & (np.abs(step) * width > _FAR)
        if gain <= _FLAT and infinite.any():
            converged = True
            break
        moved = _climbed(sets, units, ties, beta, step, at)
        if moved is None:
            converged = gain <= _FLAT
            break
        before, beta, at = moved[0] - beta, moved[0], moved[1]
        slope, curvature = score(units, at), information(units, at)
        infinite = np.zeros(n_columns, dtype=bool)
    return Maximum(beta, at, curvature, null_score, infinite, converged)


def _solved(matrix: NDArray[np.float64], vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve with columns scaled: their information may differ by orders of magnitude."""
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), np.finfo(float).tiny))
    scaled = matrix * scale[:, None] * scale
    try:
        return np.asarray(scale * np.linalg.solve(scaled, scale * vector))
    except np.linalg.LinAlgError:
        return np.asarray(scale * np.linalg.lstsq(scaled, scale * vector)[0])


def _climbed(
    sets: RiskSets,
    units: Units,
    ties: Ties,
    beta: NDArray[np.float64],
    step: NDArray[np.float64],
    at: Moments,
) -> tuple[NDArray[np.float64], Moments] | None:
    """Take the step, or as much of it as does not lead down; None where nothing leads up."""
    # A likelihood is a sum over events: rounding may take back that much.
    slack = 1e-13 * abs(at.log_likelihood)
    for _ in range(_MOST_HALVINGS):
        there = moments(sets, units, beta + step, ties)
        rises = there.log_likelihood >= at.log_likelihood - slack
        # Infinite where hazards differ so much that the least are rounded to nothing.
        if rises and np.isfinite(there.log_likelihood):
            return beta + step, there
        step = step / 2
    return None
