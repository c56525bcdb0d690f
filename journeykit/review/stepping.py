"""A step in many rates at once: fitted without it, what it would explain, how far it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: A step is looked for where at least this share of a source's total lies on each side of it.
_LEAST_SIDE = 0.05


class Series(NamedTuple):
    """Counts of C cells in W periods, by group of customers.

    Attributes
    ----------
    x, n : arrays of float64, shape (G, W, C)
        What happened, of how many.
    wave : array of float64, shape (W, k)
        What is no break: cosine and sine of the year, and a trend; of no columns where none is
        taken out.
    row : array of int64, shape (C,)
        Source of each cell, from 0: cells of one source share its n, and sum to at most n.
    """

    x: NDArray[np.float64]
    n: NDArray[np.float64]
    wave: NDArray[np.float64]
    row: NDArray[np.int64]

    def cut(self, begin: int, end: int) -> Series:
        """Return some periods."""
        return self._replace(
            x=self.x[:, begin:end], n=self.n[:, begin:end], wave=self.wave[begin:end]
        )


class Fit(NamedTuple):
    """A stretch without a step, fitted: what is left, and what a step would explain of it.

    Attributes
    ----------
    total : array, shape (W, C)
        `n` over all groups.
    design : array, shape (W, q)
    weight : array, shape (C, q, W)
        From residual counts to coefficients.
    share : array, shape (C,)
        p of each cell over all periods; its variance is p (1 - p).
    information : array, shape (W, C)
        Of a step at each period; NaN where too little lies on one side.
    residual : array, shape (G, W, C)
        By group.
    part : array, shape (G, C)
        Share of a cell's n that is of a group, at most 0.9.
    source : array, shape (C, R)
        1 where a cell is of a source.
    """

    total: NDArray[np.float64]
    design: NDArray[np.float64]
    weight: NDArray[np.float64]
    share: NDArray[np.float64]
    information: NDArray[np.float64]
    residual: NDArray[np.float64]
    part: NDArray[np.float64]
    source: NDArray[np.float64]

    @property
    def variance(self) -> NDArray[np.float64]:
        """Variance of one step or customer-day, shape (C,)."""
        return self.share * (1 - self.share)


def fitted(series: Series, /, *, least: int) -> Fit:
    """Fit each cell's rate, with the wave of the year, by least squares weighted by n."""
    x, total = series.x.sum(axis=0), series.n.sum(axis=0)
    w = len(total)
    design = np.column_stack([np.ones(w), series.wave])
    gram = np.einsum("wc,wi,wj->cij", total, design, design)
    weight = np.einsum("cij,wj->ciw", np.linalg.pinv(gram, hermitian=True), design)
    rate = explained(design, weight, x)
    share = x.sum(axis=0) / np.maximum(total.sum(axis=0), 1e-300)
    after = np.cumsum(total[::-1], axis=0)[::-1]
    moment = np.cumsum((total[:, :, None] * design[:, None, :])[::-1], axis=0)[::-1]
    inverse = np.linalg.pinv(gram, hermitian=True)
    information = after - np.einsum("wci,cij,wcj->wc", moment, inverse, moment)
    side = after / np.maximum(after[0], 1e-300)
    allowed = (side >= _LEAST_SIDE) & (side <= 1 - _LEAST_SIDE) & (information > 1e-9 * after[0])
    allowed[:least] = False
    allowed[w - least + 1 :] = False
    return Fit(
        total,
        design,
        weight,
        np.clip(share, 1e-12, 1 - 1e-12),
        np.where(allowed, information, np.nan),
        series.x - series.n * rate,
        np.minimum(series.n.sum(axis=1) / np.maximum(total.sum(axis=0), 1e-300), 0.9),
        np.eye(int(series.row.max(initial=-1)) + 1)[series.row],
    )


def explained(
    design: NDArray[np.float64], weight: NDArray[np.float64], counts: NDArray[np.float64], /
) -> NDArray[np.float64]:
    """Return the fitted rates of counts, shape (..., W, C)."""
    coefficient = np.einsum("ciw,...wc->...ci", weight, counts)
    rates: NDArray[np.float64] = np.einsum("wi,...ci->...wc", design, coefficient)
    return rates


class Scores(NamedTuple):
    """Statistics of a step at each period; 0 where none is looked for.

    Attributes
    ----------
    cell : array, shape (..., W, C)
        Signed; standard normal where nothing changes.
    source : array, shape (..., W, R)
        Of all cells of a source together, and `cell` squared likewise, brought to one scale.
    """

    cell: NDArray[np.float64]
    source: NDArray[np.float64]

    @property
    def largest(self) -> NDArray[np.float64]:
        """The largest of all at each period, on the scale of `source`; shape (..., W)."""
        cells = _scaled(self.cell**2, np.array(1.0)).max(axis=-1)
        every: NDArray[np.float64] = np.maximum(cells, self.source.max(axis=-1))
        return every


