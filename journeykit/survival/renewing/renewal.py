"""The shifted beta-geometric model: contracts whose retention rises because the fickle go first."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from journeykit.checks import check_fraction, check_positive, check_whole
from journeykit.errors import ArgumentError, DataError, JourneyKitWarning
from journeykit.results import Provenance, Result
from journeykit.stats.likelihood import maximum
from journeykit.survival.renewing.counting import RenewalCounts, counted_renewals
from journeykit.survival.renewing.projecting import (
    ContractValue,
    Fitted,
    Retention,
    bounded,
    retention_of,
    survival_from,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes

    Array = NDArray[np.float64]

_NAMES = ("alpha", "beta")
_LEAST_EXPECTED = 5
_CERTAIN = 0.001
#: What is discounted to less than exp(-28) of itself is left out of sums without an end.
_NEGLIGIBLE = 28.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ContractRenewal(Result):
    """Parameters by group: ``group parameter estimate std_error conf_low conf_high``.

    `alpha` and `beta` of the beta distribution of the probability not to renew, then its `mean`
    (of those who never renewed yet) and its `polarization` 1 / (alpha + beta + 1): near 0
    customers are all alike, near 1 each either leaves at once or stays for good.

    Attributes
    ----------
    fits : mapping of group to Fitted
    confidence : float
    suppressed : tuple of str
        Groups of fewer than `small_cell` customers.
    """

    fits: Mapping[str, Fitted] = field(default_factory=dict)
    confidence: float
    suppressed: tuple[str, ...] = ()
    rows: ClassVar[str] = "parameters"

    def __post_init__(self) -> None:
        """Freeze the fits."""
        object.__setattr__(self, "fits", MappingProxyType(dict(self.fits)))

    def retention(self, *, periods: int | None = None) -> Retention:
        """Return the share still there after every renewal.

        Parameters
        ----------
        periods : int, optional
            Up to which renewal; by default as far as the data go. What lies beyond the periods
            used for the fit is the model's projection and marked so.
        """
        if periods is not None:
            check_whole("periods", periods, least=1)
        parts = [
            retention_of(group, fit, periods, self.confidence) for group, fit in self.fits.items()
        ]
        return Retention(frame=pd.concat(parts, ignore_index=True), provenance=self.provenance)

    def value(
        self,
        *,
        renewed: Sequence[int] = (0,),
        per_period: float = 1.0,
        discount: float = 0.0,
        horizon_periods: int | None = None,
    ) -> ContractValue:
        """Return what a customer is expected to pay from the next renewal on.

        The sum over j = 1, 2, ... of per_period S(m + j) / S(m) / (1 + discount)^(j - 1) after m
        renewals, seen just before the next decision. With ``per_period=1`` it is the discounted
        expected residual lifetime in periods.

        Parameters
        ----------
        renewed : sequence of int
            Renewals already made, m.
        per_period : float
            Paid at every renewal.
        discount : float
            By period, at least 0.
        horizon_periods : int, optional
            Count so many renewals only; without it `discount` must be above 0, since the expected
            lifetime itself may be infinite.

        Raises
        ------
        ArgumentError
            When a number is out of range, or the sum has no end.

        References
        ----------
        Fader, Hardie (2010), Customer-base valuation in a contractual setting, Marketing Science
        29.
        """
        for number in renewed:
            check_whole("renewed", number)
        check_positive("per_period", per_period)
        if isinstance(discount, bool) or not 0 <= discount < np.inf:
            raise ArgumentError(f"`discount` must be at least 0; got {discount!r}.")
        if horizon_periods is None and discount == 0:
            raise ArgumentError(
                "Without `horizon_periods` the sum has no end; give it, or a `discount` above 0."
            )
        horizon = np.inf if discount == 0 else np.ceil(_NEGLIGIBLE / np.log1p(discount))
        if horizon_periods is not None:
            check_whole("horizon_periods", horizon_periods, least=1)
            horizon = min(horizon, horizon_periods)
        made = np.asarray(renewed, dtype=np.float64)
        worth = per_period * (1 + discount) ** -np.arange(int(horizon), dtype=np.float64)
        parts = []
        for group, fit in self.fits.items():
            columns = bounded(
                lambda theta: survival_from(theta, made, len(worth)) @ worth,
                fit.at,
                self.confidence,
            )
            table = {"group": group, "renewed": np.asarray(renewed), **columns, "projected": True}
            parts.append(pd.DataFrame(table))
        return ContractValue(frame=pd.concat(parts, ignore_index=True), provenance=self.provenance)

    def summary(self) -> str:
        """Return the parameters and the fit of each group."""
        parts = []
        for group, fit in self.fits.items():
            alpha, beta = fit.at.parameters
            p = f"fit p = {fit.p_value:.3f}" if fit.degrees_of_freedom else "fit not testable"
            parts.append(f"{group}: alpha {alpha:.3f}, beta {beta:.3f}, {p}")
        if self.suppressed:
            parts.append(f"not shown, too few customers: {', '.join(self.suppressed)}")
        return "; ".join(parts)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw retention as far as the data go."""
        return self.retention().plot(ax)


