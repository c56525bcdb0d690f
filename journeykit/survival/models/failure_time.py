"""Accelerated failure time: what stretches or shortens the time until customers leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd
from scipy import stats

from journeykit.checks import check_choice, check_fraction, check_whole
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result
from journeykit.survival.models.columns import with_intercept
from journeykit.survival.models.few import clearest_ratio, hidden, of_few
from journeykit.survival.models.laws import DISTRIBUTIONS, LAWS, DistributionName
from journeykit.survival.models.likelihood import LocationScale, LogTimes, fit, scores
from journeykit.survival.models.log_times import log_design, sandwich
from journeykit.survival.models.predicted import (
    CHUNK,
    PredictedDays,
    PredictedSurvival,
    check_days,
    customers_of,
)
from journeykit.survival.rows import Encoding

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes

INTERCEPT, LOG_SCALE = "(Intercept)", "log(scale)"
Errors = Literal["model", "robust"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AcceleratedFailureTime(Result):
    """``term estimate std_error conf_low conf_high time_ratio ratio_low ratio_high p_value``.

    A row a coefficient of log time, then ``log(scale)`` unless the distribution fixes it. A
    `time_ratio` of 2 doubles the time until any given share has left. `p_value` is of the
    coefficient being 0. The ratio and the p-value of the intercept and of the scale are empty.

    Attributes
    ----------
    distribution : {"weibull", "lognormal", "log-logistic", "exponential"}
    n, n_event : int
        Customers, and those of them who left.
    scale : float
        Standard deviation of log time in the units of the error; Weibull's shape is its inverse.
    log_likelihood, log_likelihood_null : float
        Of days, with and without the covariates.
    n_parameters : int
    aic, bic : float
        -2 log-likelihood plus 2 or log(n_event) a parameter.
    last_days : float
        Last time at which anyone was under observation: nothing is predicted beyond.
    shift_days : float
        Added to all times.
    encoding : Encoding
    coefficients : array, shape (p,)
        With the intercept.
    covariance : array, shape (p + 1, p + 1)
        Of (coefficients, log scale).
    suppressed : tuple of str
        Coefficients about fewer than `small_cell` customers, which are empty.
    """

    distribution: DistributionName
    n: int
    n_event: int
    scale: float
    log_likelihood: float
    log_likelihood_null: float
    n_parameters: int
    last_days: float
    shift_days: float
    confidence: float
    encoding: Encoding
    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    suppressed: tuple[str, ...] = ()
    rows: ClassVar[str] = "coefficients"

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return -2 * self.log_likelihood + 2 * self.n_parameters

    @property
    def bic(self) -> float:
        """Schwarz's criterion, a censored customer being no full observation."""
        return float(-2 * self.log_likelihood + np.log(self.n_event) * self.n_parameters)

    def survival_at(
        self, customers: Lifetimes | pd.DataFrame, /, *, at_days: float | Sequence[float]
    ) -> PredictedSurvival:
        """Predict for each customer the probability of staying beyond each day.

        Parameters
        ----------
        customers : Lifetimes or DataFrame
            With the model's covariates, a row a customer; of lifetimes the first interval counts.
        at_days : float or sequence of float

        Returns
        -------
        PredictedSurvival
            Empty after `last_days`.
        """
        frame, days = customers_of(customers), check_days(at_days)
        seen = np.rint(days * DAY) <= np.rint(self.last_days * DAY)
        with np.errstate(divide="ignore"):
            log_days = np.log(days + self.shift_days)
        survive = LAWS[self.distribution].log_survival
        found = np.empty((3, len(frame), len(days)))
        for at in range(0, len(frame), CHUNK):
            rows = slice(at, at + CHUNK)
            matrix = with_intercept(self.encoding.matrix(frame.iloc[rows]))
            location = (matrix @ self._theta[:-1])[:, None]
            z = (np.maximum(log_days, -700.0) - location) / self.scale
            slope = np.empty((len(matrix), len(days), len(self._theta)))
            slope[:, :, :-1] = -matrix[:, None, :] / self.scale
            slope[:, :, -1] = -z
            half = self._half(slope)
            for place, shifted in enumerate((z, z + half, z - half)):
                found[place, rows] = np.exp(survive(shifted).value)
        found[:, :, ~seen] = np.nan
        return PredictedSurvival(
            frame=pd.DataFrame(
                {
                    "customer_id": np.repeat(frame["customer_id"].to_numpy(), len(days)),
                    "time_days": np.tile(days, len(frame)),
                    **dict(zip(_BOUNDS, found.reshape(3, -1), strict=True)),
                }
            ),
            provenance=self.provenance,
        )

    def days_until(
        self, customers: Lifetimes | pd.DataFrame, /, *, share: float = 0.5
    ) -> PredictedDays:
        """Predict the day by which each customer has left with probability `share`.

        Half is the median. The interval is the coefficient's, on the scale of log time.
        """
        check_fraction("share", share)
        frame = customers_of(customers)
        at = LAWS[self.distribution].quantile(share)
        found = np.empty((3, len(frame)))
        for begin in range(0, len(frame), CHUNK):
            rows = slice(begin, begin + CHUNK)
            matrix = with_intercept(self.encoding.matrix(frame.iloc[rows]))
            middle = matrix @ self._theta[:-1] + self.scale * at
            slope = np.column_stack([matrix, np.full(len(matrix), self.scale * at)])
            half = self._half(slope)
            found[:, rows] = np.exp([middle, middle - half, middle + half])
        found = np.maximum(found - self.shift_days, 0.0)
        found[found > self.last_days] = np.nan
        return PredictedDays(
            frame=pd.DataFrame(
                {
                    "customer_id": frame["customer_id"].to_numpy(),
                    "share": share,
                    **dict(zip(_BOUNDS, found, strict=True)),
                    "reached": np.isfinite(found[0]),
                }
            ),
            provenance=self.provenance,
        )

    @property
    def _theta(self) -> NDArray[np.float64]:
        return np.append(self.coefficients, np.log(self.scale))

    def _half(self, slope: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return half the width of an interval of what has these derivatives."""
        variance = ((slope @ self.covariance) * slope).sum(axis=-1)
        return np.asarray(stats.norm.isf((1 - self.confidence) / 2) * np.sqrt(variance))

    def summary(self) -> str:
        """Return the strongest time ratio, and how the model compares with none."""
        gain = 2 * (self.log_likelihood - self.log_likelihood_null)
        clearest = clearest_ratio(self.frame, "time_ratio", "time ratio", self.confidence)
        return (
            f"{self.distribution} on {self.n:,} customers ({self.n_event:,} left): {clearest}; "
            f"chi-squared {gain:.1f} against no covariates, AIC {self.aic:,.1f}"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the time ratios with their intervals, on a scale of ratios."""
        from journeykit.survival.models.pictures import draw_ratios

        return draw_ratios(self.frame, "time_ratio", "time until leaving, times", ax)


_BOUNDS = ("estimate", "conf_low", "conf_high")


def accelerated_failure_time(
    lifetimes: Lifetimes,
    /,
    *,
    covariates: Sequence[str],
    distribution: DistributionName = "weibull",
    confidence: float = 0.95,
    shift_days: float = 0.0,
    errors: Errors = "model",
    small_cell: int = 10,
) -> AcceleratedFailureTime:
    """Fit log T = b0 + x b + scale * error by maximum likelihood.

    The error is extreme-value (T is Weibull, or exponential where the scale is 1), normal
    (lognormal) or logistic (log-logistic), so that exp(b) multiplies every quantile of the time.
    A customer adds log f(exit) who left, log S(exit) who is censored; one who entered late less
    log S(entry). Each interval of a customer adds its own part: with the same covariates they add
    up to the whole, and where covariates change, the hazard at a day is the one of the covariates
    of that day, which is proportional hazards for Weibull and no stretching of past time.
    Censoring and entry must tell nothing of the time but through the covariates.

    Parameters
    ----------
    lifetimes : Lifetimes
    covariates : sequence of str
        Columns; texts and categories are compared with their first level.
    distribution : {"weibull", "lognormal", "log-logistic", "exponential"}
        Choose by reason or by `compare_distributions`, not by what is significant.
    confidence : float in (0, 1)
    shift_days : float
        Added to all times, at least 0. Log time needs times above 0; where times are whole months
        a half month is usual. It changes the model: say so.
    errors : {"model", "robust"}
        Inverse information, or the sandwich over customers, which holds its level where the
        distribution is wrong.
    small_cell : int
        Coefficients about fewer customers are not shown but named in `suppressed`.

    Returns
    -------
    AcceleratedFailureTime

    Raises
    ------
    ArgumentError, MappingError
        Options are wrong or no customer left.
    DataError
        A time is 0 and is not shifted; covariates are missing, repeat each other, or tell exactly
        who leaves, so that the likelihood has no maximum.

    References
    ----------
    Kalbfleisch, Prentice (2002), The Statistical Analysis of Failure Time Data. R:
    survival::survreg. Volinsky, Raftery (2000), Biometrics 56, for events in BIC.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.survival import lifetimes_from_frame
    >>> from journeykit.survival import accelerated_failure_time
    >>> contracts = pd.DataFrame(
    ...     {"time": [1, 2, 3, 2, 4, 6], "status": 1, "plan": ["basic"] * 3 + ["plus"] * 3}
    ... )
    >>> lives = lifetimes_from_frame(contracts, covariates=["plan"])
    >>> found = accelerated_failure_time(
    ...     lives, covariates=["plan"], distribution="lognormal", small_cell=1
    ... )
    >>> round(float(found.frame["time_ratio"][1]), 6)
    2.0
    """
    check_choice("distribution", distribution, DISTRIBUTIONS)
    check_choice("errors", errors, ("model", "robust"))
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    design = log_design(lifetimes, covariates, shift_days)
    law = LAWS[distribution]
    fitted = fit(design.data, law)
    covariance = fitted.covariance
    if errors == "robust":
        covariance = sandwich(design, scores(design.data, law, fitted), covariance)
    alone = LogTimes(
        design.data.log_entry,
        design.data.log_exit,
        design.data.event,
        design.data.matrix[:, :1],
        design.data.n,
    )
    given = {
        "covariates": tuple(covariates),
        "distribution": distribution,
        "confidence": confidence,
        "shift_days": shift_days,
        "errors": errors,
        "small_cell": small_cell,
    }
    few = of_few(design.data.matrix[:, 1:], design.group, design.customer, small_cell)
    frame = _coefficients(design.encoding, fitted, covariance, law.fixed_scale, confidence)
    return AcceleratedFailureTime(
        frame=hidden(frame, design.encoding.names, few),
        provenance=Provenance(lifetimes.provenance.fingerprint, given),
        distribution=distribution,
        n=design.n_customers,
        n_event=int(design.data.n @ design.data.event),
        scale=fitted.scale,
        log_likelihood=fitted.log_likelihood,
        log_likelihood_null=fit(alone, law).log_likelihood,
        n_parameters=design.data.matrix.shape[1] + (not law.fixed_scale),
        last_days=float(lifetimes.frame["exit_days"].max()),
        shift_days=float(shift_days),
        confidence=confidence,
        encoding=design.encoding,
        coefficients=fitted.coefficients,
        covariance=covariance,
        suppressed=tuple(np.array(design.encoding.names, dtype=object)[few]),
    )


def _coefficients(
    coded: Encoding,
    fitted: LocationScale,
    covariance: NDArray[np.float64],
    fixed_scale: bool,
    confidence: float,
) -> pd.DataFrame:
    estimate = np.append(fitted.coefficients, np.log(fitted.scale))
    error = np.sqrt(np.diag(covariance))
    half = stats.norm.isf((1 - confidence) / 2) * error
    told = np.ones(len(estimate), dtype=bool)
    told[[0, -1]] = False
    with np.errstate(over="ignore"):
        ratios = np.where(told, np.exp([estimate, estimate - half, estimate + half]), np.nan)
    frame = pd.DataFrame(
        {
            "term": [INTERCEPT, *coded.names, LOG_SCALE],
            "estimate": estimate,
            "std_error": error,
            "conf_low": estimate - half,
            "conf_high": estimate + half,
            **dict(zip(("time_ratio", "ratio_low", "ratio_high"), ratios, strict=True)),
        }
    )
    tested = np.where(told, estimate, 0.0) / np.where(told, error, 1.0)
    frame["p_value"] = np.where(told, 2 * stats.norm.sf(np.abs(tested)), np.nan)
    return frame.iloc[:-1] if fixed_scale else frame
