"""A fitted model of Fine and Gray, and what it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from scipy import stats

from journeykit.journeys.durations import DAY
from journeykit.results import Result
from journeykit.survival.competing.weighing import Maximum, Weighed, hazard_influence
from journeykit.survival.models.predicted import check_days, customers_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes
    from journeykit.survival.rows import Encoding


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What predictions need; covariates have their mean taken off and are divided by `scale`.

    Attributes
    ----------
    encoding : Encoding
    center, scale : arrays, shape (p,)
    x : array, shape (n, p)
    sets : Weighed
    top : Maximum
    covariance : array, shape (p, p)
    moved : array, shape (n, p)
        Each customer's influence on the coefficients.
    times : array of int64, shape (K,)
        When anyone came to the end, microseconds.
    last : int
        When the last customer was seen.
    """

    encoding: Encoding
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    x: NDArray[np.float64]
    sets: Weighed
    top: Maximum
    covariance: NDArray[np.float64]
    moved: NDArray[np.float64]
    times: NDArray[np.int64]
    last: int

    @property
    def estimate(self) -> NDArray[np.float64]:
        """Log ratios by unit of the covariates, shape (p,); infinite where none is finite."""
        beta = self.top.beta
        return np.where(self.top.infinite, np.copysign(np.inf, beta), beta / self.scale)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class IncidenceForecast(Result):
    """``customer_id time_days estimate std_error conf_low conf_high``, a row a customer and day.

    `estimate` is the share of customers like this one that has come to the end. Empty after the
    last time anyone was seen.
    """

    rows: ClassVar[str] = "predictions"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class FineGray(Result):
    """Log ratios of subdistribution hazards, one row a coefficient.

    Columns: `covariate`, `level` (empty for a number), `n` customers and `n_event` who came to the
    end with the level (all, for a number; with the larger of two values), `estimate` of the log
    ratio, `std_error`, `std_error_model` (from the information, which takes the weights for
    counts), `conf_low`, `conf_high`, `hazard_ratio`, `ratio_low`, `ratio_high`, `z`,
    `p_value`. An estimate that would grow for ever is infinite, without errors and `p_value`.
    Coefficients about fewer than `small_cell` customers are empty and named in
    `suppressed`.

    Attributes
    ----------
    cause : str
    n, n_event : int
    log_likelihood, log_likelihood_null : float
    converged : bool
    confidence : float
    small_cell : int
    suppressed : tuple of str
    fitted : Fitted
        The numbers behind it, which keep the covariates in memory.
    """

    cause: str
    n: int
    n_event: int
    log_likelihood: float
    log_likelihood_null: float
    converged: bool
    confidence: float
    small_cell: int
    suppressed: tuple[str, ...]
    fitted: Fitted
    rows: ClassVar[str] = "coefficients"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients, length p."""
        return self.fitted.encoding.names

    @property
    def infinite(self) -> tuple[str, ...]:
        """Names of coefficients without a finite estimate, but those that are not shown."""
        endless = np.array(self.names, dtype=object)[self.fitted.top.infinite]
        return tuple(name for name in endless if name not in self.suppressed)

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """Log ratios, shape (p,)."""
        return self.fitted.estimate

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Covariances of the coefficients, shape (p, p); empty for infinite ones."""
        scale = np.where(self.fitted.top.infinite, np.nan, self.fitted.scale)
        return np.asarray(self.fitted.covariance / scale[:, None] / scale)

    def incidence_at(
        self, customers: pd.DataFrame | Lifetimes, /, *, at_days: float | Sequence[float]
    ) -> IncidenceForecast:
        """Predict which share of customers like each one has come to the end after some days.

        F(t | x) = 1 - exp(-H(t) exp(x' b)), with H(t) the sum over the ends until t of
        1 / (weighted sum of exp(x' b) under risk). The error is that of all customers' influence
        on H, b and the weights; the interval is on the scale of log(-log(1 - F)).

        Parameters
        ----------
        customers : pandas.DataFrame or Lifetimes
            Has the covariates of the model, a row a customer.
        at_days : float or sequence of float
            Since the start of the clock, at least 0.

        Raises
        ------
        ArgumentError
            When `at_days` are no times of at least 0.
        MappingError, DataError
            A covariate is no column, or has values unknown to the model.
        """
        frame, days = customers_of(customers), check_days(at_days)
        share, error, low, high = _predicted(self.fitted, frame, days, self.confidence)
        return IncidenceForecast(
            frame=pd.DataFrame(
                {
                    "customer_id": np.repeat(frame["customer_id"].to_numpy(), len(days)),
                    "time_days": np.tile(days, len(frame)),
                    "estimate": share,
                    "std_error": error,
                    "conf_low": low,
                    "conf_high": high,
                }
            ),
            provenance=self.provenance,
        )

    def summary(self) -> str:
        """Return what was fitted and what is strongest, in one sentence."""
        parts = [
            f"{self.n_event:,} of {self.n:,} customers came to {self.cause!r}, "
            f"{len(self.names)} coefficients"
        ]
        seen = self.frame[self.frame["z"].notna()]
        if len(seen):
            row = seen.loc[seen["z"].abs().idxmax()]
            name = (
                row["covariate"] if pd.isna(row["level"]) else f"{row['covariate']}[{row['level']}]"
            )
            parts.append(
                f"clearest: {name}, subdistribution hazard ratio {row['hazard_ratio']:.3g} "
                f"({self.confidence:.0%} {row['ratio_low']:.3g} to "
                f"{row['ratio_high']:.3g})"
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
        """Draw the ratios with their intervals."""
        from journeykit.survival.regression.picture import draw_hazard_ratios

        return draw_hazard_ratios(self, ax, what="subdistribution hazard ratio")


def _predicted(
    fitted: Fitted, frame: pd.DataFrame, days: NDArray[np.float64], confidence: float
) -> tuple[NDArray[np.float64], ...]:
    """Return incidence, its error and bounds, customers by days, laid out."""
    at = fitted.top.at
    time = np.rint(days * DAY).astype(np.int64)
    last = np.searchsorted(fitted.times, time, side="right")
    hazard, part = hazard_influence(fitted.sets, at, last)
    steps = np.zeros((len(fitted.times) + 1, fitted.x.shape[1]))
    np.add.at(steps, at.time + 1, at.mean / at.total[:, None])
    slope = np.cumsum(steps, axis=0)[last]
    moved = part.both - fitted.moved @ slope.T
    x = (fitted.encoding.matrix(frame) - fitted.center) / fitted.scale
    with np.errstate(over="ignore"):
        ratio = np.exp(x @ fitted.top.beta)[:, None]
    own = np.square(moved).sum(axis=0)
    cross = moved.T @ fitted.moved
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        spread = (
            own / hazard**2
            + 2 * (x @ cross.T) / hazard
            + np.einsum("ci,ij,cj->c", x, fitted.covariance, x)[:, None]
        )
        relative = np.sqrt(np.maximum(spread, 0))
        if fitted.top.infinite.any():
            relative = np.full_like(relative, np.nan)
        total = hazard * ratio
        stretch = np.exp(stats.norm.isf((1 - confidence) / 2) * relative)
        tables = (
            -np.expm1(-total),
            np.where(hazard > 0, np.exp(-total) * total * relative, 0.0),
            -np.expm1(-total / stretch),
            -np.expm1(-total * stretch),
        )
    beyond = time > fitted.last
    return tuple(np.where(beyond, np.nan, table).ravel() for table in tables)