def contract_renewal(
    data: Lifetimes | RenewalCounts,
    /,
    *,
    period_days: float | None = None,
    by: str | None = None,
    fitted_periods: int | None = None,
    confidence: float = 0.95,
    small_cell: int = 10,
) -> ContractRenewal:
    """Model the renewal of contracts by the shifted beta-geometric distribution.

    At every renewal a customer leaves with a probability of their own that never changes, and
    that is Beta(alpha, beta) over customers. Of those who made k - 1 renewals, the share
    alpha / (alpha + beta + k - 1) does not make the k-th: retention rises because the fickle leave
    first, not because anyone grows loyal. Fitted by maximum likelihood over these decisions, so
    that late entries count from the first renewal that could be seen on, and whoever is lost from
    sight up to the last; both must not depend on leaving. Standard errors are from the observed
    information.

    Parameters
    ----------
    data : Lifetimes or RenewalCounts
        Lifetimes are cut into periods: a contract that ends within a period, or up to a tenth of
        one later, was not renewed at the period's end; sight lost within a period says nothing of
        that renewal, unless in its last tenth, where it is taken for made (months differ).
    period_days : float, optional
        Length of a contract, in the unit of the lifetimes; needed for these.
    by : str, optional
        Column of the lifetimes: one model for each of its values. Counts have their groups.
    fitted_periods : int, optional
        Use the first so many renewals only, at least 2, to see the others foretold.
    confidence : float in (0, 1)
    small_cell : int
        Groups of fewer customers are not shown but named in `suppressed`.

    Returns
    -------
    ContractRenewal

    Raises
    ------
    ArgumentError
        When a parameter does not go with the data, or every group is smaller than `small_cell`.
    DataError
        When retention does not rise, nobody leaves or all do, or only one renewal was seen: the
        model has no maximum then.

    Warns
    -----
    JourneyKitWarning
        When the chi-squared test of the periods used has p < 0.001.

    References
    ----------
    Fader, Hardie (2007), How to project customer retention, Journal of Interactive Marketing 21.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.survival import contract_renewal, renewal_counts
    >>> table = pd.DataFrame({"period": range(5), "basic": [1000, 631, 468, 382, 326]})
    >>> model = contract_renewal(renewal_counts(table, stayed=["basic"]))
    >>> model.retention(periods=10).frame["estimate"].round(2).tolist()
    [0.63, 0.47, 0.38, 0.33, 0.28, 0.25, 0.23, 0.21, 0.19, 0.18]
    """
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    if fitted_periods is not None:
        check_whole("fitted_periods", fitted_periods, least=2)
    counts = _renewals(data, period_days, by)
    kept = np.flatnonzero(counts.customers >= small_cell)
    if not len(kept):
        raise ArgumentError(
            f"No group has {small_cell} customers or more, so none may be shown; group more "
            "coarsely or lower `small_cell`."
        )
    fits = {counts.groups[g]: _fitted(counts, int(g), fitted_periods) for g in kept}
    for group, fit in fits.items():
        if fit.p_value < _CERTAIN:
            warnings.warn(
                f"The model does not fit {group!r}: chi-squared {fit.statistic:.1f} on "
                f"{fit.degrees_of_freedom} degrees of freedom, p = {fit.p_value:.2g}. What it "
                "projects may mislead; see `.plot()`.",
                JourneyKitWarning,
                stacklevel=2,
            )
    given = {
        "period_days": period_days,
        "by": by,
        "fitted_periods": fitted_periods,
        "confidence": confidence,
        "small_cell": small_cell,
    }
    parts = [_parameters(group, fit, confidence) for group, fit in fits.items()]
    return ContractRenewal(
        frame=pd.concat(parts, ignore_index=True),
        provenance=Provenance(counts.fingerprint, given),
        fits=fits,
        confidence=confidence,
        suppressed=tuple(counts.groups[g] for g in np.flatnonzero(counts.customers < small_cell)),
    )


