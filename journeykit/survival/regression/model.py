"""A fitted Cox model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from scipy import stats

from journeykit.results import Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes
    from journeykit.survival.regression.design import Design
    from journeykit.survival.regression.forecasting import CoxBaseline, CoxForecast
    from journeykit.survival.regression.likelihood import Moments, Ties


class ChiSquared(NamedTuple):
    """A test that no covariate has an effect."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


def chi_squared(statistic: float, degrees_of_freedom: int) -> ChiSquared:
    """Return the statistic with its p-value."""
    p = float(stats.chi2.sf(statistic, degrees_of_freedom))
    return ChiSquared(float(statistic), degrees_of_freedom, p)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What predictions and tests need of a fit; covariates stand on the scale of the design.

    Attributes
    ----------
    design : Design
    at : Moments
    beta : array, shape (p,)
    covariance, model_covariance : arrays, shape (p, p)
        By cluster where the model is robust; and by the information.
    ties : str
    """

    design: Design
    at: Moments
    beta: NDArray[np.float64]
    covariance: NDArray[np.float64]
    model_covariance: NDArray[np.float64]
    ties: Ties


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CoxModel(Result):
    """Log hazard ratios, one row a coefficient.

    Columns: `covariate`, `level` (empty for a number), `n` customers and `n_event` events that ever
    had the level (all, for a number; the larger, of two values), `estimate` of the log hazard
    ratio, `std_error` (robust where the model is), `std_error_model` (from the information),
    `conf_low`, `conf_high` of the log hazard ratio, `hazard_ratio`, `ratio_low`, `ratio_high`,
    `z`, `p_value`. An estimate that would grow for ever is infinite, without
    error. Coefficients about fewer than `small_cell` customers are empty and named in `suppressed`.

    Attributes
    ----------
    n, n_rows, n_event : int
        Customers, rows and events.
    log_likelihood, log_likelihood_null : float
        With the estimates, and without any effect.
    likelihood_ratio, wald, score : ChiSquared
        Tests that no covariate has an effect: `wald` with the robust errors where the model is
        robust, the others by the model.
    robust_score : ChiSquared or None
        The score test by cluster, where the model is robust.
    robust : bool
        Whether errors are by cluster.
    converged : bool
    confidence : float
    small_cell : int
    suppressed, infinite : tuple of str
        Coefficients that are hidden, and that have no maximum.
    fit : Fit
        The numbers behind it, which keep the covariates in memory.
    """

    n: int
    n_rows: int
    n_event: int
    log_likelihood: float
    log_likelihood_null: float
    likelihood_ratio: ChiSquared
    wald: ChiSquared
    score: ChiSquared
    robust_score: ChiSquared | None
    robust: bool
    converged: bool
    confidence: float
    small_cell: int
    suppressed: tuple[str, ...]
    infinite: tuple[str, ...]
    fit: Fit
    rows: ClassVar[str] = "coefficients"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients, length p."""
        return self.fit.design.encoding.names

    @property
    def reference(self) -> str:
        """The levels that ratios compare with, such as ``plan basic, region north``."""
        levels = self.fit.design.encoding.levels
        return ", ".join(f"{name} {known[0]}" for name, known in levels.items() if known)

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """Log hazard ratios, shape (p,): finite, also where the likelihood has no maximum."""
        return self.fit.beta / self.fit.design.scale

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Covariances of the coefficients, shape (p, p); by cluster where the model is robust.

        0 for a coefficient without a maximum, which predictions take as known.
        """
        scale = self.fit.design.scale
        return np.asarray(self.fit.covariance / scale[:, None] / scale)

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return 2 * len(self.names) - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion, with the number of events for n."""
        return float(np.log(self.n_event)) * len(self.names) - 2 * self.log_likelihood

    def baseline(self, covariates: Mapping[str, object] | None = None, /) -> CoxBaseline:
        """Estimate the cumulative hazard and survival of one customer, by stratum.

        See `journeykit.survival.regression.forecasting.baseline_of`.

        Parameters
        ----------
        covariates : mapping of covariate to value, optional
            Of the customer. Those left out stand at the reference: the first level, 0 where there
            are no values but -1, 0 and 1, else the mean.
        """
        from journeykit.survival.regression.forecasting import baseline_of

        return baseline_of(self, covariates or {})

    def survival_at(
        self, customers: pd.DataFrame | Lifetimes, /, *, at_days: float | Sequence[float]
    ) -> CoxForecast:
        """Predict each customer's survival, with errors.

        See `journeykit.survival.regression.forecasting.forecast`.
        """
        from journeykit.survival.regression.forecasting import forecast

        return forecast(self, customers, at_days)

    def linear_predictor(self, customers: pd.DataFrame | Lifetimes, /) -> NDArray[np.float64]:
        """Return log hazard ratios against the customer of `baseline`, shape (n_rows,)."""
        from journeykit.survival.regression.forecasting import linear_predictor

        return linear_predictor(self, customers)

    def martingale_residuals(self) -> NDArray[np.float64]:
        """Return the events of each row fitted on less those expected, shape (n_rows,)."""
        from journeykit.survival.regression.likelihood import martingale_residuals

        sets = self.fit.design.sets
        weighted = martingale_residuals(sets, self.fit.design.units, self.fit.at)
        return np.asarray(weighted / sets.weight)

    def deviance_residuals(self) -> NDArray[np.float64]:
        """Return martingale residuals made about symmetric, shape (n_rows,): to find outliers."""
        event, martingale = self.fit.design.sets.event, self.martingale_residuals()
        expected = np.where(event, event - martingale, 1.0)
        squared = -2 * (martingale + np.log(expected))
        # Rounding may leave a square of 0 just below it.
        return np.asarray(np.sign(martingale) * np.sqrt(np.maximum(squared, 0)))

    def influences(self) -> NDArray[np.float64]:
        """Return how much each row fitted on moved the coefficients, shape (n_rows, p).

        R calls these dfbeta; where rows are weighted, those of weighted rows.
        """
        from journeykit.survival.regression.likelihood import clustered_scores

        design, n = self.fit.design, self.n_rows
        scores = clustered_scores(design.sets, design.units, self.fit.at, np.arange(n), n)
        return np.asarray(scores @ self.fit.model_covariance / design.scale)

    def summary(self) -> str:
        """Return what was fitted and what is strongest, in one sentence."""
        what = f"{self.n_event:,} events of {self.n:,} customers, {len(self.names)} coefficients"
        p = self.likelihood_ratio.p_value
        told = "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}"
        parts = [what, f"all together {told}"]
        seen = self.frame[np.isfinite(self.frame["z"])]
        if len(seen):
            row = seen.loc[seen["z"].abs().idxmax()]
            low, high = row["ratio_low"], row["ratio_high"]
            parts.append(
                f"clearest: {self.names[row.name]}, hazard ratio {row['hazard_ratio']:.3g} "
                f"({self.confidence:.0%} {low:.3g} to {high:.3g})"
            )
        if self.infinite:
            parts.append(f"no finite estimate: {', '.join(self.infinite)}")
        if self.suppressed:
            parts.append(
                f"not shown, about fewer than {self.small_cell} customers: "
                f"{', '.join(self.suppressed)}"
            )
        return "; ".join(parts)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the hazard ratios with their intervals."""
        from journeykit.survival.regression.picture import draw_hazard_ratios

        return draw_hazard_ratios(self, ax)
