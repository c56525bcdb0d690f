"""Where rates break: one step in many series at once, held against two kinds of chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: A step is looked for where at least this share of a source's total lies on each side of it.
_LEAST_SIDE = 0.05
#: Draws worked on at a time.
_AT_ONCE = 50


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


class Tested(NamedTuple):
    """What came of looking for one step in a stretch.

    Attributes
    ----------
    at : int
        First period after the step, where the largest statistic is.
    low, high : int
        Periods that it may have been, both included.
    p_value : float
        Of the largest statistic of all cells and periods.
    cell : int
        Cell of the largest statistic.
    cell_p : array of float64, shape (C,)
        How often a single cell's largest statistic is as large by chance as this one's at `at`.
    """

    at: int
    low: int
    high: int
    p_value: float
    cell: int
    cell_p: NDArray[np.float64]


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


def look(
    series: Series, /, *, least: int, draws: int, confidence: float, random: np.random.Generator
) -> Tested:
    """Look for one step: the largest statistic of all cells and periods, against chance.

    Two kinds of chance are drawn, and the larger p-value counts. *Periods*: residuals, scaled to
    equal spread, change places in short blocks; this knows what varies from week to week for all
    customers at once. *Customers*: the residuals of groups of customers change sign, the history of
    each as a whole; this knows that the same customers come again and again. All cells move
    together, and every draw is fitted and scaled anew.
    """
    fit = fitted(series, least=least)
    found = statistics(fit, fit.residual.sum(axis=0))
    at = int(found.largest.argmax())
    top = found.largest[at]
    at, low, high = _placed_by_direction(series, fit, found, at, least, confidence)
    here = np.abs(found.cell[at])
    p_value, cell_p = 0.0, np.zeros(len(here))
    for drawn in (_periods_moved(fit, draws, random), _groups_flipped(fit, draws, random)):
        p_value = max(p_value, (1 + (drawn[:, -1] >= top).sum()) / (draws + 1))
        pooled = np.sort(drawn[:, :-1].ravel())
        above = len(pooled) - np.searchsorted(pooled, here, side="left")
        cell_p = np.maximum(cell_p, (1 + above) / (len(pooled) + 1))
    return Tested(at, low, high, float(p_value), int(here.argmax()), cell_p)


def _placed_by_direction(
    series: Series, fit: Fit, found: Scores, at: int, least: int, confidence: float
) -> tuple[int, int, int]:
    """Place a step by all that changes at it: its period, and the ends of its interval.

    Cells whose statistic is 3 or more, or the largest one, are added up with the weights d / p of
    their likelihood, d the step and p the share: one series, of which the likelihood ratio is
    profiled. Twice, because the weights depend on the place.
    """
    low = high = at
    for _ in range(2):
        z = found.cell[at]
        chosen = np.abs(z) >= min(3.0, float(np.abs(z).max()))
        scale = np.sqrt(fit.variance / fit.information[at])
        weight = np.where(chosen, np.nan_to_num(z * scale) / fit.share, 0)
        within = (weight**2 * fit.share) @ fit.source - ((weight * fit.share) @ fit.source) ** 2
        first = np.array([np.flatnonzero(column)[0] for column in fit.source.T])
        one = Series(
            (series.x * weight).sum(axis=2, keepdims=True),
            (series.n[:, :, first] * within).sum(axis=2, keepdims=True),
            series.wave,
            np.zeros(1, dtype=np.int64),
        )
        line = _profile(one, least)
        if not line.any():
            break
        at = int(line.argmax())
        # Yao (1987), Hansen (2000): the likelihood ratio at the true place stays below this.
        near = np.flatnonzero(
            (line > 0) & (line[at] - line <= -2 * np.log(1 - np.sqrt(confidence)))
        )
        low, high = int(near.min()), int(near.max())
    return at, low, high


def _profile(one: Series, least: int) -> NDArray[np.float64]:
    """Return the likelihood ratio of a step at each period of a series of unit variance per n."""
    fit = fitted(one, least=least)
    residual = fit.residual.sum(axis=0)
    root = np.sqrt(fit.total)
    scaled = np.divide(residual, root, out=np.zeros_like(residual), where=root > 0)
    phi = max(float((np.diff(scaled, axis=0) ** 2).mean()) / 2, 1e-12)
    score = np.cumsum(residual[::-1], axis=0)[::-1]
    ratio: NDArray[np.float64] = np.nan_to_num(score**2 / (phi * fit.information), nan=0.0)[:, 0]
    return ratio


def _maxima(fit: Fit, residual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each cell's largest statistic, and in the last column that of all; (draws, C + 1)."""
    drawn = statistics(fit, residual)
    return np.column_stack([np.abs(drawn.cell).max(axis=-2), drawn.largest.max(axis=-1)])


