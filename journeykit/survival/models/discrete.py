"""Discrete-time hazard: the chance of leaving in each period, among those still there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from journeykit.checks import check_choice, check_fraction, check_positive, check_whole
from journeykit.errors import ArgumentError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance
from journeykit.survival.models.alike import alike
from journeykit.survival.models.binomial import BinomialFit, Link, fit
from journeykit.survival.models.chances import DiscreteHazard, PeriodHazards
from journeykit.survival.models.columns import check_rank, with_intercept
from journeykit.survival.models.few import hidden, of_few
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
    Stays,
    cells,
    kinds,
    stays,
)
from journeykit.survival.rows import Encoding, encoding, spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from journeykit.survival.lives import Lifetimes

LINKS: tuple[Link, ...] = ("cloglog", "logit")


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
    holds the exit; who leaves as being under risk begins, such as at time 0, leaves in the period
    that begins then. Who enters within a period counts from the next one on: with churn dated at
    declaration let periods divide the threshold, or customers of a single activity are lost.
    Covariates of a period are those at its beginning, so none knows what came later in it. Time
    must be measured finely enough that customers enter and are lost independently of leaving
    within a period.

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
        Periods with fewer customers under risk are not shown in `hazards`, and coefficients about
        fewer are empty and named in `suppressed`.

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
    >>> from journeykit.survival import discrete_hazard
    >>> contracts = pd.DataFrame(
    ...     {"time": [1, 1, 2, 2, 1, 2, 2, 2], "status": [1, 1, 1, 0, 1, 1, 0, 0],
    ...      "plan": ["basic"] * 4 + ["plus"] * 4}
    ... )
    >>> lives = lifetimes_from_frame(contracts, covariates=["plan"])
    >>> found = discrete_hazard(
    ...     lives,
    ...     covariates=["plan"],
    ...     period_days=1,
    ...     link="logit",
    ...     baseline="constant",
    ...     small_cell=1,
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
    people = _people(lifetimes, covariates, round(period_days * DAY))
    counted = cells(
        people.stayed, people.group, n_patterns=len(people.patterns), last_period=last_period
    )
    design = period_design(counted, baseline)
    fitted = _fitted(design, people.patterns, counted, link)
    if errors == "robust":
        covariance = sandwich(
            design,
            people.patterns,
            kinds(people.stayed, people.group),
            people.customer,
            fitted,
            link,
            last_period=last_period,
        )
        fitted = BinomialFit(fitted.coefficients, covariance, fitted.log_likelihood)
    few = of_few(people.patterns, people.group, people.customer, small_cell)
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
    frame = _coefficients(design, people.encoding, fitted, confidence, small_cell)
    hazards = design.hazards(counted, people.patterns, fitted, link, period_days, small_cell)
    return DiscreteHazard(
        frame=hidden(frame, people.encoding.names, few),
        provenance=provenance,
        link=link,
        period_days=float(period_days),
        n=people.n_under_risk,
        n_event=int(counted.n_event.sum()),
        n_cells=len(counted.n),
        log_likelihood=fitted.log_likelihood,
        n_parameters=len(fitted.coefficients),
        hazards=PeriodHazards(frame=hazards, provenance=provenance),
        last_days=float(design.last * period_days),
        confidence=confidence,
        design=design,
        encoding=people.encoding,
        coefficients=fitted.coefficients,
        covariance=fitted.covariance,
        suppressed=tuple(np.array(people.encoding.names, dtype=object)[few]),
    )


class _People(NamedTuple):
    """Rows of lifetimes by pattern of covariates.

    Attributes
    ----------
    encoding : Encoding
    patterns : array, shape (n_patterns, p)
    group, customer : arrays of int64, shape (n_rows,)
    stayed : Stays
    """

    encoding: Encoding
    patterns: NDArray[np.float64]
    group: NDArray[np.int64]
    customer: NDArray[np.int64]
    stayed: Stays

    @property
    def n_under_risk(self) -> int:
        """Customers who are under risk in some period."""
        there = np.zeros(int(self.customer.max()) + 1, dtype=bool)
        there[self.customer[self.stayed.first <= self.stayed.last]] = True
        return int(there.sum())


def _people(lifetimes: Lifetimes, covariates: Sequence[str], length: int) -> _People:
    lives = spans(lifetimes)
    coded = encoding(lifetimes.frame, covariates)
    matrix = coded.matrix(lifetimes.frame)
    met = alike(matrix.T)
    patterns = matrix[met.first]
    check_rank(with_intercept(patterns), coded)
    stayed = stays(lives, length=max(1, length))
    return _People(coded, patterns, met.group, lives.customer, stayed)


def _fitted(
    design: PeriodDesign, patterns: NDArray[np.float64], counted: Cells, link: Link
) -> BinomialFit:
    used = design.informative(counted)
    if not counted.n_event[used].any():
        raise ArgumentError(
            "In no period do some of those under risk at its beginning leave and others stay, so "
            "nothing can be learned of who does."
        )
    period, pattern = counted.period[used], counted.pattern[used]
    return fit(
        lambda rows: np.column_stack([design.rows(period[rows]), patterns[pattern[rows]]]),
        counted.n[used],
        counted.n_event[used],
        design.n_columns + patterns.shape[1],
        link,
    )


def _coefficients(
    design: PeriodDesign,
    coded: Encoding,
    fitted: BinomialFit,
    confidence: float,
    small_cell: int,
) -> pd.DataFrame:
    own = design.n_columns
    error = np.sqrt(np.diag(fitted.covariance))
    baseline = design.coefficients(fitted.coefficients[:own], error[:own], small_cell=small_cell)
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
        with np.errstate(over="ignore"):
            frame[name] = np.exp(frame[source].where(told))
    z = (frame["estimate"] / frame["std_error"]).where(told)
    frame["p_value"] = 2 * stats.norm.sf(z.abs())
    return frame
