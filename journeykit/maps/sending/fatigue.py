"""Fatigue: does a customer respond less the more was sent to them lately, and from where on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.stats.risk_sets import joint_strata

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Customers are put into so many parts by a hash; parts are what is drawn again.
PARTS = 400
DRAWS = 499
_STEP = 0.5
_LEVEL = 0.05
#: Less information than this is none.
_LEAST = 1e-9
#: Fewer parts of customers that tell anything say nothing of how customers vary.
_FEW = 10


class Dose(NamedTuple):
    """How the response changes with the number of recent sends, within customers.

    Attributes
    ----------
    estimate, conf_low, conf_high : arrays of float64, shape (levels,)
        Response at 0, 1, ... recent sends, customers and quarters held equal.
    knee, knee_low, knee_high : float
        Recent sends up to which the response does not fall.
    slope, slope_low, slope_high : float
        Change in the response by each send beyond the knee.
    p_value : float
        That no fall begins anywhere.
    verdict : str
    """

    estimate: Floats
    conf_low: Floats
    conf_high: Floats
    knee: float
    knee_low: float
    knee_high: float
    slope: float
    slope_low: float
    slope_high: float
    p_value: float
    verdict: str


class _Sums(NamedTuple):
    """Normal equations by part: gram (parts, k, k), cross (parts, k), n and y (parts, k)."""

    gram: Floats
    cross: Floats
    n: Floats
    y: Floats


def dose_response(
    recent: NDArray[np.int64],
    response: NDArray[np.bool_],
    stratum: NDArray[np.int64],
    part: NDArray[np.int64],
    /,
    *,
    confidence: float,
    seed: int,
) -> Dose:
    """Fit the response to the number of recent sends inside strata of one customer each.

    The response y of a send has the expectation a_s + b max(0, k - knee), with a level of its own
    in every stratum s (a customer in a quarter of the year), k recent sends, and b below 0: least
    squares, in which only differences inside strata count, so customers who are sent more because
    they respond more tell nothing. The knee is the best of a grid of halves from 0.

    *Test* of no fall at any knee: the largest, over the grid, of minus the score for b over its
    standard error by customers, held against its distribution when the sign of each part of the
    customers is drawn by chance (wild bootstrap). *Intervals*: quantiles of the estimates when
    parts are drawn again with Poisson weights; of the curve, a normal one with their spread. The
    curve itself has a free level for each k, and the mean response of all.

    `verdict`: "falls beyond the knee", "falls from the first send on" (the interval of the knee
    reaches 0), "no fall found", or "cannot tell" where sends differ in k in the strata of fewer
    than ten parts.

    References
    ----------
    Muggeo (2003), Estimating regression models with unknown break-points, Statistics in Medicine
    22; Davies (1987), Hypothesis testing when a nuisance parameter is present only under the
    alternative, Biometrika 74; Cameron, Gelbach, Miller (2008), Review of Economics and Statistics
    90: wild cluster bootstrap.
    """
    levels = int(recent.max(initial=0)) + 1
    sums = _sums(recent, response, stratum, part, levels)
    knees = np.arange(0, max(levels - 1, 1), _STEP)
    hinge = np.maximum(np.arange(levels)[:, None] - knees, 0.0)
    gram, cross = sums.gram.sum(axis=0), sums.cross.sum(axis=0)
    curve, low, high = _curve(sums, gram, cross, confidence, seed)
    room = _information(hinge, gram)
    informed = np.trace(sums.gram, axis1=1, axis2=2) > _LEAST
    if informed.sum() < _FEW or not (room > _LEAST).any():
        nan = np.nan
        return Dose(curve, low, high, nan, nan, nan, nan, nan, nan, nan, "cannot tell")
    usable = room > _LEAST
    knees, hinge = knees[usable], hinge[:, usable]
    knee, slope = _fit(hinge, knees, gram[None], cross[None])
    p_value = _no_fall(sums.cross @ hinge, seed)
    weight = np.random.default_rng([seed, 1]).poisson(1.0, (DRAWS, len(sums.cross)))
    drawn_gram = np.tensordot(weight, sums.gram, axes=1)
    drawn_knee, drawn_slope = _fit(hinge, knees, drawn_gram, weight @ sums.cross)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    bounds = np.nanquantile(drawn_knee, tails), np.nanquantile(drawn_slope, tails)
    if not p_value < _LEVEL:
        verdict = "no fall found"
    else:
        verdict = (
            "falls from the first send on"
            if bounds[0][1] <= 0
            else "falls, from where cannot be told"
            if bounds[0][0] <= 0
            else "falls beyond the knee"
        )
    return Dose(
        curve,
        low,
        high,
        knee=float(knee[0]),
        knee_low=float(bounds[0][0]),
        knee_high=float(bounds[0][1]),
        slope=float(slope[0]),
        slope_low=float(bounds[1][0]),
        slope_high=float(bounds[1][1]),
        p_value=p_value,
        verdict=verdict,
    )


def _sums(
    recent: NDArray[np.int64],
    response: NDArray[np.bool_],
    stratum: NDArray[np.int64],
    part: NDArray[np.int64],
    levels: int,
) -> _Sums:
    """Add up the normal equations of levels of k, means of strata taken away, by part."""
    code, n_strata = joint_strata(part, stratum)
    cell = code * levels + recent
    n = np.bincount(cell, minlength=n_strata * levels).reshape(n_strata, levels).astype(float)
    y = np.bincount(cell, weights=response, minlength=n_strata * levels).reshape(n.shape)
    size = n.sum(axis=1, keepdims=True)
    owner = np.zeros(n_strata, dtype=np.int64)
    owner[code] = part
    # Strata are in the order of their parts.
    edges = np.searchsorted(owner, np.arange(PARTS + 1))
    root = n / np.sqrt(size)
    away = y - n * (y.sum(axis=1, keepdims=True) / size)
    gram = np.zeros((PARTS, levels, levels))
    totals = np.zeros((3, PARTS, levels))
    for at in range(PARTS):
        here = slice(edges[at], edges[at + 1])
        gram[at] = np.diag(n[here].sum(axis=0)) - root[here].T @ root[here]
        totals[:, at] = away[here].sum(axis=0), n[here].sum(axis=0), y[here].sum(axis=0)
    return _Sums(gram, *totals)


def _information(hinge: Floats, gram: Floats) -> Floats:
    return np.asarray(np.einsum("kj,kl,lj->j", hinge, gram, hinge))


def _fit(hinge: Floats, knees: Floats, gram: Floats, cross: Floats) -> tuple[Floats, Floats]:
    """Return the best knee and its slope for each draw; missing where none falls."""
    room = np.einsum("kj,bkl,lj->bj", hinge, gram, hinge, optimize=True)
    score = cross @ hinge
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where((score < 0) & (room > _LEAST), score**2 / room, -1.0)
        slope = score / room
    best = gain.argmax(axis=1)
    rows = np.arange(len(best))
    found = gain[rows, best] > 0
    return np.where(found, knees[best], np.nan), np.where(found, slope[rows, best], np.nan)


def _no_fall(score: Floats, seed: int) -> float:
    """Return the p-value of no fall at any knee; `score` by part and knee."""
    spread = np.sqrt((score**2).sum(axis=0))
    usable = spread > 1e-12
    if not usable.any():
        return 1.0
    scaled = score[:, usable] / spread[usable]
    sign = np.random.default_rng([seed, 2]).integers(0, 2, (DRAWS, len(score))) * 2.0 - 1
    reached = (-(sign @ scaled)).max(axis=1) >= (-scaled.sum(axis=0)).max() - 1e-12
    return float((1 + reached.sum()) / (1 + DRAWS))


def _curve(
    sums: _Sums, gram: Floats, cross: Floats, confidence: float, seed: int
) -> tuple[Floats, Floats, Floats]:
    """Return the response by level, the mean of all kept, with a normal interval by parts."""
    from scipy.special import ndtri

    weight = np.random.default_rng([seed, 3]).poisson(1.0, (DRAWS, len(sums.cross)))
    middle = _levels(gram[None], cross[None], sums.n.sum(axis=0)[None], sums.y.sum(axis=0)[None])
    drawn = _levels(
        np.tensordot(weight, sums.gram, axes=1),
        weight @ sums.cross,
        weight @ sums.n,
        weight @ sums.y,
    )
    half = float(ndtri((1 + confidence) / 2)) * np.nanstd(drawn, axis=0)
    half = np.where(half > 0, half, np.nan)
    # A level that differs from no other in any stratum has no place on the curve.
    curve = np.where(np.diag(gram) > _LEAST, middle[0], np.nan)
    return curve, curve - half, curve + half


def _levels(gram: Floats, cross: Floats, n: Floats, y: Floats) -> Floats:
    effect = np.einsum("bkl,bl->bk", np.linalg.pinv(gram, rcond=_LEAST, hermitian=True), cross)
    rest = y.sum(axis=1, keepdims=True) - (n * effect).sum(axis=1, keepdims=True)
    size = n.sum(axis=1, keepdims=True)
    # A draw can leave out everybody.
    centre = np.divide(rest, size, out=np.full(rest.shape, np.nan), where=size > 0)
    return np.asarray(effect + centre)
