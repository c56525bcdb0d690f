"""What should not be if channels did what the model says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from journeykit.attribution.hazards.at_risk import of_customers, with_touches
from journeykit.attribution.hazards.decays import ALIKE, moments
from journeykit.attribution.hazards.estimates import scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from journeykit.attribution.hazards.at_risk import AtRisk
    from journeykit.attribution.hazards.decays import Fold
    from journeykit.attribution.hazards.estimates import Estimates

#: Of a touch, 1/64 works after so many half-lives.
OLD_HALF_LIVES = 6
#: Half-life of what should do nothing any more, in days: it does not fade.
LASTING_DAYS = 10_000.0
#: A test needs no more.
MOST_CUSTOMERS = 100_000
#: Chance that a set of warnings holds a false one.
LEVEL = 0.05


def bound_warnings(risk: AtRisk, fit: Estimates) -> list[str]:
    """Say which credits lie beyond what is possible, by more than chance.

    No channel can earn less than nothing, or more than the conversions that met it, and those that
    met no channel are the baseline's. Each difference is held against its own standard error; that
    one of them is named in vain has a chance of 5 % where conversions after touches are many.
    """
    m = len(risk.channels)
    met = risk.touched[risk.converts]
    limit = float(ndtri(1 - LEVEL / (2 * m + 1)))
    found = []
    for c, name in enumerate(risk.channels):
        credit, most = fit.conversions[c], int(met[:, c].sum())
        if _beyond(fit, c, None, -credit, limit):
            found.append(
                f"{name} is credited less than nothing ({credit:,.1f} conversions), beyond chance:"
                " it puts customers off, or they would have bought less anyway."
            )
        if _beyond(fit, c, m + 1 + c, credit - most, limit):
            found.append(
                f"{name} is credited {credit:,.1f} conversions, beyond chance more than the "
                f"{most:,} that met it: its customers would have bought more anyway."
            )
    base, least = fit.conversions[m], int((~met.any(axis=1)).sum())
    if _beyond(fit, m, 2 * m + 1, least - base, limit):
        found.append(
            f"The baseline is credited {base:,.1f} conversions, beyond chance fewer than the "
            f"{least:,} that met no channel: customers who meet channels would have bought more "
            "anyway."
        )
    return found


def _beyond(fit: Estimates, credit: int, bound: int | None, excess: float, limit: float) -> bool:
    """Tell whether a credit passes its bound (nothing where None) by more than chance."""
    at = [credit] if bound is None else [credit, bound]
    sign = np.array([1.0, -1.0])[: len(at)]
    variance = sign @ fit.covariance[np.ix_(at, at)] @ sign
    return bool(excess > limit * np.sqrt(max(variance, 0.0)) and excess > ALIKE)


def old_touches(parts: Sequence[Fold]) -> NDArray[np.float64]:
    """Return how surely each channel's old touches go with conversions, in standard errors.

    A touch older than 6 half-lives should do nothing. The number of such touches of a customer is
    added to the hazard of each channel in turn: its score statistic over its standard error over
    customers, all effects being estimated, is normal (0, 1) where the model holds, whoever buys
    more by nature, as long as touches do not follow it. NaN where no touch is old. Looks at no more
    than 100,000 customers of each part, those of the lowest hashes.
    """
    tested = [_old_score(_fewer(risk), part.days) for risk, part in parts]
    statistic = np.sum([score for score, _ in tested], axis=0)
    error = np.sqrt(np.sum([variance for _, variance in tested], axis=0))
    surely: NDArray[np.float64] = np.full(len(statistic), np.nan)
    np.divide(statistic, error, out=surely, where=error > 0)
    return surely


def _fewer(risk: AtRisk) -> AtRisk:
    if len(risk.begin) <= MOST_CUSTOMERS:
        return risk
    limit = np.partition(risk.hashed, MOST_CUSTOMERS)[MOST_CUSTOMERS]
    return of_customers(risk, risk.hashed < limit)


def _old_score(
    risk: AtRisk, days: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the score of each channel's old touches and its variance, 0 where nothing is old."""
    m = len(days)
    lasting = _with_old_touches(risk, days * OLD_HALF_LIVES)
    both = moments(lasting, tuple((one,) for one in [*days, *np.full(m, LASTING_DAYS)]))
    old = slice(m, None)
    met = np.flatnonzero(both.exposure[:m] > 0)
    apart, beta = both.apart[np.ix_(met, met)], np.zeros(2 * m)
    beta[met] = np.linalg.lstsq(apart, both.converted[met], rcond=None)[0]
    slope = np.linalg.lstsq(apart, both.apart[met, old], rcond=None)[0]
    score, _ = scores(lasting, np.log(2) / both.days, beta)
    left = np.diag(both.apart)[old] - (both.apart[met, old] * slope).sum(axis=0)
    there = left > ALIKE * both.own[old]
    statistic = both.converted[old] - both.apart[old] @ beta
    variance = ((score[:, old] - score[:, met] @ slope) ** 2).sum(axis=0)
    return np.where(there, statistic, 0.0), np.where(there, variance, 0.0)


def _with_old_touches(risk: AtRisk, days: NDArray[np.float64]) -> AtRisk:
    """Add, for every touch, one of a channel of its own so many days later."""
    m, later = len(risk.channels), risk.time + days[risk.code]
    at = np.flatnonzero(later < risk.stop[risk.owner])
    time = np.append(risk.time, later[at])
    owner = np.append(risk.owner, risk.owner[at])
    code = np.append(risk.code, risk.code[at] + m)
    order = np.lexsort((time, owner))
    time, owner, code = time[order], owner[order], code[order]
    return with_touches(risk, risk.channels * 2, time, owner, code)


def old_touch_warnings(channels: tuple[str, ...], statistic: NDArray[np.float64]) -> list[str]:
    """Say whose old touches still go with conversions; a name in vain has a chance of 5 %."""
    tested = np.isfinite(statistic)
    limit = float(ndtri(1 - LEVEL / 2 / max(int(tested.sum()), 1)))
    said = []
    for sign, how in ((1, "more"), (-1, "less")):
        odd = np.flatnonzero(tested & (sign * np.nan_to_num(statistic) > limit))
        if len(odd):
            named = ", ".join(f"{channels[c]} (z = {statistic[c]:.1f})" for c in odd)
            said.append(
                f"Customers touched more than {OLD_HALF_LIVES} half-lives ago buy {how} than "
                f"others, those of {named}: they would have anyway, and the credit is in doubt, or "
                "touches work for longer than the half-life says."
            )
    return said