def _renewals(
    data: Lifetimes | RenewalCounts, period_days: float | None, by: str | None
) -> RenewalCounts:
    if isinstance(data, RenewalCounts):
        if period_days is not None or by is not None:
            raise ArgumentError(
                "`period_days` and `by` must be left out for renewal counts, which have periods "
                f"and groups already; got {period_days!r} and {by!r}."
            )
        return data
    if period_days is None:
        raise ArgumentError(
            "`period_days` must say how long a contract runs, such as 365.25; got None."
        )
    check_positive("period_days", period_days)
    return counted_renewals(data, period_days=period_days, by=by)


def _fitted(counts: RenewalCounts, group: int, fitted_periods: int | None) -> Fitted:
    from scipy import stats

    known = int(np.flatnonzero(counts.n_at_risk[group]).max(initial=-1)) + 1
    n, lost = counts.n_at_risk[group, :known], counts.n_event[group, :known]
    used = known if fitted_periods is None else min(fitted_periods, known)
    made = np.arange(used)

    def objective(theta: Array) -> tuple[float, Array]:
        alpha, beta = np.exp(theta)
        all_of = np.log(alpha + beta + made)
        stayed = n[:used] - lost[:used]
        value = lost[:used] @ (theta[0] - all_of) + stayed @ (np.log(beta + made) - all_of)
        shared = n[:used] / (alpha + beta + made)
        slopes = np.array(
            [(lost[:used] / alpha - shared).sum(), (stayed / (beta + made) - shared).sum()]
        )
        return float(value), slopes * np.exp(theta)

    starts = [np.log([1.0, 3.0]), np.log([0.3, 1.0]), np.log([5.0, 20.0])]
    try:
        at = maximum(objective, starts, names=_NAMES)
    except DataError as no_maximum:
        raise DataError(
            f"Retention of {counts.groups[group]!r} must rise from renewal to renewal for this "
            f"model; {int(lost[:used].sum()):,} of {int(n[:used].sum()):,} decisions in {used} "
            "periods were not to renew. Where it does not rise, read `kaplan_meier` instead. "
            f"{no_maximum}"
        ) from None
    alpha, beta = at.parameters
    wanted = n[:used] * alpha / (alpha + beta + made)
    enough = (wanted >= _LEAST_EXPECTED) & (n[:used] - wanted >= _LEAST_EXPECTED)
    spread = wanted * (1 - wanted / np.maximum(n[:used], 1))
    off = (lost[:used] - wanted) ** 2 / np.where(enough, spread, 1)
    degrees = max(int(enough.sum()) - 2, 0)
    statistic = float(off[enough].sum())
    p_value = float(stats.chi2.sf(statistic, degrees)) if degrees else float("nan")
    customers = int(counts.customers[group])
    return Fitted(at, n, lost, used, customers, statistic, p_value, degrees)


def _parameters(group: str, fit: Fitted, confidence: float) -> pd.DataFrame:
    def told(theta: Array) -> Array:
        alpha, beta = np.exp(theta)
        return np.array([alpha, beta, alpha / (alpha + beta), 1 / (alpha + beta + 1)])

    def odds(theta: Array) -> Array:
        shares = told(theta)[2:]
        return shares / (1 - shares)

    columns = bounded(told, fit.at, confidence)
    # Shares are bounded by their odds, which keeps them below 1.
    ratio = bounded(odds, fit.at, confidence)
    for name in ("conf_low", "conf_high"):
        columns[name] = np.append(columns[name][:2], ratio[name] / (1 + ratio[name]))
    names = [*_NAMES, "mean", "polarization"]
    return pd.DataFrame({"group": group, "parameter": names, **columns})