def _scaled(chi: NDArray[np.float64], freedom: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring chi-squared statistics to nearly normal ones (Wilson, Hilferty 1931)."""
    scaled: NDArray[np.float64] = (np.cbrt(chi / freedom) - (1 - 2 / (9 * freedom))) / np.sqrt(
        2 / (9 * freedom)
    )
    return scaled


def statistics(fit: Fit, residual: NDArray[np.float64], /) -> Scores:
    """Return the score statistics of a step at each period, of cells and of whole sources.

    With residual counts r, a cell's is the sum u of r from the period on over the root of
    phi p (1 - p) I. phi, how much more counts vary than independent steps would, is the mean square
    of differences of r / sqrt(n p (1 - p)) between neighbouring periods, halved, and at least 1: a
    step does not enter it. A source's is the sum of u^2 / (phi p I) over its cells and the rest,
    with the mean phi of its cells.
    """
    residual = residual - fit.total * explained(fit.design, fit.weight, residual)
    root = np.sqrt(fit.total * fit.variance)
    scaled = np.divide(residual, root, out=np.zeros_like(residual), where=root > 0)
    phi = np.maximum((np.diff(scaled, axis=-2) ** 2).mean(axis=-2, keepdims=True) / 2, 1)
    score = np.cumsum(residual[..., ::-1, :], axis=-2)[..., ::-1, :]
    score = np.nan_to_num(score / np.sqrt(fit.information), nan=0.0, posinf=0.0, neginf=0.0)
    n_cells = fit.source.sum(axis=0)
    rest = 1 - fit.share @ fit.source
    chi = (score**2 / fit.share) @ fit.source
    # Where the cells are all there is, the rest is a rounding error.
    whole = rest < 1e-9
    chi += np.where(whole, 0, (score @ fit.source) ** 2 / np.where(whole, 1, rest))
    chi /= phi @ fit.source / n_cells
    together = _scaled(chi, np.maximum(n_cells - whole, 1))
    return Scores(score / np.sqrt(phi * fit.variance), together)


class Step(NamedTuple):
    """How far rates step at a period; arrays of shape (C,)."""

    difference: NDArray[np.float64]
    std_error: NDArray[np.float64]


def step_at(series: Series, at: int, /) -> Step:
    """Estimate the step at a period, the wave of the year taken out, with customers as units.

    The variance is the larger of two: that over groups of customers, and that of `statistics`.
    """
    fit = fitted(series, least=1)
    residual = fit.residual.sum(axis=0)
    w, g = len(fit.total), len(fit.residual)
    step = (np.arange(w) >= at).astype(float)[:, None] * np.ones(fit.total.shape[1])
    # The step without what the design explains of it.
    own = step - explained(fit.design, fit.weight, step * fit.total)
    information = (fit.total * own * step).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = (own * residual).sum(axis=0) / information
    left = fit.residual - series.n * own * difference
    scores = (own * left).sum(axis=1)
    by_group = g / max(g - 1, 1) * ((scores - scores.mean(axis=0)) ** 2).sum(axis=0)
    root = np.sqrt(fit.total * fit.variance)
    total = left.sum(axis=0)
    scaled = np.divide(total, root, out=np.zeros_like(total), where=root > 0)
    phi = np.maximum((np.diff(scaled, axis=0) ** 2).mean(axis=0) / 2, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.maximum(by_group, phi * fit.variance * information) / information**2
    return Step(difference, np.sqrt(variance))


def without_wave(series: Series, breaks: Sequence[int], /) -> Series:
    """Take the wave of the year out of the counts, fitted beside steps at `breaks`."""
    if not series.wave.shape[1]:
        return series
    x, total = series.x.sum(axis=0), series.n.sum(axis=0)
    w = len(total)
    steps = [(np.arange(w) >= at).astype(float) for at in breaks]
    design = np.column_stack([np.ones(w), *steps, series.wave])
    gram = np.einsum("wc,wi,wj->cij", total, design, design)
    weight = np.linalg.pinv(gram, hermitian=True)
    coefficient = np.einsum("cij,wj,wc->ci", weight, design, x)
    wave = series.wave @ coefficient[:, -series.wave.shape[1] :].T
    return series._replace(x=series.x - series.n * wave, wave=np.empty((w, 0)))
