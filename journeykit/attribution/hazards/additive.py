"""Additive-hazard attribution: credit to channels and to the baseline, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from scipy.special import ndtri

from journeykit.attribution.hazards.kernels import exposure_products
from journeykit.checks import check_fraction, check_known, check_positive
from journeykit.errors import ArgumentError, DataError, NotObservedError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.journeys import Journeys

BASELINE = "(baseline)"


class Moments(NamedTuple):
    """Sums over customers, days as the unit of time.

    `a`, shape (m, m): integral of centred exposure products; `b`, shape (m,): centred exposure
    at conversions; `meat`, shape (m, m): its squares; `exposure`, shape (m,): exposure at risk.
    """

    a: NDArray[np.float64]
    b: NDArray[np.float64]
    meat: NDArray[np.float64]
    exposure: NDArray[np.float64]


class _Points(NamedTuple):
    channels: tuple[str, ...]
    time: NDArray[np.float64]
    kind: NDArray[np.int64]
    customer: NDArray[np.int64]
    channel: NDArray[np.int64]
    n_customers: int
    n_conversions: int
    n_before: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class HazardCredits(Result):
    """Credits of the additive hazard.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a channel, ``(baseline)`` last: `model channel conversions share std_error conf_low
        conf_high effect effect_std_error half_life_days`. `conversions` sum to all conversions and
        may be negative; `conf_low` and `conf_high` bound `conversions`; `effect` is the rise of
        the daily hazard right after a touch.
    n_customers, n_conversions : int
        Customers at risk, and those of them who convert while watched.
    n_before : int
        Customers left out: they converted before, or at, their entry.
    """

    n_customers: int
    n_conversions: int
    n_before: int
    rows: ClassVar[str] = "credits"

    def summary(self) -> str:
        """Say what the channels and the baseline are credited with."""
        base = self.frame["conversions"].iloc[-1]
        return (
            f"{self.n_conversions:,} first conversions of {self.n_customers:,} customers: "
            f"{self.n_conversions - base:,.1f} to channels, {base:,.1f} to the baseline"
        )


def hazard(
    journeys: Journeys,
    /,
    *,
    conversion: Sequence[str],
    half_life_days: float | Sequence[float] = (1.0, 3.0, 7.0, 14.0, 30.0),
    confidence: float = 0.95,
) -> HazardCredits:
    """Credit first conversions to channels by an additive hazard with a free baseline.

    A customer is at risk from `observed_from` to the first conversion or `observed_to`. The hazard
    at calendar time t is lambda_0(t) + sum_c beta_c x_c(t), where x_c(t) sums 2^-(age / half-life)
    over earlier touches; beta is the estimator of Lin and Ying, not clamped. Channel c is credited
    with beta_c times the integral of x_c over the risk set, the baseline with the rest. Standard
    errors are those of the martingale sum, one first conversion a customer, given exposure and
    half-life: what choosing the half-life adds is not in them.

    Parameters
    ----------
    journeys : Journeys
        One journey a customer, with clocks and spans of watching; all touchpoints but `conversion`
        are channels. Touches before entry count as exposure.
    conversion : sequence of str
    half_life_days : float or sequence of float
        One for all channels; of several, the one that explains most by least squares.
    confidence : float in (0, 1)

    Raises
    ------
    ArgumentError
        When journeys are cut, or a half-life is not positive.
    NotObservedError
        Without times or spans of watching.
    DataError
        When nobody converts at risk, or exposures cannot be told apart.

    References
    ----------
    Lin, D. Y. and Ying, Z. (1994). Semiparametric analysis of the additive risk model. Biometrika.
    """
    check_fraction("confidence", confidence)
    grid = [half_life_days] if isinstance(half_life_days, int | float) else [*half_life_days]
    if not grid:
        raise ArgumentError("`half_life_days` must name at least one half-life; got none.")
    for days in grid:
        check_positive("half_life_days", days)
    points = _points(journeys, conversion)
    fits = [(_moments(points, days), days) for days in grid]
    solved = [(_solve(part), part, days) for part, days in fits]
    beta, part, days = max(solved, key=lambda fit: float(fit[0] @ fit[1].b))
    inverse = np.linalg.inv(part.a)
    return HazardCredits(
        frame=_frame(points, part, beta, inverse @ part.meat @ inverse, days, confidence),
        provenance=Provenance(
            fingerprint=journeys.fingerprint,
            parameters={
                "conversion": tuple(conversion),
                "half_life_days": tuple(grid),
                "confidence": confidence,
            },
        ),
        n_customers=points.n_customers,
        n_conversions=points.n_conversions,
        n_before=points.n_before,
    )


def _points(journeys: Journeys, conversion: Sequence[str]) -> _Points:
    """List, in order of time, every entry, touch, conversion and end of watching."""
    time = journeys.need_time("Hazard attribution")
    begin, end = journeys.observed_from, journeys.observed_to
    if begin is None or end is None:
        raise NotObservedError(
            "Hazard attribution needs `observed_from` and `observed_to` of each customer; these "
            "journeys have none."
        )
    if len(journeys) != journeys.n_customers:
        raise ArgumentError(
            f"Hazard attribution needs one journey a customer; got {len(journeys):,} journeys of "
            f"{journeys.n_customers:,} customers. Pass the journeys before they are cut."
        )
    check_known("conversion", conversion, journeys.names, what="touchpoints")
    bought = np.isin(journeys.names, list(conversion))
    owner = np.repeat(np.arange(len(journeys)), journeys.length)
    buys = bought[journeys.touchpoint]
    first = np.full(len(journeys), np.iinfo(np.int64).max)
    np.minimum.at(first, owner[buys], time[buys])
    kept = first > begin
    stop, converts = np.minimum(first, end), kept & (first < end)
    if not converts.any():
        raise DataError("No customer converts while watched; there is nothing to attribute.")
    touch = ~buys & kept[owner] & (time < stop[owner])
    who = np.flatnonzero(kept)
    number = np.cumsum(kept) - 1
    code = np.cumsum(~bought) - 1
    n, n_touch = len(who), int(touch.sum())
    when = np.concatenate([begin[who], stop[who], time[touch]])
    kind = np.concatenate([np.full(n, 2), 1 - converts[who], np.full(n_touch, 3)])
    order = np.lexsort((kind, when))
    customer = np.concatenate([np.arange(n), np.arange(n), number[owner[touch]]])
    channel = np.concatenate([np.zeros(2 * n, np.int64), code[journeys.touchpoint[touch]]])
    return _Points(
        tuple(name for name, buy in zip(journeys.names, bought, strict=True) if not buy),
        (when[order] - when.min()) / DAY,
        kind[order].astype(np.int64),
        customer[order],
        channel[order].astype(np.int64),
        n,
        int(converts.sum()),
        len(journeys) - n,
    )


def _moments(points: _Points, half_life_days: float) -> Moments:
    rate = np.full(len(points.channels), np.log(2) / half_life_days)
    return Moments(
        *exposure_products(
            points.time, points.kind, points.customer, points.channel, points.n_customers, rate
        )
    )


def _solve(part: Moments) -> NDArray[np.float64]:
    if np.linalg.matrix_rank(part.a) < len(part.b):
        raise DataError(
            "Exposures of the channels cannot be told apart: a channel is never met at risk, or "
            "two always together. Take the channel out with `only`, or join two with `relabel`."
        )
    return np.asarray(np.linalg.solve(part.a, part.b), dtype=np.float64)


def _frame(
    points: _Points,
    part: Moments,
    beta: NDArray[np.float64],
    variance: NDArray[np.float64],
    days: float,
    confidence: float,
) -> pd.DataFrame:
    import pandas as pd

    credit, error = beta * part.exposure, np.sqrt(np.diag(variance))
    spread = np.append(error * part.exposure, np.sqrt(part.exposure @ variance @ part.exposure))
    credit = np.append(credit, points.n_conversions - credit.sum())
    half = ndtri((1 + confidence) / 2) * spread
    return pd.DataFrame(
        {
            "model": "hazard",
            "channel": [*points.channels, BASELINE],
            "conversions": credit,
            "share": credit / points.n_conversions,
            "std_error": spread,
            "conf_low": credit - half,
            "conf_high": credit + half,
            "effect": np.append(beta, np.nan),
            "effect_std_error": np.append(error, np.nan),
            "half_life_days": np.append(np.full(len(beta), days), np.nan),
        }
    )
