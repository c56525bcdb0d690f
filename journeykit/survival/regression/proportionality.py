"""Do hazard ratios stay the same over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from journeykit.checks import check_choice, check_known
from journeykit.errors import DataError
from journeykit.journeys.durations import DAY
from journeykit.results import Provenance, Result
from journeykit.survival.regression.likelihood import ALL, information

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from journeykit.survival.regression.model import CoxModel, Fit

Transform = Literal["km", "rank", "identity", "log"]

#: The line of the frame that tests all covariates at once.
GLOBAL = "(all)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ProportionalHazards(Result):
    """``covariate statistic degrees_of_freedom p_value``: a row a covariate, ``(all)`` last.

    Attributes
    ----------
    model : CoxModel
    transform : str
    """

    model: CoxModel
    transform: Transform
    rows: ClassVar[str] = "tests"

    def summary(self) -> str:
        """Return which hazard ratios change, in one sentence."""
        p = self.frame["p_value"].iloc[-1]
        if np.isnan(p):
            return "hazard ratios constant over time: not tested, as none is finite"
        told = "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}"
        each = self.frame.iloc[:-1]
        changing = each.loc[each["p_value"] < 0.05, "covariate"].astype(str).tolist()
        which = f"changing at p < 0.05: {', '.join(changing)}" if changing else "none at p < 0.05"
        return f"hazard ratios constant over time: {told} for all at once; {which}"

    def residuals(self, coefficient: str, /) -> ScaledResiduals:
        """Return what each event says about a coefficient at its time."""
        return scaled_residuals(self.model, coefficient)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the coefficient of the covariate with the least p-value over time."""
        coded = self.model.fit.design.encoding
        least = self.frame["p_value"].iloc[:-1].fillna(2.0).argmin()
        owner = self.frame["covariate"].iloc[int(least)]
        return self.plot_coefficient(coded.names[coded.owner.index(owner)], ax)

    def plot_coefficient(self, coefficient: str, /, ax: Axes | None = None) -> Axes:
        """Draw one coefficient over time: scaled Schoenfeld residuals, a spline and its band.

        `coefficient` is one of the model's `names`. Where hazards are proportional the spline is
        level: the estimate, drawn as a line, lies within the band.
        """
        from journeykit.survival.regression.picture import draw_coefficient_over_time

        return draw_coefficient_over_time(self, coefficient, ax)


class ScaledResiduals(NamedTuple):
    """Schoenfeld residuals of one coefficient, a number an event, in order of time.

    Attributes
    ----------
    time_days : array, shape (n_event,)
    residual : array, shape (n_event,)
        Covariate less its mean among those under risk.
    coefficient : array, shape (n_event,)
        Residuals scaled by their average covariance, plus the estimate: their mean over a span of
        time is about the coefficient there.
    """

    time_days: NDArray[np.float64]
    residual: NDArray[np.float64]
    coefficient: NDArray[np.float64]


def proportional_hazards_test(
    model: CoxModel, /, *, transform: Transform = "km"
) -> ProportionalHazards:
    """Test whether hazard ratios change over time, by the score test of Grambsch and Therneau.

    For each covariate x the model is widened by x (g(t) - mean g), and the score test of the new
    coefficients is computed at 0 from the exact information, each event with the covariance of its
    own risk set, as in R's survival since version 3.0 (older versions and other programs use one
    average covariance for all, which is off where it changes). A category is tested as a whole. It
    is a test by the model: cluster-robust errors have no part in it. A coefficient without a finite
    estimate is not tested: nobody on one side of it ever leaves, at whatever time.

    Parameters
    ----------
    model : CoxModel
        Strata, late entries, intervals and Efron's ties are those of the model.
    transform : {"km", "rank", "identity", "log"}
        g(t): one minus the Kaplan-Meier estimate just before t, the rank of t among all ends, t
        itself or its logarithm. "km" and "rank" are not swayed by few very late events.

    Raises
    ------
    DataError
        When `transform` is "log" and an event happened at time 0.

    References
    ----------
    Grambsch, Therneau (1994), Biometrika 81. R: survival::cox.zph.
    """
    check_choice("transform", transform, ("km", "rank", "identity", "log"))
    fit = model.fit
    design = fit.design
    slope, curvature = _widened(fit, _transformed(fit, transform))
    p, owner = len(fit.beta), np.array(design.encoding.owner, dtype=object)
    finite = ~np.isin(model.names, model.infinite)
    records = []
    for name in design.encoding.covariates:
        columns = np.flatnonzero((owner == name) & finite)
        records.append((name, *_score_test(slope, curvature, p, columns)))
    records.append((GLOBAL, *_score_test(slope, curvature, p, np.flatnonzero(finite))))
    names = ["covariate", "statistic", "degrees_of_freedom", "p_value"]
    given = {**model.provenance.parameters, "transform": transform}
    return ProportionalHazards(
        frame=pd.DataFrame.from_records(records, columns=names),
        provenance=Provenance(model.provenance.fingerprint, given),
        model=model,
        transform=transform,
    )