def _periods_moved(fit: Fit, draws: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Draw the largest statistics with periods in another order; see `_maxima`."""
    w = len(fit.total)
    root = np.sqrt(fit.total)
    residual = fit.residual.sum(axis=0)
    scaled = np.divide(residual, root, out=np.zeros_like(residual), where=root > 0)
    size = max(1, w // 25)
    found = []
    for begin in range(0, draws, _AT_ONCE):
        order = np.array(
            [_blocks(w, size, random) for _ in range(min(_AT_ONCE, draws - begin))], dtype=np.int64
        )
        found.append(_maxima(fit, scaled[order] * root))
    return np.concatenate(found)


def _blocks(w: int, size: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Return the periods in blocks of `size` in a random order, from a random one on."""
    turned = np.roll(np.arange(w), random.integers(w))
    cut = np.array_split(turned, range(size, w, size))
    return np.concatenate([cut[block] for block in random.permutation(len(cut))])


def _groups_flipped(fit: Fit, draws: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Draw the largest statistics with groups' signs changed; see `_maxima`."""
    g, w, c = fit.residual.shape
    # What a group decides itself is not left over: the larger its part, the smaller its residual.
    flat = (fit.residual / (1 - fit.part)[:, None]).reshape(g, w * c)
    found = []
    for begin in range(0, draws, _AT_ONCE):
        sign = random.choice([-1.0, 1.0], size=(min(_AT_ONCE, draws - begin), g))
        drawn = (sign @ flat).reshape(-1, w, c)
        found.append(_maxima(fit, drawn))
    return np.concatenate(found)


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


class Found(NamedTuple):
    """A break: its period among all, and what was tested."""

    at: int
    tested: Tested


def breaks(
    series: Series,
    /,
    *,
    least: int,
    level: float,
    least_wave: int,
    draws: int,
    confidence: float,
    seed: int,
) -> list[Found]:
    """Find all breaks by binary segmentation, then place each between its neighbours anew.

    A stretch is cut at its largest step where that has p at most its share of `level`, by length;
    then both parts are looked at in turn. Where a stretch is shorter than `least_wave`, the wave of
    the year is that of the whole series, fitted beside the breaks found so far.
    """
    w = series.x.shape[1]
    random = np.random.default_rng(seed)
    given = {"least": least, "draws": draws, "confidence": confidence, "random": random}

    def tested(begin: int, end: int, known: Sequence[int]) -> Tested:
        whole = series if end - begin >= least_wave else without_wave(series, known)
        return look(whole.cut(begin, end), **given)  # type: ignore[arg-type]

    found: dict[int, Tested] = {}
    stretches = [(0, w)]
    while stretches:
        begin, end = stretches.pop(0)
        if end - begin < 2 * least or not series.x.shape[2]:
            continue
        one = tested(begin, end, sorted(found))
        if one.p_value <= level * (end - begin) / w:
            found[begin + one.at] = one
            stretches += [(begin, begin + one.at), (begin + one.at, end)]
    return _placed(sorted(found), found, tested, w)


def _placed(first: list[int], found: dict[int, Tested], tested: object, w: int) -> list[Found]:
    """Place each break anew between its neighbours; its p-value stays that of its finding."""
    placed = []
    edges = [0, *first, w]
    for number, at in enumerate(first, start=1):
        begin, end = edges[number - 1], edges[number + 1]
        again = tested(begin, end, [one for one in first if one != at])  # type: ignore[operator]
        edges[number] = begin + again.at
        placed.append(
            Found(
                begin + again.at,
                again._replace(
                    low=begin + again.low,
                    high=begin + again.high,
                    at=begin + again.at,
                    p_value=found[at].p_value,
                ),
            )
        )
    return placed
