"""A fitted discrete-time hazard: its table, its periods and its predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from scipy import stats

from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Result
from journeykit.survival.models.alike import alike
from journeykit.survival.models.binomial import Link, hazard
from journeykit.survival.models.few import clearest_ratio
from journeykit.survival.models.periods import PeriodDesign
from journeykit.survival.models.predicted import PredictedSurvival, check_days, customers_of
from journeykit.survival.rows import Encoding

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes

_RATIO_OF = {"cloglog": "hazard ratio", "logit": "odds ratio"}
#: Patterns whose periods are held at once.
_PATTERNS = 1 << 13


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PeriodHazards(Result):
    """``period time_days n_at_risk n_event observed estimate``, a row a period.

    `time_days` is the period's end; `observed` is n_event / n_at_risk and `estimate` what the
    model says of the same customers. `n_at_risk` counts customers lost within the period by their
    weight. Periods of fewer than `small_cell` customers are left out.
    """

    rows: ClassVar[str] = "periods"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw observed and modelled shares that leave, by period."""
        from journeykit.survival.models.pictures import draw_periods

        return draw_periods(self.frame, ax)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DiscreteHazard(Result):
    """``term estimate std_error conf_low conf_high ratio ratio_low ratio_high p_value``.

    First the baseline, then a row a coefficient of the covariates. `ratio` is its exponential: a
    hazard ratio for the link cloglog, an odds ratio of leaving within a period for logit; it and
    `p_value` are empty for the baseline. A period without any event has the estimate minus
    infinity and no error.

    Attributes
    ----------
    link : {"cloglog", "logit"}
    period_days : float
    n, n_event : int
        Customers under risk in some period, and events counted.
    n_cells : int
        Periods times patterns of covariates, on which the model was fitted.
    log_likelihood : float
        Of the single customer and period, 0 or 1: comparable with ungrouped fits.
    n_parameters : int
    hazards : PeriodHazards
        Observed and modelled, by period.
    last_days : float
        End of the last period that anyone was under risk in.
    design : PeriodDesign
    encoding : Encoding
    coefficients : array, shape (q,)
        Those that are estimated: of the baseline, then of the covariates.
    covariance : array, shape (q, q)
    suppressed : tuple of str
        Coefficients about fewer than `small_cell` customers, which are empty.
    """

    link: Link
    period_days: float
    n: int
    n_event: int
    n_cells: int
    log_likelihood: float
    n_parameters: int
    hazards: PeriodHazards
    last_days: float
    confidence: float
    design: PeriodDesign
    encoding: Encoding
    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    suppressed: tuple[str, ...] = ()
    rows: ClassVar[str] = "coefficients"

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return -2 * self.log_likelihood + 2 * self.n_parameters

    def survival_at(
        self, customers: Lifetimes | pd.DataFrame, /, *, at_days: float | Sequence[float]
    ) -> PredictedSurvival:
        """Predict for each customer the probability of staying beyond each day.

        S is the product of 1 - h over the periods until then. Covariates are held as they are.

        Parameters
        ----------
        customers : Lifetimes or DataFrame
            With the model's covariates, a row a customer; of lifetimes the first interval counts.
        at_days : float or sequence of float
            Ends of periods: the model does not know when within a period customers leave.

        Returns
        -------
        PredictedSurvival
            Empty where a period until then is one in which nobody was under risk.
        """
        frame, days = customers_of(customers), check_days(at_days)
        period = np.rint(days / self.period_days).astype(np.int64)
        if (np.rint(days * DAY) != np.rint(period * self.period_days * DAY)).any():
            raise ArgumentError(
                f"`at_days` must be ends of periods, multiples of {self.period_days:g} days; got "
                f"{at_days!r}."
            )
        matrix = self.encoding.matrix(frame)
        met = alike(matrix.T)
        found = np.empty((3, len(met.first), len(days)))
        for at in range(0, len(met.first), _PATTERNS):
            rows = slice(at, at + _PATTERNS)
            found[:, rows] = self._survival(matrix[met.first[rows]], period)
        return PredictedSurvival(
            frame=pd.DataFrame(
                {
                    "customer_id": np.repeat(frame["customer_id"].to_numpy(), len(days)),
                    "time_days": np.tile(days, len(frame)),
                    "estimate": found[0][met.group].ravel(),
                    "conf_low": found[1][met.group].ravel(),
                    "conf_high": found[2][met.group].ravel(),
                }
            ),
            provenance=self.provenance,
        )

    def _survival(
        self, matrix: NDArray[np.float64], period: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return S and its bounds after each `period`, shape (3, n, k), log(-log) intervals."""
        own = self.design.n_columns
        baseline, columns = self.design.by_period(self.coefficients[:own])
        eta = baseline + (matrix @ self.coefficients[own:])[:, None]
        at = hazard(eta, self.link)
        gone = -np.cumsum(at.log_stay, axis=1)
        with np.errstate(over="ignore", invalid="ignore"):
            steep = np.nan_to_num(at.slope * np.exp(-at.log_stay))
        found = np.ones((3, len(matrix), len(period)))
        half_width = stats.norm.isf((1 - self.confidence) / 2)
        for place, until in enumerate(period):
            if until == 0:
                continue
            if until > eta.shape[1]:
                found[:, :, place] = np.nan
                continue
            total = gone[:, until - 1]
            slope = np.column_stack(
                [steep[:, :until] @ columns[:until], steep[:, :until].sum(axis=1)[:, None] * matrix]
            )
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                error = np.sqrt(((slope @ self.covariance) * slope).sum(axis=1)) / total
                stretch = np.exp(half_width * error)
                found[0, :, place] = np.exp(-total)
                found[1, :, place] = np.exp(-total * stretch)
                found[2, :, place] = np.exp(-total / stretch)
        return found

    def summary(self) -> str:
        """Return the clearest ratio, and of how many periods and customers the model is."""
        label = _RATIO_OF[self.link]
        return (
            f"{self.n:,} customers, {self.n_event:,} left, periods of {self.period_days:g} days: "
            f"{clearest_ratio(self.frame, 'ratio', label, self.confidence)}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ratios with their intervals, on a scale of ratios."""
        from journeykit.survival.models.pictures import draw_ratios

        return draw_ratios(self.frame, "ratio", _RATIO_OF[self.link], ax)