def scaled_residuals(model: CoxModel, coefficient: str, /) -> ScaledResiduals:
    """Compute the Schoenfeld residuals of a coefficient."""
    check_known("coefficient", [coefficient], model.names, what="coefficients")
    fit, column = model.fit, model.names.index(coefficient)
    design, sets = fit.design, fit.design.sets
    rows = np.flatnonzero(sets.event)
    rows = rows[np.argsort(design.spans.exit[rows], kind="stable")]
    cell = sets.last[rows] - 1
    x = design.units.x[design.units.unit[rows]]
    # Of all coefficients: the covariance mixes them.
    mean = fit.at.mean_sum(ALL)[cell] / sets.event_weight[cell, None]
    residual = x - mean
    scaled = len(rows) * residual @ fit.model_covariance[:, column] + fit.beta[column]
    scale = design.scale[column]
    return ScaledResiduals(
        sets.time[cell] / DAY, residual[:, column] * scale, np.asarray(scaled / scale)
    )


def _widened(fit: Fit, g: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return score, shape (p,), of x g(t), and the information of x and x g(t), (2 p, 2 p)."""
    units, at = fit.design.units, fit.at
    weight = fit.design.sets.event_weight
    g = g - g @ weight / weight.sum()
    g = g / (np.sqrt(g**2 @ weight / weight.sum()) or 1.0)
    among = units.event_sums(np.ones(len(units.x)))
    slope = g @ (among.d1 - at.mean_sum(ALL))
    blocks = [information(units, at, power) for power in (np.ones_like(g), g, g**2)]
    return slope, np.block([[blocks[0], blocks[1]], [blocks[1], blocks[2]]])


def _score_test(
    slope: NDArray[np.float64], curvature: NDArray[np.float64], p: int, columns: NDArray[np.intp]
) -> tuple[float, int, float]:
    if not len(columns):
        return float("nan"), 0, float("nan")
    kept = np.concatenate([np.arange(p), p + columns])
    # At the maximum the score of the model's own coefficients is 0.
    direction = np.concatenate([np.zeros(p), slope[columns]])
    inverse = np.linalg.pinv(curvature[np.ix_(kept, kept)], hermitian=True, rcond=1e-13)
    statistic = float(direction @ inverse @ direction)
    return statistic, len(columns), float(stats.chi2.sf(statistic, len(columns)))


def _transformed(fit: Fit, transform: Transform) -> NDArray[np.float64]:
    """Return g at the time of each cell."""
    spans, time = fit.design.spans, fit.design.sets.time
    if transform == "identity":
        return time / DAY
    if transform == "log":
        if time.min() <= 0:
            raise DataError(
                "With `transform` 'log' every event must happen after time 0; some happen at it. "
                "Use 'km' or 'rank'."
            )
        return np.asarray(np.log(time / DAY))
    ends = np.sort(spans.exit)
    before, until = (np.searchsorted(ends, time, side=side) for side in ("left", "right"))
    if transform == "rank":
        return (before + until + 1) / 2
    # Of all customers together, whatever their stratum.
    moments, n_event = np.unique(spans.exit[spans.event], return_counts=True)
    entered = np.searchsorted(np.sort(spans.entry), moments, side="left")
    at_risk = entered - np.searchsorted(ends, moments, side="left")
    gone = 1 - np.cumprod(1 - n_event / at_risk)
    return np.concatenate([[0.0], gone])[np.searchsorted(moments, time, side="left")]
