"""Survival of single customers by a Cox model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from journeykit.checks import check_known
from journeykit.draw import PALETTE, axes, percent_axis, step_curve
from journeykit.errors import ArgumentError, DataError
from journeykit.journeys.durations import DAY
from journeykit.results import Result
from journeykit.survival.lives import Lifetimes
from journeykit.survival.models.predicted import PredictedSurvival, check_days, customers_of
from journeykit.survival.regression.design import strata_of
from journeykit.survival.regression.likelihood import ALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.survival.regression.design import Design
    from journeykit.survival.regression.model import CoxModel

#: A log hazard ratio so far below the highest fell for want of events: by 15 or so it is found out.
_FALLEN = 5.0
#: Customers times days that are worked on at a time.
_CHUNK = 1 << 18

_PREDICTED = ("linear_predictor", "estimate", "std_error", "conf_low", "conf_high")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CoxBaseline(Result):
    """Cumulative hazard and survival of one customer, a row a time of leaving in a stratum.

    Columns: `group` (the stratum), `time_days`, `n_at_risk`, `n_event`, `cumulative_hazard`,
    `hazard_std_error`, `estimate` of the survival, its `std_error`, `conf_low`, `conf_high`.

    Attributes
    ----------
    confidence : float
    small_cell : int
        Curves are drawn while at least as many are under risk.
    suppressed : tuple of str
        Strata of fewer than `small_cell` customers.
    """

    confidence: float
    small_cell: int
    suppressed: tuple[str, ...] = ()
    rows: ClassVar[str] = "times"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw survival in each stratum with its band."""
        ax = axes(ax)
        drawn = self.frame[self.frame["n_at_risk"] >= self.small_cell]
        parts = drawn.groupby("group", sort=False, observed=True)
        for number, (group, rows) in enumerate(parts):
            step_curve(
                np.concatenate([[0.0], rows["time_days"]]),
                np.concatenate([[1.0], rows["estimate"]]),
                np.concatenate([[np.nan], rows["conf_low"]]),
                np.concatenate([[np.nan], rows["conf_high"]]),
                ax=ax,
                label=str(group),
                color=PALETTE[number % len(PALETTE)],
            )
        ax.set_ylim(0, 1.02)
        ax.set_xlim(left=0)
        percent_axis(ax, "y")
        ax.set_xlabel("days since the start")
        ax.set_ylabel("still there, as the model has it")
        if parts.ngroups > 1:
            ax.legend(frameon=False)
        return ax


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CoxForecast(PredictedSurvival):
    """Predicted survival, with two more columns: `linear_predictor` and `std_error`.

    `linear_predictor` is the log hazard ratio against the customer of `baseline`, `std_error` that
    of the estimate. Empty after the last time anyone of the stratum was seen. There is no error nor
    interval where the estimate hangs on a coefficient without a finite estimate, as for a level of
    which nobody left.
    """


class Hazards(NamedTuple):
    """Cumulative sums over the cells of one stratum, at some times; scale of the design.

    Attributes
    ----------
    hazard : array, shape (n_times,)
        Of a customer in the centre of the covariates.
    variance : array, shape (n_times,)
        Its variance, were the coefficients known.
    mean : array, shape (n_times, p)
        Mean covariate of those under risk, times hazard.
    """

    hazard: NDArray[np.float64]
    variance: NDArray[np.float64]
    mean: NDArray[np.float64]


class Survival(NamedTuple):
    """Arrays of shape (n_customers, n_times)."""

    cumulative_hazard: NDArray[np.float64]
    hazard_std_error: NDArray[np.float64]
    estimate: NDArray[np.float64]
    std_error: NDArray[np.float64]
    conf_low: NDArray[np.float64]
    conf_high: NDArray[np.float64]


def survival_of(
    x: NDArray[np.float64],
    ratio: NDArray[np.float64],
    hazards: Hazards,
    covariance: NDArray[np.float64],
    *,
    confidence: float,
) -> Survival:
    """Return survival exp(-H) of customers with covariates `x`, H their cumulative hazard.

    Var H = ratio^2 (variance + q' V q), q = sum over cells of (x - mean covariate) d hazard, with V
    the covariance of the coefficients (Tsiatis). Intervals are on the scale of log H, which keeps
    survival inside [0, 1]; none is given before the first event.
    """
    total = ratio[:, None] * hazards.hazard
    off = x[:, None, :] * hazards.hazard[:, None] - hazards.mean
    spread = hazards.variance + np.einsum("cti,ij,ctj->ct", off, covariance, off, optimize=True)
    error = ratio[:, None] * np.sqrt(np.maximum(spread, 0))
    share = np.exp(-total)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        stretch = np.exp(stats.norm.isf((1 - confidence) / 2) * error / total)
        low, high = np.exp(-total * stretch), np.exp(-total / stretch)
    return Survival(total, error, share, share * error, low, high)


