"""Additive-hazard attribution: credit to channels and to the baseline, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import ndtri

from journeykit.attribution.credit import BASELINE, SHARE_WARNING, Credits, Population
from journeykit.attribution.hazards.at_risk import at_risk
from journeykit.attribution.hazards.decays import declared, folds
from journeykit.attribution.hazards.diagnostics import (
    bound_warnings,
    old_touch_warnings,
    old_touches,
)
from journeykit.attribution.hazards.estimates import estimated
from journeykit.checks import check_choice, check_fraction
from journeykit.results import Provenance

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from journeykit.attribution.hazards.at_risk import AtRisk
    from journeykit.attribution.hazards.decays import Fold
    from journeykit.attribution.hazards.estimates import Estimates
    from journeykit.journeys import Journeys

HALF_LIVES = (1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 14.0, 20.0, 30.0)

Decay = Literal["channel", "shared"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class HazardCredits(Credits):
    """Credits of the additive hazard.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a channel, by name, ``(baseline)`` last. Beside the columns of `Credits`:

        - `n_journeys`: customers at risk who met the channel before their time at risk ended; of
          the baseline, all at risk
        - `conversions`, `value`: may be negative; they sum to all first conversions, and to their
          value
        - `std_error`, `conversions_low`, `conversions_high`: of `conversions`, over customers
        - `n_touches`: touches at risk; `conversions_per_touch`: the credit divided by them. Divide
          the bounds of `conversions` for its interval.
        - `effect`, `effect_std_error`: what a touch adds to the hazard right after it, a day
        - `half_life_days`: declared, or the geometric mean of those chosen on the halves of the
          customers, `half_life_low` and `half_life_high`
        - `old_touches_z`: how surely touches older than 6 half-lives still go with conversions

        Intervals are normal, with standard errors over customers, given the half-lives. A channel
        that nobody at risk met gets 0, without an interval and an effect.
    n_before, n_unwatched : int
        Customers left out: they converted before, or at, their entry; or are watched for no time.
    n_repeated : int
        Conversions of customers who had converted before: not credited.
    warnings : tuple of str
        What should not be if channels did what the model says.
    """

    n_before: int
    n_unwatched: int
    n_repeated: int

    def summary(self) -> str:
        """Say what channels and baseline are credited with, what is left out, and what is odd."""
        total, base = self.population.n_conversions, self.frame.iloc[-1]
        left = [
            f"; {count:,} {what}"
            for count, what in (
                (self.n_before, "customers left out who converted before they were at risk"),
                (self.n_unwatched, "customers left out who are watched for no time"),
                (self.n_repeated, "later conversions not credited"),
            )
            if count
        ]
        odd = f" {len(self.warnings)} warnings: {' '.join(self.warnings)}" if self.warnings else ""
        return (
            f"{total:,} first conversions of {self.population.n_journeys:,} customers at risk: "
            f"{total - base['conversions']:,.1f} credited to channels, {base['conversions']:,.1f} "
            f"to the baseline ({base['share']:.1%}, {base['conf_low']:.1%} to "
            f"{base['conf_high']:.1%}){''.join(left)}. {SHARE_WARNING}{odd}"
        )


def hazard(
    journeys: Journeys,
    /,
    *,
    conversion: Sequence[str],
    half_life_days: float | Sequence[float] | Mapping[str, float | Sequence[float]] = HALF_LIVES,
    decay: Decay = "shared",
    value: str | None = None,
    confidence: float = 0.95,
) -> HazardCredits:
    """Credit first conversions to channels by an additive hazard with a free baseline.

    A customer is at risk from `observed_from` to the first conversion or `observed_to`, touched or
    not. At risk, the hazard of converting at calendar time t is

        lambda_0(t) + sum over channels c of beta_c x_c(t),

    where x_c(t) is the sum of 2^-(age / half-life of c) over the touches before t, those before
    entry included, and lambda_0 is free: what moves all customers alike, such as a season, is the
    baseline's. beta is the least-squares estimator of Lin and Ying, exact in continuous time and
    not clamped. Channel c is credited beta_c times the integral of x_c over the customers at risk:
    the first conversions expected to have begun with its touches. The baseline is credited the
    rest, so credit sums to first conversions. Value is credited by the same equations with each
    conversion counted by its value. Where touches do not follow what makes customers buy, credit
    is what channels cause; otherwise it is not, and `warnings` can only say so where it shows.

    Of several half-lives, those are chosen that explain most by least squares. Customers are split
    into halves by a hash of their ids, and each half is credited at the half-lives chosen on the
    other. So a channel that does nothing is not credited the luckiest of its half-lives.

    Standard errors are those of the sum over customers of their influence on the estimate, on the
    exposure and on the number of conversions; they hold when the hazard is another one too. They
    are given the half-lives: what a wrong one does to the credit is not in them. Where hardly any
    conversion follows a channel's touches that sum is too small by chance; it is raised to what a
    hazard that is the same for all would give. In simulated worlds whose channels are met rarely,
    95 % intervals of a channel without effect then held 0 in all of 400 worlds of 400 customers
    with 155 conversions (in 78 % without), in 98.5 % of 700 of 1,600 (in 92.5 %) and in 98 % of
    1,000 of 4,000: a little wide. Those of channels with an effect held 92, 94 and 94 %.

    At one instant (one day, on a day clock) conversions come before touches and entries: a touch
    at the instant of the conversion does not count.

    One sort of the events and passes over them: time grows with events times the square of the
    channels and, for the choice, with converters times the square of channels times half-lives.
    A million customers with 5 million touches of 12 channels take 17 processor seconds, 24 with 5
    half-lives to choose from, and half a gigabyte beside the journeys.

    Parameters
    ----------
    journeys : Journeys
        One journey a customer, not cut, with clocks and spans of watching. All touchpoints but
        `conversion` are channels: group them with `relabel`, and take activity that is no touch
        out with `only`.
    conversion : sequence of str
    half_life_days : float, sequence of float, or mapping of channel to either
        In elapsed days of 24 hours; several to choose from.
    decay : {"shared", "channel"}
        Whether all channels have one half-life, or each its own, chosen in turn until none changes.
        Own half-lives fit hidden intent: in the scoreboard of `compare` they are farther from the
        truth under each of four laws, and credit a touch that buyers seek with up to 5 %.
    value : str
        Event column with the value of a conversion; without it, `value` is 0. Of several
        conversions at one instant, the sum.
    confidence : float in (0, 1)

    Returns
    -------
    HazardCredits

    Raises
    ------
    ArgumentError
        When journeys are cut, or half-lives are not positive, not shared, or missing for a channel.
    MappingError
        When a conversion, a channel in `half_life_days` or the column `value` does not exist.
    NotObservedError
        Without times or spans of watching.
    DataError
        When nobody converts at risk, a value is missing, or channels cannot be told apart.

    References
    ----------
    Lin, D. Y. and Ying, Z. (1994). Semiparametric analysis of the additive risk model. Biometrika.
    Aalen, O., Borgan, O. and Gjessing, H. (2008). Survival and event history analysis. Springer.

    Examples
    --------
    Ann is mailed on day 0 and buys on day 1; Bob is not mailed, and watched for 2 days.

    >>> import numpy as np
    >>> from journeykit.journeys import Journeys
    >>> from journeykit.journeys.durations import DAY
    >>> journeys = Journeys(
    ...     names=("buy", "mail"),
    ...     touchpoint=np.array([1, 0], dtype=np.uint8),
    ...     start=np.array([0, 2, 2]),
    ...     time=np.array([0, 1]) * DAY,
    ...     observed_from=np.zeros(2, dtype=np.int64),
    ...     observed_to=np.full(2, 2 * DAY),
    ... )
    >>> credits = hazard(journeys, conversion=["buy"], half_life_days=1)
    >>> credits.frame[["channel", "n_journeys", "conversions"]].round(3)
          channel  n_journeys  conversions
    0        mail           1        0.667
    1  (baseline)           2        0.333
    """
    check_fraction("confidence", confidence)
    check_choice("decay", decay, ("channel", "shared"))
    risk = at_risk(journeys, conversion, value)
    grids = declared(half_life_days, risk.channels, shared=decay == "shared")
    parts = folds(risk, grids, shared=decay == "shared")
    fit, old = estimated(parts), old_touches(parts)
    return HazardCredits(
        frame=_frame(risk, parts, fit, old, confidence),
        provenance=Provenance(
            fingerprint=journeys.fingerprint,
            parameters={
                "conversion": tuple(conversion),
                "half_life_days": dict(zip(risk.channels, grids, strict=True)),
                "decay": decay,
                "value": value,
                "confidence": confidence,
            },
        ),
        population=_population(risk),
        n_before=risk.left_out.before,
        n_unwatched=risk.left_out.unwatched,
        n_repeated=risk.left_out.repeated,
        warnings=(*bound_warnings(risk, fit), *old_touch_warnings(risk.channels, old)),
    )


def _population(risk: AtRisk) -> Population:
    """Count customers at risk and their first conversions; nobody is left out as still open."""
    return Population(
        n_journeys=len(risk.begin),
        n_conversions=int(risk.converts.sum()),
        n_no_touch=int((risk.converts & ~risk.touched.any(axis=1)).sum()),
        n_open=0,
        n_edge=0,
        n_edge_conversions=0,
    )


def _frame(
    risk: AtRisk,
    parts: Sequence[Fold],
    fit: Estimates,
    old: NDArray[np.float64],
    confidence: float,
) -> pd.DataFrame:
    import pandas as pd

    quantile, share = ndtri((1 + confidence) / 2), fit.conversions / fit.conversions.sum()
    varies = np.append(fit.exposure > 0, True)
    half = np.where(varies, quantile * fit.error, np.nan)
    share_half = np.where(varies, quantile * fit.share_error, np.nan)
    touches = np.append(np.sum([part.touches for _, part in parts], axis=0), 0)
    days = np.array([[*part.days, np.nan] for _, part in parts])
    low, high = days.min(axis=0), days.max(axis=0)
    return pd.DataFrame(
        {
            "model": "hazard",
            "channel": [*risk.channels, BASELINE],
            "n_journeys": np.append(risk.touched.sum(axis=0), len(risk.begin)),
            "conversions": fit.conversions,
            "value": fit.value,
            "share": share,
            "conf_low": share - share_half,
            "conf_high": share + share_half,
            "std_error": half / quantile,
            "conversions_low": fit.conversions - half,
            "conversions_high": fit.conversions + half,
            "n_touches": touches,
            "conversions_per_touch": fit.conversions / np.where(touches > 0, touches, np.nan),
            "effect": np.append(fit.effect, np.nan),
            "effect_std_error": np.append(fit.effect_error, np.nan),
            "half_life_days": np.where(low == high, low, np.sqrt(low * high)),
            "half_life_low": low,
            "half_life_high": high,
            "old_touches_z": np.append(old, np.nan),
        }
    )
