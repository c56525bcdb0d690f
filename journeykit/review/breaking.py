"""Where rates break: the largest step of many, held against two kinds of chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.review.stepping import Series, fitted, statistics, without_wave

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from journeykit.review.stepping import Fit, Scores

#: Draws worked on at a time.
_AT_ONCE = 50


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


def _placed(
    first: list[int],
    found: dict[int, Tested],
    tested: Callable[[int, int, Sequence[int]], Tested],
    w: int,
) -> list[Found]:
    """Place each break anew between its neighbours; its p-value stays that of its finding."""
    placed = []
    edges = [0, *first, w]
    for number, at in enumerate(first, start=1):
        begin, end = edges[number - 1], edges[number + 1]
        again = tested(begin, end, [one for one in first if one != at])
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