def baseline_of(model: CoxModel, covariates: Mapping[str, object], /) -> CoxBaseline:
    """Estimate the cumulative hazard and survival of a customer in each stratum.

    H(t) = exp(x' b) times the sum, over events until t, of 1 / (sum of exp(x' b) of those under
    risk), where tied events count as they do in the model (Efron's sum for Efron, Breslow's for
    Breslow), as R's survfit has it. Weighted where the model is.
    """
    fit = model.fit
    design, sets = fit.design, fit.design.sets
    x = _customer(model, covariates)
    ratio = np.exp(np.minimum(x @ fit.beta, 700.0))
    at_risk = sets.n_at_risk()
    customers = _customers_by_stratum(design)
    parts, hidden = [], []
    for stratum, name in enumerate(design.stratum_names):
        mine = slice(*np.searchsorted(sets.stratum, [stratum, stratum + 1]))
        if customers[stratum] < model.small_cell:
            hidden.append(name)
            continue
        hazards = _hazards(model, stratum, sets.time[mine])
        found = survival_of(x, ratio, hazards, fit.covariance, confidence=model.confidence)
        found = _without_errors(found, _endless(model, x))
        columns = {column: value[0] for column, value in found._asdict().items()}
        parts.append(
            pd.DataFrame(
                {
                    "group": name,
                    "time_days": sets.time[mine] / DAY,
                    "n_at_risk": at_risk[mine],
                    "n_event": sets.n_event[mine],
                    **columns,
                }
            )
        )
    if not parts:
        raise ArgumentError(
            f"No stratum has {model.small_cell} customers or more, so none may be shown; use "
            "coarser `strata` or lower `small_cell`."
        )
    return CoxBaseline(
        frame=pd.concat(parts, ignore_index=True),
        provenance=model.provenance,
        confidence=model.confidence,
        small_cell=model.small_cell,
        suppressed=tuple(hidden),
    )


