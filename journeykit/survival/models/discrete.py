"""Discrete-time hazard: the chance of leaving in each period, among those still there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd
from scipy import stats

from journeykit.checks import check_choice, check_fraction, check_positive, check_whole
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result
from journeykit.survival.models.alike import alike
from journeykit.survival.models.binomial import BinomialFit, Link, fit, hazard
from journeykit.survival.models.columns import check_rank, with_intercept
from journeykit.survival.models.periods import (
    BASELINES,
    Baseline,
    PeriodDesign,
    period_design,
    sandwich,
)
from journeykit.survival.models.person_periods import (
    LAST_PERIODS,
    Cells,
    LastPeriod,
    cells,
    kinds,
    stays,
)
from journeykit.survival.models.predicted import PredictedSurvival, check_days, customers_of
from journeykit.survival.rows import Encoding, encoding, spans

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes

LINKS: tuple[Link, ...] = ("cloglog", "logit")
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
    covariance : array, shape (q, q)
        Of the coefficients that are estimated.
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
        told = self.frame[self.frame["ratio"].notna()]
        best = told.loc[(told["estimate"] / told["std_error"]).abs().idxmax()]
        return (
            f"{self.n:,} customers, {self.n_event:,} left, periods of {self.period_days:g} days: "
            f"clearest is {best['term']}, {_RATIO_OF[self.link]} {best['ratio']:.3g} "
            f"({self.confidence:.0%} {best['ratio_low']:.3g} to {best['ratio_high']:.3g})"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ratios with their intervals, on a scale of ratios."""
        from journeykit.survival.models.pictures import draw_ratios

        return draw_ratios(self.frame, "ratio", _RATIO_OF[self.link], ax)


