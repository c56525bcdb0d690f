"""Half-lives: how they are declared, and which of them explain most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from journeykit.attribution.hazards.at_risk import of_customers
from journeykit.attribution.hazards.kernels import mean_products, own_products
from journeykit.checks import check_known, check_positive
from journeykit.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.attribution.hazards.at_risk import AtRisk

#: Half-lives are gone through again until none changes, but not without end.
ROUNDS = 20
#: Of an exposure's variation, below this part it is taken for rounding.
ALIKE = 1e-9


class Moments(NamedTuple):
    """Sums over customers at risk; entry p is a channel at one of its half-lives.

    Attributes
    ----------
    channel : array of int64, days : array of float64, shape (p,)
        The channel and the half-life of each entry.
    apart : array of float64, shape (p, p)
        Integral of the products of exposure less its mean.
    own : array of float64, shape (p,)
        Integral of squared exposure.
    converted, worth : arrays of float64, shape (p,)
        Exposure less its mean, summed over conversions, and over their values.
    exposure : array of float64, shape (p,)
        Integral of exposure.
    touches : array of int64, shape (m,)
        Touches at risk by channel.
    """

    channel: NDArray[np.int64]
    days: NDArray[np.float64]
    apart: NDArray[np.float64]
    own: NDArray[np.float64]
    converted: NDArray[np.float64]
    worth: NDArray[np.float64]
    exposure: NDArray[np.float64]
    touches: NDArray[np.int64]

    def at(self, entry: NDArray[np.int64]) -> Moments:
        """Return the moments of some entries."""
        return Moments(
            self.channel[entry],
            self.days[entry],
            self.apart[np.ix_(entry, entry)],
            self.own[entry],
            self.converted[entry],
            self.worth[entry],
            self.exposure[entry],
            self.touches,
        )


def declared(
    half_life_days: float | Sequence[float] | Mapping[str, float | Sequence[float]],
    channels: tuple[str, ...],
    *,
    shared: bool,
) -> tuple[tuple[float, ...], ...]:
    """Return the half-lives to choose from, by channel, increasing."""
    if not isinstance(half_life_days, Mapping):
        return (_grid(half_life_days),) * len(channels)
    check_known("half_life_days", half_life_days, channels, what="channels")
    if shared:
        raise ArgumentError(
            "`half_life_days` names half-lives by channel, which decay='shared' has not; ask for "
            "decay='channel', or give one list of half-lives."
        )
    if missing := [name for name in channels if name not in half_life_days]:
        raise ArgumentError(
            "`half_life_days` must name the half-lives of all channels; it has none for "
            f"{', '.join(map(repr, missing))}."
        )
    return tuple(_grid(half_life_days[name]) for name in channels)


class Fold(NamedTuple):
    """Customers credited together, and their moments, one entry a channel."""

    risk: AtRisk
    part: Moments


def folds(risk: AtRisk, grids: tuple[tuple[float, ...], ...], *, shared: bool) -> list[Fold]:
    """Fix the half-lives at which customers are credited.

    Where there is a choice, customers are split into halves by the hash of their ids, and each half
    is credited at what was chosen on the other: chosen on the same, a channel would be credited
    the luckiest of its half-lives.
    """
    n = len(risk.begin)
    if n < 2 or all(len(grid) == 1 for grid in grids):
        every = moments(risk, grids)
        return [Fold(risk, every.at(chosen(every, shared=shared)))]
    rank = np.argsort(np.argsort(risk.hashed, kind="stable"), kind="stable")
    halves = [of_customers(risk, rank % 2 == side) for side in (0, 1)]
    both = [moments(half, grids) for half in halves]
    picks = [chosen(part, shared=shared) for part in both]
    return [
        Fold(half, part.at(pick))
        for half, part, pick in zip(halves, both, reversed(picks), strict=True)
    ]


def _grid(days: float | Sequence[float]) -> tuple[float, ...]:
    grid = [days] if isinstance(days, int | float) else [*days]
    if not grid:
        raise ArgumentError("`half_life_days` must name at least one half-life; got none.")
    for one in grid:
        check_positive("half_life_days", one)
    return tuple(sorted({float(one) for one in grid}))


def moments(risk: AtRisk, grids: tuple[tuple[float, ...], ...]) -> Moments:
    """Integrate exposure at all half-lives, in one pass over customers and one over time."""
    count = np.array([len(grid) for grid in grids])
    first = np.concatenate([[0], np.cumsum(count)])
    channel, days = np.repeat(np.arange(len(grids)), count), np.concatenate(grids)
    rate = np.log(2) / days
    rates, kind = np.unique(rate, return_inverse=True)
    layout = (risk.time, risk.code, risk.start, risk.begin, risk.stop, first, rate)
    single, double, met, touches = own_products(*layout)
    shared, shared_met, weight, converted, worth = mean_products(
        risk.order, risk.when, *layout, kind, rates, risk.value
    )
    both = rate[:, None] + rate
    own = _jumps(double, met, touches, channel) / both
    lower = np.tril(shared) + np.tril(shared, -1).T
    return Moments(
        channel=channel,
        days=days,
        apart=own - _jumps(lower, shared_met, weight, channel) / both,
        own=np.diag(own),
        converted=converted,
        worth=worth,
        exposure=(single + touches[channel]) / rate,
        touches=touches.astype(np.int64),
    )


def _jumps(
    double: NDArray[np.float64],
    met: NDArray[np.float64],
    weight: NDArray[np.float64],
    channel: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Add the jumps that touches make: (x + e)(x + e)' - x x', e being 1 in the channel touched."""
    crossed = met[channel]
    alike = np.where(channel[:, None] == channel, weight[channel], 0.0)
    return np.asarray(double + crossed + crossed.T + alike, dtype=np.float64)