def forecast(
    model: CoxModel, customers: pd.DataFrame | Lifetimes, at_days: float | Sequence[float], /
) -> CoxForecast:
    """Predict the share of customers like each one that is still there after some days.

    Parameters
    ----------
    customers : pandas.DataFrame or Lifetimes
        Has the covariates and strata of the model, a row a customer; of lifetimes the first
        interval counts. Covariates are taken to stay what they are.
    at_days : float or sequence of float
        Since the start of the clock, at least 0.

    Raises
    ------
    MappingError, DataError
        A covariate or stratum is no column, or has values unknown to the model.
    """
    frame, days = customers_of(customers), check_days(at_days)
    n, p = len(frame), len(model.fit.beta)
    stratum = _strata_of(model, frame)
    at = np.rint(days * DAY).astype(np.int64)
    hazards = {s: _hazards(model, s, at) for s in np.unique(stratum).tolist()}
    out = {name: np.empty((n, len(days))) for name in _PREDICTED}
    size = max(1, _CHUNK // (len(days) * p))
    for begin in range(0, n, size):
        some = slice(begin, begin + size)
        x = model.fit.design.standardised(frame.iloc[some])
        predictor = x @ model.fit.beta
        out["linear_predictor"][some] = (predictor - _reference(model) @ model.fit.beta)[:, None]
        ratio = np.exp(np.minimum(predictor, 700.0))
        for s in np.unique(stratum[some]).tolist():
            mine = np.flatnonzero(stratum[some] == s)
            found = survival_of(
                x[mine], ratio[mine], hazards[s], model.fit.covariance, confidence=model.confidence
            )
            found = _without_errors(found, _endless(model, x[mine]))
            for name in _PREDICTED[1:]:
                out[name][begin + mine] = getattr(found, name)
    return CoxForecast(
        frame=pd.DataFrame(
            {
                "customer_id": np.repeat(frame["customer_id"].to_numpy(), len(days)),
                "time_days": np.tile(days, n),
                **{name: value.ravel() for name, value in out.items()},
            }
        ),
        provenance=model.provenance,
    )


def linear_predictor(
    model: CoxModel, customers: pd.DataFrame | Lifetimes, /
) -> NDArray[np.float64]:
    """Return the log hazard ratio of each row against the customer of `baseline`."""
    frame = customers.frame if isinstance(customers, Lifetimes) else customers
    fit = model.fit
    out = np.empty(len(frame))
    for begin in range(0, len(frame), _CHUNK):
        some = slice(begin, begin + _CHUNK)
        out[some] = (fit.design.standardised(frame.iloc[some]) - _reference(model)) @ fit.beta
    return out


def _endless(model: CoxModel, x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell whose hazard falls for ever with a coefficient that has no finite estimate."""
    beta = np.where(np.isin(model.names, model.infinite), model.fit.beta, 0.0)
    if not beta.any():
        return np.zeros(len(x), dtype=bool)
    return np.asarray(x @ beta < (model.fit.design.units.x @ beta).max() - _FALLEN)


def _without_errors(found: Survival, endless: NDArray[np.bool_]) -> Survival:
    """Empty the errors of those whom nobody like was seen to leave: 0 is no knowledge."""
    names = ("hazard_std_error", "std_error", "conf_low", "conf_high")
    return found._replace(
        **{name: np.where(endless[:, None], np.nan, getattr(found, name)) for name in names}
    )


def _reference(model: CoxModel) -> NDArray[np.float64]:
    design = model.fit.design
    return (design.reference - design.center) / design.scale


def _customer(model: CoxModel, covariates: Mapping[str, object]) -> NDArray[np.float64]:
    """Return one customer's covariates, shape (1, p), those not named at the reference."""
    design = model.fit.design
    coded = design.encoding
    check_known("covariates", covariates, coded.covariates, what="covariates of the model")
    means = dict(zip(coded.names, design.reference, strict=True))
    values = {
        name: covariates.get(name, means[name] if levels is None else levels[0])
        for name, levels in coded.levels.items()
    }
    return design.standardised(pd.DataFrame({name: [value] for name, value in values.items()}))


def _customers_by_stratum(design: Design) -> NDArray[np.int64]:
    if design.stratum is None:
        return np.array([design.n_customers])
    pair = np.unique(design.stratum * design.n_customers + design.spans.customer)
    return np.bincount(pair // design.n_customers, minlength=len(design.stratum_names))


def _hazards(model: CoxModel, stratum: int, time: NDArray[np.int64]) -> Hazards:
    """Sum the hazard of a stratum until each time; NaN after anyone of it was last seen."""
    design, sets = model.fit.design, model.fit.design.sets
    mine = slice(*np.searchsorted(sets.stratum, [stratum, stratum + 1]))
    at = model.fit.at.within(mine)
    until = np.searchsorted(sets.time[mine], time, side="right")
    # The likelihood is free of a constant in all predictors; the hazard is not.
    unit = np.exp(-at.log_constant)
    beyond = time > design.seen_until[stratum]

    def summed(each: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.cumsum(np.concatenate([np.zeros_like(each[:1]), each]), axis=0)[until]
        total[beyond] = np.nan
        return np.asarray(total)

    if not len(sets.time[mine]):
        nothing = np.where(beyond, np.nan, 0.0)
        return Hazards(nothing, nothing, nothing[:, None] * np.zeros(len(design.scale)))
    return Hazards(
        summed(at.hazard * unit),
        summed(at.variance * unit**2),
        summed(at.step(ALL) * unit),
    )


def _strata_of(model: CoxModel, frame: pd.DataFrame) -> NDArray[np.int64]:
    design = model.fit.design
    if not design.strata:
        return np.zeros(len(frame), dtype=np.int64)
    names, stratum = strata_of(frame, design.strata)
    code = pd.Index(design.stratum_names).get_indexer(pd.Index(names))[stratum]
    if (code < 0).any():
        raise DataError(
            f"Every customer must be of a stratum of the model; {int((code < 0).sum()):,} of "
            f"{len(code):,} are not, such as {names[stratum[code < 0][0]]!r}. Leave them out."
        )
    return np.asarray(code, dtype=np.int64)