def discrete_hazard(
    lifetimes: Lifetimes,
    /,
    *,
    covariates: Sequence[str],
    period_days: float,
    link: Link = "cloglog",
    baseline: Baseline = "periods",
    last_period: LastPeriod = "half",
    confidence: float = 0.95,
    errors: Literal["model", "robust"] = "model",
    small_cell: int = 10,
) -> DiscreteHazard:
    """Model the chance h of leaving in a period, of those under risk when it begins.

    Period p is ((p - 1) L, p L] with L = `period_days`. log(-log(1 - h)) (cloglog, proportional
    hazards in continuous time) or logit(h) is a baseline in p plus x b, fitted by maximum
    likelihood on counts: under risk and left, by period and pattern of covariates. A customer is
    under risk in the periods that begin while the customer is watched, and leaves in the one that
    holds the exit; who leaves at time 0 leaves in the first. Who enters within a period counts
    from the next one on. Covariates of a period are those at its beginning, so none knows what
    came later in it. Time must be measured finely enough that customers enter and are lost
    independently of leaving within a period.

    Parameters
    ----------
    lifetimes : Lifetimes
    covariates : sequence of str
        Columns; texts and categories are compared with their first level. Numbers should be
        rounded, so that patterns repeat.
    period_days : float
    link : {"cloglog", "logit"}
    baseline : {"periods", "log", "linear", "constant"}
        A hazard for each period; or an intercept and log p, p or nothing.
    last_period : {"half", "whole", "left_out"}
        What the period counts in which sight of a customer was lost before its end: half, as in a
        life table, nearly right where losses are spread evenly; whole, which makes hazards
        too low; or nothing, which makes them too high. No matter where all are lost at ends of
        periods.
    confidence : float in (0, 1)
    errors : {"model", "robust"}
        Inverse expected information, or the sandwich over customers.
    small_cell : int
        Periods with fewer customers under risk are not shown in `hazards`.

    Returns
    -------
    DiscreteHazard

    Raises
    ------
    ArgumentError, MappingError
        Options are wrong, nobody is under risk or leaves, or patterns are too many.
    DataError
        Covariates are missing, repeat each other, or tell exactly who has no event.

    References
    ----------
    Prentice, Gloeckler (1978), Biometrics 34; Allison (1982), Sociological Methodology 13; Cutler,
    Ederer (1958), Journal of Chronic Diseases 8, for the half period.

    Examples
    --------
    >>> import pandas as pd
    >>> from journeykit.survival import lifetimes_from_frame
    >>> from journeykit.survival.models import discrete_hazard
    >>> contracts = pd.DataFrame(
    ...     {"time": [1, 1, 2, 2, 1, 2, 2, 2], "status": [1, 1, 1, 0, 1, 1, 0, 0],
    ...      "plan": ["basic"] * 4 + ["plus"] * 4}
    ... )
    >>> lives = lifetimes_from_frame(contracts, covariates=["plan"])
    >>> found = discrete_hazard(
    ...     lives, covariates=["plan"], period_days=1, link="logit", baseline="constant"
    ... )
    >>> round(float(found.frame["ratio"][1]), 4)  # 2 of 7 against 3 of 6
    0.4
    """
    check_choice("link", link, LINKS)
    check_choice("baseline", baseline, BASELINES)
    check_choice("last_period", last_period, tuple(LAST_PERIODS))
    check_choice("errors", errors, ("model", "robust"))
    check_positive("period_days", period_days)
    check_fraction("confidence", confidence)
    check_whole("small_cell", small_cell, least=1)
    lives = spans(lifetimes)
    coded = encoding(lifetimes.frame, covariates)
    matrix = coded.matrix(lifetimes.frame)
    met = alike(matrix.T)
    patterns = matrix[met.first]
    check_rank(with_intercept(patterns), coded)
    stayed = stays(lives, length=max(1, round(period_days * DAY)))
    counted = cells(stayed, met.group, n_patterns=len(patterns), last_period=last_period)
    if not counted.n_event.any():
        raise ArgumentError(
            "Nobody leaves in a period at whose beginning they are under risk, so no chance of it "
            "can be learned."
        )
    design = period_design(counted, baseline)
    used = design.informative(counted)
    kept = Cells(
        counted.period[used], counted.pattern[used], counted.n[used], counted.n_event[used]
    )
    q = design.n_columns + patterns.shape[1]
    fitted = fit(
        lambda rows: np.column_stack(
            [design.rows(kept.period[rows]), patterns[kept.pattern[rows]]]
        ),
        kept.n,
        kept.n_event,
        q,
        link,
    )
    if errors == "robust":
        grouped = kinds(stayed, met.group)
        covariance = sandwich(
            design, patterns, grouped, lives.customer, fitted, link, last_period=last_period
        )
        fitted = BinomialFit(fitted.coefficients, covariance, fitted.log_likelihood)
    under_risk = stayed.first <= stayed.last
    given = {
        "covariates": tuple(covariates),
        "period_days": period_days,
        "link": link,
        "baseline": baseline,
        "last_period": last_period,
        "confidence": confidence,
        "errors": errors,
        "small_cell": small_cell,
    }
    provenance = Provenance(lifetimes.provenance.fingerprint, given)
    return DiscreteHazard(
        frame=_coefficients(design, coded, fitted, confidence),
        provenance=provenance,
        link=link,
        period_days=float(period_days),
        n=len(np.unique(lives.customer[under_risk])),
        n_event=int(counted.n_event.sum()),
        n_cells=len(counted.n),
        log_likelihood=fitted.log_likelihood,
        n_parameters=q,
        hazards=PeriodHazards(
            frame=design.hazards(counted, patterns, fitted, link, period_days, small_cell),
            provenance=provenance,
        ),
        last_days=float(design.last * period_days),
        confidence=confidence,
        design=design,
        encoding=coded,
        coefficients=fitted.coefficients,
        covariance=fitted.covariance,
    )


def _coefficients(
    design: PeriodDesign, coded: Encoding, fitted: BinomialFit, confidence: float
) -> pd.DataFrame:
    own = design.n_columns
    error = np.sqrt(np.diag(fitted.covariance))
    baseline = design.coefficients(fitted.coefficients[:own], error[:own])
    effects = pd.DataFrame(
        {"term": coded.names, "estimate": fitted.coefficients[own:], "std_error": error[own:]}
    )
    frame = pd.concat([baseline, effects], ignore_index=True)
    half = stats.norm.isf((1 - confidence) / 2) * frame["std_error"]
    frame["conf_low"], frame["conf_high"] = frame["estimate"] - half, frame["estimate"] + half
    told = frame.index >= len(baseline)
    for name, source in (
        ("ratio", "estimate"),
        ("ratio_low", "conf_low"),
        ("ratio_high", "conf_high"),
    ):
        frame[name] = np.exp(frame[source].where(told))
    z = (frame["estimate"] / frame["std_error"]).where(told)
    frame["p_value"] = 2 * stats.norm.sf(z.abs())
    return frame