def chosen(part: Moments, *, shared: bool) -> NDArray[np.int64]:
    """Return one entry a channel: of those declared, the half-lives that explain most.

    Most is the largest fall of the least-squares criterion, beta' b. Starting from the best
    half-life that all channels have in common, or from the middle ones, each channel in turn takes
    the best of its own, until none changes.
    """
    channels = range(len(part.touches))
    options = [np.flatnonzero(part.channel == c) for c in channels]
    common = sorted(set.intersection(*(set(part.days[entry]) for entry in options)))
    picks = [np.array([entry[part.days[entry] == days][0] for entry in options]) for days in common]
    if not picks:
        picks = [np.array([entry[len(entry) // 2] for entry in options])]
    pick = max(picks, key=lambda entry: explained(part.at(entry)))
    if shared:
        return pick
    for _ in range(ROUNDS):
        before = pick.copy()
        for c in channels:
            tried = [np.where(np.arange(len(pick)) == c, entry, pick) for entry in options[c]]
            best = max(explained(part.at(entry)) for entry in tried)
            if best > explained(part.at(pick)):
                pick = next(entry for entry in tried if explained(part.at(entry)) == best)
        if (pick == before).all():
            break
    return pick


def explained(part: Moments) -> float:
    """Return beta' b, what exposure explains by least squares."""
    met = np.flatnonzero(part.own > 0)
    scale = np.sqrt(part.own[met])
    apart, converted = part.apart[np.ix_(met, met)] / scale[:, None] / scale, part.converted[met]
    solution = np.linalg.lstsq(apart, converted / scale, rcond=ALIKE)[0]
    return float(solution @ (converted / scale))


def check_told_apart(part: Moments, channels: tuple[str, ...]) -> None:
    """Require that no exposure is made of the others', or is the same for all at any time."""
    if not len(channels):
        return
    scale = np.sqrt(part.own)
    size, vectors = np.linalg.eigh(part.apart / scale[:, None] / scale)
    if size[0] > ALIKE:
        return
    alike = [name for name, part in zip(channels, np.abs(vectors[:, 0]), strict=True) if part > 0.1]
    raise DataError(
        f"What {', '.join(map(repr, alike))} did cannot be told apart, from one another or from "
        "the time: all customers at risk met them at the same instants, or always together. Take "
        "one out with `only`, join them with `relabel`, or, where few customers are at risk, "
        "declare one half-life: choosing among several halves the customers."
    )
